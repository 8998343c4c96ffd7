"""What slice views show, and giving them back as they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .headless import headless_scene
from .run_nodes import RUN
from .sequences import find_sequence

_IMAGES = ("Background", "Foreground", "Label")


@dataclass(frozen=True)
class Picture:
    """Images of a slice view from back to front: volume nodes, or None for what was there before.

    Attributes
    ----------
    background, foreground, label
        Volume nodes. ``label`` is a label map, drawn over the others.
    opacity
        Of the foreground.
    """

    background: Any
    foreground: Any = None
    opacity: float = 1.0
    label: Any = None


class SliceLayers:
    """Puts a `Picture` into every slice view and later gives every view back what it showed before.

    What the user, or another part of ours, changes in a view stays: only what the picture changes is written, when it
    does or the view is new, and on `restore` only what still is ours is taken out.
    """

    def __init__(self) -> None:
        self._before: dict[str, dict[str, Any]] = {}  # by composite node: what the view showed
        self._ours: dict[str, dict[str, Any]] = {}  # and what was put there
        self._faded: float | None = None

    def show(self, picture: Picture) -> None:
        """Show a picture in all views."""
        nodes = (picture.background, picture.foreground, picture.label)
        wanted = {name: None if node is None else node.GetID() for name, node in zip(_IMAGES, nodes, strict=True)}
        wanted |= {"ForegroundOpacity": None if picture.foreground is None else picture.opacity, "LabelOpacity": None}
        if picture.label is not None:
            wanted["LabelOpacity"] = 1.0
        faded = {} if self._faded is None else {"ForegroundOpacity": self._faded}
        for composite in _views():
            identity = composite.GetID()
            before = self._before.setdefault(identity, _without_results(_read(composite)))
            put = {name: before[name] if value is None else value for name, value in wanted.items()}
            last = self._ours.get(identity)
            if last != put:
                self._ours[identity], self._faded = put, None
                now = _read(composite)
                there = {**now, "Label": before["Label"]} if last is None else {**last, **faded}
                _write(composite, now | {name: value for name, value in put.items() if value != there[name]})

    def fade(self, opacity: float) -> None:
        """Show the foreground of the picture with another opacity, until the next picture."""
        if not self._ours:
            return
        self._faded = opacity
        for composite in _views():
            if composite.GetID() in self._ours:
                composite.SetForegroundOpacity(opacity)

    def restore(self) -> None:
        """Give all views back; one that was empty keeps the image in the back, so that it does not go black."""
        if not self._ours:
            return
        for composite in _views():
            before, ours = self._before.get(composite.GetID()), self._ours.get(composite.GetID())
            if before is None or ours is None:
                continue
            now = _read(composite)
            if now["ForegroundOpacity"] == self._faded:
                now["ForegroundOpacity"] = ours["ForegroundOpacity"]
            back = {name: before[name] if now[name] in (ours[name], None) else now[name] for name in before}
            _write(composite, {**back, "Background": back["Background"] or now["Background"]})
        self.forget()

    def forget(self) -> None:
        """The scene goes, and the views with it."""
        self._before.clear()
        self._ours.clear()
        self._faded = None


def _views() -> list[Any]:
    from .overlays import overlay_views  # which loads torch: a panel opens without

    return overlay_views()


def _read(composite: Any) -> dict[str, Any]:
    state = {name: getattr(composite, f"Get{name}VolumeID")() for name in _IMAGES}
    return state | {
        "ForegroundOpacity": composite.GetForegroundOpacity(),
        "LabelOpacity": composite.GetLabelOpacity(),
    }


def _without_results(state: dict[str, Any]) -> dict[str, Any]:
    """What a view shows, without what a run made: a view of a new layout starts with what the others show."""
    nodes = {name: headless_scene().scene.GetNodeByID(state[name]) for name in _IMAGES if state[name] is not None}
    return state | {name: None for name, node in nodes.items() if node is not None and _is_result(node)}


def _is_result(volume_node: Any) -> bool:
    """Whether a run made a volume, or the sequence whose current frame it shows."""
    found = find_sequence(volume_node)
    return any(node.GetAttribute(RUN) for node in (volume_node, *(found or ())[:1]))


def _write(composite: Any, state: dict[str, Any]) -> None:
    scene = headless_scene().scene
    was = composite.StartModify()
    for name in _IMAGES:
        identity = state[name]
        there = identity is not None and scene.GetNodeByID(identity) is not None
        getattr(composite, f"Set{name}VolumeID")(identity if there else None)
    composite.SetForegroundOpacity(state["ForegroundOpacity"])
    composite.SetLabelOpacity(state["LabelOpacity"])
    composite.EndModify(was)

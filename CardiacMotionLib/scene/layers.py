"""Layers that are made when somebody asks for them: a volume of every frame, played with the cine, part of its run.

What is drawn is a `Layer`, numbers without nodes: any thread can compute it (`computed`). `add_layer` puts it into the
scene one frame a step, so that a timer can drive it and a user interface stays alive; it appears when it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled, CardiacMotionError
from .colors import add_legend
from .headless import headless_scene, import_slicer
from .overlays import CINE, OUTSIDE, TITLE_ATTRIBUTE, WINDOW_ATTRIBUTE
from .run_folder import file_node, folder_of
from .run_nodes import ROLE, all_or_nothing, remove_nodes
from .sequences import index_of, play_with, set_index
from .steps import Steps

if TYPE_CHECKING:
    from .result_record import Results

OVERLAY, LAYER = "overlay:", "layer:"  # roles: what lies on the wall, and what replaces or covers the image
_SHOWN = (OUTSIDE + 1, 1e6)


@dataclass(frozen=True)
class Layer:
    """A volume of every frame, not yet in the scene.

    Attributes
    ----------
    role
        ``overlay:<name>`` for `Results.overlays` or ``layer:<name>`` for `Results.layers`.
    title
        With its unit.
    affine
        (4, 4) of the volumes.
    frames
        T arrays (K, J, I), NaN where nothing is drawn. They may be computed while they are taken.
    dress
        Gives the node that shows it colors and window: ``dress(proxy, results)``.
    window
        (low, high) that the display starts with and goes back to, or None.
    label_format
        Of the numbers in its legend; without one it has no legend.
    kind
        Class of the volume node.
    attributes
        Of the sequence node, beside those that every node of the run carries.
    """

    role: str
    title: str
    affine: np.ndarray
    frames: Iterable[np.ndarray]
    dress: Callable[[Any, Results], None]
    window: tuple[float, float] | None = None
    label_format: str | None = None
    kind: str = "vtkMRMLScalarVolumeNode"
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Key in `Results.overlays` or `Results.layers`."""
        return self.role.partition(":")[2]


def computed(layer: Layer, count: int, progress: Callable[[float, str], Any]) -> Layer:
    """The same layer with its ``count`` frames computed; ``progress(fraction, text)`` may return False to cancel."""
    frames = []
    for frame in layer.frames:
        frames.append(frame)
        if progress(len(frames) / count, layer.title) is False:
            raise Cancelled(f"{layer.title} was cancelled at frame {len(frames)}")
    return replace(layer, frames=frames)


def add_layer(results: Results, layer: Layer) -> Steps[Any]:
    """Add a layer to a run, one frame a step; yields the share that is done and returns the sequence node.

    A layer of the same role is replaced. Until the last step nothing is in the scene: who stops before leaves nothing.

    Raises
    ------
    CardiacMotionError
        when the layer has another number of frames than the cine.
    """
    slicer = import_slicer()
    index = index_of(results.cine)
    sequence = slicer.vtkMRMLSequenceNode()  # in no scene yet
    sequence.SetName(layer.title)
    set_index(sequence, index)
    volume = getattr(slicer, layer.kind)()
    volume.SetName(layer.title)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(layer.affine))
    done = 0
    for values in layer.frames:
        if done == len(index.values):
            break
        slicer.util.updateVolumeFromArray(
            volume, np.nan_to_num(values, nan=OUTSIDE) if values.dtype.kind == "f" else values
        )
        sequence.SetDataNodeAtValue(volume, index.values[done])
        done += 1
        yield done / (len(index.values) + 1)
    if done != len(index.values):
        raise CardiacMotionError(f"{layer.title} has {done} frames, the cine {len(index.values)}; use the same cine")
    remove_layer(results, layer.role)
    with all_or_nothing(results.run):
        headless_scene().scene.AddNode(sequence)
        proxy = play_with(results.browser, sequence)
        proxy.CreateDefaultDisplayNodes()
        layer.dress(proxy, results)
        if layer.label_format is not None:
            add_legend(proxy, layer.title, visible=False, label_format=layer.label_format)
        describe_layer(sequence, layer.role, layer.title, layer.window, results)
        for name, value in layer.attributes.items():
            sequence.SetAttribute(name, value)
        for node in (sequence, proxy):
            file_under(results, node)
    group = results.overlays if layer.role.startswith(OVERLAY) else results.layers
    group[layer.name] = sequence
    return sequence


def remove_layer(results: Results, role: str) -> None:
    """Remove a layer and the node that shows it; nothing happens where there is none."""
    group = results.overlays if role.startswith(OVERLAY) else results.layers
    node = group.pop(role.partition(":")[2], None)
    if node is not None:
        remove_nodes([node])


def describe_layer(node: Any, role: str, title: str, window: tuple[float, float] | None, results: Results) -> None:
    """Attributes: the role, title and window, and the provenance that every node of the run carries."""
    motion = results.motion_to_frame
    facts = {
        name: motion.GetAttribute(name) for name in motion.GetAttributeNames() if name.startswith("CardiacMotion.")
    }
    facts |= {ROLE: role, TITLE_ATTRIBUTE: title}
    if window is not None:
        facts[WINDOW_ATTRIBUTE] = json.dumps(window)
    with import_slicer().util.NodeModify(node):
        node.SetNodeReferenceID(CINE, results.cine.GetID())
        for name, value in facts.items():
            node.SetAttribute(name, value)


def file_under(results: Results, node: Any) -> None:
    """Put a node into the run's folder of the subject hierarchy."""
    file_node(folder_of(results), node)


# ---------------------------------------------------------------------- how it looks


def in_colors(
    color_node: Callable[[], Any], window: tuple[float, float], *, everywhere: bool = False
) -> Callable[[Any, Results], None]:
    """Dress a layer in a color node stretched over a window, hidden where there is no value: it has one everywhere."""

    def dress(proxy: Any, _results: Results) -> None:
        display = proxy.GetDisplayNode()
        display.SetAndObserveColorNodeID(color_node().GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(*window)
        display.AutoThresholdOff()
        display.SetThreshold(*_SHOWN)
        display.SetApplyThreshold(not everywhere)  # any value may be one
        display.InterpolateOff()  # between wall and outside there is nothing to interpolate

    return dress


def like_the_cine(proxy: Any, results: Results) -> None:
    """Dress a layer of gray values in the colors and the window of the cine."""
    cine = results.proxy(results.cine).GetDisplayNode()
    display = proxy.GetDisplayNode()
    display.SetAndObserveColorNodeID(cine.GetColorNodeID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(cine.GetWindowLevelMin(), cine.GetWindowLevelMax())


def starting_window(sequence_node: Any) -> tuple[float, float]:
    """The window (low, high) that an overlay was made with, for Reset."""
    low, high = json.loads(sequence_node.GetAttribute(WINDOW_ATTRIBUTE))
    return float(low), float(high)


def title_of(sequence_node: Any) -> str:
    """What a layer is called, with its unit."""
    return sequence_node.GetAttribute(TITLE_ATTRIBUTE) or sequence_node.GetName()

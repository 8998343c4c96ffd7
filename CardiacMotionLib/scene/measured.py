"""Markups on the moving tissue with their own curves: what probes and rulers have in common.

A markups node lies under the transform that the browser plays, so its own coordinates are those of the reference and
Slicer moves it with the tissue. Wherever the user drops or drags it, in whatever frame, the curves are those of the
tissue that is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from .headless import headless_scene, import_slicer
from .plot_lines import line_series
from .point_chart import COLORS, MARKS, MOST, chart_of_points, name_axis, new_chart_of_points
from .result_record import Results
from .run_folder import adopt
from .run_nodes import ROLE, all_or_nothing, nodes_of_run, remove_nodes
from .tables import MEASURES, table_from_dataframe, time_title
from .tissue import Tissue

if TYPE_CHECKING:
    from ..strain import Strain

_KINDS = ("probe", "ruler")
_SLOT = "CardiacMotion.slot"


class Measured(ABC):
    """One probe or ruler of a run: its markups node and what follows from where it is.

    Attributes
    ----------
    results, tissue
        The run, and what is known of its tissue.
    node
        The markups node.
    table, series
        Curves over the cycle, one column a curve, and the plot series of the one that is shown.
    values
        {curve: (T,)}, NaN where nothing is known.
    problem
        A sentence for the user where something is not known, else empty.
    changed
        Called when the user moved it or changed its looks; whoever shows it sets it.
    """

    kind: ClassVar[str]
    node_class: ClassVar[str]
    size: ClassVar[int]  # control points that it needs

    def __init__(self, results: Results, node: Any, strain: Strain | None = None):
        self.results, self.node, self.tissue = results, node, Tissue(results, strain)
        self.number = int(node.GetAttribute(ROLE).split(":")[1])
        self.values: dict[str, np.ndarray] = {}
        self.problem = ""
        self.changed: Callable[[], None] = lambda: None
        self._tags: list[int] = []
        with all_or_nothing(results.run):
            self._measure()
            self.make_parts()
            self.update()
        self.follow()

    # ------------------------------------------------------------------ what a kind is

    @property
    @abstractmethod
    def titles(self) -> dict[str, str]:
        """{curve: header of its column}."""

    @abstractmethod
    def measure(self, points: np.ndarray) -> tuple[dict[str, np.ndarray], str]:
        """({curve: (T,)}, problem) of control points (size, 3) in RAS mm of the reference."""

    # ------------------------------------------------------------------ what it is now

    @property
    def name(self) -> str:
        """Of the markups node, as the user may have changed it."""
        return str(self.node.GetName())

    @property
    def color(self) -> tuple[float, float, float]:
        """Of markup and curve, which the user may have changed."""
        return tuple(self.node.GetDisplayNode().GetSelectedColor())

    @property
    def visible(self) -> bool:
        """Whether it is shown in the views and in the chart."""
        return bool(self.node.GetDisplayVisibility())

    @visible.setter
    def visible(self, shown: bool) -> None:
        self.node.SetDisplayVisibility(shown)

    @property
    def curve(self) -> str:
        """The curve that the chart shows."""
        column = self.series.GetYColumnName()
        return next(curve for curve, title in self.titles.items() if title == column)

    @property
    def complete(self) -> bool:
        """Whether all its nodes are still in the scene."""
        return all(headless_scene().scene.IsNodePresent(node) for node in [self.node, *self._parts.values()])

    def points(self) -> np.ndarray | None:
        """Control points (size, 3) in RAS mm of the reference, None while they are not all placed."""
        if self.node.GetNumberOfDefinedControlPoints() < self.size:
            return None
        return np.array([self.node.GetNthControlPointPosition(number) for number in range(self.size)])

    def show_curve(self, curve: str) -> None:
        """Let the chart show one of `titles`; the chart is left alone by a curve that has no values."""
        if curve not in self.titles:
            raise CardiacMotionError(f"{self.name!r} has no curve {curve!r}; it has {', '.join(self.titles)}")
        self.series.SetYColumnName(self.titles[curve])
        self.series.SetName(self.titles[curve])
        self._show()

    def use(self, strain: Strain | None) -> None:
        """Take another source of strain, for example once it was computed again after a scene was loaded."""
        if strain is not self.tissue.strain:
            self.tissue = Tissue(self.results, strain)
            self.update()

    # ------------------------------------------------------------------ how it keeps up

    def follow(self) -> None:
        """Keep curves and looks up to date with the markup, until `stop`."""
        self.stop()
        node = self.node
        moved = (node.PointModifiedEvent, node.PointEndInteractionEvent, node.PointPositionUndefinedEvent)
        self._tags = [node.AddObserver(event, self._on_moved) for event in (*moved, node.PointRemovedEvent)]
        self._tags.append(node.AddObserver(node.TransformModifiedEvent, self._on_transform))
        self._tags.append(node.AddObserver(node.DisplayModifiedEvent, self._on_display))

    def stop(self) -> None:
        """Leave everything as it is from now on."""
        for tag in self._tags:
            self.node.RemoveObserver(tag)
        self._tags = []

    def update(self) -> None:
        """Compute the curves of where the markup is now."""
        self._measure()
        table = self.table.GetTable()
        util = import_slicer().util
        for curve, title in self.titles.items():
            util.arrayFromTableColumn(self.table, title)[:] = self.values[curve]
            table.GetColumnByName(title).Modified()
        table.Modified()
        self._show()

    def refresh(self) -> None:
        """Show it in the chart and in its color again, after others changed the chart."""
        self._show()

    def remove(self) -> None:
        """Take it out of the scene, whole."""
        self.stop()
        scene = headless_scene().scene
        nodes = [node for node in (self.node, *self._parts.values()) if scene.IsNodePresent(node)]
        chart = chart_of_points(self.results)
        if chart is None:
            remove_nodes(nodes)
            return
        if chart.HasPlotSeriesNodeID(self.series.GetID()):
            chart.RemovePlotSeriesNodeID(self.series.GetID())
        remove_nodes(nodes)
        name_axis(chart)
        if chart is not self.results.chart and not any(map(_is_markup, nodes_of_run(self.results.run))):
            remove_nodes([chart])

    def _on_moved(self, _caller: Any = None, _event: Any = None) -> None:
        if self.complete and self._motion is not None:  # else the run is being removed
            self.update()
            self.changed()

    def _on_transform(self, _caller: Any = None, _event: Any = None) -> None:
        if self._rode != self._rides:  # not at every frame of a playing cine
            self._on_moved()

    def _on_display(self, _caller: Any = None, _event: Any = None) -> None:
        if self.complete and self.node.GetDisplayNode() is not None:
            self._show()
            self.changed()

    @property
    def _motion(self) -> Any:
        return self.results.proxy(self.results.motion_to_frame)

    @property
    def _rides(self) -> bool:
        """Whether the motion moves the markup."""
        return self.node.GetParentTransformNode() is self._motion

    def _measure(self) -> None:
        self._rode = self._rides
        points, motion = self.points(), self._motion
        if points is None:
            self.values, self.problem = {}, f"{self.name} has no place any more; remove it, or place it again."
        elif not self._rides:
            self.values, self.problem = (
                {},
                f"{self.name} was taken out of {motion.GetName()!r}: put it back, or remove it.",
            )
        elif not self.tissue.within_images(points):
            cine = self.results.cine.GetName()
            self.values, self.problem = {}, f"{self.name} is outside the images of {cine}; place it inside them."
        else:
            self.values, self.problem = self.measure(points)
        unknown = np.full(len(self.tissue.times), np.nan)
        self.values = {curve: self.values.get(curve, unknown) for curve in self.titles}

    def _show(self) -> None:
        """Color and visibility of everything are those of the markup."""
        self.series.SetColor(*self.color)
        chart = chart_of_points(self.results) or new_chart_of_points(self.results, time_title(self.tissue))
        identity = self.series.GetID()
        shown = self.visible and bool(np.isfinite(self.values[self.curve]).any())
        if shown and not chart.HasPlotSeriesNodeID(identity):
            chart.AddAndObservePlotSeriesNodeID(identity)
        elif not shown and chart.HasPlotSeriesNodeID(identity):
            chart.RemovePlotSeriesNodeID(identity)
        name_axis(chart)

    # ------------------------------------------------------------------ its nodes

    @property
    def _parts(self) -> dict[str, Any]:
        return {"table": self.table, "series": self.series}

    def make_parts(self) -> None:
        """Find or make the nodes beside the markup."""
        time = time_title(self.tissue)
        self.table = self.part("table") or self.keep("table", self._new_table(time))
        self.series = self.part("series") or self.keep("series", self._new_series(time))
        self.series.SetAndObserveTableNodeID(self.table.GetID())

    def part(self, what: str) -> Any:
        """One of its nodes that the scene already has, else None."""
        role = f"{self.kind}:{self.number}:{what}"
        return next((node for node in nodes_of_run(self.results.run) if node.GetAttribute(ROLE) == role), None)

    def keep(self, what: str, node: Any) -> Any:
        """A node that was just made, as part of this."""
        adopt(self.results, f"{self.kind}:{self.number}:{what}", node)
        return node

    def _new_table(self, time: str) -> Any:
        frame = pd.DataFrame({time: np.asarray(self.tissue.times, float)})
        for curve, title in self.titles.items():
            frame[title] = self.values[curve]
        measure = MEASURES[self.tissue.measure]
        return table_from_dataframe(frame, f"{self.results.name} {self.kind} {self.number} curves ({measure})")

    def _new_series(self, time: str) -> Any:
        known = [title for curve, title in self.titles.items() if np.isfinite(self.values[curve]).any()]
        column = [*known, *self.titles.values()][0]
        series = line_series(self.table, column, time, column)
        series.SetMarkerStyle(getattr(series, MARKS[_slot_of(self.node) % len(MARKS)]))
        series.SetMarkerSize(6)
        return series

    # ------------------------------------------------------------------ how one comes to be

    @classmethod
    def start(cls, results: Results) -> Any:
        """An empty markups node of the run, to be placed by the user and then given to `finish`.

        It is not saved with the scene until it is finished.

        Raises
        ------
        CardiacMotionError
            when the run has as many probes and rulers as can be told apart.
        """
        taken = [node for node in nodes_of_run(results.run) if _is_markup(node)]
        slots = {_slot_of(node) for node in taken}
        free = [slot for slot in range(MOST) if slot not in slots]
        if not free:
            raise CardiacMotionError(
                f"{results.name!r} has {MOST} probes and rulers, as many as can be told apart; remove one first"
            )
        numbers = {int(node.GetAttribute(ROLE).split(":")[1]) for node in taken if node.IsA(cls.node_class)}
        number = next(number for number in range(1, MOST + 1) if number not in numbers)
        with all_or_nothing(results.run):
            node = headless_scene().scene.AddNewNodeByClass(cls.node_class, f"{cls.kind.capitalize()} {number}")
            node.SetAttribute(_SLOT, str(free[0]))
            node.CreateDefaultDisplayNodes()
            _save_with_scene(node, False)
            node.SetAndObserveTransformNodeID(results.proxy(results.motion_to_frame).GetID())
            cls.style(node, COLORS[free[0]])
            adopt(results, f"{cls.kind}:{number}:markup", node)
        return node

    @classmethod
    def finish(cls, results: Results, node: Any, strain: Strain | None = None) -> Self:
        """The measured tissue of a node of `start` whose points were placed.

        Raises
        ------
        CardiacMotionError
            when it cannot be measured there; the node is removed.
        """
        try:
            measured = cls(results, node, strain)
        except Exception:
            remove_nodes([node])
            raise
        if np.all([np.isnan(values) for values in measured.values.values()]):
            measured.remove()
            raise CardiacMotionError(measured.problem)
        node.SetFixedNumberOfControlPoints(True)
        _save_with_scene(node, True)
        return measured

    @classmethod
    def add(cls, results: Results, positions: np.ndarray, strain: Strain | None = None) -> Self:
        """One at positions (size, 3) in RAS mm of the frame that is shown; raises like `start` and `finish`."""
        positions = np.reshape(np.asarray(positions, float), (-1, 3))
        if len(positions) != cls.size:
            raise CardiacMotionError(f"a {cls.kind} needs {cls.size} positions in RAS mm, got {len(positions)}")
        node = cls.start(results)
        for position in positions:
            node.AddControlPointWorld(*position)
        return cls.finish(results, node, strain)

    @classmethod
    def find(cls, results: Results, strain: Strain | None = None) -> list[Self]:
        """Those of a run that are in the scene, by their numbers; what is still being placed is not among them."""
        nodes = [node for node in nodes_of_run(results.run) if _is_markup(node) and node.IsA(cls.node_class)]
        by_role: dict[str, Any] = {}
        for node in nodes:
            if node.GetSaveWithScene():
                by_role.setdefault(node.GetAttribute(ROLE), node)  # a copy that the user made is the user's
        found = [cls(results, node, strain) for node in by_role.values()]
        return sorted(found, key=lambda one: one.number)

    @staticmethod
    def style(node: Any, color: tuple[float, float, float]) -> None:
        """Looks of a new markup."""
        display = node.GetDisplayNode()
        display.SetSelectedColor(*color)
        display.SetColor(*color)
        display.SetTextScale(3.0)
        display.GetTextProperty().SetBackgroundColor(0.0, 0.0, 0.0)  # names are read on bright blood and on overlays
        display.GetTextProperty().SetBackgroundOpacity(0.5)
        display.SetSliceProjection(True)  # it moves through the plane, and should not blink
        display.SetSliceProjectionUseFiducialColor(True)
        display.SetSliceProjectionOpacity(0.5)
        display.SetOccludedVisibility(True)  # inside the wall in 3D


def _is_markup(node: Any) -> bool:
    kind, _, rest = (node.GetAttribute(ROLE) or "").partition(":")
    return kind in _KINDS and rest.endswith(":markup")


def _save_with_scene(node: Any, save: bool) -> None:
    for one in (node, node.GetDisplayNode()):
        one.SetSaveWithScene(save)


def _slot_of(node: Any) -> int:
    return int(node.GetAttribute(_SLOT))

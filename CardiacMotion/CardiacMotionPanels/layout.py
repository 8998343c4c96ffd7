"""Layouts of views of our own, shown when the user asks and taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import slicer

REVIEW, STRAIN, MAPPING, STUDY = 7301, 7302, 7303, 7304  # above 100: below are Slicer's own


@dataclass(frozen=True)
class View:
    """A view of a layout: class and name of its node, the label and color of its bar."""

    nodeClass: str
    name: str
    label: str
    color: str
    orientation: str = ""

    def xml(self) -> str:
        """The view in a layout description."""
        properties = {"orientation": self.orientation, "viewlabel": self.label, "viewcolor": self.color}
        described = "".join(f'<property name="{k}" action="default">{v}</property>' for k, v in properties.items() if v)
        return f'<item><view class="{self.nodeClass}" singletontag="{self.name}">{described}</view></item>'

    @property
    def node(self) -> Any:
        """The node of the view, None before its layout was shown."""
        return slicer.mrmlScene.GetSingletonNode(self.name, self.nodeClass)

    @property
    def logic(self) -> Any:
        """The logic of a slice view, None before its layout was shown."""
        return None if self.node is None else slicer.app.applicationLogic().GetSliceLogic(self.node)


# Names of our own, so that what the user set up in the views of other layouts stays as it is.
SHORT_AXIS = View("vtkMRMLSliceNode", "CardiacMotionShortAxis", "SA", "#D55E00", "Axial")
ACROSS = View("vtkMRMLSliceNode", "CardiacMotionAcross", "LA", "#009E73", "Coronal")
MAP = View("vtkMRMLSliceNode", "CardiacMotionMap", "Map", "#E69F00", "Axial")
IMAGE = View("vtkMRMLSliceNode", "CardiacMotionImage", "Img", "#56B4E9", "Axial")
HEART_3D = View("vtkMRMLViewNode", "CardiacMotion3D", "3D", "#7483E9")
PLOT = View("vtkMRMLPlotViewNode", "CardiacMotionPlot", "P", "#7483E9")
TABLE = View("vtkMRMLTableViewNode", "CardiacMotionTable", "T", "#7483E9")
ROWS = {  # of views, with the share of the height
    REVIEW: (((SHORT_AXIS, ACROSS, HEART_3D), 620), ((PLOT,), 380)),
    STRAIN: (((HEART_3D, SHORT_AXIS), 560), ((PLOT, TABLE), 440)),
    MAPPING: (((MAP, IMAGE), 620), ((TABLE,), 380)),
    STUDY: (((SHORT_AXIS, ACROSS), 560), ((PLOT, TABLE), 440)),
}


def layoutXml(layout: int) -> str:
    """The description of one of our layouts."""
    rows = "".join(
        f'<item splitSize="{size}"><layout type="horizontal" split="true">{"".join(view.xml() for view in views)}'
        "</layout></item>"
        for views, size in ROWS[layout]
    )
    return f'<layout type="vertical" split="true">{rows}</layout>'


def registerLayouts() -> None:
    """Tell the application our layouts, which a scene may ask for that was saved while one was on."""
    manager = slicer.app.layoutManager()
    if manager is None:
        return
    node = manager.layoutLogic().GetLayoutNode()
    for layout in ROWS:
        if not node.IsLayoutDescription(layout):
            node.AddLayoutDescription(layout, layoutXml(layout))


class Layouts:
    """Shows our layouts and remembers the user's while one of them is on."""

    def __init__(self) -> None:
        self._before: int | None = None

    @property
    def shown(self) -> int:
        """Which of our layouts is on, or 0."""
        manager = slicer.app.layoutManager()
        return manager.layout if manager is not None and manager.layout in ROWS else 0

    def show(self, layout: int) -> bool:
        """Switch to one of our layouts; False when the application has no views."""
        manager = slicer.app.layoutManager()
        if manager is None:
            return False
        if not self.shown:
            self._before = manager.layout
        registerLayouts()
        manager.setLayout(layout)
        return True

    def restore(self) -> None:
        """Give the user's layout back, unless the user already chose another."""
        if self.shown:
            slicer.app.layoutManager().setLayout(self._before or slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._before = None

    @contextmanager
    def usersInScene(self) -> Iterator[None]:
        """Let a scene that is saved inside name the user's layout: a Slicer without this module has none of ours."""
        shown, before = self.shown, self._before
        if not shown or before is None:
            yield
            return
        node = slicer.app.layoutManager().layoutLogic().GetLayoutNode()
        with slicer.util.NodeModify(node):  # the views notice nothing
            node.SetViewArrangement(before)
            try:
                yield
            finally:
                node.SetViewArrangement(shown)


def showChartAndTable(chart: Any, table: Any) -> None:
    """Put a chart and a table into the views that show such things."""
    logic = slicer.app.applicationLogic()
    selection = logic.GetSelectionNode()
    if chart is not None:
        selection.SetActivePlotChartID(chart.GetID())
        logic.PropagatePlotChartSelection()
    if table is not None:
        selection.SetActiveTableID(table.GetID())
        logic.PropagateTableSelection()


def alignSlices(volume: Any) -> None:
    """Turn two of the user's slice views into the planes of a volume, once, and fit them to it: red is its slices."""
    from CardiacMotionLib.scene import show_acquired_plane, show_plane_across

    turn = {"Red": show_acquired_plane, "Green": show_plane_across}
    for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        if sliceNode.GetLayoutName() in turn:
            turn[sliceNode.GetLayoutName()](volume, sliceNode)
    slicer.app.applicationLogic().FitSliceToAll(False, False)  # the second keeps it from turning the views back

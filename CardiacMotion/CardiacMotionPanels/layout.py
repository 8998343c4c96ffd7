"""The layouts of the module, shown when the user asks and taken away again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from .session import Session

LAYOUT_ID, MAPS_LAYOUT_ID = 7301, 7302  # above 100: below are Slicer's own


def sliceView(name: str, orientation: str, label: str, color: str) -> str:
    """One slice view of the layout."""
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{name}">'
        f'<property name="orientation" action="default">{orientation}</property>'
        f'<property name="viewlabel" action="default">{label}</property>'
        f'<property name="viewcolor" action="default">{color}</property></view></item>'
    )


def otherView(nodeClass: str, name: str, label: str) -> str:
    """One plot, table or 3D view of the layout."""
    return (
        f'<item><view class="{nodeClass}" singletontag="{name}">'
        f'<property name="viewlabel" action="default">{label}</property></view></item>'
    )


LAYOUT = (
    '<layout type="vertical" split="true"><item splitSize="600"><layout type="horizontal" split="true">'
    + sliceView("Red", "Axial", "R", "#F34A33")
    + otherView("vtkMRMLViewNode", "1", "1")
    + sliceView("Green", "Coronal", "G", "#6EB04B")
    + '</layout></item><item splitSize="400"><layout type="horizontal" split="true">'
    + otherView("vtkMRMLPlotViewNode", "PlotView1", "P")
    + otherView("vtkMRMLTableViewNode", "TableView1", "T")
    + "</layout></item></layout>"
)


MAPS_LAYOUT = (
    '<layout type="vertical" split="true"><item splitSize="600">'
    + sliceView("Red", "Axial", "R", "#F34A33").removeprefix("<item>").removesuffix("</item>")
    + '</item><item splitSize="400">'
    + otherView("vtkMRMLTableViewNode", "TableView1", "T").removeprefix("<item>").removesuffix("</item>")
    + "</item></layout>"
)
LAYOUTS = {LAYOUT_ID: LAYOUT, MAPS_LAYOUT_ID: MAPS_LAYOUT}


class ResultsLayout:
    """Remembers the user's layout while one of ours is shown."""

    def __init__(self) -> None:
        self._before: int | None = None

    @property
    def shown(self) -> bool:
        """Whether one of our layouts is on."""
        manager = slicer.app.layoutManager()
        return manager is not None and manager.layout in LAYOUTS

    def show(self, layoutId: int = LAYOUT_ID) -> bool:
        """Switch to a layout of ours; False when the application has no views."""
        manager = slicer.app.layoutManager()
        if manager is None:
            return False
        if not self.shown:
            self._before = manager.layout
        if manager.layout != layoutId:
            node = manager.layoutLogic().GetLayoutNode()
            if not node.IsLayoutDescription(layoutId):
                node.AddLayoutDescription(layoutId, LAYOUTS[layoutId])
            manager.setLayout(layoutId)
        return True

    def restore(self) -> None:
        """Give the user's layout back, unless the user already chose another."""
        if self.shown and self._before is not None:
            slicer.app.layoutManager().setLayout(self._before)
        self._before = None


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
    """Turn the two slice views of the layout into the planes of a cine, once, and fit them to it: red is its slices."""
    from CardiacMotionLib.scene import show_acquired_plane, show_plane_across

    turn = {"Red": show_acquired_plane, "Green": show_plane_across}
    for sliceNode in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        if sliceNode.GetLayoutName() in turn:
            turn[sliceNode.GetLayoutName()](volume, sliceNode)
    slicer.app.applicationLogic().FitSliceToAll(False, False)  # the second keeps it from turning the views back


class LayoutSwitch:
    """The button above the sections that shows the results layout and gives the user's back."""

    def __init__(self, session: Session, button: Any):
        self.session, self.button = session, button
        self.layout = session.layout
        button.connect("clicked(bool)", self.onClicked)

    def setParameterNode(self, parameterNode: Any) -> None:
        """A scene that closes takes its results out of the views."""
        if parameterNode is None:
            self.restore()

    def cleanup(self) -> None:
        """Give the user's layout back."""
        self.layout.restore()

    def restore(self) -> None:
        """Give the user's layout back, and say so."""
        self.layout.restore()
        self.refresh()

    def refresh(self) -> None:
        """Say what the button would do."""
        self.button.enabled = self.session.current is not None or self.layout.shown
        self.button.text = _("Back to my layout") if self.layout.shown else _("Show results layout")

    def onClicked(self, *_args: Any) -> None:
        """Show the results layout, or give the user's back."""
        current = self.session.current
        if self.layout.shown:
            self.layout.restore()
        elif current is not None and self.layout.show():
            showChartAndTable(current.chart, firstTable(current))
            alignSlices(current.proxy(current.cine))
        self.session.changed()


def firstTable(results: Any) -> Any:
    """The table to show first, or None."""
    return next((results.tables[role] for role in ("summary", *results.tables) if role in results.tables), None)

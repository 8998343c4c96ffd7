"""The four buttons on top of the panel: three layouts for the results, and the user's own."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from .layout import (
    ACROSS,
    HEART_3D,
    IMAGE,
    MAP,
    MAPPING,
    PLOT,
    REVIEW,
    ROWS,
    SHORT_AXIS,
    STRAIN,
    TABLE,
    showChartAndTable,
)
from .session import Session

ASPECT = {REVIEW: 0.8, STRAIN: 1.3}  # of the 3D view: width over height, about


class LayoutSwitch:
    """Shows a layout when its button is clicked, filled with the selected results, and gives the user's back.

    The user's layout comes back with its button, when the module is left, and when the scene closes; a layout that the
    user chooses meanwhile, from Slicer's own menu, is left alone.
    """

    def __init__(self, session: Session):
        self.session = session
        self.layouts = session.layouts
        session.showLayout = self.show
        session.saving.append(self._showForSaving)
        self.widget, self.ui = session.load("Layouts")
        self.buttons = {
            REVIEW: self.ui.reviewLayoutButton,
            STRAIN: self.ui.strainLayoutButton,
            MAPPING: self.ui.mappingLayoutButton,
        }
        self.ui.reviewLayoutButton.connect("clicked(bool)", self.onReview)
        self.ui.strainLayoutButton.connect("clicked(bool)", self.onStrain)
        self.ui.mappingLayoutButton.connect("clicked(bool)", self.onMapping)
        self.ui.userLayoutButton.connect("clicked(bool)", self.onMine)
        self._filled: tuple[Any, ...] = ()  # layout and run that are in the views
        self._saved: Any = None  # what was hidden before the scene was written
        self._hidden: Any = None  # the input's segmentation while ours, which moves, is shown instead
        self._node: Any = None
        self._tag: int | None = None
        manager = slicer.app.layoutManager()
        if manager is not None:
            self._node = manager.layoutLogic().GetLayoutNode()
            self._tag = self._node.AddObserver("ModifiedEvent", self.refresh)

    def setParameterNode(self, parameterNode: Any) -> None:
        """A scene that closes takes its results out of the views."""
        if parameterNode is None:
            self.restore()

    def cleanup(self) -> None:
        """Give the user's layout back, and watch it no longer."""
        self.layouts.restore()
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
            self._node = None

    def restore(self) -> None:
        """Give the user's layout back."""
        self._filled, self._saved = (), None
        self.layouts.restore()
        self._hideInput(None)
        self.refresh()

    def refresh(self, *_args: Any) -> None:
        """Say what each button would do, and follow the selection of results while one of our layouts is on."""
        shown = self.layouts.shown
        if self._saved is not None:
            hidden, self._saved = self._saved, None
            self._hideInput(hidden)
        for layout, button in self.buttons.items():
            problem = self.problem(layout)
            button.enabled = not problem
            button.checked = layout == shown
            button.toolTip = problem or self.about(layout)
        mine = self.ui.userLayoutButton
        mine.checked, mine.enabled = not shown, bool(shown)
        mine.toolTip = _("Back to the layout that you had before") if shown else _("This is your own layout")
        if shown in self.buttons and not self.problem(shown) and self._filled != (shown, self.results(shown).run):
            self.fill(shown)

    def results(self, layout: int) -> Any:
        """What a layout shows: the selected motion or maps, or None."""
        return self.session.currentMaps if layout == MAPPING else self.session.current

    def problem(self, layout: int) -> str:
        """Why a layout cannot be shown, or nothing."""
        if slicer.app.layoutManager() is None:
            return _("This application has no views.")
        if self.results(layout) is not None:
            return ""
        return _("Compute maps first.") if layout == MAPPING else _("Compute a motion first.")

    def about(self, layout: int) -> str:
        """What a layout holds."""
        return {
            REVIEW: _("Short axis, long axis and 3D with the overlay, strain curves below"),
            STRAIN: _("Bullseye and wall in 3D, short axis, strain curves and table"),
            MAPPING: _("Map over its images, the images alone, table of regions"),
        }[layout]

    # ------------------------------------------------------------------ what the user does

    def onReview(self, *_args: Any) -> None:
        """Show slices, 3D and curves."""
        self.show(REVIEW)

    def onStrain(self, *_args: Any) -> None:
        """Show bullseye, curves and table."""
        self.show(STRAIN)

    def onMapping(self, *_args: Any) -> None:
        """Show maps, images and table."""
        self.show(MAPPING)

    def onMine(self, *_args: Any) -> None:
        """Give the user's layout back."""
        self.restore()

    def show(self, layout: int) -> None:
        """Switch to one of our layouts and fill it; one that cannot be shown is not."""
        if not self.problem(layout):
            areNew = any(view.node is None for views, _size in ROWS[layout] for view in views)
            self._filled = (layout, self.results(layout).run)  # not yet, but not again from the event of the switch
            self.layouts.show(layout)
            self.fill(layout, areNew)
        self.refresh()

    # ------------------------------------------------------------------ what is in the views

    def fill(self, layout: int, areNew: bool = False) -> None:
        """Put the selected results into the views of a layout; ``areNew`` says that the views were just made."""
        results = self.results(layout)
        self._filled = (layout, results.run)
        parameters = self.session.parameterNode
        if layout == MAPPING:
            self._hideInput(None if results.labels is None else parameters.mapSegmentation)
            fillWithMaps(results, areNew)
        else:
            self._hideInput(None if results.segmentation is None else parameters.segmentation)
            fillWithMotion(results, layout, areNew)

    def _hideInput(self, segmentation: Any) -> None:
        """Hide the segmentation that was put in while that of the results is shown; None shows it again as it was."""
        if self._hidden is not None and self._hidden is not segmentation:
            if slicer.mrmlScene.IsNodePresent(self._hidden):
                self._hidden.SetDisplayVisibility(True)
            self._hidden = None
        if segmentation is not None and segmentation.GetDisplayVisibility():
            segmentation.SetDisplayVisibility(False)
            self._hidden = segmentation

    def _showForSaving(self) -> None:
        """Show it as it was while the scene is written; `refresh` hides it again."""
        self._saved = self._hidden
        self._hideInput(None)


def fillWithMotion(results: Any, layout: int, areNew: bool) -> None:
    """Cine, overlay, curves, table and the wall in 3D."""
    from CardiacMotionLib.scene.camera import camera_of, look_from_front
    from CardiacMotionLib.scene.colors import renew_legends

    showSlices(
        results.proxy(results.cine), None if results.segmentation is None else results.proxy(results.segmentation)
    )
    showIn(PLOT, results, results.chart)
    showIn(TABLE, results, firstTable(results))
    if HEART_3D.node is not None:
        HEART_3D.node.SetBoxVisible(False)
        HEART_3D.node.SetAxisLabelsVisible(False)
        camera = camera_of(HEART_3D.name)
        if camera is not None:
            look_from_front(camera, [results.wall, results.bullseye], aspect=ASPECT[layout])
    if areNew:
        overlays = [results.proxy(overlay) for overlay in results.overlays.values()]
        renew_legends(node for node in (*overlays, results.wall, results.bullseye) if node is not None)


def showSlices(cine: Any, segmentation: Any) -> None:
    """The volume that shows a cine in our short and long axis views, fitted around the heart that is segmented."""
    from CardiacMotionLib.scene.overlays import copy_layers
    from CardiacMotionLib.scene.slice_plane import show_heart

    for view in (SHORT_AXIS, ACROSS):
        if view.node is not None:
            show_heart(cine, view.node, segmentation, across=view is ACROSS)
            if view.logic is not None:
                copy_layers(view.logic.GetSliceCompositeNode(), cine)


def fillWithMaps(results: Any, areNew: bool) -> None:
    """A map over its images, the images alone, and the table of regions."""
    from CardiacMotionLib.scene import show_map
    from CardiacMotionLib.scene.colors import renew_legends
    from CardiacMotionLib.scene.overlays import PLAIN, copy_layers, overlay_views
    from CardiacMotionLib.scene.run_nodes import nodes_of_run
    from CardiacMotionLib.scene.slice_plane import show_heart

    name, first = next(iter(results.maps.items()))
    background = results.image if results.image is not None else first
    for view in (MAP, IMAGE):
        show_heart(background, view.node, results.labels)
    composite = None if IMAGE.logic is None else IMAGE.logic.GetSliceCompositeNode()
    if composite is not None:
        composite.SetAttribute(PLAIN, "1")
        composite.SetBackgroundVolumeID(background.GetID())
        composite.SetForegroundVolumeID(None)
    showIn(TABLE, results, next((node for node in nodes_of_run(results.run) if node.IsA("vtkMRMLTableNode")), None))
    if areNew:
        renew_legends([*results.maps.values(), *results.before.values()])
    ids = {node.GetID() for node in (*results.maps.values(), *results.before.values())}
    if not any(composite.GetForegroundVolumeID() in ids for composite in overlay_views()):
        show_map(results, name)
    elif MAP.logic is not None:
        copy_layers(MAP.logic.GetSliceCompositeNode(), background)


def showIn(view: Any, results: Any, node: Any) -> None:
    """Put a chart or table of a run into our view of such things, unless one of that run is shown there already."""
    from CardiacMotionLib.scene.run_nodes import RUN

    if view.node is None or node is None:
        return
    shown = view.node.GetPlotChartNode() if view is PLOT else view.node.GetTableNode()
    if shown is None or shown.GetAttribute(RUN) != results.run:
        showChartAndTable(*((node, None) if view is PLOT else (None, node)))


def firstTable(results: Any) -> Any:
    """The table to show first, or None."""
    roles = ("regions", "summary", *results.tables)
    return next((results.tables[role] for role in roles if role in results.tables), None)

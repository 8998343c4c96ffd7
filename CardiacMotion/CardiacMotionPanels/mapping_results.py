"""The maps of the scene: which one is shown and how, before against after, scores in words, values by region."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from .layout import MAPPING
from .session import Session

FLICKER_MS = 700
MOST_NOTES = 4


class MapResultsView:
    """The middle of the mapping section. Everything it says is kept in the nodes, so a loaded scene says the same."""

    def __init__(self, session: Session, ui: Any):
        self.session, self.ui = session, ui
        self.parameterNode: Any = None
        self._listed: list[tuple[str, str]] = []  # (run, name)
        self._names: list[str] = []  # of the maps
        self._drawn: tuple[Any, ...] = ()  # run, map, opacity, before
        self._described = ""  # run that the words are of
        self._before = False
        self._hidden: list[Any] = []  # segmentations of inputs while the maps have outlines of their own
        self._showing = False
        self.flicker = qt.QTimer()
        self.flicker.setInterval(FLICKER_MS)
        self.flicker.connect("timeout()", self.onFlick)
        session.leaving.append(self.stopFlicker)
        ui.mapResultComboBox.connect("currentIndexChanged(int)", self.onResultSelected)
        ui.mapNameComboBox.connect("currentIndexChanged(int)", self.onMapSelected)
        ui.mapRemoveButton.connect("clicked(bool)", self.onRemove)
        ui.mapFlickerButton.connect("toggled(bool)", self.onFlickerToggled)
        ui.mapTableButton.connect("clicked(bool)", self.onTable)
        ui.mapWindowResetButton.connect("clicked(bool)", self.onWindowReset)
        for box in (ui.mapWindowLowSpinBox, ui.mapWindowHighSpinBox):
            box.connect("valueChanged(double)", self.onWindowEdited)

    @property
    def current(self) -> Any:
        """The nodes of the selected maps, or None."""
        return self.session.currentMaps

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.stopFlicker()
        if parameterNode is not self.parameterNode:
            self.parameterNode, self._drawn, self._described = parameterNode, (), ""
            self._hidden = []

    def cleanup(self) -> None:
        """Stop what moves."""
        self.stopFlicker()

    def select(self, run: Any, results: Any) -> None:
        """Take new maps, and show the first."""
        self.parameterNode.mapShown = next(iter(results.maps))
        self.session.takeMaps(run, results)

    def hideInput(self, segmentation: Any) -> None:
        """Hide the segmentation that was put in, where it is shown: its outlines lie in the maps' own."""
        if segmentation.GetDisplayVisibility():
            segmentation.SetDisplayVisibility(False)
            self._hidden.append(segmentation)

    def showInputs(self) -> None:
        """Show again what was hidden; of a loaded scene, which does not say what was, the one that is selected."""
        for segmentation in self._hidden or [self.parameterNode.mapSegmentation]:
            if segmentation is not None and slicer.mrmlScene.IsNodePresent(segmentation):
                segmentation.SetDisplayVisibility(True)
        self._hidden = []

    # ------------------------------------------------------------------ what is shown

    def refresh(self) -> None:
        """List results and maps, draw the chosen one, say how good it is."""
        current = self.current if self.parameterNode is not None else None
        self._showing = True
        self._fill(current)
        self._showWindow(current)
        self._showing = False
        ui, name = self.ui, self._name(current)
        ui.mapResultsCollapsibleButton.visible = current is not None
        canCompare = name is not None and name in current.before
        ui.mapFlickerButton.enabled = canCompare
        if not canCompare:
            self.stopFlicker()
        for widget in (ui.mapOpacitySlider, ui.mapWindowLowSpinBox, ui.mapWindowHighSpinBox, ui.mapWindowResetButton):
            widget.enabled = name is not None
        ui.mapTableButton.enabled = current is not None and "regions" in current.tables
        ui.mapRemoveButton.enabled = current is not None and not self.session.busy
        self._draw(current)
        self._describe(current)

    def _name(self, current: Any) -> str | None:
        """Name of the map that is chosen, None for none."""
        chosen = self.parameterNode.mapShown if self.parameterNode is not None else ""
        return chosen if current is not None and chosen in current.maps else None

    def _fill(self, current: Any) -> None:
        ui = self.ui
        listed = [(run, maps.name) for run, maps in self.session.mapRuns.items()]
        if listed != self._listed:
            self._listed = listed
            ui.mapResultComboBox.clear()
            for _run, name in listed:
                ui.mapResultComboBox.addItem(name)
        run = "" if current is None else current.run
        ui.mapResultComboBox.setCurrentIndex(next((n for n, (one, _name) in enumerate(listed) if one == run), -1))
        names = [] if current is None else list(current.maps)
        if names != self._names or ui.mapNameComboBox.count == 0:
            from CardiacMotionLib.scene.overlays import TITLE_ATTRIBUTE

            self._names = names
            ui.mapNameComboBox.clear()
            ui.mapNameComboBox.addItem(_("none"))
            for name in names:
                ui.mapNameComboBox.addItem(current.maps[name].GetAttribute(TITLE_ATTRIBUTE) or name)
        chosen = self._name(current)
        ui.mapNameComboBox.setCurrentIndex(0 if chosen is None else names.index(chosen) + 1)

    def _showWindow(self, current: Any) -> None:
        """The window of the chosen map in its unit; whole numbers where it is wide."""
        name = self._name(current)
        if name is None:
            return
        from CardiacMotionLib.scene.map_views import window_of

        low, high, unit = window_of(current, name)
        wide = high - low >= 10
        for box, value in ((self.ui.mapWindowLowSpinBox, low), (self.ui.mapWindowHighSpinBox, high)):
            box.decimals = 0 if wide else 2
            box.singleStep = 50 if high - low >= 500 else 5 if wide else 0.05
            box.suffix = f" {unit}" if unit not in ("", "1") else ""
            if abs(box.value - value) > 1e-9:
                box.value = value

    def _draw(self, current: Any) -> None:
        """Put the chosen map into the views where that changed."""
        name = self._name(current)
        wanted = () if name is None else (current.run, name, self.parameterNode.mapOpacity, self._before)
        if wanted == self._drawn:
            return
        from CardiacMotionLib.scene import show_map
        from CardiacMotionLib.scene.map_views import hide_maps, hide_outlines

        self._drawn = wanted
        for other in self.session.mapRuns.values():
            if other is not current:
                hide_outlines(other)
        if name is None:
            hide_maps()
        else:
            show_map(current, name, opacity=self.parameterNode.mapOpacity, before=self._before)

    def _describe(self, current: Any) -> None:
        """The scores and notes of the selected maps, and which of two is seen."""
        ui = self.ui
        shown = current is not None and bool(current.before)
        ui.mapShownLabel.text = (
            (_("Shown: before registration") if self._before else _("Shown: after registration")) if shown else ""
        )
        ui.mapShownLabel.visible = shown
        run = "" if current is None else current.run
        if run == self._described:
            return
        self._described = run
        scores, warning, notes = describeMaps(current)
        for label, lines in ((ui.mapScoresLabel, scores[0]), (ui.mapWarningLabel, warning), (ui.mapNotesLabel, notes)):
            label.text = "\n".join(lines)
            label.visible = bool(lines)
        ui.mapScoresLabel.toolTip = "\n".join(scores[1])
        ui.mapWarningLabel.setStyleSheet("color: #b3261e;")

    # ------------------------------------------------------------------ what the user does

    def onResultSelected(self, index: int) -> None:
        """Show other maps."""
        if not self._showing and 0 <= index < len(self._listed):
            self.stopFlicker()
            self.session.selectMaps(self._listed[index][0])

    def onMapSelected(self, index: int) -> None:
        """Draw another map, or none."""
        if not self._showing and self.parameterNode is not None:
            self.stopFlicker()
            self.parameterNode.mapShown = self._names[index - 1] if index > 0 else ""
            self.session.changed()

    def onWindowEdited(self, *_args: Any) -> None:
        """Take the window for the map before and after registration."""
        name = self._name(self.current)
        if self._showing or name is None:
            return
        from CardiacMotionLib.scene.map_views import set_window

        try:
            set_window(self.current, name, self.ui.mapWindowLowSpinBox.value, self.ui.mapWindowHighSpinBox.value)
        except CardiacMotionError:
            self.session.changed()  # the boxes go back to what is shown
            return
        self._showWindowAgain()

    def onWindowReset(self, *_args: Any) -> None:
        """Back to the window in which this kind of map is shown at first."""
        from CardiacMotionLib.scene.map_views import reset_window

        reset_window(self.current, self._name(self.current))
        self._showWindowAgain()

    def _showWindowAgain(self) -> None:
        self._showing = True
        self._showWindow(self.current)
        self._showing = False

    def onFlickerToggled(self, on: bool) -> None:
        """Start or stop to show before and after in turn."""
        if on and not self.flicker.active:
            self.flicker.start()
        elif not on:
            self.stopFlicker()

    def onFlick(self, *_args: Any) -> None:
        """Show the other one."""
        self._before = not self._before
        self.session.changed()

    def stopFlicker(self) -> None:
        """Stay with the map after registration."""
        self.flicker.stop()
        self._before = False
        if self.ui.mapFlickerButton.checked:
            self.ui.mapFlickerButton.setChecked(False)
        if self.parameterNode is not None and self._drawn and self._drawn[-1]:
            self.session.changed()

    def onTable(self, *_args: Any) -> None:
        """Show the views with the values by region."""
        self.session.showLayout(MAPPING)
        self.session.changed()

    def onRemove(self, *_args: Any) -> None:
        """Remove every node of the selected maps."""
        self.stopFlicker()
        self.session.removeMaps(self.current)
        if not self.session.mapRuns:
            self.showInputs()


def describeMaps(results: Any) -> tuple[tuple[list[str], list[str]], list[str], list[str]]:
    """((scores, what they mean), warning, notes) of maps, each a list of lines."""
    if results is None:
        return ([], []), [], []
    from CardiacMotionLib.report import describe_scores
    from CardiacMotionLib.report.map_run import WORSE
    from CardiacMotionLib.scene.tables import dataframe_from_table

    rows = describe_scores(dataframe_from_table(results.tables["scores"])) if "scores" in results.tables else []
    warning = [note for note in results.notes if note.startswith(WORSE)]
    notes = [note for note in results.notes if note not in warning]
    if len(notes) > MOST_NOTES:
        more = _("... and {count} more notes in the report.").format(count=len(notes) - MOST_NOTES)
        notes = [*notes[:MOST_NOTES], more]
    scores = [f"{what}: {value}" for what, value, _meaning in rows]
    if any("→" in line for line in scores):
        scores.insert(0, _("As acquired → after registration:"))
    return (scores, [f"{what}: {meaning}" for what, _value, meaning in rows]), warning, notes

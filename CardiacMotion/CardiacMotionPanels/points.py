"""Probes and rulers on the moving tissue: placed with the mouse, listed with their values at the frame shown."""

from __future__ import annotations

import math
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from CardiacMotionLib.errors import CardiacMotionError

from .placing import Placing
from .point_rows import COLUMNS, NAME, PROBE, RULER, curveWords, fillRow
from .session import Session


class PointsPanel(VTKObservationMixin):
    """What is measured at single points; a part of the review section.

    ``points`` has the probes and rulers of every run that was shown.
    """

    def __init__(self, session: Session):
        VTKObservationMixin.__init__(self)
        self.session = session
        self.widget, self.ui = session.load("Points")
        self.points: dict[str, list[Any]] = {}
        self.placing = Placing(self.widget, self.onPlaced, self.onGivenUp)
        self._kind = ""  # of what is being placed
        self._run = ""
        self._browser: Any = None
        self._curves: list[list[str]] = [[], []]  # as listed for probes and for rulers
        self._listed: list[Any] = []
        self._said = ""
        self._showing = False
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self.refresh)
        ui = self.ui
        ui.addProbeButton.connect("clicked(bool)", lambda *_: self.onPlace(PROBE))
        ui.addRulerButton.connect("clicked(bool)", lambda *_: self.onPlace(RULER))
        ui.removePointButton.connect("clicked(bool)", self.onRemove)
        ui.pointsTable.connect("itemChanged(QTableWidgetItem*)", self.onItemChanged)
        ui.pointsTable.connect("itemSelectionChanged()", self.showState)
        ui.probeCurveComboBox.connect("currentIndexChanged(int)", lambda *_: self.onCurve(PROBE))
        ui.rulerCurveComboBox.connect("currentIndexChanged(int)", lambda *_: self.onCurve(RULER))
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self.onNodeRemoved)
        session.leaving.append(self.placing.giveUp)

    # ------------------------------------------------------------------ as every panel

    def setParameterNode(self, parameterNode: Any) -> None:
        """Another scene, or none while one closes: then nothing of the old one is kept."""
        if parameterNode is None:
            self.placing.cancel()
            self._letGo(list(self.points))
            self._watch(None)
            self._said = ""

    def cleanup(self) -> None:
        """Let go of observers and timers."""
        self.setParameterNode(None)
        self._timer.stop()
        self.removeObservers()

    def refresh(self, *_args: Any) -> None:
        """List what the selected run has."""
        current = self.session.current
        self._letGo([run for run in self.points if run not in self.session.runs])
        if self.placing.active and (current is None or current.run != self._run):
            self.placing.giveUp()
        if current is not None:
            self._find(current)
        self._watch(current.browser if current is not None else None)
        self._fill()
        self.showState()

    # ------------------------------------------------------------------ what there is

    @property
    def current(self) -> list[Any]:
        """Probes and rulers of the selected run, in the order in which they were made."""
        results = self.session.current
        return self.points.get(results.run, []) if results is not None else []

    def _find(self, results: Any) -> None:
        """Know the points of a run, of which the user may have deleted some; their strain is the session's."""
        from CardiacMotionLib.scene import find_probes, find_rulers

        strain = self.session.outcome.strain if self.session.outcome else None
        if results.run not in self.points:
            found = [*find_probes(results, strain), *find_rulers(results, strain)]
            self.points[results.run] = found
            for measured in found:
                measured.changed = self.showValues
        for measured in list(self.points[results.run]):
            if not measured.complete:
                measured.remove()
                self.points[results.run].remove(measured)
                continue
            measured.use(strain or measured.tissue.strain)
            measured.refresh()

    def _letGo(self, runs: list[str]) -> None:
        for run in runs:
            for measured in self.points.pop(run):
                measured.stop()

    def _watch(self, browser: Any) -> None:
        """Follow the frame that a browser shows."""
        if browser is self._browser:
            return
        if self._browser is not None:
            self.removeObserver(self._browser, vtk.vtkCommand.ModifiedEvent, self.showValues)
        self._browser = browser
        if browser is not None:
            self.addObserver(browser, vtk.vtkCommand.ModifiedEvent, self.showValues)

    def onNodeRemoved(self, _caller: Any = None, _event: Any = None) -> None:
        """Part of a point may be gone; look when whoever removes nodes is done."""
        if any(self.points.values()) and not slicer.mrmlScene.IsClosing():
            self._timer.start()

    # ------------------------------------------------------------------ what is shown

    def _fill(self) -> None:
        table, listed = self.ui.pointsTable, list(self.current)
        self._showing = True
        self._fillCurves(self.ui.probeCurveComboBox, 0, PROBE)
        self._fillCurves(self.ui.rulerCurveComboBox, 1, RULER)
        if listed != self._listed:
            self._listed = listed
            table.setRowCount(len(listed))
            for row in range(len(listed)):
                for column in COLUMNS:
                    table.setItem(row, column, qt.QTableWidgetItem(""))
        self._showing = False
        self.showValues()

    def _fillCurves(self, combo: Any, number: int, kind: str) -> None:
        """List the curves that this run's probes, or rulers, have, and the one that they show."""
        measured = [one for one in self.current if one.kind == kind]
        curves = list(measured[0].titles) if measured else []
        if curves != self._curves[number]:
            self._curves[number] = curves
            combo.clear()
            for curve in curves:
                combo.addItem(curveWords(curve))
        combo.enabled = bool(curves)
        if measured:
            combo.setCurrentIndex(curves.index(measured[0].curve))

    def showValues(self, *_args: Any) -> None:
        """Names, colors and the values at the frame that is shown."""
        table = self.ui.pointsTable
        frame = max(self._browser.GetSelectedItemNumber(), 0) if self._browser is not None else 0
        self._showing = True
        for row, measured in enumerate(self._listed):
            if measured.complete:
                fillRow(table, row, measured, frame)
        self._showing = False
        self._showWords()

    def _showWords(self) -> None:
        """What to do now, or what came of it, and what is not known of the points."""
        lines = [self._said, *(measured.problem for measured in self._listed if measured.problem != self._said)]
        text = "\n".join(line for line in lines if line)
        self.ui.pointsLabel.text = text
        self.ui.pointsLabel.visible = bool(text)

    def showState(self, *_args: Any) -> None:
        """What can be pressed."""
        ui, some = self.ui, self.session.current is not None
        for button, kind in ((ui.addProbeButton, PROBE), (ui.addRulerButton, RULER)):
            button.enabled = some
            button.checked = self.placing.active and self._kind == kind
        ui.pointsTable.visible = bool(self._listed)
        ui.removePointButton.enabled = 0 <= ui.pointsTable.currentRow() < len(self._listed)

    # ------------------------------------------------------------------ what the user does

    def onPlace(self, kind: str) -> None:
        """Await clicks, or stop awaiting them."""
        from CardiacMotionLib.scene.probes import Probe
        from CardiacMotionLib.scene.rulers import Ruler

        again = self.placing.active and self._kind == kind
        self.placing.cancel()
        self._said = ""
        results = self.session.current
        if not again and results is not None:
            what = {PROBE: Probe, RULER: Ruler}[kind]
            try:
                self.placing.start(lambda: what.start(results), what.size)
            except CardiacMotionError as error:
                self._said = str(error)
            else:
                self._kind, self._run = kind, results.run
                self._said = (
                    _("Click on the tissue in a slice view. Esc stops.")
                    if kind == PROBE
                    else _("Click on the two ends in a slice view. Esc stops.")
                )
        self.refresh()

    def onPlaced(self, node: Any) -> None:
        """Measure where the user clicked, or say why that cannot be."""
        from CardiacMotionLib.scene.probes import Probe
        from CardiacMotionLib.scene.rulers import Ruler

        results = self.session.runs[self._run]
        outcome = self.session.outcomes.get(self._run)
        try:
            measured = {PROBE: Probe, RULER: Ruler}[self._kind].finish(
                results, node, outcome.strain if outcome else None
            )
        except CardiacMotionError as error:
            self._said = str(error)
        else:
            measured.changed = self.showValues
            self._showChosenCurve(measured)
            self.points.setdefault(self._run, []).append(measured)
            self._said = ""
        self.refresh()

    def _showChosenCurve(self, measured: Any) -> None:
        """The curve that the others show, where a new one has values of it."""
        others = [one for one in self.points.get(self._run, []) if one.kind == measured.kind]
        if others and any(math.isfinite(value) for value in measured.values[others[0].curve]):
            measured.show_curve(others[0].curve)

    def onGivenUp(self) -> None:
        """The user left place mode, or the run is gone."""
        self._said = ""
        self.refresh()

    def onCurve(self, kind: str) -> None:
        """Let the chart show another curve of the probes, or of the rulers."""
        if self._showing:
            return
        combo, number = (self.ui.probeCurveComboBox, 0) if kind == PROBE else (self.ui.rulerCurveComboBox, 1)
        for measured in self.current:
            if measured.kind == kind:
                measured.show_curve(self._curves[number][combo.currentIndex])
        self.showValues()

    def onItemChanged(self, item: Any) -> None:
        """Show or hide one, as its check mark says."""
        if not self._showing and item.column() == NAME:
            self._listed[item.row()].visible = item.checkState() == qt.Qt.Checked

    def onRemove(self, *_args: Any) -> None:
        """Remove the selected one, with its trajectory and curves."""
        measured = self._listed[self.ui.pointsTable.currentRow()]
        self.points[measured.results.run].remove(measured)
        measured.remove()
        self._said = ""
        self.refresh()

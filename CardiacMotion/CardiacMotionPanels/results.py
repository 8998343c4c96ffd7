"""What came out: the runs of the scene, their overlays, the layout with curves and table, quality, the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import packages
from .analysis import Outcome
from .layout import ResultsLayout, alignSlices, showChartAndTable

MOST_NOTES = 4
EXPLAINED = ("Folding", "Volume change")


class ResultsPanel:
    """The last section. ``showError(text)`` is how problems reach the user.

    ``runs`` holds the nodes of every run in the scene, ``outcomes`` what this session computed of them: a run that
    came with a loaded scene has nodes only.
    """

    def __init__(self, ui: Any, showError: Callable[[str], None]):
        self.ui = ui
        self.parameterNode: Any = None
        self.runs: dict[str, Any] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.layout = ResultsLayout()
        self._showError = showError
        self._components: list[str] = []
        self._showing = False
        self._opacity = -1.0
        ui.resultComboBox.connect("currentIndexChanged(int)", self.onResultSelected)
        ui.overlayComboBox.connect("currentIndexChanged(int)", self.onOverlaySelected)
        ui.layoutButton.connect("clicked(bool)", self.onLayout)
        ui.reportButton.connect("clicked(bool)", self.onReport)
        ui.removeButton.connect("clicked(bool)", self.onRemove)

    # ------------------------------------------------------------------ what is there

    @property
    def current(self) -> Any:
        """The run that is selected, or None."""
        runs = list(self.runs.values())
        index = self.ui.resultComboBox.currentIndex
        return runs[index] if 0 <= index < len(runs) else None

    @property
    def outcome(self) -> Outcome | None:
        """What this session computed for the selected run."""
        return self.outcomes.get(self.current.run) if self.current else None

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: then nothing of the old scene is kept."""
        self.parameterNode = parameterNode
        if parameterNode is None:
            self.letGo(list(self.runs))
            self.layout.restore()
        else:
            self.findRuns()
        self.fillResults()

    def findRuns(self) -> None:
        """Add the runs that came with a loaded scene; torch and pandas are loaded only when there are some."""
        from CardiacMotionLib.scene.run_nodes import runs_in_scene

        if not runs_in_scene() or not packages.torchVersion() or packages.missing(packages.REQUIRED):
            return
        from CardiacMotionLib.scene.results import find_results, unfollow_time

        for found in find_results():
            if found.run in self.runs:
                unfollow_time(found)  # its marker is already followed
            else:
                self.runs[found.run] = found

    def letGo(self, runs: list[str]) -> None:
        """Forget runs whose nodes are gone, or go."""
        for run in runs:
            from CardiacMotionLib.scene.results import unfollow_time

            unfollow_time(self.runs.pop(run))
            self.outcomes.pop(run, None)

    def take(self, outcome: Outcome, results: Any) -> None:
        """Show what a run made."""
        self.runs[results.run], self.outcomes[results.run] = results, outcome
        self.fillResults(results.run)
        if self.ui.overlayComboBox.currentIndex == 0 and self._components:
            self.ui.overlayComboBox.setCurrentIndex(1)  # after "none": the first overlay
        else:
            self.onOverlaySelected()

    def refresh(self) -> None:
        """Show what the scene still holds, and the opacity that was chosen."""
        gone = [
            run for run, results in self.runs.items() if not slicer.mrmlScene.IsNodePresent(results.motion_to_frame)
        ]
        if gone:
            self.letGo(gone)
            self.fillResults()
        if self.parameterNode and self.selectedOverlay() and self.parameterNode.overlayOpacity != self._opacity:
            self.onOverlaySelected()
        self.showState()

    def fillResults(self, run: str = "") -> None:
        """List the runs and select one, by default the newest."""
        names = [results.name for results in self.runs.values()]
        index = list(self.runs).index(run) if run else len(names) - 1
        self._showing = True
        self.ui.resultComboBox.clear()
        for name in names:
            self.ui.resultComboBox.addItem(name)
        self.ui.resultComboBox.setCurrentIndex(index)
        self._showing = False
        self.fillOverlays()

    def fillOverlays(self) -> None:
        """List the overlays of the selected run; what was selected stays selected."""
        from CardiacMotionLib.scene.colors import TITLE

        self._components = list(self.current.overlays) if self.current else []
        selected = self.parameterNode.overlay if self.parameterNode else ""
        self._showing = True
        self.ui.overlayComboBox.clear()
        self.ui.overlayComboBox.addItem(_("none"))
        for component in self._components:
            self.ui.overlayComboBox.addItem(TITLE[component])
        self.ui.overlayComboBox.setCurrentIndex(
            self._components.index(selected) + 1 if selected in self._components else 0
        )
        self._showing = False
        self.showState()

    def showState(self) -> None:
        """What can be clicked, and what is said about the selected run."""
        results, outcome = self.current, self.outcome
        self.ui.resultComboBox.enabled = self.ui.removeButton.enabled = results is not None
        self.ui.overlayComboBox.enabled = self.ui.opacitySlider.enabled = bool(self._components)
        self.ui.layoutButton.enabled = results is not None
        self.ui.layoutButton.text = _("Back to my layout") if self.layout.shown else _("Show results layout")
        self.ui.reportButton.enabled = outcome is not None and outcome.strain is not None
        if results is None:
            lines = [_("Nothing computed yet.")]
        elif outcome is None:
            lines = [_("Loaded with the scene. For the quality and a report, compute it again.")]
        else:
            lines = [describeMade(outcome), *describeOutcome(outcome)]
        self.ui.qualityLabel.text = "\n".join(lines)
        self.ui.qualityLabel.toolTip = explainOutcome(outcome) if outcome else ""

    # ------------------------------------------------------------------ what the user does

    def onResultSelected(self, *_args: Any) -> None:
        """Show another run."""
        if not self._showing:
            self.fillOverlays()
            self.onOverlaySelected()

    def selectedOverlay(self) -> Any:
        """The overlay that is selected, or None."""
        index = self.ui.overlayComboBox.currentIndex - 1
        return self.current.overlays[self._components[index]] if 0 <= index < len(self._components) else None

    def onOverlaySelected(self, *_args: Any) -> None:
        """Draw the overlay over the cine, or take it away."""
        if self._showing or self.parameterNode is None or self.current is None:
            return
        from CardiacMotionLib.scene.overlays import hide_overlay, show_overlay

        overlay = self.selectedOverlay()
        self._opacity = self.parameterNode.overlayOpacity
        self.parameterNode.overlay = self._components[self.ui.overlayComboBox.currentIndex - 1] if overlay else ""
        if overlay is None:
            hide_overlay()
        else:
            show_overlay(overlay, opacity=self._opacity)

    def onLayout(self, *_args: Any) -> None:
        """Show the results layout, or give the user's back."""
        if self.layout.shown:
            self.layout.restore()
        elif self.current is not None and self.layout.show():
            showChartAndTable(self.current.chart, firstTable(self.current))
            alignSlices(self.current.proxy(self.current.cine))
            self.onOverlaySelected()
        self.showState()

    def onReport(self, *_args: Any) -> None:
        """Ask for a file and write the report there."""
        suggested = f"{self.current.name} report.html"
        path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), _("Export report"), suggested, "HTML (*.html)")
        if path:
            self.writeReport(Path(path))

    def writeReport(self, path: Path) -> None:
        """Write the report; a problem is shown, not raised."""
        outcome = self.outcome
        try:
            packages.ensure(packages.REPORT)
            from CardiacMotionLib.report import write_report

            with slicer.util.WaitCursor():
                written = write_report(outcome.series, outcome.motion, outcome.strain, outcome.quality, path)
        except CardiacMotionError as error:
            self._showError(str(error))
            return
        self.ui.qualityLabel.text += "\n" + _("Report written to {path}").format(path=written)

    def onRemove(self, *_args: Any) -> None:
        """Remove every node of the selected run."""
        from CardiacMotionLib.scene.overlays import hide_overlay
        from CardiacMotionLib.scene.results import remove_results

        results = self.current
        hide_overlay()
        self.letGo([results.run])
        remove_results(results)
        self.fillResults()


def firstTable(results: Any) -> Any:
    """The table to show first, or None."""
    return next((results.tables[role] for role in ("summary", *results.tables) if role in results.tables), None)


def describeMade(outcome: Outcome) -> str:
    """One line on what was computed and how."""
    said = outcome.motion.provenance
    made = _("Motion and strain") if outcome.strain is not None else _("Motion")
    return _("{made} by {method} from {origin} on {device} in {seconds:.0f} s.").format(
        made=made,
        method=said.get("method", "?"),
        origin=outcome.motion.origin,
        device=said.get("device", "?"),
        seconds=said.get("seconds", 0),
    )


def describeOutcome(outcome: Outcome) -> list[str]:
    """Quality and notes as lines; what a score means is said where a number alone could mislead."""
    notes = list(dict.fromkeys(outcome.notes))
    more = (
        [_("... and {count} more notes in the report.").format(count=len(notes) - MOST_NOTES)]
        if len(notes) > MOST_NOTES
        else []
    )
    return [*qualityLines(outcome), *notes[:MOST_NOTES], *more]


def qualityLines(outcome: Outcome) -> list[str]:
    """The scores, the regularity with its meaning."""
    from CardiacMotionLib.report import describe_quality

    rows = describe_quality(outcome.quality)
    return [
        f"{what}: {value}. {meaning}" if what.startswith(EXPLAINED) else f"{what}: {value}"
        for what, value, meaning in rows
    ]


def explainOutcome(outcome: Outcome) -> str:
    """What every score means, for the tool tip."""
    from CardiacMotionLib.report import describe_quality

    return "\n".join(f"{what}: {meaning}" for what, _value, meaning in describe_quality(outcome.quality))

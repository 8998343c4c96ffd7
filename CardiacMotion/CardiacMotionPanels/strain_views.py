"""What of a strain is shown where: curves in the chart, the bullseye, one segment that stands out, AHA segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from .bullseye import Bullseye
from .layout import showChartAndTable
from .session import Session

if TYPE_CHECKING:
    from CardiacMotionLib.pipeline import Outcome
    from CardiacMotionLib.scene import Curves
    from CardiacMotionLib.strain import Strain

COMPONENTS = ("circumferential", "radial", "longitudinal")
LEVELS = ("basal", "mid", "apical")


class StrainViews:
    """The choices of the strain section about what is seen."""

    def __init__(self, session: Session, ui: Any):
        self.session, self.ui = session, ui
        self._parameterNode: Any = None
        self._filling = False
        self._painted: tuple[Any, ...] = ()  # what the bullseye shows
        self._segmentsOf = ""  # run whose AHA segments are in the views
        self.bullseye = Bullseye(ui.bullseyeLabel, ui.bullseyeTitleLabel, ui.segmentComboBox, self.onSegmentPicked)
        names = {"circumferential": "Ecc", "radial": "Err", "longitudinal": "Ell"}
        self.choices = {  # parameter: (combo box, {value: text})
            "strainMeasure": (
                ui.strainMeasureComboBox,
                {"green": _("Green-Lagrange strain"), "engineering": _("engineering strain")},
            ),
            "curveComponent": (ui.curveComponentComboBox, {"all": _("all three"), **names}),
            "curveQuantity": (ui.curveQuantityComboBox, {"strain": _("strain"), "rate": _("strain rate")}),
            "curveRegions": (
                ui.curveRegionsComboBox,
                {
                    "global": _("whole wall"),
                    "basal": _("basal segments"),
                    "mid": _("mid segments"),
                    "apical": _("apical segments"),
                    "segments": _("all segments"),
                    "layers": _("layers"),
                },
            ),
            "bullseyeComponent": (ui.bullseyeComponentComboBox, names),
            "bullseyeValue": (
                ui.bullseyeValueComboBox,
                {
                    "end_systolic": _("at end-systole"),
                    "peak_systolic": _("systolic peak"),
                    "peak": _("peak"),
                    "time_to_peak_ms": _("time to peak"),
                    "post_systolic_index": _("post-systolic index"),
                },
            ),
        }
        for combo, texts in self.choices.values():
            for value, text in texts.items():
                combo.addItem(text, value)
            combo.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
            combo.connect("currentIndexChanged(int)", self.onChosen)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        if parameterNode is not self._parameterNode:
            self._parameterNode, self._painted, self._segmentsOf = parameterNode, (), ""

    def cleanup(self) -> None:
        """Let go of the bullseye."""
        self.bullseye.cleanup()

    def outcome(self) -> Outcome | None:
        """What was computed for the selected run, made again where it came with the scene; None without strain."""
        try:
            outcome = self.session.restored()
        except CardiacMotionError as error:
            self.session.showError(str(error))
            return None
        return outcome if outcome is not None and outcome.strain is not None else None

    # ------------------------------------------------------------------ show

    def refresh(self) -> None:
        """Show the choices, and in the views what was chosen."""
        parameters, current = self.session.parameterNode, self.session.current
        shown = parameters is not None and current is not None and current.chart is not None
        self._filling = True
        for name, (combo, texts) in self.choices.items():
            combo.enabled = shown and not self.session.busy
            value = getattr(parameters, name) if parameters is not None else ""
            index = list(texts).index(value) if value in texts else 0
            if combo.currentIndex != index:
                combo.setCurrentIndex(index)
        self._filling = False
        self.ui.curveRegionsComboBox.enabled = shown and parameters.curveComponent != "all" and not self.session.busy
        self._showSegments()
        self._drawChart()
        self._drawBullseye(shown)

    def curves(self, strain: Strain) -> Curves:
        """What the chart shall show of a strain: what was chosen, as far as the strain has it."""
        from CardiacMotionLib.scene import Curves
        from CardiacMotionLib.scene.charts import regions_of

        parameters = self.session.parameterNode
        component = parameters.curveComponent if parameters.curveComponent in strain.components else "all"
        regions = parameters.curveRegions if component != "all" else "global"
        measure = "rate" if parameters.curveQuantity == "rate" else parameters.strainMeasure
        return Curves(component, measure, regions if regions_of(strain, regions) else "global")

    def _drawChart(self) -> None:
        """Let the chart show what was chosen, where that is not what it shows; a loaded run keeps what it shows."""
        current, outcome = self.session.current, self.session.outcome
        if current is None or current.chart is None or outcome is None or outcome.strain is None:
            return
        from CardiacMotionLib.scene import show_curves
        from CardiacMotionLib.scene.charts import shown_curves

        wanted = self.curves(outcome.strain)
        if shown_curves(current.chart) != wanted:
            show_curves(current, outcome.strain, wanted)

    def _drawBullseye(self, shown: bool) -> None:
        current, parameters = self.session.current, self.session.parameterNode
        if not shown or "summary" not in current.tables:
            self._painted = ()
            self.bullseye.show(None, 0)
            return
        from CardiacMotionLib.scene.bullseye_view import bullseye_view
        from CardiacMotionLib.scene.highlight import highlighted_segment
        from CardiacMotionLib.scene.tables import summary_of

        table = current.tables["summary"]
        chosen = highlighted_segment(current) or 0
        wanted = (
            current.run,
            table.GetTable().GetMTime(),
            parameters.bullseyeComponent,
            parameters.bullseyeValue,
            parameters.strainMeasure,
            chosen,
        )
        if wanted == self._painted:
            return
        self._painted = wanted
        view = bullseye_view(summary_of(table), *wanted[2:5])
        self.bullseye.show(view, chosen)

    def _showSegments(self) -> None:
        """Put the AHA segments of the selected run into the views, and take another run's away."""
        current, parameters = self.session.current, self.session.parameterNode
        has = current is not None and current.segments is not None
        self.ui.showSegmentsCheckBox.enabled = has
        wanted = current.run if has and parameters is not None and parameters.showSegments else ""
        if wanted == self._segmentsOf:
            return
        from CardiacMotionLib.scene import hide_segments, show_segments

        if self._segmentsOf in self.session.runs:
            hide_segments(self.session.runs[self._segmentsOf])
        if wanted:
            show_segments(current)
        self._segmentsOf = wanted

    # ------------------------------------------------------------------ what the user does

    def onChosen(self, *_args: Any) -> None:
        """Keep the choices, and bring the chart to the plot view."""
        parameters = self.session.parameterNode
        if self._filling or parameters is None or self.outcome() is None:
            return
        with slicer.util.NodeModify(parameters):
            for name, (combo, texts) in self.choices.items():
                value = list(texts)[max(combo.currentIndex, 0)]
                if getattr(parameters, name) != value:
                    setattr(parameters, name, value)
        showChartAndTable(self.session.current.chart, None)
        self.session.changed()

    def onSegmentPicked(self, segment: int) -> None:
        """Let a segment stand out, in a chart that has its curve; 0 for none."""
        outcome, current = self.outcome(), self.session.current
        if outcome is None or current is None:
            return
        from CardiacMotionLib.scene import end_highlight, highlight_segment

        if not segment:
            end_highlight(current)
        else:
            try:
                labels = outcome.motion.reference_labels(outcome.series)
                with slicer.util.WaitCursor():
                    self._chartWith(segment)
                    highlight_segment(current, segment, labels, outcome.strain)
            except CardiacMotionError as error:
                self.session.showError(str(error))
            showChartAndTable(current.chart, None)
        self._painted = ()
        self.session.changed()

    def _chartWith(self, segment: int) -> None:
        """Choose curves among which a segment's is."""
        from CardiacMotionLib.scene.charts import level_name

        parameters = self.session.parameterNode
        with slicer.util.NodeModify(parameters):
            if parameters.curveComponent == "all":
                parameters.curveComponent = parameters.bullseyeComponent
            if parameters.curveRegions not in ("segments", level_name(segment)):
                parameters.curveRegions = level_name(segment)
        self._drawChart()

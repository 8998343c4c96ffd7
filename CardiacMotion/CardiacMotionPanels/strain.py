"""Strain: how good it is in words, the numbers, curves, bullseye and segments, and what it is measured with."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .session import Session
from .strain_settings import StrainSettings
from .strain_views import StrainViews

if TYPE_CHECKING:
    from CardiacMotionLib.pipeline import Outcome

EXPLAINED = ("Folding", "Volume change")
HEADLINES = ("EF", "EDV", "ESV", "SV", "mass", "GCS", "GRS", "GLS", "torsion", "SDI")
PROBLEM_COLOR = "#b3261e"


class StrainPanel:
    """The fourth section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Strain")
        self.views = StrainViews(session, self.ui)
        self.settings = StrainSettings(session, self.widget, self.ui, self.views)
        self._told: tuple[Any, ...] = ()

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: then nothing of it is kept."""
        self._told = ()
        self.views.setParameterNode(parameterNode)
        self.settings.setParameterNode(parameterNode)

    def cleanup(self) -> None:
        """Let go of observers, timers and the bullseye's event filter."""
        self.settings.cleanup()
        self.views.cleanup()

    def refresh(self) -> None:
        """Show the selected run."""
        self.settings.refresh()
        self.views.refresh()
        current, outcome = self.session.current, self.session.outcome
        function = current.tables.get("function") if current is not None else None
        told = (current and current.run, function and function.GetTable().GetMTime(), outcome)
        if told == self._told:
            return
        self._told = told
        self.ui.flagsLabel.text = flagLines(outcome) if outcome is not None else ""
        self.ui.flagsLabel.visible = outcome is not None
        self.ui.functionLabel.text = functionTable(function) if function is not None else ""
        self.ui.functionLabel.visible = function is not None
        if current is None:
            lines = [_("Nothing computed yet.")]
        elif outcome is None:
            lines = [_("Loaded with the scene. Quality and notes come when you choose a curve or a segment.")]
        else:
            lines = [describeMade(outcome), *describeOutcome(outcome)]
        self.ui.qualityLabel.text = "\n".join(lines)
        self.ui.qualityLabel.toolTip = explainOutcome(outcome) if outcome else ""


def flagLines(outcome: Outcome) -> str:
    """What to know before trusting the numbers: a paragraph each, the severity as a word."""
    from CardiacMotionLib.report import quality_flags

    words = {"problem": _("Problem"), "caution": _("Caution"), "note": _("Note"), "good": _("Good")}
    lines = []
    for severity, sentence in quality_flags(outcome):
        style = f' style="color:{PROBLEM_COLOR}"' if severity == "problem" else ""
        lines.append(f'<p style="margin:2px 0"><b{style}>{words[severity]}:</b> {escape(sentence)}</p>')
    return "".join(lines)


def functionTable(table: Any) -> str:
    """The headline numbers of a run's function table, with units and the measure named."""
    from CardiacMotionLib.report.wording import RESEARCH_USE, name_and_unit, number_text
    from CardiacMotionLib.scene.tables import function_of

    rows = []
    for key, value in function_of(table).items():
        if key.startswith(HEADLINES):
            name, unit = name_and_unit(key)
            rows.append(
                f'<tr><td>{escape(name)}</td><td align="right"><b>&nbsp;{number_text(value, 1)}</b></td>'
                f"<td>&nbsp;{escape(unit)}</td></tr>"
            )
    return f'<table width="100%">{"".join(rows)}</table><p style="margin:2px 0"><i>{escape(RESEARCH_USE)}</i></p>'


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
    """Scores and notes as lines; what a score means is said where a number alone could mislead."""
    notes = (note for note in outcome.notes if not note.startswith("No strain"))  # which the flags say
    return [*qualityLines(outcome), *dict.fromkeys(notes)]


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

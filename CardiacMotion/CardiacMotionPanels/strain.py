"""Strain: how good the selected run is, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .session import Session

if TYPE_CHECKING:
    from CardiacMotionLib.pipeline import Outcome

MOST_NOTES = 4
EXPLAINED = ("Folding", "Volume change")


class StrainPanel:
    """The fourth section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Strain")

    def setParameterNode(self, parameterNode: Any) -> None:
        """Nothing is chosen here."""

    def cleanup(self) -> None:
        """Nothing to let go of."""

    def refresh(self) -> None:
        """Say how the selected run was made and how good it is."""
        outcome = self.session.outcome
        if self.session.current is None:
            lines = [_("Nothing computed yet.")]
        elif outcome is None:
            lines = [_("Loaded with the scene. For the quality and a report, compute it again.")]
        else:
            lines = [describeMade(outcome), *describeOutcome(outcome)]
        self.ui.qualityLabel.text = "\n".join(lines)
        self.ui.qualityLabel.toolTip = explainOutcome(outcome) if outcome else ""


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

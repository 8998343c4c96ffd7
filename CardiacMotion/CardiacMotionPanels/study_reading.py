"""The study as it was last read: read again only when its nodes or the user's choices changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import analysis
from .parameters import AUTOMATIC

if TYPE_CHECKING:
    from CardiacMotionLib.checks import Check
    from CardiacMotionLib.scene.volume_chart import VolumeCurve


@dataclass(frozen=True, eq=False)
class Reading:
    """What is known of cine and segmentation without their images, which would be kept alive for nothing.

    Attributes
    ----------
    checks
        Problems first; also what could not be read.
    curve
        LV volume where there are labels; None where nothing could be read.
    reference
        End-diastole where the user leaves it automatic.
    segments
        {segment ID: label} that was recognized.
    structures
        What was segmented in the reference frame, in words.
    labeledFrames
        The frames that have labels.
    """

    checks: tuple[Check, ...] = ()
    curve: VolumeCurve | None = None
    reference: int | None = None
    segments: dict[str, int] | None = None
    structures: str = ""
    labeledFrames: tuple[int, ...] = ()


class StudyReader:
    """Reads the study that the parameter node names, once for every state of it."""

    def __init__(self) -> None:
        self._version: Any = None
        self._reading = Reading()

    def forget(self) -> None:
        """The scene closes."""
        self._version, self._reading = None, Reading()

    def read(self, parameterNode: Any) -> Reading:
        """What is known of the study now; cheap unless something changed."""
        from CardiacMotionLib.scene.versions import version_of

        cine, segmentation = parameterNode.cine, parameterNode.segmentation
        drawnIn = AUTOMATIC if analysis.saysFrame(segmentation) else parameterNode.referenceFrame
        version = (version_of(cine), version_of(segmentation), drawnIn, parameterNode.segments)
        if version != self._version:
            self._reading = readStudy(parameterNode)
            self._version = version
        return self._reading


def readStudy(parameterNode: Any) -> Reading:
    """Read cine and labels and look at them; what cannot be read becomes a check."""
    from CardiacMotionLib.checks import OK, checks_of, structures_of
    from CardiacMotionLib.scene import match_segments
    from CardiacMotionLib.scene.volume_chart import curve_of_labels
    from CardiacMotionLib.series import default_reference

    cine, segmentation = parameterNode.cine, parameterNode.segmentation
    drawnIn = None if parameterNode.referenceFrame == AUTOMATIC else parameterNode.referenceFrame
    problems, segments = [], None
    try:
        chosen = analysis.chosenSegments(parameterNode)
        segments = match_segments(segmentation, chosen) if segmentation is not None else None
        series = analysis.read(cine, segmentation, drawnIn, chosen)
    except CardiacMotionError as error:
        problems.append(unreadable(error))
        try:
            series = analysis.read(cine)
        except CardiacMotionError:
            return Reading(tuple(problems), segments=segments)
    if segmentation is not None and not problems:
        problems += guessedFrame(series, segmentation)
    checks = checks_of(series)
    if problems and segmentation is not None and not series.labels:
        checks = [check for check in checks if "no segmentation" not in check.sentence]
    reference = default_reference(series)
    labels = series.labels.get(reference)
    structures = "" if labels is None else "\n".join(str(one) for one in structures_of(labels, series.affine))
    last = [check for check in checks if check.level == OK]
    return Reading(
        (*problems, *(check for check in checks if check.level != OK), *last),
        curve_of_labels(series),
        reference,
        segments,
        structures,
        tuple(series.labels),
    )


def unreadable(error: CardiacMotionError) -> Check:
    """The check for nodes that cannot be read: what is wrong and what would be right, as the error has them."""
    from CardiacMotionLib.checks import PROBLEM, Check

    wrong, _semicolon, right = str(error).partition("; ")
    advice = _("choose its segments by hand above") if "segment_labels" in right else right
    return Check(PROBLEM, *(f"{text[:1].upper()}{text[1:]}." if text else "" for text in (wrong, advice)))


def guessedFrame(series: Any, segmentation: Any) -> list[Check]:
    """A note where the segmentation does not say which frame it was drawn in."""
    from CardiacMotionLib.checks import NOTE, Check

    if not any("taken to be drawn in the first frame" in note for note in series.meta["notes"]):
        return []
    return [
        Check(
            NOTE,
            _("{name} does not say which frame it was drawn in: frame 0 is assumed.").format(
                name=segmentation.GetName()
            ),
            _("Set End-diastole to the frame it was drawn in."),
        )
    ]


def checkFrames(parameterNode: Any, reading: Reading) -> list[Check]:
    """Whether the two frames that the user set can be what they are set to."""
    from CardiacMotionLib.checks import PROBLEM, Check

    reference, endSystole = parameterNode.referenceFrame, parameterNode.endSystole
    last = parameterNode.cine.GetNumberOfDataNodes() - 1
    checks = []
    for name, frame in ((_("End-diastole"), reference), (_("End-systole"), endSystole)):
        if frame > last:
            checks.append(
                Check(
                    PROBLEM,
                    _("{name} is frame {frame}, but frames run from 0 to {last}.").format(
                        name=name, frame=frame, last=last
                    ),
                    _("Set it to one of them, or to automatic."),
                )
            )
    if AUTOMATIC != reference <= last and reading.labeledFrames and reference not in reading.labeledFrames:
        checks.append(
            Check(
                PROBLEM,
                _("End-diastole is frame {frame}, but the segmentation is of frame {labeled}.").format(
                    frame=reference, labeled=", ".join(map(str, reading.labeledFrames))
                ),
                _("Set it to the segmented frame or to automatic, or segment this one."),
            )
        )
    if AUTOMATIC != reference == endSystole:
        checks.append(
            Check(PROBLEM, _("End-diastole and end-systole are the same frame."), _("Set one of them to automatic."))
        )
    return checks

"""What a reader should know before trusting the numbers, worst first, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..strain.compute import NOT_CORRECTED, RADIAL_SCATTER, RELIABLE_FRAMES
from ..strain.insertion import CLOCKWISE, EXCHANGED
from ..strain.volumes import STEADY

if TYPE_CHECKING:
    import pandas as pd

    from ..pipeline import Outcome
    from ..strain import Strain

Flag = tuple[str, str]  # severity, sentence
PROBLEM, CAUTION, NOTE, GOOD = "problem", "caution", "note", "good"
SEVERITIES = (PROBLEM, CAUTION, NOTE, GOOD)

NO_LABELS = "There is no strain: it needs a segmentation of the end-diastolic frame; select one."

# Where the words change. They are rules of thumb for reading, not limits that a study has shown.
FOLDING_PROBLEM = 1.0  # % of the voxels of the heart
VOLUME_CAUTION, VOLUME_PROBLEM = 0.10, 0.25  # mean |J - 1| of the wall in the worst frame
LEFT_CAUTION = 0.85  # of the difference between frames that is left once the motion is taken out
DICE_CAUTION, DICE_PROBLEM = 0.80, 0.60
RESIDUAL_SHARE = 0.20  # of the peak that is left at the end of the cycle
LEAST_RESIDUAL = 0.02  # strain; less is not worth a word
VERY_FEW_FRAMES = 15
FEW_RINGS = 3


def quality_flags(outcome: Outcome) -> list[Flag]:
    """(severity, sentence) of everything in an outcome that limits its strain, worst first.

    Severities are ``problem`` (do not read these numbers), ``caution`` (read them with this in mind), ``note``, and
    ``good`` when nothing stands in the way. Every sentence says what was seen and what to do.
    """
    flags = [*_of_motion(outcome.quality)]
    if outcome.strain is None:
        flags.append((NOTE, next((note for note in outcome.notes if note.startswith("No strain")), NO_LABELS)))
    else:
        flags += [*_of_cycle(outcome.strain), *_of_slices(outcome.strain), *_of_numbers(outcome.strain)]
    flags.sort(key=lambda flag: SEVERITIES.index(flag[0]))
    if outcome.strain is None or any(severity in (PROBLEM, CAUTION) for severity, _ in flags):
        return flags
    calm = "no lasting drift, " if _shows_drift(outcome.strain) and not outcome.strain.drift_corrected else ""
    return [(GOOD, f"No folding, {calm}and the motion explains the images: nothing stands out."), *flags]


def _of_motion(quality: pd.DataFrame) -> Iterator[Flag]:
    structure = "heart" if (quality["structure"] == "heart").any() else "whole"
    folding = _worst(quality, "folding", structure)
    if folding is not None and folding[0] > 0:
        worst, frame = folding
        yield (
            PROBLEM if worst >= FOLDING_PROBLEM else CAUTION,
            f"The motion folds over in {worst:.2g} % of the {'heart' if structure == 'heart' else 'image'} in frame "
            f"{frame}, which tissue cannot do: do not read segments there. Ask the method for a smoother motion, or "
            "use another method.",
        )
    volume = _worst(quality, "|J-1|", "LV myocardium")
    if volume is not None and volume[0] > VOLUME_CAUTION:
        worst, frame = volume
        yield (
            PROBLEM if worst > VOLUME_PROBLEM else CAUTION,
            f"The wall changes its volume by {100 * worst:.0f} % on average in frame {frame}; living muscle keeps it "
            "within a few percent. Radial strain is the first to be wrong: rely on circumferential strain, or ask the "
            "method for a smoother motion.",
        )
    yield from _of_images(quality)
    for labeled, rows in quality[quality["metric"] == "Dice"].groupby("structure", sort=False):
        values = rows["value"].to_numpy(float)
        least, frame = float(values.min()), int(rows["frame"].to_numpy(int)[values.argmin()])
        if least < DICE_CAUTION:
            yield (
                PROBLEM if least < DICE_PROBLEM else CAUTION,
                f"The {labeled} carried to frame {frame} overlaps the one drawn there with a Dice of {least:.2f} "
                "only. Look at the contours in that frame: either the motion or a contour is off.",
            )


def _of_images(quality: pd.DataFrame) -> Iterator[Flag]:
    after, before = (quality[quality["metric"] == metric] for metric in ("RMSE", "RMSE before"))
    if not len(after) or not len(before) or not before["value"].mean() > 0:
        return
    left = float(after["value"].mean() / before["value"].mean())
    if left >= 1.0:
        yield (
            PROBLEM,
            "With the motion taken out the frames differ from the reference as much as before: the method did not find "
            "the motion. Try another method, or look for frames that are empty or out of order.",
        )
    elif left > LEFT_CAUTION:
        yield (
            CAUTION,
            f"{100 * left:.0f} % of the difference between the frames is left once the motion is taken out: it "
            "explains little of what is seen. Compare the warped frames with the reference before you trust it.",
        )


def _of_cycle(strain: Strain) -> Iterator[Flag]:
    frames = len(strain.times)
    if frames < VERY_FEW_FRAMES:
        yield (
            CAUTION,
            f"{frames} frames a cycle: the true peak falls between two of them, so peaks are too small and their times "
            f"coarse; strain rate needs {RELIABLE_FRAMES} or more. Read strain at end-systole.",
        )
    elif frames < RELIABLE_FRAMES:
        yield (
            NOTE,
            f"{frames} frames a cycle: strain rate is unreliable below {RELIABLE_FRAMES}; read strain, not its rate.",
        )
    if not strain.timed:
        yield (
            NOTE,
            "The frames have no times: there is no strain rate and no time to peak. Load the images with their trigger "
            "times, from DICOM for example.",
        )
    refused = next((note for note in strain.notes if note.startswith(NOT_CORRECTED)), "")
    if refused:
        yield CAUTION, refused
    worst = _residual(strain)
    if worst is not None and not strain.drift_corrected and not refused:
        component, residual, share = worst
        yield (
            PROBLEM if share > 0.5 else CAUTION,
            f"{component.capitalize()} strain does not come back to zero: {100 * residual:+.1f} % is left at the end "
            f"of the cycle, {100 * share:.0f} % of the peak. The motion drifts, or the frames do not cover a whole "
            "cycle. Read end-systolic values only, or switch on drift correction if they do.",
        )
    if strain.drift_corrected:
        yield (
            NOTE,
            "Drift correction is on: the curves were brought back to zero at the end of the cycle, not the maps.",
        )


def _shows_drift(strain: Strain) -> bool:
    """Whether the series goes on after end-systole, so that something can be left at its end."""
    last = (strain.reference - 1) % len(strain.times)
    return strain.end_systole != last and len(strain.times) >= 3


def _residual(strain: Strain) -> tuple[str, float, float] | None:
    """(component, residual, share of the peak) of the global curve that is furthest from zero at the end."""
    if not _shows_drift(strain):
        return None
    rows = strain.summary[(strain.summary["region"] == "global") & (strain.summary["measure"] == "engineering")]
    found = [
        (str(component), float(residual), abs(float(residual)) / max(abs(float(peak)), 1e-6))
        for component, residual, peak in zip(rows["component"], rows["end_cycle_residual"], rows["peak"], strict=True)
    ]
    large = [one for one in found if abs(one[1]) > LEAST_RESIDUAL and one[2] > RESIDUAL_SHARE]
    return max(large, key=lambda one: one[2], default=None)


def _of_slices(strain: Strain) -> Iterator[Flag]:
    if strain.wall.shape[0] == 1:
        yield (
            CAUTION,
            "One slice: volumes, ejection fraction and mass are of that slice, there is no longitudinal strain, and "
            "through-plane motion is not seen.",
        )
    elif strain.rv_insertion is not None:
        rings = int(strain.segments.any(axis=(1, 2)).sum())
        if rings < FEW_RINGS:
            yield (
                CAUTION,
                f"Only {rings} slices show the wall as a closed ring: basal, mid and apical segments are not all "
                "there. Segment more slices.",
            )
    if strain.rv_insertion is None:
        yield (
            CAUTION,
            "There are no AHA segments, because the RV insertions are not known: place them with two clicks below, or "
            "label the RV.",
        )
    for note in strain.notes:
        if note in (CLOCKWISE, EXCHANGED):
            yield CAUTION, note


def _of_numbers(strain: Strain) -> Iterator[Flag]:
    radial, thickening = strain.function["GRS_percent"], strain.function["wall_thickening_percent"]
    if abs(radial - thickening) > RADIAL_SCATTER:
        yield (
            CAUTION,
            f"Global radial strain ({radial:.0f} %) and the thickening of the wall as a whole ({thickening:.0f} %) "
            "disagree: radial strain is rough here, rely on the thickening.",
        )
    cavity = strain.volumes["lv_cavity_ml"].to_numpy()
    if cavity[strain.reference] < (1 - STEADY) * cavity.max():
        yield (
            CAUTION,
            f"The cavity is largest in frame {int(cavity.argmax())}, but strain is counted from frame "
            f"{strain.reference}: it starts from a heart that is not at end-diastole. Choose that frame as "
            "end-diastole and segment it.",
        )
    if strain.end_systole == strain.reference:
        yield (
            PROBLEM,
            f"End-systole and end-diastole are the same frame ({strain.reference}): every value is zero. Set the frame "
            "of end-systole.",
        )


def _worst(quality: pd.DataFrame, metric: str, structure: str) -> tuple[float, int] | None:
    """(value, frame) of the largest score, None where there is none."""
    rows = quality[(quality["metric"] == metric) & (quality["structure"] == structure)]
    if not len(rows):
        return None
    values = rows["value"].to_numpy(float)
    return float(values.max()), int(rows["frame"].to_numpy(int)[values.argmax()])

"""What a benchmark knows of a subject beside its images, and the scores of a motion against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from ..series import LABEL_NAMES, MYOCARDIUM, ImageSeries, default_reference

if TYPE_CHECKING:
    from ..motion import Motion
    from .subjects import StudySubject

GLOBAL = "global"
SCORES = {  # column: (heading with its unit, whether more is better)
    "dice": ("Dice", True),
    "hd95_mm": ("HD95 (mm)", False),
    "asd_mm": ("ASD (mm)", False),
    "epe_mm": ("EPE (mm)", False),
    "epe_in_plane_mm": ("EPE in plane (mm)", False),
    "ecc_error": ("Ecc error of voxels (%)", False),
    "ecc_segmental": ("Ecc error of segments (%)", False),
    "ecc_global": ("Ecc error, global (%)", False),
    "landmark_mm": ("landmarks (mm)", False),
    "sd_log_j": ("SDlogJ", False),
    "folding": ("folding (%)", False),
    "d_pca1": ("D_PCA1", False),
}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A subject as its runs get it.

    Attributes
    ----------
    series
        Images and labels.
    reference, end_systole
        Frames; ``end_systole`` is the labeled frame with the smallest cavity where the data set does not say.
    truth
        Exact motion, where it is known.
    landmarks
        {name: (T, N, 3) RAS mm} of points known in every frame.
    strain
        {region: exact circumferential Green-Lagrange strain at end-systole}, where it is known.
    """

    series: ImageSeries
    reference: int
    end_systole: int
    truth: Motion | None = None
    landmarks: Mapping[str, np.ndarray] = field(default_factory=dict)
    strain: Mapping[str, float] = field(default_factory=dict)


def prepare(subject: StudySubject) -> Prepared:
    """Read or make a subject, and find out what is known of it."""
    from .subjects import SyntheticSubject

    examination = subject.examination()
    series = examination.series
    reference = int(series.meta.get("end_diastole", default_reference(series)))
    moving = {name: points for name, points in examination.landmarks.items() if np.ndim(points) == 3}
    truth = examination.motion
    if truth is not None and truth.reference is not None:
        reference = truth.reference
    systole = _end_systole(series, reference)
    hearts = isinstance(subject, SyntheticSubject) and subject.kind in ("cine", "dense")
    exact = _exact_strain(subject, systole) if hearts else {}
    return Prepared(series, reference, systole, truth, moving, exact)


def _end_systole(series: ImageSeries, reference: int) -> int:
    """As the data set says, else the labeled frame with the smallest cavity, else the one farthest in time."""
    if "end_systole" in series.meta:
        return int(series.meta["end_systole"])
    cavities = {t: int((a == max(LABEL_NAMES)).sum()) for t, a in series.labels.items() if t != reference}
    cavities = {t: size for t, size in cavities.items() if size}
    return min(cavities, key=cavities.__getitem__) if cavities else (reference + len(series) // 2) % len(series)


def _exact_strain(subject: Any, systole: int) -> dict[str, float]:
    """Circumferential strain of the map behind a synthetic heart, by segment and of the whole wall."""
    from ..strain import strain
    from ..strain.tensor import green_strain, project

    person = subject.heart()
    labels = person.series.labels[0]
    wall = labels == MYOCARDIUM
    green = green_strain(person.gradient_at(person.voxel_points()[wall], systole))
    values = project(green, person.wall_axes()[wall][:, 1])
    segments = strain(person.motion, labels, end_systole=systole).segments[wall]
    found = {str(n): float(values[segments == n].mean()) for n in range(1, 17) if (segments == n).any()}
    return {GLOBAL: float(values.mean()), **found}


def score(motion: Motion, known: Prepared) -> dict[str, float]:
    """Scores at end-systole by their names in `SCORES`; those that cannot be are left out.

    Overlap and distances are means over the structures that are labeled; endpoint error and strain are those of the
    wall, strain errors in percentage points, segmental the mean over segments; SDlogJ is that of end-systole, folding
    of the worst frame, both of the heart where it is labeled; D_PCA1 of all frames.
    """
    from ..metrics import evaluate

    if motion.reference is None:
        motion = motion.expressed_in(known.reference)
    table = evaluate(motion, known.series, truth=known.truth)
    at_systole = table[(table["frame"] == known.end_systole).fillna(False).astype(bool)]
    heart = "heart" if (table["structure"] == "heart").any() else "whole"
    wall = LABEL_NAMES[MYOCARDIUM]
    found = {
        "dice": _mean(at_systole, "Dice"),
        "hd95_mm": _mean(at_systole, "HD95"),
        "asd_mm": _mean(at_systole, "ASD"),
        "epe_mm": _mean(at_systole, "EPE", wall),
        "epe_in_plane_mm": _mean(at_systole, "EPE in plane", wall),
        "ecc_error": 100 * _mean(at_systole, "|Ecc error|", wall),
        "sd_log_j": _mean(at_systole, "SDlogJ", heart),
        "folding": float(table.loc[(table["metric"] == "folding") & (table["structure"] == heart), "value"].max()),
        "d_pca1": _mean(table, "D_PCA1"),
        "landmark_mm": _landmark_error(motion, known),
        **_strain_errors(motion, known),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _mean(table: pd.DataFrame, metric: str, structure: str | None = None) -> float:
    rows = table[table["metric"] == metric]
    if structure is not None:
        rows = rows[rows["structure"] == structure]
    return float(rows["value"].mean())


def _landmark_error(motion: Motion, known: Prepared) -> float:
    """Mean distance in mm at end-systole of points carried there."""
    errors = [
        np.linalg.norm(motion.track(points[known.reference])[known.end_systole] - points[known.end_systole], axis=-1)
        for points in known.landmarks.values()
        if len(points) == len(known.series)
    ]
    return float(np.nanmean(np.concatenate(errors))) if errors else float("nan")


def _strain_errors(motion: Motion, known: Prepared) -> dict[str, float]:
    """Percentage points of circumferential strain at end-systole, of segments and of the whole wall."""
    from ..strain import strain

    labels = known.series.labels.get(known.reference)
    if not known.strain or labels is None:
        return {}
    try:
        summary = strain(motion, labels, end_systole=known.end_systole).summary
    except CardiacMotionError:  # no left ventricle to measure: the other scores stand
        return {}
    ours = summary[(summary["component"] == "circumferential") & (summary["measure"] == "green")]
    errors = (ours.set_index("region")["end_systolic"] - pd.Series(known.strain)).abs().dropna() * 100
    segments = errors.drop(GLOBAL, errors="ignore")
    return {"ecc_global": float(errors.get(GLOBAL, np.nan)), "ecc_segmental": float(segments.mean())}

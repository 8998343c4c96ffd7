"""How good a motion of the wall is, and whether its spread tells how good."""

from __future__ import annotations

import numpy as np

from ....motion import Motion
from ....phantom import Subject
from ....series import MYOCARDIUM
from ....strain import strain
from ...benchmark_scores import SCORES, Prepared, score

NINETY = 1.6449  # standard deviations that hold 90 % of a normal distribution
TAKEN = ("epe_in_plane_mm", "ecc_error", "ecc_segmental", "ecc_global")


def scores(motion: Motion, known: Prepared) -> dict[str, float]:
    """Errors at end-systole by their headings."""
    found = score(motion, known)
    return {SCORES[name][0]: found[name] for name in TAKEN if name in found}


def coverage(motion: Motion, subject: Subject, frame: int) -> float:
    """Percent of the voxels of the wall whose exact circumferential strain lies in the interval of 90 %.

    That is the mean of the samples and 1.64 of their standard deviations to either side.
    """
    labels = subject.series.labels[0]
    found = strain(motion, labels)
    wall = found.wall & (labels == MYOCARDIUM)
    off = np.abs(found.circumferential[frame] - subject.strain()["circumferential"][frame])
    inside = off <= NINETY * found.spread("circumferential")[frame]
    return 100 * float(inside[wall & np.isfinite(off)].mean())

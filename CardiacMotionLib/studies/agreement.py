"""How well measurements agree: limits of agreement, repeatability, concordance; intraclass correlation beside them.

Sources, by which the functions below name their equations (those of the ICC are in ``intraclass``):

- Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of clinical measurement.
  Lancet 1986;327:307-310. Measuring agreement in method comparison studies. Stat Methods Med Res 1999;8:135-160.
- Carkeet A. Exact parametric confidence intervals for Bland-Altman limits of agreement. Optom Vis Sci 2015;92:e71-80.
- Lin LI. A concordance correlation coefficient to evaluate reproducibility. Biometrics 1989;45:255-268, with the
  correction of Biometrics 2000;56:324-325.

Nothing here leaves out a missing value by itself: `complete_rows` does, and says how many are left.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..errors import CardiacMotionError
from .intraclass import (
    Interval,
    IntraclassCorrelation,
    checked_ratings,
    complete_rows,
    icc_agreement,
    icc_consistency,
    icc_one_way,
)

__all__ = [
    "BlandAltman",
    "Concordance",
    "Interval",
    "IntraclassCorrelation",
    "Repeatability",
    "bland_altman",
    "complete_rows",
    "concordance",
    "icc_agreement",
    "icc_consistency",
    "icc_one_way",
    "repeatability",
]

LIMIT = 1.96  # standard deviations, between which 95 % of a normal distribution lie


class BlandAltman(NamedTuple):
    """Differences second - first, in the unit of what was measured; ``slope`` is difference per mean of the two."""

    bias: float
    sd: float
    lower: float
    upper: float
    bias_interval: Interval
    lower_interval: Interval
    upper_interval: Interval
    slope: float
    slope_p: float
    pairs: int


class Repeatability(NamedTuple):
    """Spread of repeats within a subject: in the unit measured, and in % of the subject's mean."""

    within_sd: float
    coefficient: float
    cov_percent: float
    subjects: int
    repeats: int


class Concordance(NamedTuple):
    """Pearson's and Lin's correlation, each with its interval."""

    pearson: float
    pearson_interval: Interval
    lin: float
    lin_interval: Interval
    pairs: int


def bland_altman(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> BlandAltman:
    """Bias and 95 % limits of agreement of ``second`` - ``first`` (Bland & Altman 1986).

    The interval of the bias is Student's; those of the limits are exact for normal differences, by the noncentral t
    (Carkeet 2015). The slope is that of the differences over the means of the two (Bland & Altman 1999, section 3).

    Parameters
    ----------
    first, second
        (N,) each, of the same subjects in the same order, without missing values.
    confidence
        Of the intervals.

    Raises
    ------
    CardiacMotionError
        for missing values, lengths that differ, or fewer than three pairs.
    """
    one, other = _pairs(first, second)
    difference, middle = other - one, (one + other) / 2
    n = len(difference)
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    tail = (1 + confidence) / 2
    half = float(stats.t.ppf(tail, n - 1)) * sd / math.sqrt(n)
    near, far = (float(stats.nct.ppf(q, n - 1, LIMIT * math.sqrt(n))) * sd / math.sqrt(n) for q in (1 - tail, tail))
    slope, slope_p = _trend(middle, difference)
    return BlandAltman(
        bias,
        sd,
        bias - LIMIT * sd,
        bias + LIMIT * sd,
        Interval(bias - half, bias + half),
        Interval(bias - far, bias - near),
        Interval(bias + near, bias + far),
        slope,
        slope_p,
        n,
    )


def repeatability(repeats: ArrayLike) -> Repeatability:
    """Within-subject SD, repeatability coefficient and coefficient of variation of repeats (N, K).

    ``within_sd`` is the root of the mean variance within subjects; ``coefficient`` is 1.96 sqrt(2) of it, below which
    two repeats of a subject differ in 95 % of cases (Bland & Altman 1999, section 2). ``cov_percent`` is by the root
    mean square method: the root of the mean of (SD / mean)^2 of each subject, times 100.

    Raises
    ------
    CardiacMotionError
        for missing values, fewer than two subjects or repeats, or a subject whose mean is 0.
    """
    table = checked_ratings(repeats)
    variance, mean = table.var(1, ddof=1), table.mean(1)
    if (mean == 0).any():
        raise CardiacMotionError(
            "the coefficient of variation needs subjects whose mean is not 0; that of subject "
            f"{int(np.flatnonzero(mean == 0)[0])} is"
        )
    within = math.sqrt(variance.mean())
    cov = 100 * math.sqrt(np.mean(variance / mean**2))
    return Repeatability(within, LIMIT * math.sqrt(2) * within, cov, *table.shape)


def concordance(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Concordance:
    """Pearson's correlation and Lin's concordance of pairs (N,), intervals by Fisher's z (Lin 1989, 2000).

    Raises
    ------
    CardiacMotionError
        for missing values, lengths that differ, fewer than four pairs, or a side whose values are all alike.
    """
    one, other = _pairs(first, second, least=4)
    for name, side in (("first", one), ("second", other)):
        if np.ptp(side) == 0:
            raise CardiacMotionError(f"correlation needs values that differ; those of the {name} are all {side[0]:g}")
    n = len(one)
    r = float(np.clip(np.corrcoef(one, other)[0, 1], -1, 1))
    sds, shift = (float(one.std()), float(other.std())), float(one.mean() - other.mean())
    lin = 2 * r * sds[0] * sds[1] / (sds[0] ** 2 + sds[1] ** 2 + shift**2)
    u = shift / math.sqrt(sds[0] * sds[1])
    z = float(stats.norm.ppf((1 + confidence) / 2))
    return Concordance(
        r, _fisher(r, z / math.sqrt(n - 3)), lin, _fisher(lin, z * _lin_error(r, lin, u, n)) if r else Interval(0, 0), n
    )


# ---------------------------------------------------------------------- parts


def _pairs(first: ArrayLike, second: ArrayLike, least: int = 3) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise CardiacMotionError(f"pairs must be two rows of the same length, got shapes {one.shape} and {other.shape}")
    if len(one) < least:
        raise CardiacMotionError(f"at least {least} pairs are needed, got {len(one)}")
    missing = int(np.count_nonzero(~(np.isfinite(one) & np.isfinite(other))))
    if missing:
        raise CardiacMotionError(f"{missing} of {len(one)} pairs lack a value: leave them out with complete_rows")
    return one, other


def _trend(middle: np.ndarray, difference: np.ndarray) -> tuple[float, float]:
    if np.ptp(middle) == 0:
        return math.nan, math.nan  # there is no trend over one value
    fit = stats.linregress(middle, difference)
    return float(fit.slope), float(fit.pvalue)


def _fisher(value: float, half: float) -> Interval:
    if abs(value) >= 1 - 1e-15 or math.isnan(half):
        return Interval(value, value)
    z = math.atanh(value)
    return Interval(math.tanh(z - half), math.tanh(z + half))


def _lin_error(r: float, lin: float, u: float, n: int) -> float:
    """Standard error of atanh(lin), Lin 1989 with the correction of 2000."""
    rest = 1 - lin**2
    if rest < 1e-15:
        return 0.0
    variance = (
        (1 - r**2) * lin**2 / (rest * r**2)
        + 2 * lin**3 * (1 - lin) * u**2 / (r * rest**2)
        - lin**4 * u**4 / (2 * r**2 * rest**2)
    ) / (n - 2)
    return math.sqrt(max(variance, 0.0))

"""Intraclass correlation of single measurements, with its interval and F test.

- Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability. Psychol Bull 1979;86:420-428.
- McGraw KO, Wong SP. Forming inferences about some intraclass correlation coefficients. Psychol Methods 1996;1:30-46.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..errors import CardiacMotionError


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


class IntraclassCorrelation(NamedTuple):
    """An ICC of single measurements with its interval, and the F test of whether it is above 0."""

    value: float
    interval: Interval
    f: float
    degrees: tuple[int, int]
    p: float
    subjects: int
    raters: int


class _MeanSquares(NamedTuple):
    """Of a two-way table without replication: subjects (rows), raters (columns), residual, and within subjects."""

    rows: float
    columns: float
    residual: float
    within: float


def complete_rows(ratings: ArrayLike) -> np.ndarray:
    """The subjects (rows) of (N, K) of whom every value is there."""
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise CardiacMotionError(f"ratings must have shape (subjects, raters), got {table.shape}")
    return table[np.isfinite(table).all(1)]


def icc_one_way(ratings: ArrayLike, confidence: float = 0.95) -> IntraclassCorrelation:
    """ICC(1,1): each subject has its own raters (Shrout & Fleiss 1979, case 1; McGraw & Wong 1996, ICC(1)).

    Parameters
    ----------
    ratings
        (N, K): subjects by raters (or repeats), without missing values.
    confidence
        Of the interval.

    Raises
    ------
    CardiacMotionError
        for missing values, fewer than two subjects or raters, or subjects that are all measured alike.
    """
    table = checked_ratings(ratings)
    mean = _mean_squares(table)
    n, k = table.shape
    return _of_f(mean.rows, mean.within, n, k, (n - 1, n * (k - 1)), confidence)


def icc_consistency(ratings: ArrayLike, confidence: float = 0.95) -> IntraclassCorrelation:
    """ICC(3,1): these raters, whose bias does not count (Shrout & Fleiss 1979, case 3; McGraw & Wong 1996, ICC(C,1)).

    Parameters and errors as of `icc_one_way`.
    """
    table = checked_ratings(ratings)
    mean = _mean_squares(table)
    n, k = table.shape
    return _of_f(mean.rows, mean.residual, n, k, (n - 1, (n - 1) * (k - 1)), confidence)


def icc_agreement(ratings: ArrayLike, confidence: float = 0.95) -> IntraclassCorrelation:
    """ICC(2,1): any such raters, whose bias counts (Shrout & Fleiss 1979, case 2; McGraw & Wong 1996, ICC(A,1)).

    The interval is that of McGraw & Wong's table 7, with Satterthwaite's degrees of freedom.
    Parameters and errors as of `icc_one_way`.
    """
    table = checked_ratings(ratings)
    rows, columns, residual, _ = _mean_squares(table)
    n, k = table.shape
    value = (rows - residual) / (rows + (k - 1) * residual + k / n * (columns - residual))
    degrees = n - 1, (n - 1) * (k - 1)
    f, p = _f_test(rows, residual, degrees)
    if value >= 1 - 1e-12:
        return IntraclassCorrelation(1.0, Interval(1.0, 1.0), f, degrees, p, n, k)
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    spread = (a * columns) ** 2 / (k - 1) + (b * residual) ** 2 / degrees[1]
    v = (a * columns + b * residual) ** 2 / spread
    tail = (1 + confidence) / 2
    low_f, high_f = float(stats.f.ppf(tail, n - 1, v)), float(stats.f.ppf(tail, v, n - 1))
    others = k * columns + (k * n - k - n) * residual
    low = n * (rows - low_f * residual) / (low_f * others + n * rows)
    high = n * (high_f * rows - residual) / (others + n * high_f * rows)
    return IntraclassCorrelation(value, Interval(low, high), f, degrees, p, n, k)


def checked_ratings(ratings: ArrayLike) -> np.ndarray:
    """Ratings (subjects, raters) as float64; raises `CardiacMotionError` for missing values or fewer than 2 of each."""
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        raise CardiacMotionError(
            f"ratings must have shape (subjects, raters) with at least 2 of each, got {table.shape}"
        )
    missing = int(np.count_nonzero(~np.isfinite(table).all(1)))
    if missing:
        raise CardiacMotionError(
            f"{missing} of {len(table)} subjects lack a value; every subject needs one of each rater: leave them out "
            "with complete_rows"
        )
    return table


def _mean_squares(table: np.ndarray) -> _MeanSquares:
    if not np.ptp(table, axis=0).any():
        raise CardiacMotionError(f"an ICC needs subjects that differ; all have {', '.join(f'{v:g}' for v in table[0])}")
    n, k = table.shape
    mean, of_rows, of_columns = table.mean(), table.mean(1, keepdims=True), table.mean(0, keepdims=True)
    scale = float(np.abs(table).max())
    residual = float(((table - of_rows - of_columns + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    if residual < (1e-12 * scale) ** 2:
        residual = 0.0  # rounding
    return _MeanSquares(
        k * float(((of_rows - mean) ** 2).sum()) / (n - 1),
        n * float(((of_columns - mean) ** 2).sum()) / (k - 1),
        residual,
        float(((table - of_rows) ** 2).sum()) / (n * (k - 1)),
    )


def _f_test(rows: float, error: float, degrees: tuple[int, int]) -> tuple[float, float]:
    f = rows / error if error else math.inf
    return f, float(stats.f.sf(f, *degrees))


def _of_f(
    rows: float, error: float, n: int, k: int, degrees: tuple[int, int], confidence: float
) -> IntraclassCorrelation:
    """The ICC that is a function of one F ratio alone, and so is its interval."""
    f, p = _f_test(rows, error, degrees)
    if math.isinf(f):
        return IntraclassCorrelation(1.0, Interval(1.0, 1.0), f, degrees, p, n, k)
    tail = (1 + confidence) / 2
    ratios = f, f / float(stats.f.ppf(tail, *degrees)), f * float(stats.f.ppf(tail, *degrees[::-1]))
    value, low, high = ((ratio - 1) / (ratio + k - 1) for ratio in ratios)
    return IntraclassCorrelation(value, Interval(low, high), f, degrees, p, n, k)

"""The gap between synthetic and real cines, with the distance of real cines from each other as the yardstick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...errors import CardiacMotionError
from .statistics import HISTOGRAMS, Measurement

TINY = 1e-9
COLUMNS = (
    "statistic",
    "real_mean",
    "real_low",
    "real_high",
    "synthetic_mean",
    "synthetic_low",
    "synthetic_high",
    "gap",
    "real_distance",
    "synthetic_distance",
    "ratio",
    "variety",
)


def compare(real: Sequence[Measurement], synthetic: Sequence[Measurement]) -> pd.DataFrame:
    """One row a statistic, with how far synthetic cines are from the real ones and from each other.

    ``gap`` is (mean synthetic - mean real) in standard deviations of the real cines. ``real_distance`` is how far a
    real cine lies from the mean of the other real ones, ``synthetic_distance`` how far a synthetic one lies from the
    mean of the real ones, both on average and in standard deviations of the real cines. ``ratio`` is the second over
    the first: 1 is as real as real cines are. ``variety`` is how far a synthetic cine lies from the mean of the other
    synthetic ones, over ``real_distance``: below 1 synthetic cines are more alike than real ones; NaN for a single one.

    For histograms the distances are the 1-Wasserstein distance (in the unit of the histogram) and the Jensen-Shannon
    divergence (bits) to the pooled histogram of the (other) cines; real and synthetic columns hold these distances, and
    ``gap`` is NaN.

    Parameters
    ----------
    real
        At least two.
    synthetic
        At least one.
    """
    if len(real) < 2 or not synthetic:
        raise CardiacMotionError(
            f"realism needs at least two real cines and one synthetic one, got {len(real)} and {len(synthetic)}"
        )
    rows = [_of_numbers(key, real, synthetic) for key in real[0].values]
    for key, (title, unit) in HISTOGRAMS.items():
        for name, distance in _distances(key, unit).items():
            rows.append(_of_histograms(f"{title}: {name}", key, distance, real, synthetic))
    return pd.DataFrame([row for row in rows if row], columns=list(COLUMNS))


def pooled(measurements: Sequence[Measurement], histogram: str) -> np.ndarray | None:
    """(BINS,) mean histogram in which every cine weighs the same; None where no cine has it."""
    found = [m.histograms[histogram] for m in measurements if histogram in m.histograms]
    return np.mean(found, axis=0) if found else None


def wasserstein(a: np.ndarray, b: np.ndarray, width: float) -> float:
    """1-Wasserstein distance between two histograms (BINS,) of bins of ``width``, in the unit of ``width``."""
    return float(np.abs(np.cumsum(a - b)).sum() * width)


def jensen_shannon(a: np.ndarray, b: np.ndarray) -> float:
    """Jensen-Shannon divergence between two histograms in bits: 0 for the same, 1 for disjoint ones."""
    middle = (a + b) / 2
    parts = [np.sum(p[p > 0] * np.log2(p[p > 0] / middle[p > 0])) for p in (a, b)]
    return float(sum(parts) / 2)


def _distances(histogram: str, unit: str) -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
    width = float(np.diff(Measurement.bins(histogram))[0])
    return {
        f"Wasserstein ({unit})": lambda a, b: wasserstein(a, b, width),
        "Jensen-Shannon (bits)": jensen_shannon,
    }


def _of_numbers(key: str, real: Sequence[Measurement], synthetic: Sequence[Measurement]) -> dict[str, Any]:
    ours, theirs = (np.array([m.values[key] for m in group], dtype=float) for group in (synthetic, real))
    ours, theirs = ours[np.isfinite(ours)], theirs[np.isfinite(theirs)]
    if len(theirs) < 2 or not len(ours):
        return {}
    scale = max(float(theirs.std(ddof=1)), TINY)
    gap = float(ours.mean() - theirs.mean()) / scale
    between = [np.abs(group - _mean_of_others(group)) / scale for group in (theirs, ours)]
    return _row(key, theirs, ours, gap, between[0], np.abs(ours - theirs.mean()) / scale, between[1])


def _of_histograms(
    title: str,
    key: str,
    distance: Callable[[np.ndarray, np.ndarray], float],
    real: Sequence[Measurement],
    synthetic: Sequence[Measurement],
) -> dict[str, Any]:
    theirs, ours = (np.array([m.histograms[key] for m in group if key in m.histograms]) for group in (real, synthetic))
    if len(theirs) < 2 or not len(ours):
        return {}
    from_real = np.array([distance(one, theirs.mean(axis=0)) for one in ours])
    between = [
        np.array([distance(one, rest) for one, rest in zip(group, _mean_of_others(group), strict=True)])
        for group in (theirs, ours)
    ]
    return _row(title, between[0], from_real, np.nan, between[0], from_real, between[1])


def _mean_of_others(group: np.ndarray) -> np.ndarray:
    """For each entry along the first axis the mean of all others; NaN where there are none."""
    count = len(group) - 1
    return (group.sum(axis=0) - group) / count if count else np.full_like(group, np.nan)


def _row(
    statistic: str,
    real: np.ndarray,
    synthetic: np.ndarray,
    gap: float,
    between_real: np.ndarray,
    from_real: np.ndarray,
    between_synthetic: np.ndarray,
) -> dict[str, Any]:
    numbers = [float(f(group)) for group in (real, synthetic) for f in (np.mean, np.min, np.max)]
    yardstick, ours = float(between_real.mean()), float(from_real.mean())
    ratios = (value / max(yardstick, TINY) for value in (ours, float(between_synthetic.mean())))
    return dict(zip(COLUMNS, (statistic, *numbers, gap, yardstick, ours, *ratios), strict=True))

"""Strain over time in regions of the wall, its rate, and the correction of drift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .cycle import Cycle
from .tensor import engineering_from_green, green_from_engineering

Curves = dict[tuple[str, str], np.ndarray]  # (component, region) -> (T,) Green-Lagrange strain by frame number


def regional_curves(components: Mapping[str, np.ndarray], regions: Mapping[str, np.ndarray]) -> Curves:
    """Mean Green-Lagrange strain of every component (T, N) in every region (N,) bool that has a voxel."""
    return {
        (name, region): values[:, inside].mean(1, dtype=np.float64)
        for name, values in components.items()
        for region, inside in regions.items()
        if inside.any()
    }


def correct_drift(curves: Curves, cycle: Cycle) -> Curves:
    """Subtract from each curve, in engineering strain, the line from 0 at the reference to the residual at the end."""
    share = np.empty(len(cycle.order))
    share[cycle.order] = cycle.elapsed / max(cycle.elapsed[-1], 1e-12)
    corrected = {}
    for key, green in curves.items():
        engineering = engineering_from_green(green)
        corrected[key] = green_from_engineering(engineering - share * engineering[cycle.order[-1]])
    return corrected


def curve_table(curves: Curves, times: np.ndarray) -> pd.DataFrame:
    """Tidy table: component, region, frame, time_ms, green, engineering (fractions).

    ``green`` is the mean of Green-Lagrange strain over the voxels of the region, ``engineering`` the conversion of that
    mean, so that E = e + e^2 / 2 holds in every row.
    """
    frames = np.arange(len(times))
    return _stack(
        curves,
        lambda green: {"frame": frames, "time_ms": times, "green": green, "engineering": engineering_from_green(green)},
    )


def rate_table(curves: Curves, times: np.ndarray, cycle: Cycle) -> pd.DataFrame:
    """Tidy table: component, region, frame, time_ms, rate_per_s.

    The rate is de/dt of engineering strain by central differences along the unrolled cycle; NaN where the series has no
    times.
    """
    frames = np.arange(len(times))

    def rows(green: np.ndarray) -> dict[str, np.ndarray]:
        rate = np.full(len(times), np.nan)
        if cycle.timed and len(times) > 1:
            rate[cycle.order] = np.gradient(engineering_from_green(green[cycle.order]), cycle.elapsed / 1000)
        return {"frame": frames, "time_ms": times, "rate_per_s": rate}

    return _stack(curves, rows)


def _stack(curves: Curves, rows) -> pd.DataFrame:
    tables = [pd.DataFrame({"component": c, "region": r, **rows(green)}) for (c, r), green in curves.items()]
    return pd.concat(tables, ignore_index=True)

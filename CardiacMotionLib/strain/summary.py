"""What a reader asks of a strain curve: systolic and overall peak, time to peak, post-systolic index (Voigt 2015)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .curves import Curves
from .cycle import Cycle
from .tensor import engineering_from_green

SHORTENS = {"circumferential": True, "longitudinal": True, "radial": False}
NO_STRAIN = 1e-4  # a peak below this has no meaningful time or index


def summarize_curve(values: np.ndarray, end_systole: int, shortens: bool) -> dict[str, float]:
    """Figures of one curve (T,) in the order of time since the reference; ``end_systole`` is a place in that order.

    The peak is the most negative value where the component ``shortens`` in systole, else the most positive.
    ``peak_position`` is its place. The post-systolic index is 100 (peak - end-systolic) / peak when the peak comes
    after end-systole, else 0; NaN for a curve without a peak or with the opposite sign at end-systole, where a share of
    the peak means nothing.
    """
    sign = -1.0 if shortens else 1.0
    systolic = int((sign * values[: end_systole + 1]).argmax())
    overall = int((sign * values).argmax())
    peak, at_end = float(values[overall]), float(values[end_systole])
    index = 100 * (peak - at_end) / peak if overall > end_systole and abs(peak) > NO_STRAIN else 0.0
    return {
        "end_systolic": at_end,
        "peak_systolic": float(values[systolic]),
        "peak": peak,
        "peak_position": overall,
        "post_systolic_index": index if abs(peak) > NO_STRAIN and peak * at_end >= 0 else np.nan,
        "end_cycle_residual": float(values[-1]),
    }


def summary_table(curves: Curves, cycle: Cycle, end_systole: int) -> pd.DataFrame:
    """Tidy table: component, region, measure and the figures of `summarize_curve`; time in ms from the reference."""
    rows = []
    place = cycle.position(end_systole)
    for (component, region), green in curves.items():
        for measure, values in (("green", green), ("engineering", engineering_from_green(green))):
            figures = summarize_curve(values[cycle.order], place, SHORTENS[component])
            position = int(figures.pop("peak_position"))
            known = cycle.timed and abs(figures["peak"]) > NO_STRAIN
            time = float(cycle.elapsed[position]) if known else np.nan
            names = {"component": component, "region": region, "measure": measure}
            rows.append({**names, **figures, "time_to_peak_ms": time})
    order = ["component", "region", "measure", "end_systolic", "peak_systolic", "peak"]
    return pd.DataFrame(rows)[[*order, "time_to_peak_ms", "post_systolic_index", "end_cycle_residual"]]


def dyssynchrony(summary: pd.DataFrame, period: float) -> dict[str, float]:
    """SDI: sample SD over the AHA segments of the time to peak circumferential strain, in ms and % of the cycle."""
    rows = summary[
        (summary.component == "circumferential") & (summary.measure == "green") & summary.region.str.isdigit()
    ]
    times = rows["time_to_peak_ms"].dropna()
    spread = float(times.std(ddof=1)) if len(times) > 1 else np.nan
    return {"SDI_ms": spread, "SDI_percent": 100 * spread / period}

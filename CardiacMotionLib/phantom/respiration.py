"""The breathing of somebody on the table: a trace of breaths that differ, with a pause after breathing out."""

from __future__ import annotations

import math

import numpy as np

PERIOD_MS = 4000.0
DEEPEST = 1.5  # times the mean breath
TO_FRONT = 0.2  # mm to the front per mm towards the feet


def respiratory_trace(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How deeply somebody has breathed in at increasing ``times`` (ms): 0 breathed out, 1 at the top of a mean breath.

    sin^4 over each breath (Lujan 1999), whose length varies by 15 % and whose depth by 20 % (standard deviation).
    """
    count = 2 + math.ceil((times[-1] - times[0]) / (0.55 * PERIOD_MS))
    lengths = PERIOD_MS * (1 + 0.15 * rng.standard_normal(count).clip(-3, 3))
    depths = (1 + 0.2 * rng.standard_normal(count)).clip(0.5, DEEPEST)
    ends = np.cumsum(lengths)
    since = times - times[0] + rng.uniform(0, lengths[0])
    breath = np.searchsorted(ends, since, side="right")
    share = 1 - (ends[breath] - since) / lengths[breath]
    return depths[breath] * np.sin(np.pi * share) ** 4


def breaths(times: np.ndarray, depth_mm: float, drift_mm: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Shifts of the heart at ``times`` (ms) against the first of them, towards the feet and to the front (mm).

    A mean breath shifts by ``depth_mm``; ``drift_mm`` comes on top evenly from the first image to the last.
    """
    down = depth_mm * respiratory_trace(times, rng) + drift_mm * (times - times[0]) / (times[-1] - times[0])
    down = down - down[0]
    return [(float(amount), float(TO_FRONT * amount)) for amount in down]


def furthest(depth_mm: float, drift_mm: float) -> float:
    """The most by which `breaths` shift, mm."""
    return DEEPEST * depth_mm + abs(drift_mm)

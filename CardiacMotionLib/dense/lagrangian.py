"""Smooth paths of points over the time since the encoding."""

from __future__ import annotations

import numpy as np


def smooth_in_time(displacement: np.ndarray, times: np.ndarray, degree: int) -> np.ndarray:
    """Replace each path (T, ...) by its least-squares polynomial that is zero at time 0, the encoding.

    ``times`` (T,) after the encoding; ``degree`` of the polynomial (Spottiswoode 2007 use such fits of trajectories).
    """
    scaled = np.asarray(times, dtype=np.float64) / max(float(np.max(times)), 1e-12)
    legendre = np.polynomial.legendre.legvander(2 * scaled - 1, degree - 1)
    basis = scaled[:, None] * legendre  # zero at 0
    hat = basis @ np.linalg.pinv(basis)
    return (hat @ displacement.reshape(len(displacement), -1)).reshape(displacement.shape)

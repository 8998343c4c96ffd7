"""Displacements known where the tissue is now, to displacements of where it was at the encoding."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.interpolate import RBFInterpolator

REACH = 3.0  # pixels around the heart in which the fit is taken as it is
FADE = 4.0  # pixels in which it dies out farther away


def fit_displacement(points: np.ndarray, values: np.ndarray, heart: np.ndarray, smoothing: float) -> np.ndarray:
    """Smooth displacement on the grid of a slice from scattered ones: (J, I, C).

    A thin-plate spline with smoothing (Duchon 1977; Spottiswoode 2007 interpolate with radial basis functions too).
    It is evaluated within `REACH` pixels of ``heart``; farther away the nearest value dies out, so that a whole grid
    has a finite displacement.

    Parameters
    ----------
    points
        (N, 2) where the tissue was at the encoding, in pixels (j, i).
    values
        (N, C) its displacement.
    heart
        (J, I) bool, wall and cavity at the encoding.
    smoothing
        0 goes through every value; the more the smoother.
    """
    near = ndimage.distance_transform_edt(~heart) <= REACH
    result = np.zeros((*heart.shape, values.shape[1]))
    spline = RBFInterpolator(points, values, kernel="thin_plate_spline", smoothing=smoothing)
    result[near] = spline(np.argwhere(near).astype(np.float64))
    beyond, nearest = ndimage.distance_transform_edt(~near, return_indices=True)
    far = ~near
    result[far] = result[nearest[0][far], nearest[1][far]] * np.exp(-((beyond[far] / FADE) ** 2))[:, None]
    return result


def smooth_in_time(displacement: np.ndarray, times: np.ndarray, degree: int) -> np.ndarray:
    """Replace each path (T, ...) by its least-squares polynomial that is zero at time 0, the encoding.

    ``times`` (T,) after the encoding; ``degree`` of the polynomial (Spottiswoode 2007 use such fits of trajectories).
    """
    scaled = np.asarray(times, dtype=np.float64) / max(float(np.max(times)), 1e-12)
    legendre = np.polynomial.legendre.legvander(2 * scaled - 1, degree - 1)
    basis = scaled[:, None] * legendre  # zero at 0
    hat = basis @ np.linalg.pinv(basis)
    return (hat @ displacement.reshape(len(displacement), -1)).reshape(displacement.shape)

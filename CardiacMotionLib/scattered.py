"""Displacements known at some points of the tissue, to a smooth one on the grid of a slice."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.interpolate import RBFInterpolator

REACH, FADE = 3.0, 4.0  # pixels


def fit_displacement(
    points: np.ndarray,
    values: np.ndarray,
    heart: np.ndarray,
    smoothing: float,
    reach: float = REACH,
    fade: float = FADE,
) -> np.ndarray:
    """Smooth displacement on the grid of a slice from scattered ones: (J, I, C).

    A thin-plate spline with smoothing (Duchon 1977; Spottiswoode 2007 interpolate with radial basis functions too).
    It is evaluated near ``heart``; farther away the nearest value dies out, so that a whole grid has a finite
    displacement.

    Parameters
    ----------
    points
        (N, 2) where the tissue is in the reference, in pixels (j, i).
    values
        (N, C) its displacement.
    heart
        (J, I) bool, wall and cavity in the reference.
    smoothing
        0 goes through every value; the more the smoother.
    reach, fade
        Pixels around ``heart`` in which the fit is taken as it is, and in which it dies out farther away. What is taken
        farther than a fade would fold there.
    """
    near = ndimage.distance_transform_edt(~heart) <= reach
    result = np.zeros((*heart.shape, values.shape[1]))
    spline = RBFInterpolator(points, values, kernel="thin_plate_spline", smoothing=smoothing)
    result[near] = spline(np.argwhere(near).astype(np.float64))
    beyond, nearest = ndimage.distance_transform_edt(~near, return_indices=True)
    far = ~near
    result[far] = result[nearest[0][far], nearest[1][far]] * np.exp(-((beyond[far] / fade) ** 2))[:, None]
    return result

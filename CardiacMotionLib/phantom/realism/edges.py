"""How blurred the endocardial border is: intensity along its normals, from blood to wall."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

INSIDE, OUTSIDE, STEP = -7.0, 6.0, 0.25  # mm along the normal, which points from the blood into the wall
BLOOD, WALL = (-7.0, -3.5), (1.0, 5.5)  # mm, where a profile is searched for the level of blood and of the wall
REACH = 3.5  # mm, how far a border drawn by hand may lie from the edge of the image
MIN_RADIUS = 8.0  # mm, cavities of a smaller slice are all papillary muscle and partial volume


def edge_widths(frames: np.ndarray, cavities: Iterable[tuple[int, np.ndarray]], spacing: np.ndarray) -> np.ndarray:
    """10-90 % rise of the endocardial border in mm, one entry a normal.

    Parameters
    ----------
    frames
        (T, K, J, I) intensities.
    cavities
        (frame, (K, J, I) bool mask of the LV cavity).
    spacing
        (3,) voxel size in mm along i, j, k; the normals lie in the plane of the slice.

    Returns
    -------
    numpy.ndarray
        (N,) mm. Normals without an edge (papillary muscle at the border, no contrast) have no entry.
    """
    found = [np.zeros(0)]
    for frame, cavity in cavities:
        for image, mask in zip(frames[frame], cavity, strict=True):
            if mask.sum() * spacing[0] * spacing[1] >= np.pi * MIN_RADIUS**2:
                found.append(_rises(_profiles(image, mask, spacing[1::-1])))
    return np.concatenate(found)


def _profiles(image: np.ndarray, mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """(N, S) intensities of a slice along the outward normals of the border of ``mask``; ``spacing`` along (j, i)."""
    distance = ndimage.distance_transform_edt(~mask, sampling=spacing) - ndimage.distance_transform_edt(
        mask, sampling=spacing
    )
    smooth = ndimage.gaussian_filter(distance, 2.0 / spacing)  # a mask has no normals of its own
    normal = np.stack(np.gradient(smooth, *spacing))  # (2, J, I), per mm
    rim = mask & ~ndimage.binary_erosion(mask)
    direction = normal[:, rim] / np.linalg.norm(normal[:, rim], axis=0).clip(1e-6)
    start = np.argwhere(rim).T * spacing[:, None] - smooth[rim] * direction  # onto the smooth border, mm
    along = np.arange(INSIDE, OUTSIDE + STEP / 2, STEP)
    points = start[:, :, None] + direction[:, :, None] * along  # (2, N, S) mm
    return ndimage.map_coordinates(image, points / spacing[:, None, None], order=3, mode="nearest")


def _rises(profiles: np.ndarray) -> np.ndarray:
    """(N',) mm from 90 % to 10 % between the levels of blood and wall, for the profiles (N, S) that have an edge."""
    along = np.arange(INSIDE, OUTSIDE + STEP / 2, STEP)
    blood = np.median(profiles[:, _between(along, BLOOD)], axis=1)
    wall = np.percentile(profiles[:, _between(along, WALL)], 20, axis=1)
    contrast = blood - wall
    usable = contrast > 0.3 * np.median(np.abs(contrast)) if len(contrast) else np.zeros(0, bool)
    level = (profiles[usable] - wall[usable, None]) / contrast[usable, None]
    middle = _crossing(level, 0.5, np.abs(along) <= REACH)
    has_edge = middle >= 0
    level, middle = level[has_edge], middle[has_edge]
    steps = np.arange(level.shape[1])
    last_blood = _last(level >= 0.9, steps[None] <= middle[:, None])
    first_wall = _first(level <= 0.1, steps[None] > middle[:, None])
    whole = (last_blood >= 0) & (first_wall >= 0)
    level, start, end = level[whole], last_blood[whole], first_wall[whole]
    return STEP * (_refined(level, end - 1, 0.1) - _refined(level, start, 0.9))


def _between(along: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (along >= limits[0]) & (along <= limits[1])


def _crossing(level: np.ndarray, value: float, near: np.ndarray) -> np.ndarray:
    """(N,) index of the sample before the fall through ``value`` that is nearest to the middle; -1 without one."""
    falls = (level[:, :-1] >= value) & (level[:, 1:] < value) & near[:-1]
    nearest = np.argmin(np.where(falls, np.abs(np.arange(falls.shape[1]) + INSIDE / STEP), np.inf), axis=1)
    return np.where(falls.any(axis=1), nearest, -1)


def _last(true: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    hits = true & allowed
    return np.where(hits.any(axis=1), hits.shape[1] - 1 - np.argmax(hits[:, ::-1], axis=1), -1)


def _first(true: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    hits = true & allowed
    return np.where(hits.any(axis=1), np.argmax(hits, axis=1), -1)


def _refined(level: np.ndarray, index: np.ndarray, value: float) -> np.ndarray:
    """Where between the samples ``index`` and ``index + 1`` the profile passes ``value``, in samples."""
    rows = np.arange(len(level))
    here, there = level[rows, index], level[rows, index + 1]
    return index + (here - value) / (here - there)

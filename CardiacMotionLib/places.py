"""Places on a grid: its voxel centers, points and frames that a caller names, distances from the edge of a label."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from . import fields
from .errors import CardiacMotionError
from .series import as_numbers


def grid_points(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """(K, J, I, 3) RAS mm of the voxel centers of a grid."""
    voxels = fields.identity_grid(shape, torch.float64)
    return fields.voxel_to_world_points(voxels, torch.as_tensor(affine)).numpy()


def check_points(points_ras: ArrayLike) -> np.ndarray:
    """(N, 3) float64 RAS mm, finite; raises `CardiacMotionError` otherwise."""
    points = np.atleast_2d(as_numbers(points_ras, "points"))
    if points.ndim != 2 or points.shape[1] != 3:
        raise CardiacMotionError(f"points must have shape (N, 3) in RAS mm, got {points.shape}")
    if not np.isfinite(points).all():
        raise CardiacMotionError("points must be finite RAS mm, some are NaN or infinite; leave those out")
    return points


def check_frame(frame: Any, number_of_frames: int, name: str) -> None:
    """Raise `CardiacMotionError` unless ``frame`` is an integer in 0..number_of_frames - 1."""
    if isinstance(frame, bool) or not isinstance(frame, (int, np.integer)) or not 0 <= frame < number_of_frames:
        raise CardiacMotionError(f"{name} must be a frame number from 0 to {number_of_frames - 1}, got {frame!r}")


def signed_distances(labels: np.ndarray, values: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance in mm from the edge of each label within each slice, negative inside: (len(values), K, J, I) float32.

    ``labels`` (K, J, I), ``spacing`` (3,) mm along (i, j, k). They are held within half the distance of the slices, so
    that a slice with a structure and its neighbor without it meet halfway between.
    """
    from scipy.ndimage import distance_transform_edt

    pixel = (spacing[1], spacing[0])
    limit = max(spacing[2] / 2, 2 * max(pixel))
    distances = np.stack([np.where(labels == value, -limit, limit) for value in values]).astype(np.float32)
    box = []  # around everything that is not background
    for lines, step in zip((labels.any((0, 2)), labels.any((0, 1))), pixel, strict=True):
        margin = int(np.ceil(limit / step)) + 1
        used = np.flatnonzero(lines) if lines.any() else np.zeros(1, int)
        box.append(slice(max(0, used[0] - margin), used[-1] + margin + 1))
    for n, value in enumerate(values):
        for k, plane in enumerate(labels):
            inside = plane[tuple(box)] == value
            if inside.any() and not inside.all():
                from_edge = distance_transform_edt(~inside, pixel) - distance_transform_edt(inside, pixel)
                from_edge -= np.sign(from_edge) * min(pixel) / 2  # the edge lies between voxels
                distances[n, k][tuple(box)] = from_edge.clip(-limit, limit)
    return distances

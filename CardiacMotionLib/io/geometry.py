"""How far apart two voxel grids are in the world."""

from __future__ import annotations

import itertools

import numpy as np

from ..errors import CardiacMotionError

TOLERANCE_MM = 0.1


def corner_distance(first: np.ndarray, second: np.ndarray, shape: tuple[int, ...]) -> float:
    """Largest distance in mm between the corners of a (K, J, I) grid placed by two affines (4, 4)."""
    corners = np.array([[*c, 1.0] for c in itertools.product(*((0, n - 1) for n in reversed(shape)))])
    return float(np.linalg.norm(corners @ (first - second).T, axis=1).max())


def onto_grid(
    labels: np.ndarray,
    affine: np.ndarray,
    grid_shape: tuple[int, ...],
    grid_affine: np.ndarray,
    *,
    part: bool,
    name: str,
) -> np.ndarray:
    """Labels (K, J, I) rearranged onto the voxels of an image grid, without interpolation.

    Axes may be flipped or swapped (programs store the same volume in different orders) as long as every voxel lies on
    a voxel of the image within 0.1 mm. With ``part`` the labels may cover a part of the image only; the rest is
    background.

    Raises
    ------
    CardiacMotionError
        when the two grids differ; the message says by how much.
    """
    to_label = np.linalg.inv(affine) @ grid_affine  # image voxel (i, j, k) -> label voxel
    turn, shift = np.rint(to_label[:3, :3]), np.rint(to_label[:3, 3])
    on_grid = np.eye(4)
    on_grid[:3, :3], on_grid[:3, 3] = turn, shift
    is_reordering = np.array_equal(np.abs(turn).sum(0), np.ones(3)) and np.array_equal(np.abs(turn).sum(1), np.ones(3))
    shape = (
        tuple(int(n) for n in (np.abs(turn).T @ np.array(labels.shape[::-1]))[::-1]) if is_reordering else labels.shape
    )
    if not part and shape != tuple(grid_shape):
        raise CardiacMotionError(
            f"{name}: labels have shape (K, J, I) = {labels.shape}, the images {tuple(grid_shape)}; resample the "
            "labels onto the image grid"
        )
    off = corner_distance(affine @ on_grid, grid_affine, grid_shape) if is_reordering else np.inf
    last = turn @ (np.array(grid_shape[::-1]) - 1) + shift
    if off > TOLERANCE_MM or not (part or (np.minimum(shift, last) == 0).all()):
        distance = corner_distance(affine, grid_affine, grid_shape)
        raise CardiacMotionError(
            f"{name}: labels lie elsewhere than the images: the corners of the two grids are up to {distance:.2f} mm "
            "apart "
            f"(allowed {TOLERANCE_MM} mm); save the labels on the geometry of the images"
        )
    index = np.stack(
        np.meshgrid(*(np.arange(n) for n in grid_shape), indexing="ij")[::-1], axis=-1
    )  # (K, J, I, 3) as (i, j, k)
    source = (index @ turn.T + shift).astype(int)
    valid = ((source >= 0) & (source < np.array(labels.shape[::-1]))).all(-1)
    result = np.zeros(grid_shape, labels.dtype)
    i, j, k = source[valid].T
    result[valid] = labels[k, j, i]
    if np.count_nonzero(result) != np.count_nonzero(labels):
        raise CardiacMotionError(
            f"{name}: some labelled voxels lie outside the images; save the labels on the geometry of the images"
        )
    return result

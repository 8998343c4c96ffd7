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
    same_shape = labels.shape == tuple(grid_shape)
    apart = corner_distance(affine, grid_affine, grid_shape)
    if same_shape and apart <= TOLERANCE_MM:
        return labels
    to_label = np.linalg.inv(affine) @ grid_affine  # image voxel (i, j, k) to label voxel
    turn, shift = np.rint(to_label[:3, :3]), np.rint(to_label[:3, 3])
    is_reordering = (np.abs(turn).sum(0) == 1).all() and (np.abs(turn).sum(1) == 1).all()
    sizes = np.array(labels.shape[::-1])
    fits = np.array_equal(np.abs(turn).T @ sizes, grid_shape[::-1]) if is_reordering else same_shape
    if not (part or fits):
        raise CardiacMotionError(
            f"{name}: labels have shape (K, J, I) = {labels.shape}, the images {tuple(grid_shape)}; "
            "resample the labels onto the image grid"
        )
    rounded = np.eye(4)
    rounded[:3, :3], rounded[:3, 3] = turn, shift
    covers = (np.minimum(shift, turn @ (np.array(grid_shape[::-1]) - 1) + shift) == 0).all()
    off = corner_distance(affine @ rounded, grid_affine, grid_shape)
    if not is_reordering or off > TOLERANCE_MM or not (part or covers):
        raise CardiacMotionError(
            f"{name}: labels lie elsewhere than the images: the corners of the two grids are up to {apart:.2f} mm "
            f"apart (allowed {TOLERANCE_MM} mm); save the labels on the geometry of the images"
        )
    grid = np.indices(grid_shape)[::-1].reshape(3, -1).T  # every image voxel (i, j, k)
    source = np.rint(grid @ turn.T + shift).astype(int)
    valid = ((source >= 0) & (source < sizes)).all(1)
    result = np.zeros(grid_shape, labels.dtype)
    result.ravel()[valid] = labels[tuple(source[valid].T[::-1])]
    if np.count_nonzero(result) != np.count_nonzero(labels):
        raise CardiacMotionError(
            f"{name}: some labeled voxels lie outside the images; save the labels on the geometry of the images"
        )
    return result

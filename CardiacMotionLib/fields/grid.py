"""Voxel grids: coordinates, sampling at points, and the one conversion each way between voxels and the world."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def identity_grid(
    shape: Sequence[int], dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Tensor:
    """Voxel coordinates of every voxel of a grid.

    ``shape`` is (K, J, I) or (J, I); the result is ``(*shape, len(shape))``, its components ordered (i, j, k) or (i,
    j).
    """
    axes = [torch.arange(n, dtype=dtype, device=device) for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)


def sample_at(image: Tensor, points: Tensor, mode: str = "bilinear", padding_mode: str = "border") -> Tensor:
    """Values of an image at voxel coordinates.

    ``image`` is (B, C, *shape), ``points`` (B, ..., d) in voxels ordered (i, j[, k]); returns (B, C, ...). ``mode`` is
    ``bilinear`` (linear in any dimension), ``nearest`` or, in two dimensions, ``bicubic``; outside the grid the edge
    value continues (``border``) or zero is returned (``zeros``).
    """
    shape, d = image.shape[2:], image.ndim - 2
    if points.shape[-1] != d or len(points) != len(image):
        raise ValueError(f"points of shape {tuple(points.shape)} do not fit an image of shape {tuple(image.shape)}")
    extent = torch.tensor([max(n - 1, 1) for n in reversed(shape)], dtype=points.dtype, device=points.device)
    normalized = points * (2 / extent) - 1
    inner = points.shape[1:-1]
    if len(inner) != d:  # grid_sample wants as many inner axes as the image has
        normalized = normalized.reshape(len(points), *([1] * (d - 1)), -1, d)
    values = grid_sample(image, normalized.to(image.dtype), mode=mode, padding_mode=padding_mode, align_corners=True)
    return values.reshape(*image.shape[:2], *inner)


def _linear_part(affine: Tensor, like: Tensor) -> Tensor:
    return affine[:3, :3].to(dtype=like.dtype, device=like.device)


def voxel_to_world(displacement: Tensor, affine: Tensor) -> Tensor:
    """Displacement (..., 3) in voxels (i, j, k) to RAS mm, by the linear part of ``affine`` (4, 4)."""
    return displacement @ _linear_part(affine, displacement).T


def world_to_voxel(displacement: Tensor, affine: Tensor) -> Tensor:
    """Displacement (..., 3) in RAS mm to voxels (i, j, k), by the linear part of ``affine`` (4, 4)."""
    inverse = torch.linalg.inv(affine[:3, :3].to(torch.float64))
    return displacement @ inverse.to(dtype=displacement.dtype, device=displacement.device).T


def voxel_to_world_points(points: Tensor, affine: Tensor) -> Tensor:
    """Points (..., 3) in voxels (i, j, k) to RAS mm."""
    return voxel_to_world(points, affine) + affine[:3, 3].to(dtype=points.dtype, device=points.device)


def world_to_voxel_points(points: Tensor, affine: Tensor) -> Tensor:
    """Points (..., 3) in RAS mm to voxels (i, j, k)."""
    return world_to_voxel(points - affine[:3, 3].to(dtype=points.dtype, device=points.device), affine)

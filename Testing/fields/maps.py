"""Known maps on a grid, for the tests of this folder."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from CardiacMotionLib import fields

SHAPES = {2: (19, 23), 3: (9, 19, 23)}


def random_images(dimensions: int, channels: int = 1, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """White noise (1, C, *shape): the hardest image to keep under resampling."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, *SHAPES[dimensions], generator=generator, dtype=dtype)


def linear_displacement(matrix: Tensor, center: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Displacement (1, *shape, d) in voxels of x -> center + matrix (x - center), matrix ordered (i, j[, k])."""
    grid = fields.identity_grid(shape, matrix.dtype)
    return ((grid - center) @ (matrix - torch.eye(len(center), dtype=matrix.dtype)).T)[None]


def smooth_displacement(shape: tuple[int, ...], size: float, dtype: torch.dtype = torch.float64) -> Tensor:
    """Displacement (1, *shape, d) of up to ``size`` voxels that dies out at the border, less along shorter axes."""
    d = len(shape)
    grid = fields.identity_grid(shape, dtype)
    extent = torch.tensor([max(n - 1, 1) for n in reversed(shape)], dtype=dtype)
    inside = torch.sin(math.pi * grid / extent)
    window = torch.ones(shape, dtype=dtype)
    for axis, n in enumerate(reversed(shape)):
        if n > 1:
            window = window * inside[..., axis] ** 2
    waves = [torch.cos(math.pi * grid[..., (axis + 1) % d] / extent[(axis + 1) % d] + axis) for axis in range(d)]
    field = size * window[..., None] * torch.stack(waves, dim=-1)
    return (field * extent / extent.max() * (extent > 1))[None]


def rotation(degrees: float, axis: tuple[float, float, float]) -> Tensor:
    """Rotation (3, 3) float64 about an axis."""
    x, y, z = (torch.tensor(axis, dtype=torch.float64) / torch.tensor(axis, dtype=torch.float64).norm()).tolist()
    generator = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    return torch.linalg.matrix_exp(math.radians(degrees) * generator)


def oblique_affine(left_handed: bool = False) -> Tensor:
    """Affine (4, 4) float64 of an oblique grid of 1.3 x 1.7 x 8 mm."""
    affine = torch.eye(4, dtype=torch.float64)
    spacing = torch.tensor([-1.3 if left_handed else 1.3, 1.7, 8.0], dtype=torch.float64)
    affine[:3, :3] = rotation(40, (1, -2, 0.5)) @ torch.diag(spacing)
    affine[:3, 3] = torch.tensor([12.0, -30.0, 55.0])
    return affine

"""The deformation gradient of a displacement field and what follows from it."""

from __future__ import annotations

import torch
from torch import Tensor


def _derivative(values: Tensor, axis: int) -> Tensor:
    """Central difference along ``axis`` in the interior, one-sided at the two ends, zero on an axis of one voxel."""
    n = values.shape[axis]
    if n == 1:
        return torch.zeros_like(values)
    if n == 2:
        return torch.diff(values, dim=axis).expand_as(values)
    inner = (values.narrow(axis, 2, n - 2) - values.narrow(axis, 0, n - 2)) / 2
    first = values.narrow(axis, 1, 1) - values.narrow(axis, 0, 1)
    last = values.narrow(axis, n - 1, 1) - values.narrow(axis, n - 2, 1)
    return torch.cat((first, inner, last), dim=axis)


def _second_derivative(values: Tensor, axis: int) -> Tensor:
    """Second difference along ``axis``, continued from the interior at both ends, zero on axes below three."""
    n = values.shape[axis]
    if n < 3:
        return torch.zeros_like(values)
    inner = torch.diff(values, n=2, dim=axis)
    return torch.cat((inner.narrow(axis, 0, 1), inner, inner.narrow(axis, n - 3, 1)), dim=axis)


def image_gradient(image: Tensor) -> Tensor:
    """Slope of an image (B, 1, *shape) per voxel along (i, j[, k]): (B, d, *shape)."""
    return torch.cat([_derivative(image, axis) for axis in range(image.ndim - 1, 1, -1)], dim=1)


def displacement_gradient(displacement: Tensor) -> Tensor:
    """Slope du_a / dx_b in voxels: (B, *shape, d) to (B, *shape, d, d) with index [..., a, b] in order (i, j[, k])."""
    d = displacement.shape[-1]
    columns = [_derivative(displacement, displacement.ndim - 2 - b) for b in range(d)]  # i is the last spatial axis
    return torch.stack(columns, dim=-1)


def deformation_gradient(displacement: Tensor, affine: Tensor | None = None) -> Tensor:
    """F = I + du/dX of a displacement in voxels.

    Without ``affine`` F is in voxel axes, (B, *shape, d, d). With it (three dimensions only) F is in RAS mm, that is
    A (I + du/dX) A^-1 with A the linear part of the affine, so that spacing and orientation are accounted for.
    """
    d = displacement.shape[-1]
    identity = torch.eye(d, dtype=displacement.dtype, device=displacement.device)
    gradient = identity + displacement_gradient(displacement)
    if affine is None:
        return gradient
    linear = affine[:3, :3].to(torch.float64)
    inverse = torch.linalg.inv(linear).to(dtype=gradient.dtype, device=gradient.device)
    return linear.to(dtype=gradient.dtype, device=gradient.device) @ gradient @ inverse


def determinant(matrix: Tensor) -> Tensor:
    """Write out the determinant of (..., 2, 2) or (..., 3, 3).

    It is faster than LU on many small matrices and differentiable at zero.
    """
    if matrix.shape[-1] == 2:
        return matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]
    return (torch.linalg.cross(matrix[..., 0, :], matrix[..., 1, :]) * matrix[..., 2, :]).sum(-1)


def jacobian_determinant(displacement: Tensor) -> Tensor:
    """Local change of volume det F, the same in voxels and in mm: (B, *shape, d) to (B, *shape)."""
    return determinant(deformation_gradient(displacement))


def green_lagrange(gradient: Tensor) -> Tensor:
    """E = (F^T F - I) / 2 of deformation gradients (..., 3, 3)."""
    identity = torch.eye(gradient.shape[-1], dtype=gradient.dtype, device=gradient.device)
    return (gradient.transpose(-1, -2) @ gradient - identity) / 2

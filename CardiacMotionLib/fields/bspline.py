"""Uniform cubic B-spline fields as products of small basis matrices, with exact derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def bspline_basis(
    size: int,
    knot_spacing: float,
    derivative: int = 0,
    dtype: torch.dtype = torch.float32,
    positions: Tensor | None = None,
) -> Tensor:
    """Cubic B-spline basis at the voxels of one axis: (size, n) or (len(positions), n).

    The knots are about ``knot_spacing`` voxels apart, at the nearest spacing that divides [0, size - 1], with one
    control point beyond each end (n = intervals + 3). ``derivative`` 0, 1 or 2, per voxel. ``positions`` evaluates
    elsewhere than at the voxels. An axis of one voxel has a single constant basis function.
    """
    if derivative not in (0, 1, 2):
        raise ValueError(f"derivative must be 0, 1 or 2, got {derivative}")
    x = torch.arange(size, dtype=torch.float64) if positions is None else positions.to(torch.float64).cpu()
    if size == 1:
        return torch.full((len(x), 1), 1.0 if derivative == 0 else 0.0, dtype=dtype)
    intervals = max(1, round((size - 1) / knot_spacing))
    knot = (size - 1) / intervals
    control = torch.arange(-1, intervals + 2, dtype=torch.float64)
    t = x[:, None] / knot - control  # distance to each control point in knots
    a = t.abs()
    if derivative == 0:
        values = torch.where(a < 1, 2 / 3 - a**2 + a**3 / 2, (2 - a).clamp_min(0) ** 3 / 6)
    elif derivative == 1:
        values = t.sign() * torch.where(a < 1, -2 * a + 1.5 * a**2, -((2 - a).clamp_min(0) ** 2) / 2)
    else:
        values = torch.where(a < 1, -2 + 3 * a, (2 - a).clamp_min(0))
    return (values / knot**derivative).to(dtype)


def evaluate_bspline(coefficients: Tensor, bases: Sequence[Tensor]) -> Tensor:
    """Tensor-product spline (..., size1, ..., sized, C) of coefficients (..., n1, ..., nd, C), one basis an axis.

    A basis is (size, n). Each axis is one matrix product, so both the value and its gradient are a few dense products
    without a scatter per voxel. Leading axes are a batch.
    """
    axes = "abc"[: len(bases)]
    values = coefficients
    for axis, basis in zip(axes, bases, strict=True):
        values = torch.einsum(f"...{axes}z,n{axis}->...{axes.replace(axis, 'n')}z", values, basis)
    return values

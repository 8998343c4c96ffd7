"""How smooth, how invertible a field is: penalties for fitting and figures for reports."""

from __future__ import annotations

import torch
from torch import Tensor

from .jacobian import _derivative, _second_derivative, displacement_gradient


def _spacing(spacing: Tensor | None, d: int, like: Tensor) -> Tensor:
    return torch.ones(d, dtype=like.dtype, device=like.device) if spacing is None else spacing.to(like)


def diffusion_energy(displacement: Tensor, spacing: Tensor | None = None) -> Tensor:
    """Mean squared first derivative.

    ``displacement`` (B, *shape, d) in voxels, ``spacing`` (d,) mm along (i, j[, k]): then of mm per mm.
    """
    d = displacement.shape[-1]
    mm = _spacing(spacing, d, displacement)
    return (displacement_gradient(displacement) * mm[:, None] / mm[None, :]).square().sum((-1, -2)).mean()


def bending_energy(displacement: Tensor, spacing: Tensor | None = None) -> Tensor:
    """Mean squared second derivative (Rueckert 1999).

    ``displacement`` (B, *shape, d) in voxels, ``spacing`` (d,) mm along (i, j[, k]): then of mm per mm^2. The
    derivatives along one axis are taken over neighboring voxels, so that a field which alternates from voxel to
    voxel is not free.
    """
    d = displacement.shape[-1]
    mm = _spacing(spacing, d, displacement)
    physical = displacement * mm
    axes = [displacement.ndim - 2 - b for b in range(d)]
    energy = torch.zeros((), dtype=displacement.dtype, device=displacement.device)
    for b in range(d):
        energy = energy + (_second_derivative(physical, axes[b]) / mm[b] ** 2).square().sum(-1).mean()
        slope = _derivative(physical, axes[b]) / mm[b]
        for c in range(b):
            energy = energy + 2 * (_derivative(slope, axes[c]) / mm[c]).square().sum(-1).mean()
    return energy


def jacobian_penalty(determinant: Tensor, floor: float = 0.05) -> Tensor:
    """Penalty det + 1/det - 2 per voxel: zero for no change of volume, symmetric in growth and shrinkage.

    Below ``floor`` the function is continued by its own tangent, so that a folded voxel has a finite penalty and is
    pushed back towards det > 0 (clipping the determinant there would give it no gradient at all).
    """
    safe = determinant.clamp_min(floor)
    value_at_floor, slope_at_floor = floor + 1 / floor - 2, 1 - 1 / floor**2
    tangent = value_at_floor + slope_at_floor * (determinant - floor)
    return torch.where(determinant > floor, safe + 1 / safe - 2, tangent)


def folding_fraction(determinant: Tensor) -> Tensor:
    """Share of voxels whose determinant is not positive."""
    return (determinant <= 0).to(determinant.dtype).mean()


def sd_log_jacobian(determinant: Tensor) -> Tensor:
    """Spread of log det F over voxels as its standard deviation, determinants held above 1e-9 (SDlogJ)."""
    return determinant.clamp_min(1e-9).log().std(correction=0)

"""People without images, for the tests of the phantom, and points in their hearts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from CardiacMotionLib.phantom.population import HeartOptions, Person, draw_person

SMALL = {"frames": 4, "rows": 72, "columns": 72, "pixel_mm": 2.2}  # a quick cine


@lru_cache(maxsize=64)
def person(group: str = "average", seed: int = 0, **options) -> Person:
    """Somebody of a group, without images."""
    return draw_person(HeartOptions(group=group, **options), np.random.default_rng(seed))


def cylindrical(radius, angle, height) -> torch.Tensor:
    """Points (..., 3) float64 in heart coordinates, of numbers or arrays that broadcast."""
    radius, angle, height = torch.broadcast_tensors(*[torch.as_tensor(v).double() for v in (radius, angle, height)])
    return torch.stack((radius * angle.cos(), radius * angle.sin(), height), dim=-1)


def scattered(anatomy, count: int = 2000, seed: int = 0) -> torch.Tensor:
    """Points (count, 3) float64 all over the heart and what is around it."""
    u = torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)).double()
    low = torch.tensor([-95.0, -95.0, -40.0]).double()
    high = torch.tensor([140.0, 95.0, anatomy.length + 55.0]).double()
    return low + (high - low) * u


def in_wall(anatomy, depth, angle, share) -> torch.Tensor:
    """Points (..., 3) in the LV wall: depth 0 at the endocardium and 1 at the epicardium, share of the LV length."""
    depth, angle, share = torch.broadcast_tensors(*[torch.as_tensor(v).double() for v in (depth, angle, share)])
    height = share * anatomy.length
    inner = anatomy.endo_squared(angle.cos(), angle.sin(), height).clamp_min(0)
    outer = anatomy.epi_squared(angle.cos(), angle.sin(), height)
    return cylindrical((inner + depth * (outer - inner)).sqrt(), angle, height)


def wall_sample(anatomy, count: int = 1200, seed: int = 0) -> torch.Tensor:
    """Points (count, 3) float64 all over the LV wall."""
    u = torch.rand(3, count, generator=torch.Generator().manual_seed(seed)).double()
    return in_wall(anatomy, 0.02 + 0.96 * u[0], 2 * np.pi * u[1], 0.01 + 0.98 * u[2])


def green(gradient: torch.Tensor) -> torch.Tensor:
    """Green-Lagrange strain (..., 3, 3) of deformation gradients."""
    return (gradient.mT @ gradient - torch.eye(3, dtype=gradient.dtype)) / 2


def circumferential(someone: Person, points: torch.Tensor, state) -> torch.Tensor:
    """Circumferential Green-Lagrange strain (...) at wall points (..., 3)."""
    axis = someone.anatomy.wall_axes(points)[..., 1, :]
    return torch.einsum("...a,...ab,...b->...", axis, green(someone.kinematics.gradient(points, state)), axis)

"""From a velocity to a displacement, and from a displacement to its inverse."""

from __future__ import annotations

import torch
from torch import Tensor

from .warp import compose, warp


def integrate(velocity: Tensor, steps: int = 7) -> Tensor:
    """Displacement of the flow of a stationary velocity after unit time, by scaling and squaring (Arsigny 2006).

    ``velocity`` (B, *shape, d) in voxels; ``steps`` squarings, that is 2**steps small steps.
    """
    displacement = velocity / 2**steps
    for _ in range(steps):
        displacement = compose(displacement, displacement)
    return displacement


def invert(displacement: Tensor, iterations: int = 50, tolerance: float = 1e-3) -> Tensor:
    """The displacement v with v(x) = -u(x + v(x)), by fixed-point iteration (Chen 2008).

    ``displacement`` (B, *shape, d) in voxels. Stops when no voxel moved by more than ``tolerance`` voxels, or after ``iterations``; where the
    map folds there is no inverse and the result is the last iterate. The step is halved for voxels whose residual grew, which keeps the
    iteration convergent where the field compresses strongly (|grad u| near or above 1).
    """
    channels = torch.movedim(displacement, -1, 1)
    inverse = -displacement
    step = torch.ones_like(displacement[..., :1])
    previous = torch.full_like(step, float("inf"))
    for _ in range(iterations):
        residual = inverse + torch.movedim(warp(channels, inverse), 1, -1)
        size = torch.linalg.vector_norm(residual, dim=-1, keepdim=True)
        if size.max() <= tolerance:
            break
        step = torch.where(size > previous, step / 2, step).clamp_min(1 / 16)
        inverse = inverse - step * residual
        previous = size
    return inverse

"""From a velocity to a displacement, and from a displacement to its inverse."""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import identity_grid, sample_at
from .jacobian import determinant, displacement_gradient
from .warp import compose


def integrate(velocity: Tensor, steps: int = 7) -> Tensor:
    """Displacement of the flow of a stationary velocity after unit time, by scaling and squaring (Arsigny 2006).

    ``velocity`` (B, *shape, d) in voxels; ``steps`` squarings, that is 2**steps small steps.
    """
    displacement = velocity / 2**steps
    for _ in range(steps):
        displacement = compose(displacement, displacement)
    return displacement


def invert(displacement: Tensor, iterations: int = 50, tolerance: float = 1e-3) -> Tensor:
    """Find the displacement v with v(x) = -u(x + v(x)) by a damped Newton iteration.

    ``displacement`` (B, *shape, d) in voxels. Stops when every voxel is hit within ``tolerance`` voxels, or after
    ``iterations``; where the map folds there is no inverse and the result is the v that came nearest. A step that
    makes the residual of a voxel larger is taken back and halved, so that strong stretching (where the plain fixed
    point v <- -u(x + v) diverges) is no harm.
    """
    return torch.stack([_invert_one(one, iterations, tolerance) for one in displacement])


def _invert_one(displacement: Tensor, iterations: int, tolerance: float) -> Tensor:
    """`invert` for (*shape, d); only voxels not hit yet are worked on, so that a fold costs little."""
    shape, d = displacement.shape[:-1], displacement.shape[-1]
    gradient = displacement_gradient(displacement[None])[0].flatten(-2)
    channels = torch.movedim(torch.cat((displacement, gradient), dim=-1), -1, 0)[None]
    result = -displacement.reshape(-1, d)
    left = torch.arange(len(result), device=result.device)
    points = identity_grid(shape, displacement.dtype, displacement.device).reshape(-1, d)
    trial = inverse = result.clone()
    step = torch.ones_like(trial[:, :1])
    best = torch.full_like(step, float("inf"))
    direction = torch.zeros_like(trial)
    for _ in range(iterations):
        sampled = sample_at(channels, (points + trial)[None])[0].T  # (n, d + d d)
        residual = trial + sampled[:, :d]
        size = torch.linalg.vector_norm(residual, dim=-1, keepdim=True)
        closer = size < best
        inverse, best = torch.where(closer, trial, inverse), torch.where(closer, size, best)
        result[left] = inverse
        far = best[:, 0] > tolerance
        if not far.any():
            break
        direction = torch.where(closer, _newton_step(sampled[:, d:].unflatten(-1, (d, d)), residual), direction)
        step = torch.where(closer, 1.0, step / 2)
        left, points, inverse, best, direction, step = (x[far] for x in (left, points, inverse, best, direction, step))
        trial = inverse - step * direction
    return result.reshape(displacement.shape)


def _newton_step(gradient: Tensor, residual: Tensor) -> Tensor:
    """(I + gradient)^-1 residual by Cramer's rule, and the residual itself where that matrix is close to folding."""
    d = residual.shape[-1]
    matrix = gradient + torch.eye(d, dtype=gradient.dtype, device=gradient.device)
    whole = determinant(matrix)
    replaced = [torch.cat((matrix[..., :a], residual[..., None], matrix[..., a + 1 :]), dim=-1) for a in range(d)]
    solution = torch.stack([determinant(m) for m in replaced], dim=-1) / whole.clamp_min(0.1)[..., None]
    return torch.where((whole > 0.1)[..., None], solution, residual)

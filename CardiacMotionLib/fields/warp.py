"""Drawing an image through a displacement field, and chaining fields."""

from __future__ import annotations

import torch
from torch import Tensor

from .grid import identity_grid, sample_at


def _targets(displacement: Tensor) -> Tensor:
    shape = displacement.shape[1:-1]
    return identity_grid(shape, displacement.dtype, displacement.device) + displacement


def warp(image: Tensor, displacement: Tensor, padding_mode: str = "border") -> Tensor:
    """``image(x + u(x))`` by linear interpolation.

    ``image`` (B, C, *shape), ``displacement`` (B, *shape_out, d) in voxels of ``image``; returns (B, C, *shape_out).
    This is a pull: with u from the reference to frame t, warping frame t draws it in the reference.
    """
    return sample_at(image, _targets(displacement), padding_mode=padding_mode)


def warp_nearest(labels: Tensor, displacement: Tensor) -> Tensor:
    """``labels(x + u(x))`` by nearest neighbor: (B, C, *shape) of any dtype, which is kept; zero outside the grid."""
    values = sample_at(labels.to(displacement.dtype), _targets(displacement), mode="nearest", padding_mode="zeros")
    return values.round().to(labels.dtype)


def compose(first: Tensor, second: Tensor) -> Tensor:
    """Displacement of going by ``first`` and then by ``second``: u(x) = u1(x) + u2(x + u1(x)).

    Both (B, *shape, d) in voxels of one grid; not the same as adding them.
    """
    channels = torch.movedim(second, -1, 1)
    return first + torch.movedim(warp(channels, first), 1, -1)

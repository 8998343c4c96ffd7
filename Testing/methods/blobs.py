"""Pairs of images of soft blobs that are shifted, and learning one by heart: for tests of networks for pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from CardiacMotionLib import fields
from CardiacMotionLib.methods.learned import PairNetwork


def blobs(shape: tuple[int, ...], shift: tuple[float, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Blobs (1, 1, *shape) in unit range around fixed places, moved by ``shift`` voxels (i, j[, k])."""
    grid = fields.identity_grid(shape, dtype) - torch.tensor(shift, dtype=dtype)
    extent = torch.tensor(shape[::-1], dtype=dtype)
    places = torch.tensor([(0.3, 0.35, 0.4), (0.65, 0.6, 0.6), (0.35, 0.7, 0.3)], dtype=dtype)[:, : len(shape)]
    distance = (grid - (places * extent).reshape(-1, *len(shape) * [1], len(shape))) / (0.13 * extent)
    return torch.exp(-distance.square().sum(-1) / 2).sum(0)[None, None].clamp(0, 1)


def error(network: PairNetwork, fixed: Tensor, moving: Tensor) -> Tensor:
    """Mean squared difference that the network's answer leaves."""
    return fields.mse(fields.warp(moving, network(fixed, moving)[-1]), fixed).mean()


def learn(network: PairNetwork, fixed: Tensor, moving: Tensor, steps: int, rate: float = 2e-3) -> float:
    """Train on one pair; what is left of the difference there was, as a fraction."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        error(network, fixed, moving).backward()
        optimizer.step()
    with torch.no_grad():
        return float(error(network, fixed, moving) / fields.mse(moving, fixed).mean())

"""Smooth random fields attached to the material: texture, trabeculae, vessels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..fields import sample_at

HALF = 130.0  # mm, the field covers a cube of twice this about its center


class NoiseField:
    """Gaussian random fields of mean 0 and SD about 1 over a cube of heart coordinates.

    Parameters
    ----------
    channels
        Number of independent fields.
    grain
        Size of their grains in mm.
    center
        (3,) mm; beyond the cube the fields are mirrored.
    rng
        Where the numbers come from.
    """

    def __init__(self, channels: int, grain: float, center: Tensor, rng: np.random.Generator) -> None:
        count = int(2 * HALF / grain) + 2
        values = rng.standard_normal((channels, count, count, count), dtype=np.float32)
        self.values = torch.from_numpy(1.6 * values)[None].to(center.device)  # interpolation lowers the SD to 1 / 1.6
        self.grain = grain
        self.low = center.to(torch.float32) - HALF

    def at(self, points: Tensor) -> Tensor:
        """Values (channels, N) at points (N, 3)."""
        voxel = (points.to(torch.float32) - self.low) / self.grain
        last = self.values.shape[-1] - 1
        mirrored = last - ((voxel.abs() % (2 * last)) - last).abs()
        return sample_at(self.values, mirrored[None])[0]

"""The memory: what kind of tissue a voxel is, and the filter that turns its features into motion (section 2.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..layers import SLOPE, full

if TYPE_CHECKING:
    from .network import Config


class Memory(nn.Module):
    """One filter of C x d for each of N regions, made by a perceptron from their numbers; shared by all levels."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.regions = config.regions
        size = config.dims * config.context
        self.perceptron = nn.Sequential(
            nn.Linear(config.regions, config.hidden), nn.LeakyReLU(SLOPE), nn.Linear(config.hidden, size)
        )

    def forward(self) -> Tensor:
        """Memory matrix M (d C, N)."""
        like = next(self.parameters())
        return self.perceptron(torch.eye(self.regions, device=like.device, dtype=like.dtype)).T


class Reader(nn.Module):
    """What one level asks the memory: the probability of every region, and the motion that its filters give.

    A query (d C) is a convolution by 1 of the features, so its products with the slots are one, too; and a mean of
    filters times a context is the mean of what each filter gives. No filter is made for a voxel of its own.
    """

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.config = config
        self.query = nn.Linear(channels, config.dims * config.context)
        self.static: nn.Parameter | None = None
        if config.blend:
            self.static = nn.Parameter(torch.empty(config.dims * config.context, 1))
            nn.init.normal_(self.static, std=1 / math.sqrt(config.context))

    def forward(self, features: Tensor, context: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, N, *shape) of equation 2, and motion (B, d, *shape) by the filters of equation 3."""
        log_regions = self.regions(features, memory)
        with torch.autocast(features.device.type, enabled=False):
            memory, regions = full(memory), log_regions.exp()
            motion = (regions[:, :, None] * self._filtered(full(context), memory)).sum(1)
            if self.static is not None:  # where the memory is sure its filter is taken, elsewhere one for all
                entropy = -(regions * log_regions).sum(1, keepdim=True) / math.log(self.config.regions)
                plain = self._filtered(full(context), self.static)[:, 0]
                motion = plain + (1 - entropy) * (motion - plain)
        return log_regions, motion

    def regions(self, features: Tensor, memory: Tensor) -> Tensor:
        """Log-probabilities (B, N, *shape) alone."""
        with torch.autocast(features.device.type, enabled=False):
            slots = nn.functional.normalize(full(memory), dim=0).T / self.config.temperature
            scores = _by_one(full(features), slots @ self.query.weight, slots @ self.query.bias)
        return scores.log_softmax(1)

    def _filtered(self, context: Tensor, filters: Tensor) -> Tensor:
        """Motions (B, n, d, *shape) by filters (d C, n)."""
        dims, n = self.config.dims, filters.shape[1]
        return _by_one(context, filters.T.reshape(n * dims, -1)).unflatten(1, (n, dims))


def _by_one(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolution of (B, inputs, *shape) by 1 with a weight (outputs, inputs)."""
    return nn.functional.linear(features.movedim(1, -1), weight, bias).movedim(-1, 1)

"""The memory: what kind of tissue a voxel is, and the filter that turns its features into motion (section 2.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..layers import CONVOLUTIONS, SLOPE, full

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
    """What one level asks the memory: the probability of every region, and the filters that come of it."""

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.config = config
        self.query = CONVOLUTIONS[config.dims](channels, config.dims * config.context, 1)
        self.static: nn.Parameter | None = None
        if config.blend:
            self.static = nn.Parameter(torch.empty(config.dims * config.context))
            nn.init.normal_(self.static, std=1 / math.sqrt(config.context))

    def forward(self, features: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, N, *shape) of equation 2, and filters (B, d, C, *shape) of equation 3."""
        query, memory = full(self.query(features)).movedim(1, -1), full(memory)
        with torch.autocast(features.device.type, enabled=False):
            scores = query @ nn.functional.normalize(memory, dim=0) / self.config.temperature
            log_regions = scores.log_softmax(-1)
            regions = log_regions.exp()
            filters = regions @ memory.T
            if self.static is not None:  # where the memory is sure its filter is taken, elsewhere one for all
                entropy = -(regions * log_regions).sum(-1, keepdim=True) / math.log(self.config.regions)
                filters = self.static + (1 - entropy) * (filters - self.static)
        filters = filters.reshape(*filters.shape[:-1], self.config.dims, self.config.context)
        return log_regions.movedim(-1, 1), filters.movedim(-2, 1).movedim(-1, 2)

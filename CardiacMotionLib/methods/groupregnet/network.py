"""The U-Net that stacks the images of a series as channels: it works for one number of them, in one order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, max_pool2d

from ...fields import resize_displacement, resize_image
from ..layers import SLOPE, convolution
from ..protocol import option

FIRST_OUTPUT = 1e-2  # what the first weights of the displacement are of others
MOST_CHANNELS = 128  # of the lower levels, which have twice those of the one above


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    frames: int = option(11, "Images of a series", minimum=2, maximum=512)
    channels: int = option(16, "Channels of the first level", minimum=1, maximum=128)
    levels: int = option(3, "Levels, the first at half the resolution", minimum=1, maximum=6)


class Block(nn.Module):
    """Two convolutions by 3, each with its leaky rectifier."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = convolution(2, inputs, outputs), convolution(2, outputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, J, I) to (B, outputs, J, I)."""
        return leaky_relu(self.second(leaky_relu(self.first(features), SLOPE)), SLOPE)


class Network(nn.Module):
    """U-Net from N images to N displacements whose mean is zero; works with sides of any length."""

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        sizes = [min(config.channels * 2**level, MOST_CHANNELS) for level in range(config.levels)]
        self.opening = convolution(2, config.frames, sizes[0])
        self.down = nn.ModuleList(Block(i, o) for i, o in pairwise([sizes[0], *sizes]))
        self.up = nn.ModuleList(Block(low + high, high) for high, low in reversed(list(pairwise(sizes))))
        self.displacement = convolution(2, sizes[0], 2 * config.frames, FIRST_OUTPUT)

    def forward(self, frames: Tensor) -> Tensor:
        """Displacement (B, N, J, I, 2) in voxels (i, j) of images (B, N, 1, J, I) in unit range.

        What is at x in the canonical space is at x + u_n(x) in frame n; the mean of u_n over n is zero.
        """
        batch, count, _, *plane = frames.shape
        half = [(n + 1) // 2 for n in plane]
        features = leaky_relu(self.opening(resize_image(frames.flatten(1, 2), half)), SLOPE)
        seen: list[Tensor] = []
        for level, block in enumerate(self.down):
            features = block(max_pool2d(features, 2, ceil_mode=True) if level else features)
            seen.append(features)
        for block, finer in zip(self.up, reversed(seen[:-1]), strict=True):
            features = block(torch.cat((interpolate(features, finer.shape[2:]), finer), dim=1))
        coarse = self.displacement(features).unflatten(1, (count, 2)).flatten(0, 1).movedim(1, -1)
        found = resize_displacement(coarse, plane).unflatten(0, (batch, count))
        return found - found.mean(1, keepdim=True)

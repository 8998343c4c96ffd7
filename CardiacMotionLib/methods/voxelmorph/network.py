"""The U-Net of VoxelMorph: one look at both images, and the displacement is there (Balakrishnan 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..layers import SLOPE, convolution
from ..learned import PairNetwork
from ..protocol import option

CHANNELS = (16, 16, 32, 32, 32)  # of the five down-sampling blocks (paper 004, section 3.4)
CLOSING = (16, 16)  # of the convolutions before the displacement (Balakrishnan 2019, figure 3)
FIRST_OUTPUT = 1e-3  # what the first weights of the displacement are of others


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    dims: int = option(2, "Dimensions of the images", choices=(2, 3))
    convolutions: int = option(3, "Convolutions of a block", minimum=1, maximum=4)
    pool_slices: bool = option(False, "Halve the number of slices too, level by level; for stacks of many")


class Block(nn.Sequential):
    """Convolutions, each with its leaky rectifier."""

    def __init__(self, dims: int, *channels: int) -> None:
        super().__init__()
        for inputs, outputs in pairwise(channels):
            self.extend([convolution(dims, inputs, outputs), nn.LeakyReLU(SLOPE)])


class Network(PairNetwork):
    """U-Net with five levels below the images; works with sides of any length.

    Paper 004 says 5 down-sampling and 5 up-sampling blocks, 16-16-32-32-32 channels and 254k parameters, and leaves
    the rest open. In two dimensions three convolutions a block give 254,914 here. In three, 254,307 come of one strided
    convolution a block and the same channels in the same order on the way up, so the paper may have meant that. One
    convolution a block, as in Balakrishnan 2019, is 106,882 here in two dimensions and 320,435 in three.
    """

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        dims, many = config.dims, config.convolutions
        pool = (1, 2, 2) if dims == 3 and not config.pool_slices else 2
        self.pool = (nn.MaxPool2d, nn.MaxPool3d)[dims - 2](pool, ceil_mode=True)
        befores = (2, *CHANNELS[:-1])
        self.down = nn.ModuleList(Block(dims, i, *many * [o]) for i, o in zip(befores, CHANNELS, strict=True))
        self.bottom = Block(dims, *(many + 1) * [CHANNELS[-1]])
        below = (CHANNELS[-1], *CHANNELS[:0:-1])
        self.up = nn.ModuleList(Block(dims, i + o, *many * [o]) for i, o in zip(below, reversed(CHANNELS), strict=True))
        self.closing = Block(dims, CHANNELS[0], *CLOSING)
        self.displacement = convolution(dims, CLOSING[-1], dims, FIRST_OUTPUT)

    def forward(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> list[Tensor]:
        """One displacement (B, *shape, dims) in voxels of images (B, 1, *shape); ``steps`` has no meaning here."""
        features = torch.cat((fixed, moving), dim=1)
        seen = []
        for block in self.down:
            seen.append(block(features))
            features = self.pool(seen[-1])
        features = self.bottom(features)
        for block, same_size in zip(self.up, reversed(seen), strict=True):
            features = block(torch.cat((interpolate(features, same_size.shape[2:]), same_size), dim=1))
        return [self.displacement(self.closing(features)).movedim(1, -1).to(fixed)]

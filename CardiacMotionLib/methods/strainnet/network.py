"""A 3D U-Net from masks of the wall over the cycle to its displacement, after StrainNet (Wang 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, max_pool3d

from ..clips import IMAGE, WALL, ClipNetwork
from ..layers import SLOPE, convolution, full
from ..protocol import option

FIRST_MOTION = 0.05  # of the drawn weights of the last layer


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    dims: int = option(2, "Dimensions of the images", choices=(2,))
    inputs: str = option(WALL, "What is seen of a frame: the wall as a mask, or the image", choices=(WALL, IMAGE))
    width: int = option(8, "Channels of the first level; each next has twice as many", minimum=2, maximum=256)
    levels: int = option(4, "Levels", minimum=2, maximum=6)


class Block(nn.Module):
    """Two convolutions by 3 x 3 x 3, each normalized."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([convolution(3, inputs, outputs), convolution(3, outputs, outputs)])
        self.norms = nn.ModuleList(nn.InstanceNorm3d(outputs, affine=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, j, i)."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = leaky_relu(norm(layer(x)), SLOPE)
        return x


class Network(ClipNetwork):
    """U-Net whose levels halve rows and columns, but not the frames, so that any number of them fits."""

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        widths = [config.width * 2**n for n in range(config.levels)]
        self.down = nn.ModuleList(Block(i, o) for i, o in zip([1, *widths[:-1]], widths, strict=True))
        self.up = nn.ModuleList(
            Block(below + beside, beside) for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.displacement = convolution(3, widths[0], 2, FIRST_MOTION)

    def forward(self, clips: Tensor) -> Tensor:
        """Displacement (B, T, J, I, 2) of clips (B, T, 1, J, I)."""
        x, seen = clips.transpose(1, 2), []
        for level, block in enumerate(self.down):
            if level:
                x = max_pool3d(x, (1, 2, 2), ceil_mode=True)
            x = block(x)
            seen.append(x)
        for block, beside in zip(self.up, seen[-2::-1], strict=True):
            x = block(torch.cat((interpolate(x, beside.shape[2:]), beside), 1))
        found = full(self.displacement(x)).permute(0, 2, 3, 4, 1)
        return found - found[:, :1]

"""Pieces of the U-Net: convolutions that may stay within the slices, and the large-kernel block of LKU-Net."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..layers import CONVOLUTIONS, SLOPE

if TYPE_CHECKING:
    from .network import Config

NORMS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def convolution(config: Config, inputs: int, outputs: int, kernel: int, level: int, groups: int = 1) -> nn.Module:
    """A convolution that keeps the size; its weights fit a leaky rectifier (He 2015).

    In three dimensions it is as deep as wide, but for stacks of few slices (``config.flat``): there it stays within the
    slices if it is wider than 3 or at full resolution.
    """
    deep = 1 if config.flat and (kernel > 3 or level == 0) else kernel
    size = (deep, kernel, kernel)[-config.dims :]
    layer = CONVOLUTIONS[config.dims](inputs, outputs, size, padding=tuple(n // 2 for n in size), groups=groups)
    nn.init.kaiming_uniform_(layer.weight, a=SLOPE)
    nn.init.zeros_(layer.bias)
    return layer


def halving(config: Config, inputs: int, outputs: int) -> nn.Module:
    """A convolution to half the size; flat stacks keep their slices. Its pixels cover two by two of those before."""
    size = ((1 if config.flat else 2), 2, 2)[-config.dims :]
    return CONVOLUTIONS[config.dims](inputs, outputs, size, stride=size)


class Convolutions(nn.Sequential):
    """Convolutions by 3, each with its leaky rectifier."""

    def __init__(self, config: Config, level: int, *channels: int) -> None:
        super().__init__()
        for inputs, outputs in pairwise(channels):
            self.extend([convolution(config, inputs, outputs, 3, level), nn.LeakyReLU(SLOPE)])


class Branch(nn.Module):
    """A convolution, or none, and what normalizes it over the batch."""

    def __init__(self, config: Config, channels: int, layer: nn.Module | None) -> None:
        super().__init__()
        self.layer: Any = layer
        self.norm: Any = NORMS[config.dims](channels)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, *shape) of the same shape."""
        return self.norm(features if self.layer is None else self.layer(features))

    def kernel(self, size: tuple[int, ...], groups: int) -> tuple[Tensor, Tensor]:
        """Weight (C, C / groups, *size) and bias (C,) of the one convolution that does the same in inference."""
        scale = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()
        shift = self.norm.bias - self.norm.running_mean * scale
        if self.layer is None:
            identity = torch.eye(len(scale)) if groups == 1 else torch.ones(len(scale), 1)
            weight = identity.reshape(*identity.shape, *[1] * len(size)).to(scale)
        else:
            weight, shift = self.layer.weight, shift + self.layer.bias * scale
        sides = [n for out, own in zip(size[::-1], weight.shape[:1:-1], strict=True) for n in 2 * [(out - own) // 2]]
        return pad(weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), sides), shift


class LargeKernel(nn.Module):
    """Convolutions by 1, 3 and a wide kernel side by side, and what comes in, added (Jia 2022, Ding 2022).

    Each is normalized over the batch, so that in inference all of them are one convolution: `fuse`. Depthwise ones are
    followed by one by 1 that mixes the channels.
    """

    def __init__(self, config: Config, channels: int, level: int) -> None:
        super().__init__()
        groups = channels if config.depthwise else 1
        layers = [convolution(config, channels, channels, kernel, level, groups) for kernel in (config.kernel, 3, 1)]
        self.branches = nn.ModuleList(Branch(config, channels, layer) for layer in (*layers, None))
        self.mix = convolution(config, channels, channels, 1, level) if config.depthwise else None

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, *shape) of the same shape."""
        total = self.branches[0](features)
        for branch in self.branches[1:]:
            total = total + branch(features)
        total = nn.functional.leaky_relu(total, SLOPE)
        return total if self.mix is None else nn.functional.leaky_relu(self.mix(total), SLOPE)

    @torch.no_grad()
    def fuse(self) -> None:
        """Put the branches together; for inference only, there is no way back."""
        branches: list[Any] = list(self.branches)
        layers = [branch.layer for branch in branches if branch.layer is not None]
        size = tuple(map(max, zip(*(layer.kernel_size for layer in layers), strict=True)))
        first = layers[0]
        fused = type(first)(
            first.in_channels, first.out_channels, size, padding=tuple(n // 2 for n in size), groups=first.groups
        )
        kernels, biases = zip(*(branch.kernel(size, first.groups) for branch in branches), strict=True)
        fused.weight = nn.Parameter(sum(kernels))
        fused.bias = nn.Parameter(sum(biases))
        self.branches = nn.ModuleList([fused])

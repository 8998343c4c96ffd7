"""LapWarp, the pyramid that warps features level by level, with the memory of MemWarp (paper 002, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...fields import compose, enlarge, integrate, resize_displacement, warp
from ..layers import CONVOLUTIONS, SLOPE, full
from ..learned import PairNetwork
from ..protocol import option
from .blocks import Convolutions, LargeKernel, halving
from .memory import Memory, Reader

FIRST_MOTION = 0.01  # of the drawn weights that the motion comes of: the first steps of training are small ones


@dataclass(frozen=True)
class Config:
    """What a MemWarp network is made of, with what it is compared to: without pyramid and memory it is LKU-Net."""

    dims: int = option(3, "Dimensions of the images", choices=(2, 3))
    channels: int = option(8, "Channels at full resolution; twice as many at each level below", minimum=2, maximum=64)
    most_channels: int = option(64, "Channels that no level has more of", minimum=2, maximum=1024)
    levels: int = option(4, "Levels below full resolution", minimum=1, maximum=6)
    kernel: int = option(5, "Width of the large kernels; odd", choices=(3, 5, 7, 9))
    depthwise: bool = option(True, "Large kernels channel by channel, with one by 1 after them")
    flat: bool = option(
        True, "Stacks of few slices: never halved across slices, wide and full-resolution kernels within them"
    )
    pyramid: bool = option(True, "Motion at every level, each warping the features of the next (LapWarp)")
    memory: bool = option(True, "Filters from a memory of regions, at the finest levels")
    regions: int = option(
        4,
        "Slots of the memory: background, RV, myocardium, cavity; more are kinds of background",
        minimum=4,
        maximum=32,
    )
    memory_levels: int = option(
        3, "Levels that ask the memory, the finest first; the paper says all", minimum=1, maximum=7
    )
    context: int = option(16, "Features of a voxel that its filter is multiplied with (C)", minimum=2, maximum=128)
    hidden: int = option(64, "Width of the perceptron that makes the memory", minimum=4, maximum=1024)
    temperature: float = option(1.0, "Of the softmax; the paper has none (1), its code 0.1", minimum=0.01, maximum=10)
    blend: bool = option(
        False, "Where the memory is unsure take a filter for all; in the paper's code, not in the paper"
    )
    integration: int = option(
        7, "Squarings of the flow, in a pyramid at all levels but the finest; 0: displacements", minimum=0, maximum=12
    )
    composed: bool = option(True, "Levels are composed; the paper adds their displacements")


class Flow(nn.Module):
    """Motion (B, d, *shape) from the features of both images at a level: the flow generator."""

    def __init__(self, config: Config, channels: int, level: int, inputs: int, remembers: bool) -> None:
        super().__init__()
        context = config.context if remembers else channels
        self.context = Convolutions(config, level, inputs, channels, context)
        self.reader = Reader(config, channels) if remembers else None
        self.static: Any = None if remembers else CONVOLUTIONS[config.dims](context, config.dims, 1)
        with torch.no_grad():
            next(self.context[-2].parameters()).mul_(FIRST_MOTION)
            if self.static is not None:
                self.static.bias.zero_()

    def forward(self, features: Tensor, fixed: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Motion, not in half precision, and log-probabilities of the regions; ``fixed`` asks the memory, if any."""
        context = self.context(features)
        if self.reader is None:
            return full(self.static(context)), None
        assert memory is not None
        log_regions, motion = self.reader(fixed, context, memory)
        return motion, log_regions


class Network(PairNetwork):
    """U-Net whose encoder sees the images one by one; with a pyramid its decoder warps what it has seen of ``moving``.

    The finest level is 0. Sides of any length are continued to a multiple of what the levels need and cut again. Where
    the paper is silent, or its code does otherwise: flows come of the sum and the difference of the features (paper:
    side by side), the query is a convolution by 1 of the decoder's features, since levels differ in channels, and only
    the finest levels ask the memory. The flow of a level, not the sum of all, is integrated; that of a network without
    pyramid, too.
    """

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.apart = config.pyramid or config.memory  # whether the images are encoded one by one
        self.segments = config.memory
        self.wide = True
        channels = [min(config.channels * 2**level, config.most_channels) for level in range(config.levels + 1)]
        self.enter = Convolutions(config, 0, 1 if self.apart else 2, channels[0], channels[0])
        self.halve = nn.ModuleList(halving(config, i, o) for i, o in pairwise(channels))
        self.encode = nn.ModuleList(LargeKernel(config, c, level) for level, c in enumerate(channels) if level)
        befores = [a + b for a, b in pairwise(channels)] + channels[-1:]
        self.decode = nn.ModuleList(
            Convolutions(config, level, before, c, c)
            for level, (before, c) in enumerate(zip(befores, channels, strict=True))
        )
        flows = range(config.levels + 1) if config.pyramid else range(1)
        self.flows = nn.ModuleList(
            Flow(
                config,
                channels[level],
                level,
                channels[level] * (1 + self.apart),
                config.memory and level < config.memory_levels,
            )
            for level in flows
        )
        self.memory: Any = Memory(config) if config.memory else None
        self.to(memory_format=torch.channels_last if config.dims == 2 else torch.channels_last_3d)  # type: ignore[call-overload]

    # ------------------------------------------------------------------ what a pair network does

    def forward(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> list[Tensor]:
        """Displacements (B, *shape, d) in voxels; one: the answer. ``steps`` has no meaning here."""
        return self.look(fixed, moving, steps)[0]

    def look(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """The displacement, and log-probabilities (B, N, *shape_i) of regions in ``fixed``, the finest level first.

        Of images whose sides had to be continued all levels come at full resolution.

        One fixed image that is expanded to many pairs is looked at once.
        """
        shape = tuple(fixed.shape[2:])
        if self.apart and fixed.stride(0) == 0:
            fixed = fixed[:1]
        fixed, moving = (self._continued(images) for images in (fixed, moving))
        displacement, regions = self._pyramid(fixed, moving) if self.apart else self._both(fixed, moving)
        inside: Any = tuple(slice(n) for n in shape)
        continued = tuple(moving.shape[2:])
        if continued != shape:  # a coarse voxel may lie on the edge: all levels are cut at full resolution
            regions = [_enlarged(of_level, continued)[(..., *inside)] for of_level in regions]
        whole = [of_level.expand(len(moving), *of_level.shape[1:]) for of_level in regions]
        return [displacement[(slice(None), *inside)].to(fixed)], whole

    def regions(self, images: Tensor) -> Tensor:
        """Log-probabilities (B, N, *shape) of regions in images (B, 1, *shape), without looking for motion."""
        inside: Any = tuple(slice(n) for n in images.shape[2:])
        features = self._decoded(self._encoded(self._continued(images)))
        finest: Any = self.flows[0]
        log_regions: Tensor = finest.reader.regions(features, self.memory())
        return log_regions[(..., *inside)]

    def fuse(self) -> None:
        """Put the large-kernel branches together."""
        blocks: list[Any] = list(self.encode)
        for block in blocks:
            block.fuse()

    # ------------------------------------------------------------------ inside

    def _continued(self, images: Tensor) -> Tensor:
        """Images with their edge continued at the end of every axis that is halved, to a multiple of 2**levels."""
        multiple = 2**self.config.levels
        halved = range(2 if self.dims == 2 or self.config.flat else 3)
        sides = [side for axis in halved for side in (0, -images.shape[-1 - axis] % multiple)]
        sides += [0] * (2 * self.dims - len(sides))
        return pad(images, sides, mode="replicate") if any(sides) else images

    def _encoded(self, images: Tensor) -> list[Tensor]:
        """Features of every level, the finest first."""
        features = [self.enter(images)]
        for halve, block in zip(self.halve, self.encode, strict=True):
            features.append(block(nn.functional.leaky_relu(halve(features[-1]), SLOPE)))
        return features

    def _decoded(self, encoded: list[Tensor]) -> Tensor:
        """Features at full resolution."""
        features = self.decode[-1](encoded[-1])
        for level in reversed(range(self.config.levels)):
            both = encoded[level], enlarge(features, encoded[level].shape[2:])
            features = self.decode[level](torch.cat(both, dim=1))
        return features

    def _both(self, fixed: Tensor, moving: Tensor) -> tuple[Tensor, list[Tensor]]:
        """LKU-Net: one look at both images."""
        features = self._decoded(self._encoded(torch.cat((fixed, moving), dim=1)))
        flow = self.flows[0](features, features, None)[0].movedim(1, -1)
        return (integrate(flow, self.config.integration) if self.config.integration else flow), []

    def _pyramid(self, fixed: Tensor, moving: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Equation 1, from the coarsest level to the finest."""
        counts = [len(fixed), len(moving)]
        encoded = self._encoded(torch.cat((fixed, moving)))
        memory = self.memory() if self.memory is not None else None
        of_fixed, of_moving = self.decode[-1](encoded[-1]).split(counts)
        displacement = residual = fixed.new_zeros(())
        all_regions = []
        for level in reversed(range(self.config.levels + 1)):
            if level < self.config.levels:
                seen_fixed, seen_moving = encoded[level].split(counts)
                shape = seen_fixed.shape[2:]
                up_fixed, up_moving = (enlarge(features, shape) for features in (of_fixed, of_moving))
                if self.config.pyramid:
                    displacement, residual = (resize_displacement(field, shape) for field in (displacement, residual))
                    seen_moving = _warped(seen_moving, displacement)
                    up_moving = _warped(up_moving, residual)
                both = torch.cat((torch.cat((seen_fixed, up_fixed), 1), torch.cat((seen_moving, up_moving), 1)))
                of_fixed, of_moving = self.decode[level](both).split(counts)
            if level >= len(self.flows):
                continue
            features = torch.cat((of_fixed + of_moving, of_fixed - of_moving), dim=1)
            flow, regions = self.flows[level](features, of_fixed, memory)
            residual = flow.movedim(1, -1)
            if (level or not self.config.pyramid) and self.config.integration:
                residual = integrate(residual, self.config.integration)
            if level == self.config.levels or not self.config.pyramid:
                displacement = residual
            else:
                displacement = compose(residual, displacement) if self.config.composed else residual + displacement
            all_regions += [regions] if regions is not None else []
        return displacement, all_regions[::-1]


def _enlarged(log_regions: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Log-probabilities on a finer grid, by their probabilities."""
    if tuple(log_regions.shape[2:]) == shape:
        return log_regions
    return enlarge(log_regions.exp(), shape).clamp_min(torch.finfo(log_regions.dtype).tiny).log()


def _warped(features: Tensor, displacement: Tensor) -> Tensor:
    """`fields.warp` in the precision of the displacement."""
    with torch.autocast(features.device.type, enabled=False):
        return warp(features.to(displacement), displacement).to(features)

"""Any2Reg: a set of images in, their displacements from a canonical space out (paper 003, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...fields import resize_displacement
from ..learned import GroupNetwork
from ..protocol import option
from .aggregate import KINDS, descriptors, set_weights
from .blocks import Encoder, Step

Features = Callable[[Tensor], Tensor]  # images (M, 1, J, I) to (M, C, J, I)
Report = Callable[[float], object]


@dataclass(frozen=True)
class Config:
    """What an Any2Reg network is made of."""

    channels: int = option(16, "Channels of the finest level; twice as many at each below", minimum=2, maximum=128)
    levels: int = option(4, "Levels", minimum=2, maximum=6)
    stem: int = option(2, "Pixels in which the finest level steps; the paper has 1", choices=(1, 2, 4))
    aggregation: str = option("correlation", "What the frames count in the canonical one", choices=KINDS)
    radius: int = option(1, "Of the local correlation, pixels of a level", minimum=1, maximum=4)
    small_window: int = option(4, "Of the first windowed perceptron", minimum=2, maximum=16)
    large_window: int = option(8, "Of the second", minimum=2, maximum=16)
    features: int = option(0, "Channels of a second stream of features; 0: there is none", minimum=0, maximum=256)
    extractor: str = option("", "Weights of the network that makes those features")
    dims: int = option(2, "Dimensions of the images", choices=(2,))


class Network(GroupNetwork):
    """Encoder, aggregation and decoder, all but the aggregation shared by the frames.

    Nothing but the weights of the set and the canonical features connects the frames, and both are sums over them: the
    result does not depend on their order or number. The encoder sees every frame alone, so that one pass over them
    tells all that they have in common.

    Parameters
    ----------
    config
        See `Config`.
    """

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        channels = [config.channels * 2**level for level in range(config.levels)]
        self.encoder = Encoder(1, channels, config.stem)
        self.second: Any = Encoder(config.features, channels, config.stem) if config.features else None
        self.fusion: Any = nn.ModuleList(nn.Conv2d(2 * c, c, 1) for c in channels) if config.features else None
        windows = (config.small_window, config.large_window)
        coarser = [*channels[1:], 0]
        self.steps = nn.ModuleList(
            Step(c, before, config.radius, windows) for c, before in zip(channels, coarser, strict=True)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, frames: Tensor, features: Tensor | None = None) -> Tensor:
        """Displacement (B, N, J, I, 2) in voxels: what is at x of the canonical space is at x + u_n(x) in frame n.

        ``frames`` (B, N, 1, J, I) in unit range, B sets of N; ``features`` (B, N, C, J, I) of the second stream. Sides
        may have any length.
        """
        sets, count = frames.shape[:2]
        levels = self.encode(frames.flatten(0, 1), None if features is None else features.flatten(0, 1))
        canonical = []
        for level in levels:
            of_sets = level.unflatten(0, (sets, count))
            weights = set_weights(descriptors(of_sets.float()), self.config.aggregation).to(level)
            canonical.append(torch.einsum("bn,bncji->bcji", weights, of_sets).repeat_interleave(count, 0))
        return self.decode(levels, canonical, frames.shape[-2:]).unflatten(0, (sets, count))

    # ------------------------------------------------------------------ what is done to every frame alone

    def encode(self, images: Tensor, features: Tensor | None = None) -> list[Tensor]:
        """Features (M, C_s, j, i) of frames (M, 1, J, I) at all levels, the finest first."""
        levels = self.encoder(self._padded(images))
        if self.second is None:
            return levels
        assert features is not None, "this network needs the features of its second stream"
        beside = self.second(self._padded(features.to(images)))
        return [fuse(torch.cat(pair, 1)) for fuse, *pair in zip(self.fusion, levels, beside, strict=True)]

    def decode(self, levels: list[Tensor], canonical: list[Tensor], shape: tuple[int, ...]) -> Tensor:
        """Displacement (M, J, I, 2) in voxels of images of ``shape`` (J, I), from coarse to fine (equation 3)."""
        motion = state = None
        for step, features, reference in reversed(list(zip(self.steps, levels, canonical, strict=True))):
            motion, state = step(reference.expand_as(features), features, motion, state)
        assert motion is not None
        stem = self.config.stem
        whole = resize_displacement(motion, [stem * n for n in motion.shape[1:3]])
        return whole[:, : shape[0], : shape[1]]

    def _padded(self, images: Tensor) -> Tensor:
        """Images continued to sides that all levels halve without a rest, and that have two pixels at the coarsest."""
        unit = self.config.stem * 2 ** (self.config.levels - 1)
        rows, columns = (max(2 * unit, -(-n // unit) * unit) - n for n in images.shape[-2:])
        return pad(images, (0, columns, 0, rows), mode="replicate") if rows or columns else images

    # ------------------------------------------------------------------ any number of frames

    @torch.no_grad()
    def stream(
        self, frames: Tensor, at_once: int, features: Features | None = None, report: Report = lambda _: None
    ) -> Tensor:
        """`forward` for one set of any size, (N, 1, J, I) to (N, J, I, 2), ``at_once`` frames in the network at a time.

        Of all frames the features are kept, in half precision and outside of an accelerator: about as much as their
        displacement takes. Whatever else is needed is bounded. ``features`` gives those of the second stream.
        """
        like = next(self.parameters())
        kept: list[list[Tensor]] = []
        described: list[list[Tensor]] = []
        for part in self._parts(frames, at_once, report, 0.0):
            images = part.to(like)
            levels = self.encode(images, None if features is None else features(images))
            described.append([descriptors(level.float()) for level in levels])
            kept.append([_small(level) for level in levels])
        canonical = []
        for level in range(self.config.levels):
            weights = set_weights(torch.cat([part[level] for part in described]), self.config.aggregation).to(like)
            sums = torch.zeros(1, dtype=like.dtype, device=like.device)
            for weight, part in zip(weights.split(at_once), kept, strict=True):
                sums = sums + torch.einsum("n,ncji->cji", weight, part[level].to(like))[None]
            canonical.append(sums)
        found = []
        for part in self._parts(kept, 1, report, 0.5):
            (levels,) = part
            found.append(self.decode([level.to(like) for level in levels], canonical, frames.shape[-2:]).cpu())
        return torch.cat(found)

    @staticmethod
    def _parts(whole: Any, at_once: int, report: Report, before: float) -> Iterator[Any]:
        """Pieces of ``at_once``; tells how far it is."""
        for start in range(0, len(whole), at_once):
            report(before + 0.5 * start / len(whole))
            yield whole[start : start + at_once]


def _small(values: Tensor) -> Tensor:
    """Values on the CPU, in half precision if they are in single."""
    return values.to("cpu", torch.float16 if values.dtype == torch.float32 else values.dtype)

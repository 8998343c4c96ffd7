"""People to learn from: a ring whose contraction is known, and noise that is quick."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from moving_images import contracting_series

from CardiacMotionLib import ImageSeries, Motion
from CardiacMotionLib.training.data import Prepared


@dataclass
class Given:
    """A person as a user's folder has them."""

    name: str
    series: ImageSeries
    motion: Motion | None = None

    @property
    def entry(self):
        return {}

    def load(self):
        return self.series, self.motion


def ring(shape=(1, 44, 40), spacing=(1.8, 1.8, 8.0), **changes) -> tuple[ImageSeries, Motion]:
    """A contracting ring, labeled where it begins, with its exact motion."""
    series, truth = contracting_series(shape=shape, spacing=spacing)
    return series.replace(**changes), Motion(truth, series.affine)


def random_person(frames: int = 4, slices: int = 3, size: int = 16, known: bool = True) -> Prepared:
    generator = torch.Generator().manual_seed(0)
    shape = (frames, slices, size, size)
    return Prepared(
        torch.rand(shape, generator=generator),
        torch.randint(0, 4, shape, generator=generator, dtype=torch.uint8),
        torch.arange(frames) % 2 == 0,
        torch.randn(*shape, 3, generator=generator) if known else None,
    )

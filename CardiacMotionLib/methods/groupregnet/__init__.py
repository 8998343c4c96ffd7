"""GroupRegNet: a network that is fitted to the one series, and sees all its images as the channels of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of the fit."""

    steps: int = option(250, "Steps of the fit, from random weights", minimum=1, maximum=10_000)
    similarity: str = option(
        "squared_local_ncc",
        "How alike an image and the mean of all are around a pixel; squared, dark on bright is like bright on dark",
        choices=("squared_local_ncc", "local_ncc"),
    )
    window: float = option(
        4.0, "Standard deviation of what is seen around a pixel in comparing images", unit="mm", minimum=0.5, maximum=40
    )
    smoothness: float = option(3.0, "Weight of the squared gradient of the displacement", minimum=0, maximum=100)
    learning_rate: float = option(0.003, "Of Adam", minimum=1e-6, maximum=1)
    channels: int = option(16, "Channels of the first level of the network", minimum=1, maximum=128)
    levels: int = option(3, "Levels of the network, the first at half the resolution", minimum=1, maximum=6)
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> Motion:
    """Motion of ``series`` from its canonical space."""
    from .fit import fit

    return fit(series, options, context)


METHOD = MethodInfo(
    name="groupregnet",
    title="GroupRegNet",
    summary="All images of a slice together: a U-Net that stacks them as channels is fitted to this one series.",
    citation="Zhang et al. 2021 (10.1088/1361-6560/abd956)",
    Options=Options,
    run=run,
    needs=frozenset({"groupwise"}),
)

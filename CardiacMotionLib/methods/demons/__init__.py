"""Diffeomorphic demons, each frame against the reference: the classic that needs no tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    import torch

    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of the demons."""

    iterations: int = option(60, "Iterations at each of the three resolutions", minimum=1, maximum=1000)
    smoothing: float = option(
        2.0,
        "Standard deviation that smooths the displacement in plane, at each resolution",
        unit="pixels",
        minimum=0.5,
        maximum=10,
    )
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``."""
    from .pairs import register_frames

    return register_frames(series, options, context)


METHOD = MethodInfo(
    name="demons",
    title="Diffeomorphic demons",
    summary="Frame by frame with SimpleITK; quick and robust, but frames know nothing of each other.",
    citation="Vercauteren et al. 2009 (10.1016/j.neuroimage.2008.10.040)",
    Options=Options,
    run=run,
    requires=("SimpleITK",),
)

"""Symmetric normalization (SyN) by ANTs, each frame against the reference: what many would take elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    import torch

    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of SyN; the defaults are those of ANTs, but for the iterations at full resolution, where it has none."""

    metric: str = option(
        "mattes", "Mutual information, or local correlation, which is slow in stacks", choices=("mattes", "CC")
    )
    iterations: int = option(
        40, "Iterations at the coarsest of three resolutions; half as many at the next", minimum=1, maximum=1000
    )
    fine_iterations: int = option(10, "Iterations at full resolution", minimum=0, maximum=1000)
    step: float = option(0.2, "Length of a step of the gradient descent", unit="voxels", minimum=0.01, maximum=1)
    smoothing: float = option(
        3.0, "Variance that smooths every update of the displacement", unit="voxels", minimum=0, maximum=20
    )
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``."""
    from .pairs import register_frames

    return register_frames(series, options, context)


METHOD = MethodInfo(
    name="syn",
    title="ANTs SyN",
    summary="Diffeomorphic, frame by frame with ANTs; slow, to compare with.",
    citation="Avants et al. 2008 (10.1016/j.media.2007.06.004)",
    Options=Options,
    run=run,
    requires=("ants",),
)

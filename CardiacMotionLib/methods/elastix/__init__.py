"""B-spline registration by elastix, each frame against the reference: what many would take elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    import torch

    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of the registration."""

    knot_spacing: float = option(
        12.0, "Distance of the finest control points in plane", unit="mm", minimum=4, maximum=80
    )
    iterations: int = option(
        250, "Iterations of stochastic gradient descent at each of the three resolutions", minimum=1, maximum=10_000
    )
    samples: int = option(2000, "Places that an iteration looks at", minimum=50, maximum=1_000_000)
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``."""
    from .pairs import register_frames

    return register_frames(series, options, context)


METHOD = MethodInfo(
    name="elastix",
    title="elastix B-spline",
    summary="B-spline frame by frame with elastix and its stochastic gradient descent; to compare with.",
    citation="Klein et al. 2010 (10.1109/TMI.2009.2035616)",
    Options=Options,
    run=run,
    requires=("itk",),
)

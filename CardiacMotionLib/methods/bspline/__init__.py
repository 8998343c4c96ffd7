"""Free-form deformation by SimpleITK, each frame against the reference: the other classic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    import torch

    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of the free-form deformation."""

    knot_spacing: float = option(
        14.0, "Distance of the finest control points in plane", unit="mm", minimum=4, maximum=80
    )
    iterations: int = option(10, "Most iterations of L-BFGS-B at each of the two resolutions", minimum=1, maximum=500)
    sampling: float = option(0.05, "Share of the voxels that the metric looks at", minimum=0.01, maximum=1)
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``."""
    from .pairs import register_frames

    return register_frames(series, options, context)


METHOD = MethodInfo(
    name="bspline",
    title="Free-form deformation",
    summary="B-spline frame by frame with SimpleITK and mutual information; slow, and without a guard against folding.",
    citation="Rueckert et al. 1999 (10.1109/42.796284)",
    Options=Options,
    run=run,
    requires=("SimpleITK",),
)

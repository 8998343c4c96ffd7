"""Space-time cubic B-spline registration: all frames together, coarse to fine, a nearly incompressible wall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    import torch

    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of the space-time B-spline."""

    knot_spacing: float = option(
        9.0,
        "Distance of the finest control points; smaller follows finer detail and more noise",
        unit="mm",
        minimum=4,
        maximum=40,
    )
    levels: int = option(3, "Levels of control points, each twice as coarse as the next", minimum=1, maximum=4)
    frame_spacing: float = option(
        1.6,
        "Distance of the control points in time; larger is smoother over the cycle",
        unit="frames",
        minimum=1,
        maximum=8,
    )
    window: float = option(5.0, "Standard deviation of the correlation window", unit="mm", minimum=2, maximum=40)
    incompressibility: float = option(2.0, "How strongly the wall keeps its volume", minimum=0, maximum=100)
    smoothness: float = option(0.5, "How strongly the motion resists bending", minimum=0, maximum=1000)
    through_plane_stiffness: float = option(
        0.5, "How strongly neighbors in a slice share their through-plane motion", minimum=0, maximum=100
    )
    coarse_steps: int = option(80, "Steps on images of half the in-plane resolution", minimum=0, maximum=1000)
    fine_steps: int = option(30, "Steps on the full images", minimum=0, maximum=1000)
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``."""
    from .fit import fit

    return fit(series, options, context)


METHOD = MethodInfo(
    name="spline",
    title="Space-time B-spline",
    summary="All frames at once, smooth in space and time, with a wall that keeps its volume; the quick default.",
    citation="After Rueckert et al. 1999 (10.1109/42.796284) and Metz et al. 2011 (10.1016/j.media.2010.10.003)",
    Options=Options,
    run=run,
    takes_init=True,
)

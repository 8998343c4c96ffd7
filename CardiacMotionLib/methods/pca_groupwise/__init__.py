"""Groupwise B-spline registration by elastix: the drawn images are to have few principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of the registration."""

    knot_spacing: float = option(4.0, "Distance of the finest control points", unit="pixels", minimum=2, maximum=100)
    iterations: int = option(
        100, "Iterations of stochastic gradient descent at each of the three resolutions", minimum=1, maximum=10_000
    )
    samples: int = option(
        2000, "Places in the plane that an iteration looks at, in all images", minimum=50, maximum=100_000
    )
    step: float = option(
        0.05, "Length of the first step; longer ones go farther, and astray", unit="pixels", minimum=0.001, maximum=2
    )
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> Motion:
    """Motion of ``series`` from its canonical space."""
    from .elastix import register_groups

    return register_groups(series, options, context)


METHOD = MethodInfo(
    name="pca_groupwise",
    title="Groupwise B-spline, PCA",
    summary="All images of a slice together with elastix, whatever their contrast; slow.",
    citation="Huizinga et al. 2016 (10.1016/j.media.2015.12.004)",
    Options=Options,
    run=run,
    needs=frozenset({"groupwise"}),
    requires=("itk",),
)

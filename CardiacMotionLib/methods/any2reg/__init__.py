"""Groupwise registration of a set of images of any number, order and contrast (paper 003)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..learned_method import AUTO
from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries


@dataclass(frozen=True)
class Options:
    """Settings of a run."""

    weights: str = option(AUTO, "Weights: auto (those that ship), a name, or a file")
    margin: float = option(40.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)
    refine: int = option(
        0, "Steps in which the network is tuned to this very series; the paper takes 30", minimum=0, maximum=1000
    )
    rate: float = option(1e-3, "Learning rate of these steps", minimum=1e-7, maximum=1e-1)


def _network() -> type:
    from .network import Network

    return Network


def _run(series: ImageSeries, options: Any, context: Context) -> Motion:
    from .run import run

    return run(series, options, context)


METHOD = MethodInfo(
    name="any2reg",
    title="Any2Reg",
    summary="A network that registers all images at once to their mean shape, whatever their contrast: for maps.",
    citation="Zhang et al., Set-Based Groupwise Registration for Variable-Length, Variable-Contrast Cardiac MRI "
    "(github.com/YiZhang025/Any2Reg), decoder after Meng et al. 2024 (10.1109/CVPR52733.2024.00921)",
    Options=Options,
    run=_run,
    needs=frozenset({"weights", "groupwise"}),
    network=_network,
    fewest_frames=1,
    task="groups",
)

"""What methods that are trained networks share as methods: their options and their `MethodInfo`. No torch at import."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from torch import Tensor

    from ..series import ImageSeries

AUTO = "auto"
SHARED = ("weights", "margin")


@dataclass(frozen=True)
class LearnedOptions:
    """Settings of every network for pairs; what a subclass adds is passed on to the network."""

    weights: str = option(AUTO, "Weights: auto (those that ship and fit the series), a name, or a file")
    margin: float = option(30.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def learned_method(package: str, title: str, summary: str, citation: str, options: type = LearnedOptions) -> MethodInfo:
    """The method of a package that has ``network.py`` with a class ``Network``; it has the name of the package."""
    name = package.rpartition(".")[2]

    def network() -> type:
        return importlib.import_module(f"{package}.network").Network

    return MethodInfo(
        name=name,
        title=title,
        summary=summary,
        citation=citation,
        Options=options,
        run=partial(_run, name, network),
        needs=frozenset({"weights"}),
        network=network,
    )


def _run(name: str, network: Any, series: ImageSeries, options: Any, context: Context) -> Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``."""
    from .learned import choose_weights, load_network, register_series

    weights = choose_weights(name, options.weights, series)
    module = load_network(network(), weights, context.device)
    call = {key: value for key, value in asdict(options).items() if key not in SHARED}
    context.facts.update(weights=weights.name, weights_sha256=weights.card["sha256"])
    return register_series(series, module, float(weights.card["pixel_mm"]), options.margin, context, **call)

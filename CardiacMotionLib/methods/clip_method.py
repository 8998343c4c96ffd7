"""What methods that see a slice over the whole cycle share as methods. No torch at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .learned_method import AUTO, network_of
from .protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries


@dataclass(frozen=True)
class ClipOptions:
    """Settings of every network for clips; what a subclass adds is passed on to the network."""

    weights: str = option(AUTO, "Weights: auto (those that ship and fit the series), a name, or a file")
    carrier: str = option(
        AUTO, "Method that carries the wall to where none is drawn in a frame; auto: the one that is best for a cine"
    )


def clip_method(
    package: str,
    title: str,
    summary: str,
    citation: str,
    options: type = ClipOptions,
    requires: tuple[str, ...] = (),
) -> MethodInfo:
    """The method of a package that has ``network.py`` with a class ``Network``; it has the name of the package."""
    name, network = package.rpartition(".")[2], network_of(package)
    return MethodInfo(
        name=name,
        title=title,
        summary=summary,
        citation=citation,
        Options=options,
        run=partial(_run, name, network),
        needs=frozenset({"labels", "weights"}),
        requires=requires,
        network=network,
        task="clips",
    )


def _run(name: str, network: Callable[[], type], series: ImageSeries, options: Any, context: Context) -> Motion:
    from .clips import run

    return run(name, network(), series, options, context)

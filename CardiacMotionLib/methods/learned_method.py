"""What methods that are trained networks share as methods: their options and their `MethodInfo`. No torch at import."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries

AUTO = "auto"
SHARED = ("weights", "margin", "smoothing")
FOUND_NONE = "No segmentation came with frame {frame}, and the network found none in it; draw one for strain."
FOUND_LABELS = (
    "No segmentation came with frame {frame}: the one that the network found in it is used. Look at it first: it was "
    "learned from synthetic hearts, and on real ones it is often wrong."
)

NOT_LEARNED = (
    "These weights learned the motion of whole cycles from end-diastole. From frame {frame} they find less; frame "
    "{usual} as the reference suits them better."
)


@dataclass(frozen=True)
class LearnedOptions:
    """Settings of every network for pairs; what a subclass adds is passed on to the network."""

    weights: str = option(AUTO, "Weights: auto (those that ship and fit the series), a name, or a file")
    margin: float = option(30.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)
    smoothing: float = option(
        0.0,
        "Smoothing of every path over the frames of a cine (standard deviation); lowers peaks of motion and strain",
        unit="frames",
        minimum=0,
        maximum=10,
    )


def learned_method(
    package: str,
    title: str,
    summary: str,
    citation: str,
    options: type = LearnedOptions,
    gives: frozenset[str] = frozenset(),
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
        needs=frozenset({"weights"}),
        gives=gives,
        network=network,
    )


def network_of(package: str) -> Callable[[], type]:
    """What imports the class ``Network`` of a method's package when it is called."""
    return lambda: importlib.import_module(f"{package}.network").Network


def _run(name: str, network: Any, series: ImageSeries, options: Any, context: Context) -> Motion:
    """The motion, with the labels that the network tells, if it does."""
    from ..motion import Motion
    from ..series import default_reference
    from .learned import check_path, choose_weights, load_network, register_series, smoothed, trained_field_mm

    if options.smoothing:
        check_path(len(series))
    weights = choose_weights(name, options.weights, series)
    module = load_network(network(), weights, context.device)
    call = {key: value for key, value in asdict(options).items() if key not in SHARED}
    context.facts.update(weights=weights.name, weights_sha256=weights.card["sha256"])
    pixel_mm = float(weights.card["pixel_mm"])
    field = trained_field_mm(weights.card) if module.wide else 0.0
    displacement, labels = register_series(series, module, pixel_mm, options.margin, context, field_mm=field, **call)
    if options.smoothing:
        displacement = smoothed(displacement, options.smoothing, context.reference)
    usual, data = default_reference(series), weights.card.get("recipe", {}).get("data", {})
    if context.reference != usual and (data.get("kind"), data.get("template")) == ("cine", "first"):
        note = NOT_LEARNED.format(frame=context.reference, usual=usual)
        context.facts.setdefault("notes", []).append(note)
    if labels is not None:
        if labels.any():
            context.facts["labels_from"] = weights.name
        if context.reference not in series.labels:
            note = FOUND_LABELS if labels.any() else FOUND_NONE
            context.facts.setdefault("notes", []).append(note.format(frame=context.reference))
    return Motion.from_voxels(displacement, series, context.reference, labels=labels)

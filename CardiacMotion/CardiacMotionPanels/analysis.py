"""From nodes to results: `prepare` on the main thread, `compute` anywhere, `publish` on the main thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import slicer

from CardiacMotionLib.errors import CardiacMotionError

from .parameters import AUTOMATIC

if TYPE_CHECKING:
    import pandas as pd

    from CardiacMotionLib.motion import Motion
    from CardiacMotionLib.series import ImageSeries
    from CardiacMotionLib.strain import Strain


@dataclass(frozen=True)
class Request:
    """What is to be computed: arrays and plain values, no nodes."""

    series: ImageSeries
    method: str = "auto"
    reference: int | None = None
    end_systole: int | None = None
    device: str = "auto"
    compute_strain: bool = True
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What was computed. ``notes`` are sentences for the user."""

    series: ImageSeries
    motion: Motion
    strain: Strain | None
    quality: pd.DataFrame
    notes: tuple[str, ...]


def prepare(
    cine: Any,
    segmentation: Any = None,
    method: str = "auto",
    *,
    reference: int | None = None,
    endSystole: int | None = None,
    device: str = "auto",
    computeStrain: bool = True,
    **options: Any,
) -> Request:
    """What is to be computed for nodes; raises `CardiacMotionError` when they cannot be used."""
    series = read(cine, segmentation, reference)
    return Request(series, method, reference, endSystole, device, computeStrain, options)


def prepareFrom(parameterNode: Any, options: dict[str, Any]) -> Request:
    """What the user selected; ``options`` of the method."""
    frames = {name: getattr(parameterNode, name) for name in ("referenceFrame", "endSystole")}
    reference, endSystole = (None if frame == AUTOMATIC else frame for frame in frames.values())
    return prepare(
        parameterNode.cine,
        parameterNode.segmentation,
        parameterNode.method,
        reference=reference,
        endSystole=endSystole,
        device=parameterNode.device,
        computeStrain=parameterNode.computeStrain,
        **options,
    )


def read(cine: Any, segmentation: Any = None, reference: int | None = None) -> ImageSeries:
    """The images and labels of nodes; raises `CardiacMotionError` when they cannot be used.

    A segmentation that does not say which frame it was drawn in is taken to belong to ``reference``.
    """
    from CardiacMotionLib.scene.read import series_from_nodes
    from CardiacMotionLib.scene.segmentations import FRAME
    from CardiacMotionLib.scene.sequences import find_sequence

    if cine is None:
        raise CardiacMotionError("no cine is selected; select a sequence of images")
    known = (
        segmentation is None or segmentation.GetAttribute(FRAME) is not None or find_sequence(segmentation) is not None
    )
    return series_from_nodes(cine, segmentation, frame=None if known else reference)


def compute(request: Request, progress: Callable[[float, str], Any]) -> Outcome:
    """Motion, strain and quality; touches no node, so any thread will do."""
    from CardiacMotionLib import evaluate, register
    from CardiacMotionLib.methods import default_reference

    series = request.series
    check(request)
    try:
        motion = register(
            series,
            request.method,
            reference=default_reference(series) if request.reference is None else request.reference,
            device=request.device,
            progress=lambda fraction, text: progress(0.85 * fraction, text),
            **request.options,
        )
    except RuntimeError as error:
        if not isOutOfMemory(error):
            raise
        raise CardiacMotionError(
            "the GPU ran out of memory; choose the device cpu, or crop the cine to the heart"
        ) from error
    series = motion.labeled(series)
    request = replace(request, series=series)
    tell(progress, 0.88, "Strain")
    strain, notes = computeStrain(request, motion)
    tell(progress, 0.90, "Quality")
    quality = evaluate(motion, series)
    for frame in range(len(motion)):
        tell(progress, 0.94 + 0.06 * frame / len(motion), "Overlays")
        motion.inverse(frame)  # the overlays need it, and the main thread should not have to wait for it
    tell(progress, 1.0, "Done")
    if motion.provenance.get("heart_from") == "motion" and not motion.provenance.get("notes"):
        notes = (*notes, "No segmentation: the heart was taken to be where the images change most.")
    known = (*series.meta.get("notes", ()), *motion.provenance.get("notes", ()))
    notes = (*known, *notes, *(strain.notes if strain else ()))
    return Outcome(series, motion, strain, quality, notes)


def check(request: Request) -> None:
    """Raise `CardiacMotionError` for a segmentation that belongs to another frame than the chosen one."""
    labeled = sorted(request.series.labels)
    if request.compute_strain and labeled and request.reference is not None and request.reference not in labeled:
        raise CardiacMotionError(
            f"the segmentation belongs to frame {', '.join(map(str, labeled))}, "
            f"but end-diastole is frame {request.reference}; choose the segmented frame, or automatic"
        )


def computeStrain(request: Request, motion: Motion) -> tuple[Strain | None, tuple[str, ...]]:
    """Strain, or the sentence that says why there is none: the motion was long work and is kept."""
    from CardiacMotionLib import strain

    labels = request.series.labels.get(motion.reference)
    if not request.compute_strain:
        return None, ()
    if labels is None:
        return None, ("No strain: there is no segmentation of the end-diastolic frame.",)
    try:
        return strain(
            motion, labels, rv_insertion=request.series.meta.get("rv_insertion"), end_systole=request.end_systole
        ), ()
    except CardiacMotionError as error:
        return None, (f"No strain: {error}.",)


def publish(cine: Any, outcome: Outcome) -> Any:
    """Add the results to the scene beside the cine; raises `CardiacMotionError` when the cine is gone."""
    from CardiacMotionLib.scene.results import add_results

    if cine is None or not slicer.mrmlScene.IsNodePresent(cine):
        raise CardiacMotionError("the cine was removed from the scene while its motion was computed; nothing was added")
    return add_results(cine, outcome.series, outcome.motion, outcome.strain)


def tell(progress: Callable[[float, str], Any], fraction: float, text: str) -> None:
    """Report, and raise `Cancelled` when the answer is False."""
    from CardiacMotionLib.errors import Cancelled

    if progress(fraction, text) is False:
        raise Cancelled(f"cancelled at {fraction:.0%}")


def isOutOfMemory(error: RuntimeError) -> bool:
    """Whether a GPU has no memory left; what torch holds of it without need is given back."""
    import torch

    if not isinstance(error, torch.cuda.OutOfMemoryError):
        return False
    torch.cuda.empty_cache()
    return True

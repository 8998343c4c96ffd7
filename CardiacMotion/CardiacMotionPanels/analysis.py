"""From nodes to a request of the library, and from its outcome to nodes; on the main thread."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import slicer

from CardiacMotionLib.errors import CardiacMotionError

from .parameters import AUTOMATIC, readSegments

if TYPE_CHECKING:
    from CardiacMotionLib.pipeline import Outcome, Request
    from CardiacMotionLib.scene import Results
    from CardiacMotionLib.scene.drawing import Drawing
    from CardiacMotionLib.series import ImageSeries

CINE_GONE = "the cine was removed from the scene while its motion was computed; nothing was added"


def prepare(
    cine: Any,
    segmentation: Any = None,
    method: str = "auto",
    *,
    reference: int | None = None,
    endSystole: int | None = None,
    device: str = "auto",
    computeStrain: bool = True,
    segmentLabels: dict[str, int] | None = None,
    strainLayers: int = 3,
    driftCorrection: bool = False,
    **options: Any,
) -> Request:
    """What is to be computed for nodes; raises `CardiacMotionError` when they cannot be used."""
    from CardiacMotionLib.pipeline import Request

    series = read(cine, segmentation, reference, segmentLabels)
    strain = {"layers": strainLayers, "drift_correction": driftCorrection}
    return Request(series, method, reference, endSystole, device, computeStrain, options, **strain)


def prepareFrom(parameterNode: Any, options: dict[str, Any], **more: Any) -> Request:
    """What the user selected; ``options`` of the method, ``more`` fields of the request."""
    frames = {name: getattr(parameterNode, name) for name in ("referenceFrame", "endSystole")}
    reference, endSystole = (None if frame == AUTOMATIC else frame for frame in frames.values())
    request = prepare(
        parameterNode.cine,
        parameterNode.segmentation,
        parameterNode.method,
        reference=reference,
        endSystole=endSystole,
        device=parameterNode.device,
        computeStrain=parameterNode.computeStrain,
        segmentLabels=chosenSegments(parameterNode),
        strainLayers=parameterNode.strainLayers,
        driftCorrection=parameterNode.driftCorrection,
        **options,
    )
    return replace(request, **more)


def chosenSegments(parameterNode: Any) -> dict[str, int]:
    """``segment_labels`` of the library from what the user chose; raises `CardiacMotionError` for a conflict."""
    from CardiacMotionLib.scene.segment_names import choose_segments

    segmentation = parameterNode.segmentation
    return {} if segmentation is None else choose_segments(segmentation, readSegments(parameterNode))


def read(
    cine: Any, segmentation: Any = None, reference: int | None = None, segmentLabels: dict[str, int] | None = None
) -> ImageSeries:
    """The images and labels of nodes; raises `CardiacMotionError` when they cannot be used.

    A segmentation that does not say which frame it was drawn in is taken to belong to ``reference``. ``segmentLabels``
    is {segment: label} where names do not say it.
    """
    from CardiacMotionLib.scene.read import series_from_nodes

    if cine is None:
        raise CardiacMotionError("no cine is selected; select a sequence of images")
    return series_from_nodes(
        cine, segmentation, segment_labels=segmentLabels or None, frame=None if saysFrame(segmentation) else reference
    )


def saysFrame(segmentation: Any) -> bool:
    """Whether a segmentation says which frame it was drawn in, or is of all frames; also where there is none."""
    from CardiacMotionLib.scene.segmentations import FRAME
    from CardiacMotionLib.scene.sequences import find_sequence

    return (
        segmentation is None or segmentation.GetAttribute(FRAME) is not None or find_sequence(segmentation) is not None
    )


def publish(cine: Any, outcome: Outcome) -> Any:
    """Add the results to the scene beside the cine; raises `CardiacMotionError` when the cine is gone."""
    from CardiacMotionLib.scene.results import add_results

    if cine is None or not slicer.mrmlScene.IsNodePresent(cine):
        raise CardiacMotionError(CINE_GONE)
    return add_results(cine, outcome.series, outcome.motion, outcome.strain)


def publishing(cineId: str, outcome: Outcome, drawing: Drawing) -> Generator[float, None, Results]:
    """`publish` in short steps, of what was drawn elsewhere; yields the share that is done."""
    from CardiacMotionLib.scene.results import add_results_in_steps

    return whileThere(
        cineId,
        lambda cine: add_results_in_steps(cine, outcome.series, outcome.motion, outcome.strain, drawing=drawing),
        CINE_GONE,
    )


def whileThere(
    nodeId: str, start: Callable[[Any], Generator[float, None, Any]], gone: str
) -> Generator[float, None, Any]:
    """The steps that ``start(node)`` gives, for as long as the node is in the scene.

    When a step fails, the node goes (`CardiacMotionError` with the text ``gone``) or the generator is closed, so are
    the steps: they leave nothing.
    """
    steps = None
    try:
        while True:
            node = slicer.mrmlScene.GetNodeByID(nodeId)
            if node is None:
                raise CardiacMotionError(gone)
            if steps is None:
                steps = start(node)
            try:
                share = next(steps)
            except StopIteration as end:
                return end.value
            yield share
    finally:
        if steps is not None:
            steps.close()


def restore(results: Any) -> Outcome:
    """What a run that came with the scene was made of: motion from its nodes, strain and quality computed again."""
    from CardiacMotionLib.pipeline import analyze
    from CardiacMotionLib.scene.restore import read_back

    series, motion, settings = read_back(results)
    return analyze(series, motion, **settings)

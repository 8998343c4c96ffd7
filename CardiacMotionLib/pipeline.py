"""From a series to motion, strain and quality in one piece of work, for whoever has a user waiting.

No nodes and no files here: a `Request` holds arrays and plain values, so that `compute` may run in another thread or
process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .devices import limited_threads, memory_given_back
from .errors import Cancelled, CardiacMotionError

if TYPE_CHECKING:
    import pandas as pd

    from .motion import Motion
    from .scene.drawing import Drawing
    from .series import ImageSeries
    from .strain import Strain

Progress = Callable[[float, str], Any]


@dataclass(frozen=True)
class Request:
    """What is to be computed.

    Attributes
    ----------
    series
        Images, with labels for strain.
    method, options
        As `register` takes them.
    reference, end_systole
        Frames; None to find them.
    device
        auto, cpu, cuda, cuda:N or mps.
    compute_strain
        Whether strain is wanted.
    layers, drift_correction
        Options of `strain`.
    init
        Motion of the series to start from, for methods that can refine one.
    seed
        Of every random choice of the method.
    truth
        The exact motion, where it is known: the quality has the errors then.
    threads
        To compute with on the processor, 0 for as many as torch thinks right.
    """

    series: ImageSeries
    method: str = "auto"
    reference: int | None = None
    end_systole: int | None = None
    device: str = "auto"
    compute_strain: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    init: Motion | None = None
    threads: int = 0
    layers: int = 3
    drift_correction: bool = False
    seed: int = 0
    truth: Motion | None = None


@dataclass(frozen=True)
class Outcome:
    """What was computed.

    Attributes
    ----------
    series
        With the labels that the motion found, where it found some.
    motion, strain
        ``strain`` is None where none was wanted or possible; a note says which.
    quality
        Table of `evaluate`.
    notes
        Sentences for the user.
    """

    series: ImageSeries
    motion: Motion
    strain: Strain | None
    quality: pd.DataFrame
    notes: tuple[str, ...]


def compute(request: Request, progress: Progress) -> Outcome:
    """Motion, strain and quality of a request.

    ``progress(fraction, text)`` may answer False to cancel. Raises `Cancelled`, or `CardiacMotionError` for a request
    that cannot work.
    """
    with limited_threads(request.threads):
        outcome = _compute(request, progress)
    _tell(progress, 1.0, "Done")
    return outcome


def compute_and_draw(request: Request, progress: Progress) -> tuple[Outcome, Drawing]:
    """`compute`, and what the nodes of the results will hold: nothing that takes long is left for the scene's thread.

    Picklable with a `Request` by functools.partial, for a process of its own.
    """
    from .scene.drawing import draw

    with limited_threads(request.threads):
        outcome = _compute(request, lambda fraction, text: progress(0.85 * fraction, text))
        for frame in range(len(outcome.motion)):  # the overlays need them, and probes that the user sets later
            _tell(progress, 0.85 + 0.05 * frame / len(outcome.motion), "Overlays")
            outcome.motion.inverse(frame)
        drawing = draw(
            outcome.series,
            outcome.motion,
            outcome.strain,
            progress=lambda share: _tell(progress, 0.9 + 0.1 * share, "Drawing"),
        )
    _tell(progress, 1.0, "Done")
    return outcome, drawing


def _compute(request: Request, progress: Progress) -> Outcome:
    from . import register
    from .methods import default_reference

    series = request.series
    _check_labeled_frame(request)
    with memory_given_back():
        motion = register(
            series,
            request.method,
            reference=default_reference(series) if request.reference is None else request.reference,
            device=request.device,
            seed=request.seed,
            progress=lambda fraction, text: progress(0.85 * fraction, text),
            init=request.init,
            **request.options,
        )
    _tell(progress, 0.86, "Strain")
    outcome = analyze(
        series,
        motion,
        compute_strain=request.compute_strain,
        progress=progress,
        end_systole=request.end_systole,
        layers=request.layers,
        drift_correction=request.drift_correction,
        truth=request.truth,
    )
    return outcome


def analyze(
    series: ImageSeries,
    motion: Motion,
    *,
    compute_strain: bool = True,
    progress: Progress = lambda fraction, text: True,
    truth: Motion | None = None,
    **settings: Any,
) -> Outcome:
    """Strain and quality of a motion that is there already; with the exact motion ``truth``, its errors too.

    ``settings`` of `strain`: end_systole, layers, drift_correction.
    """
    from . import evaluate

    series = motion.labeled(series)
    found, notes = _strain(series, motion, compute_strain, settings)
    _tell(progress, 0.90, "Quality")
    if truth is not None and motion.reference is not None:
        truth = truth.expressed_in(motion.reference)
    quality = evaluate(motion, series, truth=truth)
    if motion.provenance.get("heart_from") == "motion" and not motion.provenance.get("notes"):
        notes = (*notes, "No segmentation: the heart was taken to be where the images change most.")
    known = (*series.meta.get("notes", ()), *motion.provenance.get("notes", ()))
    return Outcome(series, motion, found, quality, (*known, *notes, *(found.notes if found else ())))


def _check_labeled_frame(request: Request) -> None:
    """Raise `CardiacMotionError` for a segmentation that belongs to another frame than the chosen one."""
    labeled = sorted(request.series.labels)
    if request.compute_strain and labeled and request.reference is not None and request.reference not in labeled:
        raise CardiacMotionError(
            f"the segmentation belongs to frame {', '.join(map(str, labeled))}, "
            f"but end-diastole is frame {request.reference}; choose the segmented frame, or automatic"
        )


def _strain(
    series: ImageSeries, motion: Motion, wanted: bool, settings: dict[str, Any]
) -> tuple[Strain | None, tuple[str, ...]]:
    """Strain, or the sentence that says why there is none: the motion was long work and is kept."""
    from .strain import strain

    if not wanted:
        return None, ()
    labels = None if motion.reference is None else series.labels.get(motion.reference)
    if labels is None:
        return None, ("No strain: there is no segmentation of the end-diastolic frame; select one.",)
    try:
        return strain(motion, labels, rv_insertion=series.meta.get("rv_insertion"), **settings), ()
    except CardiacMotionError as error:
        return None, (f"No strain: {error}.",)


def _tell(progress: Progress, fraction: float, text: str) -> None:
    """Report, and raise `Cancelled` when the answer is False."""
    if progress(fraction, text) is False:
        raise Cancelled(f"cancelled at {fraction:.0%}")

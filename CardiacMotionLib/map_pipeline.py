"""From the images of a mapping sequence to its maps, before and after the motion is taken out.

What the command line and the panel share: `with_acquisition` and `MapRequest` look at everything that can be wrong
before any work, `compute_maps` does the work and touches no node and no file.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .devices import memory_given_back
from .errors import Cancelled, CardiacMotionError
from .methods import default_reference, methods, register
from .series import ImageSeries

if TYPE_CHECKING:
    from .mapping.maps import ParameterMaps
    from .motion import Motion
    from .report.map_run import MapRun

Progress = Callable[[float, str], object]  # (share done, what is being done); returning False cancels

PREFERRED = ("any2reg", "groupregnet", "pca_groupwise")  # for maps, best first: groupwise, whatever the contrast
AUTO, NONE = "auto", "none"
AROUND_MM = 20.0  # of the labels, in which every pixel is fitted
NOT_REGISTERED = "Not registered: no groupwise method can run here; name another method, such as demons."
REGISTERED, REFITTED, COUNTED = 0.15, 0.75, 0.95  # shares of the work at which these steps begin


@dataclass(frozen=True, eq=False)
class MapRequest:
    """What is to be computed: arrays and plain values, so that any thread or process can.

    Attributes
    ----------
    series
        Images, with labels or without, which know their model and acquisition; see `with_acquisition`.
    method
        ``auto`` for the best groupwise method that can run here, ``none``, or a name of `methods`.
    motion
        Of the series, instead of a method.
    reference
        Frame to draw the maps in. Else the mean shape of a groupwise method, for others the `clearest_frame`.
    phase
        (T, K, J, I) rad of the images, from which the sign of the signal is found before anything is moved.
    polarity, robust
        As in `fit_map`.
    device, seed, options
        As in `register`; ``options`` are those of the method.
    name
        The method that will run, ``none`` for none.

    Raises
    ------
    CardiacMotionError
        for what cannot be computed; the message names it.
    """

    series: ImageSeries
    method: str = AUTO
    motion: Motion | None = None
    reference: int | None = None
    phase: np.ndarray | None = None
    polarity: str = "auto"
    robust: bool | str = False
    device: str = "auto"
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "series", with_acquisition(self.series))
        if self.motion is not None and self.method != AUTO:
            raise CardiacMotionError("give a motion or a method, not both")
        object.__setattr__(self, "name", NONE if self.motion is not None else choose_method(self.method))
        if self.motion is not None and self.motion.displacement.shape[:4] != self.series.frames.shape:
            raise CardiacMotionError(
                f"the motion is of {self.motion.displacement.shape[:4]} (T, K, J, I), the series has "
                f"{self.series.frames.shape}; give a motion of this series"
            )
        if self.reference is not None and not self.moves:
            raise CardiacMotionError("reference is the frame to draw the maps in; without registration there is none")
        if self.options and self.name == NONE:
            raise CardiacMotionError(f"options of a method were given ({', '.join(self.options)}), but none will run")
        if self.phase is not None:
            _check_phase(self)

    @property
    def moves(self) -> bool:
        """Whether there will be maps after registration."""
        return self.motion is not None or self.name != NONE


def with_acquisition(
    series: ImageSeries, model: str | None = None, given: Mapping[str, Any] | None = None
) -> ImageSeries:
    """The series with its model, times and settings in ``meta``: what is ``given``, else what it says itself.

    Raises `CardiacMotionError` where that does not make an acquisition of the model.
    """
    from .mapping.acquisition import check_acquisition
    from .mapping.models import MODELS, check_name

    chosen = model or series.meta.get("model")
    if chosen is None:
        raise CardiacMotionError(f"the series does not say what it measures; choose one of {', '.join(MODELS)}")
    task = check_acquisition(check_name(chosen), given or {}, series.meta, len(series))
    times = {name: values.tolist() for name, values in task.times.items()}
    return series.replace(meta={**series.meta, **times, **task.settings, "model": chosen})


def choose_method(method: str) -> str:
    """The method that runs, ``none`` for none; raises `CardiacMotionError` for an unknown name."""
    known = methods()
    if method == AUTO:
        return next((name for name in PREFERRED if name in known and can_run(name)), NONE)
    if method != NONE and method not in known:
        raise CardiacMotionError(f"unknown method {method!r}; choose one of auto, none, {', '.join(sorted(known))}")
    return method


def can_run(name: str) -> bool:
    """Whether a method has its packages and, where it needs some, weights that are found by name."""
    from .weights import cards

    info = methods()[name]
    has_packages = all(importlib.util.find_spec(package) for package in info.requires)
    return has_packages and ("weights" not in info.needs or bool(cards(name)))


def clearest_frame(images: ImageSeries) -> int:
    """The frame to register pairs to: that of the longest time, with bright tissues; without times the labeled one.

    Labels of another frame are carried there.
    """
    times = images.meta.get("inversion_times") or images.meta.get("saturation_times")
    return int(np.argmax(times)) if times else default_reference(images)


def pixels_to_fit(images: ImageSeries) -> np.ndarray | None:
    """(K, J, I) bool: what has signal, and whatever that may be the heart and what lies around; None without labels.

    Beside bright fat the wall can be as dark as air.
    """
    if not images.labels:
        return None
    from scipy.ndimage import distance_transform_edt

    from .mapping.fit import pixels_above_noise

    heart = np.any([labels > 0 for labels in images.labels.values()], axis=0)
    around = distance_transform_edt(~heart, sampling=images.spacing[::-1]) <= AROUND_MM if heart.any() else heart
    return pixels_above_noise(images.frames) | around


def compute_maps(request: MapRequest, progress: Progress | None = None) -> MapRun:
    """Maps as acquired and, where there is a motion or a method, after registration, with tables and scores.

    Both fits are of the same pixels. ``progress(fraction, text)`` may return False to cancel. Raises
    `CardiacMotionError` for what cannot be computed, and `Cancelled`.
    """
    with memory_given_back():
        return _compute(request, progress)


def _compute(request: MapRequest, progress: Progress | None) -> MapRun:
    from .mapping.fit import fit_map
    from .report.map_run import MapRun, with_labels

    images, mask = request.series, pixels_to_fit(request.series)
    signed, polarity = (images, request.polarity) if request.phase is None else (_with_sign(request), "signed")

    def fit(fitted: ImageSeries, part: Progress) -> ParameterMaps:
        return fit_map(
            fitted, mask=mask, polarity=polarity, robust=request.robust, device=request.device, progress=part
        )

    before = fit(signed, _part(progress, 0.0, REGISTERED if request.moves else COUNTED, "As acquired"))
    motion = _motion(request, _part(progress, REGISTERED, REFITTED, "Registration"))
    run = MapRun(images, before, motion, notes=_notes(request))
    if motion is not None:
        _tell(progress, REFITTED, "Drawing the images where they belong")
        labels = {motion.stored_reference: images.labels[motion.stored_reference]} if labeled(images, motion) else {}
        registered = images.replace(frames=motion.warp(images), labels=labels)
        fitted = registered if signed is images else signed.replace(frames=motion.warp(signed), labels={})
        after = fit(fitted, _part(progress, REFITTED, COUNTED, "Registered"))
        run = replace(run, registered=registered, after=after)
    _tell(progress, COUNTED, "Regions and scores")
    if images.labels:
        here = motion is not None and labeled(images, motion)
        frame = motion.stored_reference if here and motion is not None else default_reference(images)
        run = with_labels(run, frame, images.labels[frame])
    _ = run.table, run.scores  # kept with the run: whoever shows it should not have to wait
    _tell(progress, 1.0, "Done")
    return run


def labeled(images: ImageSeries, motion: Motion) -> bool:
    """Whether the motion starts from a frame that has labels."""
    return motion.reference in images.labels


def _motion(request: MapRequest, progress: Progress) -> Motion | None:
    """The motion that was given or of the method, None without either."""
    if request.motion is not None:
        return request.motion if request.reference is None else request.motion.expressed_in(request.reference)
    if request.name == NONE:
        return None
    reference = request.reference
    if reference is None and "groupwise" not in methods()[request.name].needs:
        reference = clearest_frame(request.series)
    return register(
        request.series,
        request.name,
        reference=reference,
        device=request.device,
        seed=request.seed,
        progress=progress,
        **request.options,
    )


def _notes(request: MapRequest) -> tuple[str, ...]:
    return (NOT_REGISTERED,) if request.method == AUTO and not request.moves else ()


def _check_phase(request: MapRequest) -> None:
    from .mapping.models import make_model

    frames, model = request.series.frames, str(request.series.meta["model"])
    if request.phase is not None and request.phase.shape != frames.shape:
        raise CardiacMotionError(
            f"phase images of shape {request.phase.shape} (T, K, J, I), the series has {frames.shape}; "
            "give the phase of the same images"
        )
    if request.polarity != "auto" or not make_model(model).changes_sign:
        raise CardiacMotionError(
            "phase is for magnitude images whose signal changes sign (molli, stone, ir, asl) and polarity auto; "
            f"the model is {model}, the polarity {request.polarity}"
        )


def _with_sign(request: MapRequest) -> ImageSeries:
    """The images with the sign that their phase gives."""
    import torch

    from .mapping.polarity import phase_sensitive

    times = torch.as_tensor(request.series.meta["inversion_times"], dtype=torch.float64)
    images, phase = torch.from_numpy(request.series.frames), torch.as_tensor(request.phase)
    return request.series.replace(frames=phase_sensitive(images, phase, times).numpy())


def _part(progress: Progress | None, start: float, end: float, title: str) -> Progress:
    """The ``progress`` of a piece of the work whose 0..1 is ``start``..``end`` of the whole."""

    def report(fraction: float, text: str) -> object:
        return True if progress is None else progress(start + (end - start) * fraction, f"{title}: {text}")

    return report


def _tell(progress: Progress | None, fraction: float, text: str) -> None:
    """Report, and raise `Cancelled` when the answer is False."""
    if progress is not None and progress(fraction, text) is False:
        raise Cancelled(f"cancelled at {fraction:.0%}: {text}")

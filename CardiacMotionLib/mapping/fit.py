"""`fit_map`: parameter maps of a series of contrasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from .. import __version__
from ..devices import choose_device
from ..errors import Cancelled, CardiacMotionError
from ..series import ImageSeries
from .acquisition import Task, check_acquisition
from .chunks import in_chunks
from .maps import ParameterMaps, check_mask
from .models import MODELS, Asl, Model, check_name
from .pixels import FittedPixels, PixelFit, PixelPerfusion
from .polarity import phase_sensitive
from .robust import LOSSES

Progress = Callable[[float, str], object]  # (share done, what is being done); returning False cancels

POLARITIES = ("auto", "magnitude", "signed")
NEGATIVE_SHARE, NEGATIVE_PART = 0.05, 0.02  # of bright tissue, and of all values: what resampling leaves is less
INVERTED_T1_MS = 1300.0  # of tissue that may still be inverted in a series for perfusion
BRIGHT, NOISE_SHARE = 90, 0.08  # percentile, and the share of it below which a pixel is air, or as dark
UNITS = {"T1": "ms", "T2": "ms", "T1_SD": "ms", "T2_SD": "ms", "A": "a.u.", "B": "a.u.", "R2": "1"}
PERFUSION_UNITS = {"perfusion": "mL/g/min", "perfusion_SD": "mL/g/min", "B": "a.u."}


def fit_map(
    series: ImageSeries,
    model: str | None = None,
    *,
    mask: ArrayLike | None = None,
    phase: ArrayLike | None = None,
    polarity: str = "auto",
    robust: bool | str = False,
    device: str = "auto",
    progress: Progress | None = None,
    **acquisition: Any,
) -> ParameterMaps:
    """Fit a signal model to every pixel of a series that was registered or did not move.

    Parameters
    ----------
    series
        Images (T, K, J, I) of T contrasts, in any order.
    model
        molli, stone, sasha, msasha, ir, t2prep or asl; else ``series.meta["model"]``.
    mask
        (K, J, I) bool: pixels to fit. Else those that `pixels_above_noise` tells, which leaves out air.
    phase
        (T, K, J, I) rad of the images, for models whose signal changes sign, and asl: then the sign comes from the
        phase against the image of the longest inversion time.
    polarity
        ``"signed"`` and ``"magnitude"`` say what the images are; ``"auto"`` takes them as signed when 2 % of the values
        above noise lie below -5 % of bright tissue, else as magnitude. The sign of magnitude inversion recovery
        without phase is found by fitting.
    robust
        False for least squares; True or ``"huber"``, or ``"tukey"``, for a loss in which an image out of line, one
        that is misplaced, pulls less. That takes many more images than parameters: of few, it also drops good ones.
    device
        auto, cpu, cuda, cuda:N or mps. Computed in float64, on mps in float32.
    progress
        ``progress(fraction, text)``; returning False cancels.
    **acquisition
        What the model needs, a value an image, else from ``series.meta``: ``inversion_times`` (molli, stone, ir, asl),
        ``saturation_times`` (sasha, msasha), ``echo_times`` (t2prep, msasha), ``delays`` (msasha) in ms, infinity for
        a preparation that was left out; ``is_tag`` (asl). Settings: ``parameters`` 2 or 3 (sasha), ``t1_blood`` in ms
        and ``partition`` in mL/g (asl).

    Returns
    -------
    ParameterMaps
        Maps with their SD and R2, NaN where the fit did not converge or left the plausible range.

    Raises
    ------
    CardiacMotionError
        for an input that cannot be fitted; the message names it.
    Cancelled
        when progress returned False.
    """
    if not isinstance(series, ImageSeries):
        raise CardiacMotionError(
            f"fit_map needs an ImageSeries, got {type(series).__name__}; make one with read_series"
        )
    name = _model_name(series, model)
    task = check_acquisition(name, acquisition, series.meta, len(series))
    loss = _check_loss(robust)
    images, sign = _signed_images(series, task, phase, polarity)
    attempted = _to_fit(series, mask)
    chosen = choose_device(device)
    like = torch.empty(0, dtype=torch.float32 if chosen.type == "mps" else torch.float64, device=chosen)
    report = _reporter(progress, f"fitting {name} to {int(attempted.sum())} pixels")
    found = in_chunks(_pixel_fit(task, sign, loss, like), torch.from_numpy(images[:, attempted]), like, report)
    provenance = {
        "model": name,
        "settings": task.settings,
        "sign": sign,
        "loss": loss or "least squares",
        "mask": "above noise" if mask is None else "given",
        "device": str(chosen),
        "precision": str(like.dtype).removeprefix("torch."),
        "input": str(series.meta.get("name", "")),
        "version": __version__,
    }
    return _on_grid(series, task, attempted, found, provenance)


def _on_grid(
    series: ImageSeries, task: Task, attempted: np.ndarray, found: FittedPixels, provenance: dict[str, Any]
) -> ParameterMaps:
    """Maps on the grid of the series of what was found in the pixels ``attempted`` (K, J, I)."""
    good = found.good.numpy()
    fitted = np.zeros_like(attempted)
    fitted[attempted] = good
    maps = {}
    for key, values in found.maps.items():
        maps[key] = np.full(attempted.shape, np.nan, np.float32)
        maps[key][fitted] = values.numpy()[good]
    units = PERFUSION_UNITS if isinstance(task.model, Asl) else UNITS
    told: dict[str, Any] = {key: values.tolist() for key, values in task.times.items()}
    return ParameterMaps(
        maps=maps,
        units={key: units[key] for key in maps},
        affine=series.affine,
        model=task.model.name,
        attempted=attempted,
        fitted=fitted,
        acquisition={**told, **task.settings},
        provenance=provenance,
        notes=_notes(task, len(series), provenance["sign"], found),
    )


def _to_fit(series: ImageSeries, mask: ArrayLike | None) -> np.ndarray:
    """(K, J, I) bool: the mask, else the pixels above noise; raises `CardiacMotionError` where there are none."""
    if mask is None:
        chosen, problem = pixels_above_noise(series.frames), "there is nothing to fit: every image is empty"
    else:
        chosen, problem = check_mask(mask, series.shape), "the mask has no pixels; it must have one"
    if not chosen.any():
        raise CardiacMotionError(problem)
    return chosen


def pixels_above_noise(frames: np.ndarray) -> np.ndarray:
    """(K, J, I) bool: root mean square over the images (T, K, J, I) above 8 % of its 90th percentile.

    Not of the brightest pixels: near a surface coil fat can be twenty times as bright as the wall.
    """
    power, bright = _power(frames)
    return power > NOISE_SHARE * bright


def _power(frames: np.ndarray) -> tuple[np.ndarray, float]:
    """Root mean square (K, J, I) over the images (T, K, J, I), and that of bright pixels."""
    power = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=0))
    return power, float(np.percentile(power, BRIGHT))


def _is_signed(frames: np.ndarray) -> bool:
    """Whether images (T, K, J, I) have negative values beyond what resampling leaves in magnitudes."""
    power, bright = _power(frames)
    above = power > NOISE_SHARE * bright
    return bool(above.any() and np.mean(frames[:, above] < -NEGATIVE_SHARE * bright) > NEGATIVE_PART)


def _model_name(series: ImageSeries, model: str | None) -> str:
    name = series.meta.get("model") if model is None else model
    if name is None:
        raise CardiacMotionError(f"the series does not say its model; choose one of {', '.join(MODELS)}")
    return check_name(name)


def _check_loss(robust: bool | str) -> str | None:
    if isinstance(robust, bool):
        return "huber" if robust else None
    if robust not in LOSSES:
        raise CardiacMotionError(f"robust must be False, True, {' or '.join(map(repr, LOSSES))}, got {robust!r}")
    return robust


def _signed_images(series: ImageSeries, task: Task, phase: ArrayLike | None, polarity: str) -> tuple[np.ndarray, str]:
    """Images (T, K, J, I) to fit, and where their sign is from: images, phase, search or (magnitudes of asl) none."""
    if polarity not in POLARITIES:
        raise CardiacMotionError(f"polarity must be one of {', '.join(POLARITIES)}, got {polarity!r}")
    frames = series.frames
    signed = _is_signed(frames)
    if polarity == "magnitude" and signed:
        raise CardiacMotionError(
            f"polarity is magnitude, but the images go down to {frames.min():g}; magnitude images are not negative"
        )
    if phase is not None:
        return _with_phase(frames, task, phase, signed or polarity != "auto"), "phase"
    if not task.model.changes_sign or signed or polarity == "signed":
        return frames, "images"
    return (frames, "none") if isinstance(task.model, Asl) else (np.abs(frames), "search")


def _with_phase(frames: np.ndarray, task: Task, phase: ArrayLike, superfluous: bool) -> np.ndarray:
    if superfluous or not task.model.changes_sign:
        raise CardiacMotionError(
            "phase is for magnitude images of a signal that changes sign (molli, stone, ir, asl) with polarity auto; "
            "leave it out here"
        )
    angles = np.asarray(phase, dtype=np.float32)
    if angles.shape != frames.shape:
        raise CardiacMotionError(f"phase has shape {angles.shape}; expected {frames.shape}, that of the images")
    if not np.isfinite(angles).all() or np.abs(angles).max() > 2 * np.pi + 1e-3:
        raise CardiacMotionError(
            "phase must be finite and in rad, within 2 pi of 0; scanners store other units: scale it to -pi..pi"
        )
    times = torch.from_numpy(task.times["inversion_times"])
    return phase_sensitive(torch.from_numpy(frames), torch.from_numpy(angles), times).numpy()


def _pixel_fit(task: Task, sign: str, loss: str | None, like: torch.Tensor) -> Callable[[torch.Tensor], FittedPixels]:
    """What makes maps of images (T, P) on the device and in the precision of ``like``."""
    given = {name: torch.from_numpy(values) for name, values in task.times.items()}
    times = {name: (of.to(like) if of.is_floating_point() else of.to(like.device)) for name, of in given.items()}
    if isinstance(task.model, Asl):
        return PixelPerfusion(task.model, times["inversion_times"], times["is_tag"])
    at = {name: values[:, None] for name, values in times.items()}
    return PixelFit(task.model, at, sign == "search", loss)


def _reporter(progress: Progress | None, text: str) -> Callable[[float], None]:
    """Tell ``progress`` the share that is done; raises `Cancelled` when it answers False."""

    def report(share: float) -> None:
        if progress is not None and progress(share, text) is False:
            raise Cancelled(f"cancelled at {share:.0%}: {text}")

    return report


def _notes(task: Task, frames: int, sign: str, found: FittedPixels) -> tuple[str, ...]:
    """Sentences for the user."""
    notes = []
    count, failed = len(found.good), int((~found.good).sum())
    if failed:
        ended = int((~found.converged).sum())
        what = "without baseline signal" if isinstance(task.model, Asl) else "outside the plausible range"
        notes.append(
            f"{failed} of {count} pixels ({failed / count:.1%}) have no value: {ended} did not converge, "
            f"{failed - ended} {what}."
        )
    if sign == "search":
        notes.append("The sign of the magnitude images was found by fitting.")
    if sign == "none":
        times = task.times["inversion_times"]
        shortest = float(times[np.isfinite(times)].min(initial=np.inf))
        if shortest / np.log(2) < INVERTED_T1_MS:
            notes.append(
                f"At an inversion time of {shortest:g} ms tissue with T1 above {shortest / np.log(2):.0f} ms is still "
                "inverted, and magnitude images give its perfusion the wrong sign: give the phase, or signed images."
            )
    if isinstance(task.model, Model) and frames == len(task.model.parameters):
        notes.append(f"As many images as parameters ({frames}): the maps have no SD, and R2 says nothing.")
    return tuple(notes)

"""The same subject seen again under changed conditions: other noise, field of view, place of the slices, frame rate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..errors import CardiacMotionError
from ..series import LV_CAVITY, MYOCARDIUM, ImageSeries, default_reference
from .subjects import StudySubject, SyntheticSubject

BASE = "base"
NOISE, ARTEFACTS, CROP, SLICES, FRAMES = CONDITIONS = ("noise", "artefacts", "crop", "slices", "frames")
NOISE_PERCENT = 2.0  # SD that is added to a real cine, of the signal of blood; the phantom's own noise is as strong
CROP_PIXELS, CROP_SPARES = 8, 3  # taken off every side; left around the labels
SHIFT_MM = 4.0  # of the stack through its slices, half of a slice or thereabouts
STEPS = {"frames 1/2": 2.0, "frames 2/3": 1.5}  # from one kept frame to the next
DIFFERS = {
    NOISE: "noise alone drawn anew",
    ARTEFACTS: "ghosts and the signal of flowing blood drawn anew, noise as it is (synthetic hearts)",
    CROP: f"{CROP_PIXELS} pixels taken off every side of the field of view (not nearer than {CROP_SPARES} to a label)",
    SLICES: f"the stack moved by {SHIFT_MM:g} mm through its slices and noise drawn anew (synthetic hearts)",
    "frames 1/2": "every second frame, end-diastole among them",
    "frames 2/3": "two of three frames, end-diastole among them",
}


class Scan(NamedTuple):
    """Images that are made or read once, and the views of them; ``repeat`` and ``artefacts`` count draws from 0."""

    repeat: int
    shifted: bool
    views: tuple[str, ...]
    artefacts: int = 0


def scans_of(subject: StudySubject, conditions: Sequence[str], repeats: int) -> list[Scan]:
    """What to see of a subject; slices and artefacts are new only where they can be, of a synthetic one."""
    views = [BASE, *([CROP] if CROP in conditions else []), *(STEPS if FRAMES in conditions else ())]
    scans = [Scan(0, False, tuple(views))]
    if NOISE in conditions:
        scans += [Scan(n, False, (f"{NOISE} {n}",)) for n in range(1, repeats)]
    if isinstance(subject, SyntheticSubject):
        scans += [Scan(0, False, (ARTEFACTS,), artefacts=1)] if ARTEFACTS in conditions else []
        scans += [Scan(1, True, (SLICES,))] if SLICES in conditions else []
    return scans


def condition_of(view: str) -> str:
    """The condition that a view is of: repeats of noise are one."""
    return NOISE if view.startswith(NOISE) else view


def scan_series(subject: StudySubject, scan: Scan, seed: int) -> ImageSeries:
    """The cine of a scan with labels of its reference alone, which is all that a reader has before registration.

    A synthetic examination is taken again. A real cine cannot be: noise of `NOISE_PERCENT` is added to it.

    Raises
    ------
    CardiacMotionError
        for a cine without labels of the LV.
    """
    if isinstance(subject, SyntheticSubject):
        moved = SHIFT_MM if scan.shifted else 0.0
        again = {"repeat": scan.repeat, "artefact_repeat": scan.artefacts, "shift_z_mm": moved}
        return _with_one_label(replace(subject, options={**subject.options, **again}).examination().series, subject)
    series = _with_one_label(subject.examination().series, subject)
    if not scan.repeat:
        return series
    named = int.from_bytes(hashlib.sha256(subject.name.encode()).digest()[:8], "little")
    return _noisier(series, np.random.default_rng([seed, named, scan.repeat]))


def view_series(series: ImageSeries, view: str) -> ImageSeries:
    """A view of a scan."""
    if view == CROP:
        return cropped(series)
    return thinned(series, STEPS[view]) if view in STEPS else series


def cropped(series: ImageSeries) -> ImageSeries:
    """The series without `CROP_PIXELS` at each side in plane; labels keep `CROP_SPARES` around them."""
    found = np.nonzero(series.labels[default_reference(series)])
    box = [slice(None)]
    for axis in (1, 2):
        size = series.shape[axis]
        low = max(min(CROP_PIXELS, int(found[axis].min()) - CROP_SPARES), 0)
        high = min(max(size - CROP_PIXELS, int(found[axis].max()) + 1 + CROP_SPARES), size)
        box.append(slice(low, high))
    return series.crop((box[0], box[1], box[2]))


def thinned(series: ImageSeries, step: float) -> ImageSeries:
    """Every ``step``-th frame around the cycle from the reference on, in the order of time."""
    reference, count = default_reference(series), len(series)
    kept = sorted((reference + int(n)) % count for n in np.arange(0, count, step))
    return series.replace(
        frames=series.frames[kept],
        times=series.times[kept] if series.timed else None,
        labels={kept.index(reference): series.labels[reference]},
    )


def _with_one_label(series: ImageSeries, subject: StudySubject) -> ImageSeries:
    reference = default_reference(series)
    labels = series.labels.get(reference)
    if labels is None or not all((labels == label).any() for label in (MYOCARDIUM, LV_CAVITY)):
        raise CardiacMotionError(
            f"{subject.name} has no labels of LV wall and cavity in frame {reference}, which strain needs; expected "
            "some at end-diastole"
        )
    known = {key: series.meta[key] for key in ("name", "source", "rv_insertion") if key in series.meta}
    return series.replace(labels={reference: labels}, meta=known)


def _noisier(series: ImageSeries, rng: np.random.Generator) -> ImageSeries:
    """Rician noise: magnitude of the image with Gaussian noise in both channels (Gudbjartsson 1995)."""
    reference = default_reference(series)
    blood = float(series.frames[reference][series.labels[reference] == LV_CAVITY].mean())
    real, imaginary = NOISE_PERCENT / 100 * blood * rng.standard_normal((2, *series.frames.shape), dtype=np.float32)
    return series.replace(frames=np.hypot(series.frames + real, imaginary))

"""End-diastole and end-systole as files of their own: which frame of the cine they are, or a series of the two."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ...errors import CardiacMotionError
from ...series import ImageSeries
from ..geometry import TOLERANCE_MM, corner_distance
from ..labels import attach_labels
from ..nifti import read_nifti

PHASES = {"ED": "end_diastole", "ES": "end_systole"}
SAME = 0.02  # mean difference between a phase and its frame, as a part of the cine's spread: rounding, not motion


def frame_of(cine: ImageSeries, volume: ImageSeries) -> int | None:
    """The frame of ``cine`` that ``volume`` (one frame) is a copy of; None where it is none."""
    if volume.shape != cine.shape or corner_distance(volume.affine, cine.affine, cine.shape) > TOLERANCE_MM:
        return None
    differences = np.abs(cine.frames - volume.frames).mean(axis=(1, 2, 3))
    nearest = int(differences.argmin())
    return nearest if differences[nearest] <= SAME * float(cine.frames.std()) else None


def series_of_phases(
    name: str,
    cine: ImageSeries | None,
    images: Mapping[str, Path],
    labels: Mapping[str, Path],
    label_map: Mapping[int | str, int],
    assumed: Mapping[str, int] = MappingProxyType({}),
) -> ImageSeries:
    """The cine with the labels of its ED and ES; without a cine, or where these are not of it, ED and ES alone.

    Parameters
    ----------
    name
        What errors and ``meta`` call the series.
    cine
        The whole cycle.
    images, labels
        {"ED": file, "ES": file}, each as far as there are any.
    label_map
        {value in the label files: 1 RV, 2 LV myocardium, 3 LV cavity}.
    assumed
        {"ED" or "ES": frame of the cine} for a phase without an image, where the data set is known for it.

    Raises
    ------
    CardiacMotionError
        when there is no image, or when ED and ES lie on different grids.
    """
    if cine is None and not images:
        raise CardiacMotionError(f"{name}: no cine and no ED or ES image; expected at least one of them")
    volumes = {phase: read_nifti(file) for phase, file in images.items()}
    series = cine
    frames: dict[str, int] = {}
    notes: list[str] = []
    if series is not None:
        found = {phase: frame_of(series, volume) for phase, volume in volumes.items()}
        frames = {phase: frame for phase, frame in found.items() if frame is not None}
        frames |= {phase: frame for phase, frame in assumed.items() if phase not in volumes}
        lost = [phase for phase in volumes if phase not in frames and phase in labels]
        if lost:
            series = None
            notes.append(f"{' and '.join(lost)} is no frame of the cine: the series is ED and ES alone.")
    if series is None:
        series, frames = _two_phases(name, volumes), {phase: t for t, phase in enumerate(volumes)}
        notes.append(f"Only {' and '.join(volumes)} of the cycle are in the series: it is untimed.")
    homeless = [file.name for phase, file in labels.items() if phase not in frames]
    if homeless:
        notes.append(
            f"{', '.join(homeless)} left aside: the image of that phase is missing, so its frame is not known."
        )
    meta = {**series.meta, "name": name, "notes": [*series.meta["notes"], *notes]}
    meta |= {PHASES[phase]: frame for phase, frame in frames.items()}
    placed = {frames[phase]: file for phase, file in labels.items() if phase in frames}
    return attach_labels(series.replace(meta=meta), placed, label_map)


def _two_phases(name: str, volumes: Mapping[str, ImageSeries]) -> ImageSeries:
    first = next(iter(volumes.values()))
    for phase, volume in volumes.items():
        if len(volume) != 1:
            raise CardiacMotionError(f"{name}: the {phase} image has {len(volume)} frames; expected one volume")
        if volume.shape != first.shape or corner_distance(volume.affine, first.affine, first.shape) > TOLERANCE_MM:
            raise CardiacMotionError(
                f"{name}: the {phase} image has another size or place than the {next(iter(volumes))} image; expected "
                "one grid"
            )
    notes = [note for volume in volumes.values() for note in volume.meta["notes"]]
    meta = {**first.meta, "notes": list(dict.fromkeys(notes))}
    return first.replace(frames=np.concatenate([v.frames for v in volumes.values()]), times=None, meta=meta)

"""The patient folder of the ACDC challenge: patientNNN_frameXX.nii.gz, _gt labels, patientNNN_4d.nii.gz, Info.cfg."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from .files import natural_key, reading
from .geometry import TOLERANCE_MM, corner_distance
from .nifti import read_nifti

FRAME = re.compile(r"^(patient\d+)_frame(\d+)\.nii(\.gz)?$", re.IGNORECASE)
LABEL = re.compile(r"^(patient\d+)_frame(\d+)_gt\.nii(\.gz)?$", re.IGNORECASE)
CINE = re.compile(r"^(patient\d+)_4d\.nii(\.gz)?$", re.IGNORECASE)


def is_acdc(folder: Path) -> bool:
    """Whether a folder holds images named as ACDC names them."""
    return any(FRAME.match(f.name) or CINE.match(f.name) for f in folder.iterdir())


def read_acdc(folder: Path) -> tuple[ImageSeries, dict[int, Path]]:
    """The images of a patient folder and {frame: label file}.

    With the 4D file it is the whole cycle; without, the labeled phases alone (end-diastole and end-systole) as an
    untimed series. ``meta["frame_numbers"]`` are ACDC's numbers, which count from 1, of the frames of the series, and
    ``end_diastole`` and ``end_systole`` the frames that Info.cfg names. Nothing else of Info.cfg is kept.
    """
    files = sorted((f for f in folder.iterdir() if f.is_file()), key=natural_key)
    cines = [f for f in files if CINE.match(f.name)]
    frames = {int(m[2]): f for f in files if (m := FRAME.match(f.name))}
    patients = {m[1].lower() for f in files if (m := FRAME.match(f.name) or CINE.match(f.name))}
    if len(patients) > 1:
        raise CardiacMotionError(
            f"{folder}: holds {len(patients)} patients ({', '.join(sorted(patients)[:4])}); give the folder of one"
        )
    series = read_nifti(cines[0]) if cines else _stack(folder, frames)
    numbers = list(range(1, len(series) + 1)) if cines else list(frames)
    named = _phases(folder)
    phases = {phase: numbers.index(n) for phase, n in named.items() if n in numbers}
    meta = {**series.meta, "name": folder.name, "source": folder.name, "frame_numbers": numbers, **phases}
    if not cines:
        listed = ", ".join(map(str, numbers))
        meta["notes"] = [
            *meta["notes"],
            f"Only frames {listed} of the cycle are in this folder: the series is untimed.",
        ]
    drawn = {int(m[2]): f for f in files if (m := LABEL.match(f.name))}
    lost = [f"{f.name} left aside: its frame is not in this folder." for n, f in drawn.items() if n not in numbers]
    lost += [f"Info.cfg names frame {n}, which is not in this folder." for n in named.values() if n not in numbers]
    meta["notes"] = [*meta["notes"], *lost]
    return series.replace(meta=meta), {numbers.index(n): f for n, f in drawn.items() if n in numbers}


def _stack(folder: Path, files: dict[int, Path]) -> ImageSeries:
    volumes = [read_nifti(f) for f in files.values()]
    first = volumes[0]
    for file, volume in zip(files.values(), volumes, strict=True):
        if (
            volume.frames.shape != first.frames.shape
            or corner_distance(volume.affine, first.affine, first.shape) > TOLERANCE_MM
        ):
            raise CardiacMotionError(
                f"{folder}: {file.name} has another size or place than the first frame; expected one grid"
            )
    return first.replace(frames=np.concatenate([volume.frames for volume in volumes]), times=None)


def _phases(folder: Path) -> dict[str, int]:
    """{"end_diastole": number, "end_systole": number} as far as Info.cfg names them, counted from 1."""
    path = folder / "Info.cfg"
    if not path.is_file():
        return {}
    with reading(path, "Info.cfg"):
        entries = dict(re.findall(r"^\s*(ED|ES)\s*:\s*(\d+)\s*$", path.read_text(), flags=re.MULTILINE))
    names = {"ED": "end_diastole", "ES": "end_systole"}
    return {names[key]: int(value) for key, value in entries.items()}

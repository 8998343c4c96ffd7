"""DENSE as DICOM series: magnitude and phase of each direction, told by the ImageComments of the sequence.

The comments read ``DENSE overall mag - Rep:0/1 Slc:0/1 Par:0/1 Phs:46/47 RCswap:1 RCSflip:0/1/0`` and ``DENSE x-enc
pha - Scale:1.00 EncFreq:0.10 Rep:0/1 ...`` (encoding frequency in cycles/mm). RCswap exchanges x and y, RCSflip negates
x, y, z. Phase is stored as 0..4095 for -pi..pi whatever the rescale slope of the header says. So does DENSEanalysis.

A slice is a case, as there: slices of a study are taken in breath-holds of their own and differ in orientation. The
partitions of a 3D acquisition (``Par:n/N``) stay together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CardiacMotionError
from ...series import ImageSeries
from ..dicom import read_dicom
from ..files import package, reading
from ..geometry import TOLERANCE_MM, corner_distance
from .case import Case, Examination, files_in, folders_within
from .dense_phase import DIRECTIONS, Encoding, mean_magnitude, radians

KIND = re.compile(r"^dense\b.*?\b(overall|[xyz])\b.*?\b(mag|pha)", re.IGNORECASE)
PARTITIONS = re.compile(r"\bpar:\d+/(\d+)", re.IGNORECASE)
TAGS = (
    "ImageComments",
    "RescaleSlope",
    "RescaleIntercept",
    "StudyInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
)
OTHER_FILES = (".nii", ".gz", ".nrrd", ".npz", ".mat", ".dns", ".vtk", ".json", ".csv", ".txt", ".cfg", ".md", ".png")
Slice = tuple[str, tuple[float, ...]]  # study, orientation and position


@dataclass(frozen=True)
class Comment:
    """What the comments of a DENSE image say."""

    kind: str  # mag or pha
    direction: str  # x, y, z or overall
    frequency: float  # cycles/mm, scale included; phase only
    encoding: Encoding
    slope: float
    intercept: float


def find_dicom(folder: Path, layout: str) -> list[Case]:
    """A case for each slice with DENSE images in ``folder``.

    The first, middle and last file of each folder are opened, and the headers of all where one of them is DENSE.
    """
    slices: dict[Slice, list[Path]] = {}
    for f in folders_within(folder):
        files = [file for file in files_in(f) if file.suffix.lower() not in OTHER_FILES]
        samples = [files[n] for n in sorted({0, len(files) // 2, len(files) - 1})] if files else []
        if not any(_is_dicom(file) and _is_dense(_header(file)) for file in samples):
            continue
        for file in filter(_is_dicom, files):
            if _is_dense(header := _header(file)):
                slices.setdefault(_slice(header), []).append(file)
    cases = []
    places = [Path(os.path.commonpath([file.parent for file in files])) for files in slices.values()]
    for number, (place, files) in enumerate(zip(places, slices.values(), strict=True)):
        name = f"{place.name}_{number + 1}" if places.count(place) > 1 else place.name
        cases.append(Case(name, layout, place, {"labeled": ()}, partial(_read, files=tuple(files))))
    return cases


def _is_dense(header: Any) -> bool:
    return KIND.match(str(header.get("ImageComments", ""))) is not None


def _slice(header: Any) -> Slice:
    """What the images of one slice share; for a partition of a 3D acquisition its position is left out."""
    place = [float(v) for v in header.get("ImageOrientationPatient", None) or ()]
    partitions = PARTITIONS.search(str(header.get("ImageComments", "")))
    if partitions is None or int(partitions[1]) < 2:
        place += [float(v) for v in header.get("ImagePositionPatient", None) or ()]
    return str(header.get("StudyInstanceUID", "")), tuple(round(v, 2) for v in place)


def _read(case: Case, files: tuple[Path, ...]) -> Examination:
    images: dict[tuple[str, str], dict[Path, Comment]] = {}
    for file in files:
        if (comment := _comment(file, _header(file))) is not None:
            images.setdefault((comment.kind, comment.direction), {})[file] = comment
    kinds = ", ".join(" ".join(kind) for kind in images)
    magnitudes = [("mag", "overall")] if ("mag", "overall") in images else [k for k in images if k[0] == "mag"]
    phases = {d: images["pha", d] for d in DIRECTIONS if ("pha", d) in images}
    if not magnitudes or not phases:
        raise CardiacMotionError(f"{case.path}: found only {kinds}; expected DENSE magnitude and phase")
    parts = [read_dicom(case.path, files=images[kind]) for kind in magnitudes]
    first = parts[0]
    stored, frequency = {}, {}
    for direction, comments in phases.items():
        series = read_dicom(case.path, files=comments)
        _check_grid(case.path, direction, series, first)
        comment = _same(case.path, comments.values())
        stored[direction] = radians(case.path, np.rint((series.frames - comment.intercept) / comment.slope))
        frequency[direction] = comment.frequency
    encodings = {comment.encoding for comments in phases.values() for comment in comments.values()}
    if len(encodings) > 1:
        raise CardiacMotionError(f"{case.path}: RCswap or RCSflip differ between the phase series; expected one study")
    maps, frequencies = encodings.pop().apply(stored, frequency)
    notes = list(first.meta["notes"])
    if len(parts) > 1:
        notes.append("The magnitude is the mean of the single encodings.")
    meta = {**first.meta, "name": case.name, "notes": notes, "encoding_frequency": frequencies}
    return Examination(first.replace(frames=mean_magnitude([p.frames for p in parts]), meta=meta), maps=maps)


def _check_grid(path: Path, direction: str, phase: ImageSeries, magnitude: ImageSeries) -> None:
    if phase.frames.shape != magnitude.frames.shape or (
        corner_distance(phase.affine, magnitude.affine, magnitude.shape) > TOLERANCE_MM
    ):
        raise CardiacMotionError(
            f"{path}: phase {direction} {phase.frames.shape} is not on the grid of the magnitude "
            f"{magnitude.frames.shape} (T, K, J, I); expected the series of one acquisition"
        )


def _same(path: Path, comments: Iterable[Comment]) -> Comment:
    different = {(c.frequency, c.slope, c.intercept) for c in comments}
    if len(different) > 1:
        raise CardiacMotionError(
            f"{path}: encoding frequency, scale or rescale slope change within a series ({len(different)} values)"
        )
    return next(iter(comments))


def _comment(file: Path, header: Any) -> Comment | None:
    """The comments of a DENSE image; None for any other image."""
    text = str(header.get("ImageComments", "")).strip()
    if not text.lower().startswith("dense"):
        return None
    kind = KIND.match(text)
    if kind is None:
        raise CardiacMotionError(
            f"{file}: ImageComments {text[:40]!r} are not understood; expected 'DENSE x-enc pha ...'"
        )
    values = {m[1].lower(): m[2] for m in re.finditer(r"(\w+):(\S+)", text)}
    phase = kind[2].lower() == "pha"
    missing = [name for name in ("encfreq", "rcswap", "rcsflip") if name not in values] if phase else []
    if missing:
        raise CardiacMotionError(
            f"{file}: ImageComments {text!r} lack {missing[0]}; expected EncFreq, RCswap and RCSflip"
        )
    with reading(file, "DENSE comment"):
        flip = [int(v) == 1 for v in values.get("rcsflip", "0/0/0").split("/")]
        return Comment(
            kind[2].lower(),
            kind[1].lower(),
            float(values["encfreq"]) * float(values.get("scale", 1.0)) if phase else 0.0,
            Encoding(values.get("rcswap", "0") == "1", (flip[0], flip[1], flip[2])),
            float(header.get("RescaleSlope", None) or 1),
            float(header.get("RescaleIntercept", None) or 0),
        )


def _header(file: Path) -> Any:
    pydicom = package("pydicom", "reading DICOM files")
    with reading(file, "DICOM file"), pydicom.config.disable_value_validation():
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))


def _is_dicom(file: Path) -> bool:
    with reading(file, "file"), file.open("rb") as content:
        return content.read(132)[128:] == b"DICM"

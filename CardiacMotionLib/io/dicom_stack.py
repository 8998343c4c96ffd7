"""From the images of a DICOM series to frames of a stack: slices by place along the normal, phases by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from .dicom_preparation import Preparation, acquisition_of, is_mapping
from .files import make_series, package, reading

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SAME_PLACE_MM = 0.2
ORDERINGS = (
    "trigger_time",
    "temporal_position",
    "instance_number",
    "acquisition_time",
)  # what tells the phase, best first
CONTRAST_ORDERINGS = ("acquisition_time", "instance_number", "temporal_position", "trigger_time")  # the contrast


@dataclass(frozen=True, eq=False)
class Plane:
    """One image: where it lies (LPS mm), when it was, where its pixels are. It carries nothing about the patient."""

    file: Path
    frame: int | None  # of an enhanced multi-frame file
    series_uid: str
    description: str
    image_uid: str
    image_type: str
    rows: int
    columns: int
    position: np.ndarray  # (3,) center of the first pixel
    orientation: np.ndarray  # (2, 3) direction along a row (i) and down a column (j)
    spacing: tuple[float, ...]  # between rows (j), between columns (i)
    thickness: float
    slope: float
    intercept: float
    trigger_time: float | None  # ms
    temporal_position: float | None
    instance_number: float | None
    acquisition_time: float | None  # ms since midnight
    preparation: Preparation

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit normal of the image."""
        normal = np.cross(*self.orientation)
        return normal / np.linalg.norm(normal)

    def along_normal(self, first: Plane) -> float:
        """Distance in mm from ``first`` along its normal."""
        return float((self.position - first.position) @ first.normal)

    def same_grid(self, other: Plane) -> bool:
        """Whether size, pixel spacing and orientation agree."""
        return (
            (self.rows, self.columns) == (other.rows, other.columns)
            and np.allclose(self.spacing, other.spacing, rtol=1e-3)
            and np.allclose(self.orientation, other.orientation, atol=1e-3)
        )


def stack(folder: Path, planes: list[Plane], notes: list[str]) -> tuple[ImageSeries, list[list[Plane]]]:
    """The series (T, K, J, I) of ``planes``, which belong together, and the planes in its order, [slice][phase].

    SliceLocation is not used: some scanners fill it with something else. Slices are ordered along the normal of the
    images, and the phases of each slice by trigger time, so that slices may have slightly different times; a phase's
    time is the median over the slices. Images of one place that differ in their preparation are contrasts of a mapping
    series: they are ordered by when they were acquired, in ms from the first, and ``meta`` has the times of their
    preparation.
    """
    if not all(planes[0].same_grid(plane) for plane in planes):
        raise CardiacMotionError(
            f"{folder}: images of one series differ in size, pixel spacing or orientation (localizer or several "
            "views); keep one short-axis stack or one view"
        )
    slices = _slices(planes)
    gap = _gap(folder, slices)
    contrasts = all(is_mapping([plane.preparation for plane in group]) for group in slices)
    ordering, phases = _phases(folder, slices, CONTRAST_ORDERINGS if contrasts else ORDERINGS)
    times = _times(phases, "acquisition_time" if contrasts else "trigger_time", ordering)
    acquisition, said = acquisition_of([[plane.preparation for plane in row] for row in phases])
    notes += said
    if times is None and contrasts:
        notes.append(
            f"The images differ in contrast; they were ordered by {ordering.replace('_', ' ')} and are untimed."
        )
    elif times is None and len(phases[0]) > 1:
        notes.append(
            f"The images have no usable trigger times; phases were ordered by {ordering.replace('_', ' ')} and are "
            "untimed."
        )
    frames = np.stack([_pixels(row) for row in phases], axis=1)  # (T, K, J, I)
    first = phases[0][0]
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[0] * first.spacing[1]
    affine[:3, 1] = first.orientation[1] * first.spacing[0]
    affine[:3, 2] = first.normal * (gap or first.thickness or 1.0)
    affine[:3, 3] = first.position
    name = first.description or "DICOM cine"
    source = f"DICOM series, {len(planes)} images"
    meta = {"name": name, "source": source, "notes": notes, **acquisition}
    return make_series(folder, frames, LPS_TO_RAS @ affine, times, **meta), phases


def _times(phases: list[list[Plane]], name: str, ordering: str) -> np.ndarray | None:
    """(T,) ms, the median over the slices, of contrasts from the first image; None where they were not told by that."""
    if ordering != name:
        return None
    rows = np.array([[getattr(plane, name) for plane in row] for row in phases], dtype=np.float64)
    times = np.median(rows - rows[:, :1] if name == "acquisition_time" else rows, axis=0)
    return times if (np.diff(times) > 0).all() else None


def _slices(planes: list[Plane]) -> list[list[Plane]]:
    """Images grouped by place, in order along the normal."""
    ordered = sorted(planes, key=lambda plane: plane.along_normal(planes[0]))
    groups = [[ordered[0]]]
    for plane in ordered[1:]:
        if plane.along_normal(groups[-1][0]) > SAME_PLACE_MM:
            groups.append([])
        groups[-1].append(plane)
    return groups


def _gap(folder: Path, slices: list[list[Plane]]) -> float:
    """Distance between slices in mm (0 for one slice); raises when they are not one regular stack."""
    first = slices[0][0]
    places = np.array([group[0].along_normal(first) for group in slices])
    across = max(
        float(np.linalg.norm(p.position - first.position - p.along_normal(first) * first.normal))
        for group in slices
        for p in group
    )
    if across > min(first.spacing):
        raise CardiacMotionError(
            f"{folder}: the slices are shifted against each other by up to {across:.1f} mm in plane; expected one "
            "straight stack"
        )
    if len(slices) == 1:
        return 0.0
    gaps = np.diff(places)
    gap = float(np.median(gaps)) if len(gaps) > 2 else float(gaps.min())
    wide = [n for n, g in enumerate(gaps) if abs(g - gap) > max(0.02 * gap, SAME_PLACE_MM)]
    if wide:
        where = ", ".join(f"{gaps[n]:.2f} mm between slices {n + 1} and {n + 2}" for n in wide)
        raise CardiacMotionError(
            f"{folder}: slices are missing or irregular: {where} of {len(slices)}, elsewhere {gap:.2f} mm; expected "
            "one regular stack"
        )
    return float(np.ptp(places)) / len(gaps)


def _phases(folder: Path, slices: list[list[Plane]], orderings: Sequence[str]) -> tuple[str, list[list[Plane]]]:
    """What the phases were ordered by, and the images of each slice in that order."""
    counts = [len(group) for group in slices]
    if len(set(counts)) > 1:
        usual = max(set(counts), key=counts.count)
        odd = ", ".join(f"slice {n + 1} has {c}" for n, c in enumerate(counts) if c != usual)
        raise CardiacMotionError(
            f"{folder}: the slices have different numbers of phases: {odd}, the others {usual}; expected the same "
            "number in every slice"
        )
    for name in orderings:
        keys = [[getattr(plane, name) for plane in group] for group in slices]
        if any(None in row for row in keys):
            continue
        if all(len(set(row)) == len(row) for row in keys):
            return name, [sorted(group, key=lambda plane: getattr(plane, name)) for group in slices]
        if name == orderings[0] == "trigger_time" and any(len(set(row)) > 1 for row in keys):
            raise CardiacMotionError(f"{folder}: {_clash(slices, keys)}; keep one image per place and time")
    raise CardiacMotionError(
        f"{folder}: the phases cannot be told apart: no trigger time, temporal position, instance number or "
        "acquisition time that differs"
    )


def _clash(slices: list[list[Plane]], keys: list[list[float | None]]) -> str:
    """A sentence on the first two images that share place and trigger time."""
    for n, (group, row) in enumerate(zip(slices, keys, strict=True)):
        for time in row:
            same = [plane for plane, t in zip(group, row, strict=True) if t == time]
            if len(same) > 1:
                kinds = " and ".join(sorted(plane.image_type or "no image type" for plane in same[:2]))
                return f"{len(same)} images of slice {n + 1} have trigger time {time:g} ms ({kinds})"
    return "images share place and time"


def _pixels(planes: list[Plane]) -> np.ndarray:
    """(T, J, I) float32 intensities, rescaled as the header says."""
    pydicom = package("pydicom", "reading DICOM files")
    images, opened = [], {}
    for plane in planes:
        with reading(plane.file, "DICOM image"), pydicom.config.disable_value_validation():
            if plane.file not in opened:
                opened = {plane.file: pydicom.dcmread(plane.file).pixel_array}
            array = opened[plane.file]
            image = array if plane.frame is None or array.ndim == 2 else array[plane.frame]
            images.append(image.astype(np.float32) * np.float32(plane.slope) + np.float32(plane.intercept))
    return np.stack(images)

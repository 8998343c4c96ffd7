"""Writing images and labels that Slicer, ITK and other programs open as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import LABEL_NAMES, LV_CAVITY, MYOCARDIUM, RV, ImageSeries, check_affine, check_labels
from .acquisition import acquisition_keys
from .files import suffix_of
from .nifti import write_nifti
from .nrrd_file import geometry_fields, index_keys, write_nrrd

LABEL_COLORS = {RV: (0.30, 0.60, 0.90), MYOCARDIUM: (0.35, 0.80, 0.35), LV_CAVITY: (0.95, 0.75, 0.20)}
NRRD_SUFFIXES = (".nrrd", ".seg.nrrd")


def write_series(series: ImageSeries, path: str | Path) -> Path:
    """Write the images: ``.seq.nrrd`` (a volume sequence in Slicer, with its times) or ``.nii.gz`` / ``.nii``.

    Whole numbers are written as 16-bit or 32-bit integers, others as float32; reading gives the same values back. So it
    does for the times of a mapping series in ``meta``.
    """
    path = Path(path)
    suffix = suffix_of(path)
    frames = compact(series.frames)
    if suffix in (".nii", ".nii.gz"):
        return write_nifti(frames, series.affine, path, series.times if series.timed else None, series.meta)
    if suffix != ".seq.nrrd":
        raise CardiacMotionError(f"cannot write a series as {path.name!r}; use a name ending in .seq.nrrd or .nii.gz")
    return _write_sequence(frames, series, path)


def write_values(values: Any, series: ImageSeries, path: str | Path) -> Path:
    """Write what was measured of every frame (T, K, J, I), on the grid and at the times of a series, as ``.seq.nrrd``.

    Float32, NaN where there is no value.
    """
    path, array = Path(path), np.asarray(values, np.float32)
    if array.shape != series.frames.shape:
        raise CardiacMotionError(f"values have shape {array.shape}, the series {series.frames.shape} (T, K, J, I)")
    if suffix_of(path) != ".seq.nrrd":
        raise CardiacMotionError(f"cannot write values as {path.name!r}; use a name ending in .seq.nrrd")
    return _write_sequence(array, series, path)


def _write_sequence(frames: np.ndarray, series: ImageSeries, path: Path) -> Path:
    fields = {
        **geometry_fields(series.affine, before=0, after=1),
        "kinds": "domain domain domain list",
        **axis_names(4, "time" if series.timed else "frame", "ms" if series.timed else ""),
    }
    keys = {"DataNodeClassName": "vtkMRMLScalarVolumeNode", **acquisition_keys(series.meta), **index_keys(series.times)}
    return write_nrrd(frames, fields, keys, path)


def write_segmentation(labels: Any, affine: Any, path: str | Path) -> Path:
    """Write the labels (K, J, I) of one frame as ``.seg.nrrd``: a segmentation in Slicer, with names and colors."""
    path, affine = Path(path), check_affine(affine)
    array = check_labels(labels, (1, *np.shape(labels)), 0)
    if suffix_of(path) != ".seg.nrrd":
        raise CardiacMotionError(f"cannot write a segmentation as {path.name!r}; use a name ending in .seg.nrrd")
    extent = " ".join(f"0 {size - 1}" for size in array.shape[::-1])
    keys: dict[str, str] = {}
    for number, (label, name) in enumerate(LABEL_NAMES.items()):
        keys |= {
            f"Segment{number}_ID": name.replace(" ", "_"),
            f"Segment{number}_Name": name,
            f"Segment{number}_LabelValue": str(label),
            f"Segment{number}_Layer": "0",
            f"Segment{number}_Extent": extent,
            f"Segment{number}_Color": " ".join(str(part) for part in LABEL_COLORS[label]),
        }
    keys |= {
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    return write_nrrd(array, {**geometry_fields(affine, 0, 0), "kinds": "domain domain domain"}, keys, path)


def write_volume(array: Any, affine: Any, path: str | Path) -> Path:
    """Write one (K, J, I) array with its affine (voxel to RAS mm) as ``.nii.gz``, ``.nii`` or ``.nrrd``."""
    path, affine = Path(path), check_affine(affine)
    array = np.asarray(array)
    if array.ndim != 3:
        raise CardiacMotionError(
            f"a volume must have shape (K, J, I), got {array.shape}; write a series with write_series"
        )
    data = array if array.dtype == np.uint8 else compact(array.astype(np.float32))
    if suffix_of(path) in (".nii", ".nii.gz"):
        return write_nifti(data, affine, path)
    if suffix_of(path) not in NRRD_SUFFIXES:
        raise CardiacMotionError(f"cannot write a volume as {path.name!r}; use a name ending in .nii.gz or .nrrd")
    return write_nrrd(data, {**geometry_fields(affine, 0, 0), "kinds": "domain domain domain"}, {}, path)


def write_labels(
    series: ImageSeries, folder: str | Path, *, name: str | None = None, suffix: str = ".nii.gz"
) -> list[Path]:
    """Write each labeled frame as ``<name>_seg_frameTT<suffix>``, as ``read_series(..., labels=folder)`` reads it."""
    if not series.labels:
        raise CardiacMotionError("the series has no labels to write")
    name = name or str(series.meta.get("name") or "series")
    return [
        write_volume(labels, series.affine, Path(folder) / f"{name}_seg_frame{frame:02d}{suffix}")
        for frame, labels in series.labels.items()
    ]


def compact(array: np.ndarray) -> np.ndarray:
    """Float32 values in the smallest of int16, int32 and float32 that holds them exactly."""
    if not np.array_equal(array, np.rint(array)):
        return array.astype(np.float32, copy=False)
    for kind in (np.int16, np.int32):
        limits = np.iinfo(kind)
        if array.size and limits.min <= array.min() and array.max() < limits.max:
            return array.astype(kind)
    return array.astype(np.float32, copy=False)


def axis_names(axes: int, name: str, unit: str) -> dict[str, str]:
    """NRRD labels and units with one for the last axis only."""
    empty = '"" ' * (axes - 1)
    return {"labels": f'{empty}"{name}"', "units": f'{empty}"{unit}"'}

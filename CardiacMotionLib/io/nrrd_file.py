"""NRRD files: volumes, 4D files with the frames on any axis, and Slicer's sequences (.seq.nrrd)."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from ..whole_files import writing
from .acquisition import MILLISECONDS, acquisition_from_index, acquisition_from_keys
from .files import make_series, package, reading

ITK_SPACE = "left-posterior-superior"
TO_RAS = {
    **dict.fromkeys(("right-anterior-superior", "ras"), (1.0, 1.0, 1.0)),
    **dict.fromkeys(("left-posterior-superior", "lps"), (-1.0, -1.0, 1.0)),
    **dict.fromkeys(("left-anterior-superior", "las"), (-1.0, 1.0, 1.0)),
}
LPS = np.array([-1.0, -1.0, 1.0])
FRAME_KINDS = ("list", "time")
SPACE_KINDS = ("domain", "space")
TYPES = {"uint8": "uint8", "int16": "int16", "int32": "int32", "float32": "float", "float64": "double"}


def load(path: Path) -> tuple[np.ndarray, Mapping[str, Any]]:
    """Data with the axes in the order of the header (fastest first) and the header itself."""
    nrrd = package("nrrd", "reading NRRD files")
    with reading(path, "NRRD file"):
        data, header = nrrd.read(str(path))
    return data, header


def load_header(path: Path) -> Mapping[str, Any]:
    """The header alone."""
    nrrd = package("nrrd", "reading NRRD files")
    with reading(path, "NRRD file"):
        return nrrd.read_header(str(path))


def read_nrrd(path: Path, frames_axis: int | None = None) -> ImageSeries:
    """One NRRD file: a volume, or a series whose frames lie on any one axis.

    The frames are the axis of kind ``list`` or ``time``, or the one without a direction in space, unless
    ``frames_axis`` names it. LPS, RAS and LAS spaces are turned into RAS; index values of a Slicer sequence become
    times when their unit is a time.
    """
    data, header = load(path)
    kinds = [str(k).lower() for k in header.get("kinds", ["???"] * data.ndim)]
    values = [a for a, kind in enumerate(kinds) if kind not in (*FRAME_KINDS, *SPACE_KINDS, "???", "none")]
    if data.ndim == 5 and "vector" in kinds:
        raise CardiacMotionError(f"{path} is a motion, not images; give the path of the cine itself")
    if values or data.ndim not in (3, 4):
        raise CardiacMotionError(
            f"{path}: axes {data.shape} of kinds {', '.join(kinds)} are not an image series; "
            "expected one number per voxel with 3 axes in space and at most one of frames"
        )
    directions = header.get("space directions")
    rows = np.asarray(directions, dtype=np.float64) if directions is not None else None
    frames = _frames_axis(path, data, kinds, rows, frames_axis)
    space = [a for a in range(data.ndim) if a != frames]
    notes: list[str] = []
    with reading(path, "NRRD image"):
        affine = grid_affine(header, rows, space, notes)
    array = (
        data if frames is None else np.moveaxis(data, frames, -1)
    ).transpose()  # (T, K, J, I), (T, J, I) or (K, J, I)
    if frames is None:
        array = array[None]
    elif data.ndim == 3:
        array = array[:, None]
    times = index_times(header, frames, len(array)) if frames is not None else None
    meta: dict[str, Any] = acquisition_from_keys(header, len(array))
    if frames is not None:
        name, unit, index = _index(header, frames)
        if len(index) == len(array) and (contrasts := acquisition_from_index(name, unit, index)):
            meta, times = {**contrasts, **meta}, None
    segments = _segments(path, header)
    return make_series(path, array, affine, times, notes=notes, **meta, **({"segments": segments} if segments else {}))


def _frames_axis(
    path: Path, data: np.ndarray, kinds: list[str], rows: np.ndarray | None, wanted: int | None
) -> int | None:
    if wanted is not None:
        if not 0 <= wanted < data.ndim:
            raise CardiacMotionError(f"{path}: frames_axis must be from 0 to {data.ndim - 1}, got {wanted!r}")
        return wanted
    found = [a for a in range(data.ndim) if kinds[a] in FRAME_KINDS or (rows is not None and np.isnan(rows[a]).all())]
    if len(found) > 1:
        raise CardiacMotionError(
            f"{path}: axes {found} are all marked as frames; frames_axis (--frames-axis) says which one is time"
        )
    if found:
        return found[0]
    return 3 if data.ndim == 4 else None


def grid_affine(header: Mapping[str, Any], rows: np.ndarray | None, space: list[int], notes: list[str]) -> np.ndarray:
    """(4, 4) voxel to RAS mm for the axes in ``space``; a single slice gets its normal as third direction."""
    name = str(header.get("space", "")).lower().removesuffix("-time")
    if rows is not None and rows.shape[1] != 3:
        if rows.shape[1] != 4:
            raise ValueError(f"a space of {rows.shape[1]} dimensions; expected 3, or 4 with time as the last")
        rows = rows[:, :3]
        if not name:
            name = ITK_SPACE
            notes.append("The header has a space of four dimensions without a name, as ITK writes it: taken as LPS.")
    sign = np.array(TO_RAS.get(name, (1.0, 1.0, 1.0)))
    if name not in TO_RAS or rows is None:
        notes.append(
            f"The header gives no anatomical space ({name or 'none'}): its axes were taken as right, anterior, "
            "superior."
        )
    if rows is None:
        spacing = np.asarray(header.get("spacings", np.ones(max(space) + 1)), dtype=np.float64)[space]
        columns = np.diag(np.append(spacing, np.ones(3 - len(space))))
    else:
        columns = rows[space].T
    if columns.shape[1] == 2:
        normal = np.cross(columns[:, 0], columns[:, 1])
        thickness = [t for t in np.atleast_1d(header.get("thicknesses", [])) if np.isfinite(t) and t > 0]
        if not thickness:
            notes.append("The header gives no slice thickness; 1 mm was taken.")
        columns = np.column_stack([columns, normal / np.linalg.norm(normal) * (thickness[0] if thickness else 1.0)])
    affine = np.eye(4)
    affine[:3, :3] = sign[:, None] * columns
    affine[:3, 3] = sign * np.asarray(header.get("space origin", np.zeros(3)), dtype=np.float64)[:3]
    return affine


def index_times(header: Mapping[str, Any], axis: int, count: int) -> np.ndarray | None:
    """(count,) ms from the index values of a Slicer sequence or multi-volume; None where they are not times."""
    _, unit, index = _index(header, axis)
    if unit not in MILLISECONDS or len(index) != count:
        return None
    try:
        return np.array([float(v) for v in index]) * MILLISECONDS[unit]
    except ValueError:
        return None


def _index(header: Mapping[str, Any], axis: int) -> tuple[str, str, list[str]]:
    """Name, unit and values of the index of a Slicer sequence or multi-volume; no values where there is none."""
    index = next((str(v).split() for k, v in header.items() if re.fullmatch(r"axis \d+ index values", k)), None)
    if index is None and "MultiVolume.FrameLabels" in header:
        name = str(header.get("MultiVolume.FrameIdentifyingDICOMTagName", ""))
        unit = str(header.get("MultiVolume.FrameIdentifyingDICOMTagUnits", ""))
        return name, unit, str(header["MultiVolume.FrameLabels"]).split(",")
    names, units = (header.get(field) or [] for field in ("labels", "units"))
    name, unit = (str(texts[axis]).strip('"') if axis < len(texts) else "" for texts in (names, units))
    return name, unit, index or []


def _segments(path: Path, header: Mapping[str, Any]) -> dict[int, str]:
    """{label value: name} of a Slicer segmentation (.seg.nrrd); empty for other files."""
    numbers = [m[1] for k in header if (m := re.fullmatch(r"Segment(\d+)_LabelValue", k))]
    if any(str(header.get(f"Segment{n}_Layer", "0")) != "0" for n in numbers):
        raise CardiacMotionError(f"{path}: its segments overlap; export the segmentation as one label map")
    return {int(header[f"Segment{n}_LabelValue"]): str(header.get(f"Segment{n}_Name", "")) for n in numbers}


def write_nrrd(data: np.ndarray, fields: Mapping[str, str], keys: Mapping[str, str], path: str | Path) -> Path:
    """Write an array whose axes are slowest first, gzip-compressed, with header ``fields`` and free ``keys`` in order.

    Written here because Slicer looks for some keys near the top of the header, which a general writer puts last.
    """
    shape = " ".join(str(n) for n in reversed(data.shape))
    standard = {
        "type": TYPES[data.dtype.name],
        "dimension": str(data.ndim),
        "sizes": shape,
        **({"endian": "little"} if data.dtype.itemsize > 1 else {}),
        "encoding": "gzip",
    }
    lines = ["NRRD0005", *_lines(": ", standard.items()), *_lines(": ", fields.items()), *_lines(":=", keys.items())]
    header = "\n".join(lines) + "\n\n"
    little = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("<"))
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(header.encode())
        with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3, mtime=0) as packed:
            packed.write(little.data)
    return Path(path)


def _lines(separator: str, items: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{key}{separator}{value}" for key, value in items]


def geometry_fields(affine: np.ndarray, before: int, after: int) -> dict[str, str]:
    """Header fields that place a grid in LPS, with ``before`` and ``after`` axes without direction around space.

    The measurement frame makes vectors LPS too: without it Slicer takes their components as RAS.
    """
    columns = [_vector(column) for column in (LPS[:, None] * affine[:3, :3]).T]
    directions = ["none"] * before + columns + ["none"] * after
    fields = {
        "space": "left-posterior-superior",
        "space directions": " ".join(directions),
        "space origin": _vector(LPS * affine[:3, 3]),
    }
    return {**fields, "measurement frame": "(1,0,0) (0,1,0) (0,0,1)"} if before else fields


def index_keys(times: np.ndarray) -> dict[str, str]:
    """Keys in which Slicer keeps the index values of a sequence (it says axis 3 for transforms too)."""
    return {"axis 3 index type": "numeric", "axis 3 index values": " ".join(repr(float(t)) for t in times)}


def _vector(values: np.ndarray) -> str:
    return "(" + ",".join(repr(float(v)) for v in values) + ")"

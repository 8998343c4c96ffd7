"""NIfTI files: reading with the traps of their headers, and writing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from ..whole_files import writing
from .acquisition import PREFIX, acquisition_from_keys, acquisition_keys, read_sidecar
from .files import make_series, package, reading
from .geometry import TOLERANCE_MM, corner_distance

MILLISECONDS = {"sec": 1000.0, "msec": 1.0, "usec": 0.001}
MILLIMETERS = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
PLAUSIBLE_MS = (5.0, 500.0)  # a frame interval written without a unit is taken as ms only in this range
TIMES_KEY = "CardiacMotion.times_ms"
COMMENT = 6  # NIfTI header extension code for plain text


def read_nifti(
    path: Path, frames_axis: int | None = None, *, unit_of_time: str = "unknown", missing: float | None = None
) -> ImageSeries:
    """One NIfTI file: a 4D cine (I, J, K, T), or a 3D volume as a series of one frame.

    ``frames_axis`` (0, 1 or 2) says which axis of a 3D file is time, for a single slice over time stored as a volume.
    ``unit_of_time`` (sec, msec, usec) is that of a frame interval to which the header gives no unit. ``missing`` takes
    the place of NaN and infinite values, which are refused without it.
    NIfTI's world is RAS already, so the affine is used as it is. What was odd in the header is told in
    ``meta["notes"]``. A mapping series has the times of its preparation in the .json beside it, see `read_sidecar`, or
    where `write_nifti` left them.
    """
    nibabel = package("nibabel", "reading NIfTI files")
    with reading(path, "NIfTI file"):
        image = nibabel.load(path)
        header = image.header
        data = np.asanyarray(image.dataobj)
        zooms = _stored_zooms(nibabel, path, header)[: data.ndim]
        space_unit, time_unit = header.get_xyzt_units()
        start, codes = float(header["toffset"]), (int(header["qform_code"]), int(header["sform_code"]))
        qform = image.get_qform()
        affine = np.array(image.affine, dtype=np.float64)
        stored = _stored(header)
    if data.ndim not in (3, 4):
        raise CardiacMotionError(
            f"{path}: the image has {data.ndim} axes {data.shape}; expected 3 (I, J, K) or 4 (I, J, K, T)"
        )
    notes: list[str] = []
    interval = float(zooms[3]) if data.ndim == 4 else 0.0
    if time_unit == "unknown":
        time_unit = unit_of_time
    if frames_axis is not None:
        data, affine, zooms, interval = _split_frames(path, data, affine, zooms, frames_axis, notes)
    elif data.ndim == 3:
        data = data[..., None]
    if codes[1] == 0 and not (np.isfinite(zooms[:3]) & (zooms[:3] > 0)).all():
        raise CardiacMotionError(f"{path}: the header has a zero voxel size, {_mm(zooms[:3])}; each must be above 0")
    if codes == (0, 0):
        notes.append(
            "The header has no orientation (qform and sform codes are 0): the axes were taken as they are stored."
        )
    affine = _with_zooms(affine, zooms[:3], notes)
    if min(codes) > 0 and corner_distance(qform, affine, data.shape[2::-1]) > TOLERANCE_MM:
        notes.append("qform and sform of the header disagree; the sform was used.")
    affine[:3] *= MILLIMETERS.get(space_unit, 1.0)
    count = data.shape[3]
    times = np.array(stored[TIMES_KEY], dtype=np.float64) if len(stored.get(TIMES_KEY, ())) == count else None
    if times is None and count > 1:
        times = frame_times(interval, time_unit, count, start, notes)
    meta = {**acquisition_from_keys(stored, count), **read_sidecar(path, count)}
    if missing is not None:
        data = np.nan_to_num(data, nan=missing, posinf=missing, neginf=missing)
    return make_series(path, data.transpose(3, 2, 1, 0), affine, times, notes=notes, **meta)


def _stored_zooms(nibabel: ModuleType, path: Path, header: Any) -> np.ndarray:
    """Voxel sizes and frame interval as they are in the file: nibabel's own header has zeros replaced by ones."""
    with nibabel.openers.ImageOpener(str(path)) as file:
        stored = type(header).from_fileobj(file, check=False)
    return np.abs(np.asarray(stored["pixdim"][1:5], dtype=np.float64))


def frame_times(interval: float, unit: str, count: int, start: float, notes: list[str]) -> np.ndarray | None:
    """(count,) ms from the frame interval of a header, or None where it is not a time (told in ``notes``)."""
    if not np.isfinite(interval) or interval <= 0 or (interval == 1 and unit in ("unknown", "sec")):
        notes.append(
            f"The header's frame interval ({interval:g}) is a writer's default, not a time: the series is untimed."
        )
        return None
    if unit not in MILLISECONDS:
        if not PLAUSIBLE_MS[0] <= interval <= PLAUSIBLE_MS[1]:
            notes.append(
                f"The header's frame interval {interval:g} has no unit and is not plausible in ms: the series is "
                "untimed."
            )
            return None
        notes.append(f"The header's frame interval {interval:g} has no unit and was taken as ms.")
    scale = MILLISECONDS.get(unit, 1.0)
    if interval * scale > 5000:
        notes.append(f"Frames are {interval * scale:g} ms apart by the header; check its time unit.")
    return scale * (start + interval * np.arange(count))


def _with_zooms(affine: np.ndarray, zooms: np.ndarray, notes: list[str]) -> np.ndarray:
    """The affine with columns as long as the zooms, where the two disagree by more than 1 %."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    usable = np.isfinite(zooms) & (zooms > 0) & (spacing > 0)
    wrong = usable & (np.abs(spacing - zooms) > 0.01 * zooms)
    if not wrong.any():
        return affine
    notes.append(
        f"Header zooms {_mm(zooms)} and affine spacing {_mm(spacing)} disagree: the zooms were taken, with the "
        "directions of the affine."
    )
    scale = np.ones(3)
    scale[wrong] = zooms[wrong] / spacing[wrong]
    result = affine.copy()
    result[:3, :3] *= scale
    return result


def _split_frames(
    path: Path, data: np.ndarray, affine: np.ndarray, zooms: np.ndarray, axis: int, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A 3D array whose ``axis`` is time as (I, J, 1, T), affine and zooms in that order, interval (0: unknown)."""
    if data.ndim != 3 or axis not in (0, 1, 2):
        raise CardiacMotionError(
            f"{path}: frames_axis is 0, 1 or 2 and only for 3D files, got {axis!r} for an image of shape {data.shape}"
        )
    order = [a for a in range(3) if a != axis] + [axis]
    affine = affine[:, [*order, 3]]
    zooms = zooms[order]
    thickness = float(np.linalg.norm(affine[:3, 2]))
    interval = 0.0 if abs(zooms[2] - thickness) <= 0.01 * thickness else float(zooms[2])
    notes.append(f"Axis {axis} was read as time; the slice thickness was taken as {thickness:g} mm.")
    return data.transpose(order)[:, :, None, :], affine, np.array([*zooms[:2], thickness]), interval


def write_nifti(
    data: np.ndarray,
    affine: np.ndarray,
    path: str | Path,
    times: np.ndarray | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Path:
    """Write (K, J, I) or, with or without ``times`` in ms, (T, K, J, I) as .nii or .nii.gz.

    The header holds the mean frame interval; the exact times, and what ``meta`` of a mapping series has of its
    acquisition, go into a text extension that `read_nifti` prefers.
    """
    nibabel = package("nibabel", "writing NIfTI files")
    image = nibabel.Nifti1Image(data.transpose(), affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm", "msec" if times is not None else "unknown")
    if data.ndim == 4:
        image.header["pixdim"][4] = 0.0
        if times is not None:
            image.header["pixdim"][4] = float(np.ptp(times)) / max(len(times) - 1, 1)
            image.header["toffset"] = float(times[0])
        exact = {TIMES_KEY: [float(t) for t in times]} if times is not None else {}
        if text := {**exact, **acquisition_keys(meta or {})}:
            image.header.extensions.append(nibabel.nifti1.Nifti1Extension(COMMENT, json.dumps(text).encode()))
    with writing(path) as temporary:
        nibabel.save(image, temporary)
    return Path(path)


def _stored(header: Any) -> dict[str, Any]:
    """What `write_nifti` left in the header of a file."""
    for extension in getattr(header, "extensions", ()):
        text = extension.get_content()
        text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        if f'"{PREFIX}' in text:
            return dict(json.loads(text.rstrip("\0 ")))
    return {}


def _mm(values: np.ndarray) -> str:
    return " x ".join(f"{v:g}" for v in np.round(values, 4)) + " mm"

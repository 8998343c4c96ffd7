"""`read_series`: find out what a path is and read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from .acdc import is_acdc, read_acdc
from .acquisition import IS_TAG, TIMES, joined
from .datasets import subject_in
from .dicom import read_dicom, read_dicom_file
from .files import existing, natural_key, stem_of, suffix_of
from .geometry import TOLERANCE_MM, corner_distance
from .labels import Labels, attach_labels, is_label_file
from .nifti import read_nifti
from .nrrd_file import read_nrrd

NIFTI = (".nii", ".nii.gz")
NRRD = (".nrrd", ".nhdr", ".seq.nrrd", ".seq.nhdr", ".seg.nrrd")


def read_series(
    path: str | Path,
    labels: Labels = None,
    *,
    label_map: Mapping[int | str, int] | None = None,
    frames_axis: int | None = None,
    series_uid: str | Sequence[str] | None = None,
) -> ImageSeries:
    """Images over time from files.

    Parameters
    ----------
    path
        A NIfTI file (.nii, .nii.gz) or NRRD file (.nrrd, Slicer's .seq.nrrd); a folder with one such file per frame,
        in natural order of their names; one subject's folder of ACDC, M&Ms, M&Ms-2, Sunnybrook or UK Biobank style
        (see `CardiacMotionLib.io.datasets`); a folder of DICOM files, or one file of it.
    labels
        {frame: path or array}, a label file (3D or 4D), a list or a folder of label files; see `attach_labels`.
        Without it, the labels in a subject's folder of a known data set are taken, and no others.
    label_map
        {value or segment name in the label file: 0..3} where labels do not follow 0 background, 1 RV, 2 LV
        myocardium, 3 LV cavity.
    frames_axis
        Axis of time (0, 1 or 2) of a 3D file that holds one slice over time.
    series_uid
        DICOM series to take, or several to put together, where a folder holds more than one.

    Returns
    -------
    ImageSeries
        Times are in ms where the files say them. A mapping series has those of its preparation in ``meta``, one a
        frame, as ``inversion_times``, ``saturation_times``, ``echo_times`` and ``is_tag``; its frames are in the order
        in which they were acquired. ``meta["notes"]`` tells what was unusual; patient data are not kept.

    Raises
    ------
    CardiacMotionError
        for anything that cannot be read as one series; the message names the file and what would be right.
    """
    path = existing(path)
    found: Mapping[int, Path] = {}
    if path.is_file():
        series = _read_file(path, frames_axis, series_uid)
        if len(series) == 1 and not series.is_2d:
            series = _with_note(
                series,
                f"Read as one volume of {series.shape[0]} slices; if they are time points, give frames_axis 2 "
                "(--frames-axis 2).",
            )
    elif is_acdc(path):
        series, found = read_acdc(path)
    elif frames_axis is None and series_uid is None and (case := subject_in(path)):
        series = case.read().series
        series = series if labels is None else series.replace(labels={})
    else:
        series = _read_folder(path, frames_axis, series_uid)
    return attach_labels(series, found if labels is None else labels, label_map)


def _read_file(path: Path, frames_axis: int | None, series_uid: str | Sequence[str] | None) -> ImageSeries:
    suffix = suffix_of(path)
    if suffix in NIFTI:
        return read_nifti(path, frames_axis)
    if suffix in NRRD:
        return read_nrrd(path, frames_axis)
    return read_dicom_file(path, series_uid)


def _read_folder(folder: Path, frames_axis: int | None, series_uid: str | Sequence[str] | None) -> ImageSeries:
    files = [f for f in sorted(folder.iterdir(), key=natural_key) if not f.name.startswith(".")]
    if not files:
        raise CardiacMotionError(f"{folder}: the folder is empty; expected images (NIfTI, NRRD or DICOM)")
    volumes = [f for f in files if f.is_file() and suffix_of(f) in (*NIFTI, *NRRD)]
    images = [f for f in volumes if not is_label_file(f)]
    if not volumes:
        return read_dicom(folder, series_uid)
    if not images:
        raise CardiacMotionError(f"{folder}: holds label files only ({volumes[0].name}, ...); expected images")
    series = _read_file(images[0], frames_axis, None) if len(images) == 1 else _one_per_frame(folder, images)
    if len(images) == len(volumes):
        return series
    return _with_note(
        series, f"{len(volumes) - len(images)} label files in the folder were left aside; pass labels= to use them."
    )


def _one_per_frame(folder: Path, files: list[Path]) -> ImageSeries:
    volumes = [_read_file(f, None, None) for f in files]
    several = [f.name for f, v in zip(files, volumes, strict=True) if len(v) > 1]
    if several:
        raise CardiacMotionError(
            f"{folder}: holds several images, of which {', '.join(several[:3])} are whole series; give the path of one "
            "of them"
        )
    first = volumes[0]
    for file, volume in zip(files, volumes, strict=True):
        if volume.shape != first.shape:
            raise CardiacMotionError(
                f"{folder}: {file.name} has shape {volume.shape}, {files[0].name} {first.shape} (K, J, I); expected "
                "one grid"
            )
        off = corner_distance(volume.affine, first.affine, first.shape)
        if off > TOLERANCE_MM:
            raise CardiacMotionError(
                f"{folder}: {file.name} lies {off:.2f} mm away from {files[0].name}; expected all frames on one grid"
            )
    own = {name: value for name, value in first.meta.items() if name not in (*TIMES, IS_TAG)}
    acquisition = joined(volume.meta for volume in volumes)
    meta = {**own, **acquisition, "name": folder.name or stem_of(files[0]), "source": folder.name}
    series = first.replace(frames=np.concatenate([v.frames for v in volumes]), times=None, meta=meta)
    names = f"{files[0].name} to {files[-1].name}"
    return _with_note(
        series, f"Frames are {len(files)} files in the order of their names, {names}: the series is untimed."
    )


def _with_note(series: ImageSeries, note: str) -> ImageSeries:
    return series.replace(meta={**series.meta, "notes": [*series.meta["notes"], note]})

"""Labels for a series: which frame they belong to, where they lie, and which values they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import LABEL_NAMES, ImageSeries
from .acdc import LABEL as ACDC_LABEL
from .files import existing, natural_key, stem_of, suffix_of
from .geometry import onto_grid
from .nifti import read_nifti
from .nrrd_file import read_nrrd

FRAME_IN_NAME = re.compile(r"(?:frame|phase)[_-]?(\d+)", re.IGNORECASE)
LABEL_NAME = re.compile(r"(?:^|[_\-.])(?:gt|seg|segmentation|label|labels|mask)(?:[_\-.]|$)", re.IGNORECASE)
VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".seq.nrrd", ".seq.nhdr", ".seg.nrrd")
Labels = str | PathLike | Sequence | Mapping | None


def is_label_file(path: Path) -> bool:
    """Whether a file calls itself labels: ``_gt``, ``_seg``, ``_label`` or ``_mask`` in its name, or .seg.nrrd."""
    return suffix_of(path) == ".seg.nrrd" or LABEL_NAME.search(stem_of(path)) is not None


def attach_labels(series: ImageSeries, labels: Labels, label_map: Mapping[int | str, int] | None = None) -> ImageSeries:
    """``series`` with labels on its frames.

    Parameters
    ----------
    series
        Images; ``meta["end_diastole"]`` and ``meta["frame_numbers"]`` are used where a reader put them there.
    labels
        {frame: path or (K, J, I) array}, a list of files, a folder of label files, a 4D file with one label volume
        per frame, or one 3D file. Files say their frame in the name (``..._frame07``, counted from 0; ACDC's
        ``patientNNN_frameXX_gt`` from 1); one 3D file that does not belongs to the end-diastolic frame when that is
        known and to frame 0 otherwise.
    label_map
        {value or segment name in the file: 0 background, 1 RV, 2 LV myocardium, 3 LV cavity} for other conventions.

    Raises
    ------
    CardiacMotionError
        for labels of no or two frames, on another grid, or with other values.
    """
    if labels is None:
        return series
    found: dict[int, np.ndarray] = {}
    if isinstance(labels, Mapping):
        for frame, item in labels.items():
            found[frame] = (
                _mapped(item, {}, label_map, f"labels of frame {frame}")
                if _is_array(item)
                else _one(series, item, label_map)
            )
        return series.replace(labels={**series.labels, **found})
    origin: dict[int, Path] = {}
    files = _files(labels)
    for number, file in enumerate(files):
        for frame, array in _by_frame(
            series, file, number if len(files) == len(series) > 1 else None, label_map
        ).items():
            if frame in found:
                raise CardiacMotionError(
                    f"two label files are for frame {frame}: {origin[frame].name} and {file.name}; give one of them"
                )
            found[frame], origin[frame] = array, file
    notes = [*series.meta.get("notes", []), *_guesses(series, files)]
    return series.replace(labels={**series.labels, **found}, meta={**series.meta, "notes": notes})


def _guesses(series: ImageSeries, files: list[Path]) -> list[str]:
    """What the user should know when a single label file does not say its frame."""
    file = files[0]
    named = ACDC_LABEL.match(file.name) or FRAME_IN_NAME.search(stem_of(file))
    if named or len(files) > 1 or len(series) == 1 or len(_load(file)) > 1:
        return []
    frame = int(series.meta.get("end_diastole", 0))
    return [f"{file.name} names no frame: taken as frame {frame}; name it ..._frameNN or give FRAME=FILE for another."]


def _is_array(item: Any) -> bool:
    return not isinstance(item, (str, PathLike))


def _files(labels: Any) -> list[Path]:
    if not isinstance(labels, (str, PathLike)):
        if not isinstance(labels, Sequence):
            raise CardiacMotionError(
                f"labels must be a path, a list of paths or {{frame: path or array}}, got {type(labels).__name__}"
            )
        return [existing(p) for p in labels]
    path = existing(labels)
    if path.is_file():
        return [path]
    files = sorted((f for f in path.iterdir() if suffix_of(f) in VOLUME_SUFFIXES), key=natural_key)
    named = [f for f in files if is_label_file(f)]
    if not files:
        raise CardiacMotionError(f"{path}: no label files (NIfTI or NRRD) in this folder")
    return named or files


def _by_frame(
    series: ImageSeries, file: Path, number: int | None, label_map: Mapping[int | str, int] | None
) -> dict[int, np.ndarray]:
    """{frame: labels} of one file; ``number`` is its place in a list with one file per frame."""
    volumes = _load(file)
    if len(volumes) == 1:
        return {_frame_of(series, file, number): _placed(volumes, 0, series, file, label_map)}
    if len(volumes) != len(series):
        raise CardiacMotionError(
            f"{file} has {len(volumes)} label volumes for {len(series)} frames; expected one per frame or a 3D file"
        )
    placed = {t: _placed(volumes, t, series, file, label_map) for t in range(len(series))}
    return {t: array for t, array in placed.items() if array.any()}


def read_mask(series: ImageSeries, file: str | PathLike) -> np.ndarray:
    """Where a label file, of any values and names, has a label: (K, J, I) bool on the grid of ``series``.

    Raises `CardiacMotionError` for a file that is no label volume or lies on another grid.
    """
    path = existing(file)
    volumes = _load(path)
    values = np.any(np.asarray(volumes.frames) > 0, axis=0).astype(np.uint8)
    part = suffix_of(path) == ".seg.nrrd"
    return onto_grid(values, volumes.affine, series.shape, series.affine, part=part, name=str(file)) > 0


def _one(series: ImageSeries, file: str | PathLike, label_map: Mapping[int | str, int] | None) -> np.ndarray:
    volumes = _load(existing(file))
    if len(volumes) != 1:
        raise CardiacMotionError(
            f"{file} has {len(volumes)} label volumes but was given for one frame; expected a 3D file"
        )
    return _placed(volumes, 0, series, Path(file), label_map)


def _load(file: Path) -> ImageSeries:
    if suffix_of(file) not in VOLUME_SUFFIXES:
        raise CardiacMotionError(
            f"cannot read labels from {file}; expected NIfTI (.nii, .nii.gz) or NRRD (.nrrd, .seq.nrrd, .seg.nrrd)"
        )
    return read_nifti(file) if suffix_of(file).startswith(".nii") else read_nrrd(file)


def _frame_of(series: ImageSeries, file: Path, number: int | None) -> int:
    acdc, named = ACDC_LABEL.match(file.name), FRAME_IN_NAME.search(stem_of(file))
    if acdc:
        numbers = series.meta.get("frame_numbers") or list(range(1, len(series) + 1))
        frame = numbers.index(int(acdc[2])) if int(acdc[2]) in numbers else -1
    elif named:
        frame = int(named[1])
    else:
        return number if number is not None else int(series.meta.get("end_diastole", 0))
    if not 0 <= frame < len(series):
        raise CardiacMotionError(
            f"{file.name} names a frame that the series does not have (frames 0 to {len(series) - 1}); "
            "say which frame it is: labels {frame: path} (--labels FRAME=FILE)"
        )
    return frame


def _placed(
    volumes: ImageSeries, frame: int, series: ImageSeries, file: Path, label_map: Mapping[int | str, int] | None
) -> np.ndarray:
    values = _mapped(volumes.frames[frame], volumes.meta.get("segments", {}), label_map, str(file))
    return onto_grid(
        values, volumes.affine, series.shape, series.affine, part=suffix_of(file) == ".seg.nrrd", name=str(file)
    )


def _mapped(
    array: np.ndarray, segments: Mapping[int, str], label_map: Mapping[int | str, int] | None, name: str
) -> np.ndarray:
    """(K, J, I) uint8 with values 0..3; raises for a value that is neither one of these nor mapped to one."""
    array = np.asarray(array)
    present = [float(v) for v in np.unique(array)]
    if label_map is None and segments:
        label_map = {name: value for value, name in LABEL_NAMES.items()}
    if label_map is None:
        mapping = {value: value for value in (0, *LABEL_NAMES)}
    else:
        by_name = {segment.lower(): value for value, segment in segments.items()}
        mapping = {0: 0}
        for key, out in label_map.items():
            value = by_name.get(key.lower()) if isinstance(key, str) else key
            if value is not None:
                mapping[value] = out
    named = {float(value): segment for value, segment in segments.items()}
    unknown = [named.get(v, f"{v:g}") for v in present if v not in mapping]
    wrong = sorted({out for out in mapping.values() if out not in (0, *LABEL_NAMES)})
    if unknown or wrong:
        what = f"value {', '.join(unknown[:6])}" if unknown else f"label_map to {wrong}"
        raise CardiacMotionError(
            f"{name}: unexpected {what}; labels are 0 background, 1 RV, 2 LV myocardium, 3 LV cavity: "
            "for other conventions give label_map (--label-map), value or segment name to one of these"
        )
    result = np.zeros(array.shape, np.uint8)
    for value, out in mapping.items():
        result[array == value] = out
    return result

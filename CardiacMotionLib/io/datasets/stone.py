"""T1 mapping: the public free-breathing STONE set, and inversion-recovery series as arrays.

STONE (slice-interleaved T1, Weingartner et al., Magn Reson Med 74 (2015) 115-124) takes 5 slices at 11 inversion times
while the patient breathes; 210 patients with contours were published (Harvard Dataverse; El-Rewaidy et al., Magn Reson
Med 80 (2018) 780-791). Each slice has its own breathing and its own inversion times, so that a slice is a case: one
plane, a frame for each inversion time.

``.mat`` files (to v7.3) are recognized by what they hold, because the names of their variables are not documented:

- images: the only array of 4 axes, rows x columns and then slices and inversion times in either order;
- inversion times: a vector, or slices x times, whose name begins with TI or inv;
- T1: an array of rows x columns (x slices) whose name has T1 in it;
- contours: cell arrays (slices, or slices x times) of points (x, y) counted from 1, whose names have epi and endo in
  them.

What was taken for what is told in the notes. ``.npz`` files have ``images`` (series x rows x columns x times, or times
x rows x columns; or ``mag`` and ``phase``), ``TI_ms`` and, where known, ``T1_ms``, ``myo_aha`` (AHA segments of the
wall) and ``spacing``.

An examination has ``meta["inversion_times"]`` in ms, one a frame in the order of the file (not sorted, and not unique
in every protocol); the frames are untimed, because they differ in contrast. The truth is ``maps["T1"]`` (K, J, I) ms, 0
where there is none.

Tested on real ``.npz`` series; ``.mat`` on small files, none of them from the published set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CardiacMotionError
from ...series import LV_CAVITY, MYOCARDIUM, ImageSeries
from ..files import make_series
from ..matlab import load, variables
from .arrays import array_shapes, load_arrays, plane_affine
from .case import Case, Examination, files_in, folders_within
from .contours import inside
from .dense_phase import radians, wrapped

NAME = "stone"
TITLE = "T1 mapping: STONE slices in .mat (images over inversion times, contours), .npz with images and TI_ms"
NUMBER_OF_TIMES = 11  # of STONE, where no inversion times are given
NO_SPACING = "The pixel size is not known: 1 mm was taken."
SMALLEST_IMAGE = 16  # rows and columns
OF_SERIES = ("images", "mag", "phase", "TI_ms", "T1_ms", "t1map0", "myo_aha")  # arrays of an .npz, first axis series
SECONDS = 30.0  # no inversion time in ms has this as its largest
TIMES, T1 = re.compile(r"^(TI|inv)", re.IGNORECASE), re.compile(r"T1", re.IGNORECASE)
EPI, ENDO = re.compile(r"epi", re.IGNORECASE), re.compile(r"endo", re.IGNORECASE)


def find(folder: Path) -> list[Case]:
    """A case for each slice of the ``.mat`` and ``.npz`` files of T1 mapping in ``folder``."""
    cases = []
    for file in (file for f in folders_within(folder) for file in files_in(f)):
        count, reader, drawn = 0, _read_matlab, False
        if file.suffix == ".mat" and (found := recognize(variables(file))):
            count, drawn = found.slices, found.epi is not None and found.endo is not None
        elif file.suffix == ".npz" and "TI_ms" in (shapes := array_shapes(file)):
            shape = shapes.get("images", shapes.get("mag", ()))
            count, drawn = {3: 1, 4: shape[0]}.get(len(shape), 0) if shape else 0, "myo_aha" in shapes
            reader = _read_arrays
        for n in range(count):
            name = file.stem if count == 1 else f"{file.stem}_{n + 1}"
            facts = {"slice": n, "labeled": ("all",) if drawn else ()}
            cases.append(Case(name, NAME, file, facts, partial(reader, number=n)))
    return cases


@dataclass(frozen=True)
class Variables:
    """What the variables of a ``.mat`` file were taken for; shapes are MATLAB's, rows x columns first."""

    shapes: dict[str, tuple[int, ...]]
    images: str
    time_axis: int  # 2 or 3
    times: str | None
    t1: str | None
    epi: str | None
    endo: str | None

    @property
    def slices(self) -> int:
        """Number of slices."""
        return self.shapes[self.images][5 - self.time_axis]

    @property
    def number_of_times(self) -> int:
        """Number of inversion times."""
        return self.shapes[self.images][self.time_axis]


def recognize(shapes: dict[str, tuple[int, ...]]) -> Variables | None:
    """The images, inversion times, T1 map and contours among the variables of a file; None when it has no images."""
    stacks = [name for name, s in shapes.items() if len(s) == 4 and min(s[:2]) >= SMALLEST_IMAGE]
    if len(stacks) != 1:
        return None
    rows, columns, *last = shapes[stacks[0]]
    maps = [(rows, columns), *((rows, columns, n) for n in last)]
    listed = [name for name, s in shapes.items() if _is_list(s, last)]
    times = next((name for name in listed if TIMES.match(name)), None)
    count = NUMBER_OF_TIMES if times is None else max(shapes[times])  # there are more times than slices
    if last.count(count) != 1:
        return None
    return Variables(
        shapes,
        stacks[0],
        2 + last.index(count),
        times,
        next((name for name, s in shapes.items() if T1.search(name) and s in maps), None),
        next((name for name in listed if EPI.search(name)), None),
        next((name for name in listed if ENDO.search(name)), None),
    )


def _is_list(shape: tuple[int, ...], last: list[int]) -> bool:
    """Whether a variable has one entry a slice or a time, or one for each slice at each time."""
    return len(shape) == 2 and (sorted(shape) == sorted(last) or (min(shape) == 1 and max(shape) in last))


def _read_matlab(case: Case, number: int) -> Examination:
    found = recognize(variables(case.path))
    if found is None:
        raise CardiacMotionError(f"{case.path}: the images that were found in this file are not there any more")
    names = {"images": found.images, "inversion times": found.times, "T1": found.t1}
    names |= {"epicardium": found.epi, "endocardium": found.endo}
    content = load(case.path, [name for name in names.values() if name])
    arrays = {what: np.reshape(content[name], found.shapes[name]) for what, name in names.items() if name}
    taken = ", ".join(f"{what}: {name}" for what, name in names.items() if name)
    notes = [f"Slice {number + 1} of {found.slices}. Taken from the variables {taken}.", NO_SPACING]
    images = np.moveaxis(arrays["images"], found.time_axis, 0)[:, None, :, :, number]  # (T, 1, J, I)
    times = _of_slice(arrays["inversion times"], found, number) if found.times else None
    if times is None:
        notes.append("The file gives no inversion times.")
    elif times.max() < SECONDS:
        times = 1000 * times.astype(float)
        notes.append("The inversion times were taken as seconds.")
    maps = {}
    if found.t1:
        t1 = arrays["T1"]
        maps["T1"] = (t1 if t1.ndim == 2 else t1[:, :, number]).astype(np.float32)[None]
    series = _contrasts(case, images, (1.0, 1.0), times, notes)
    if found.epi and found.endo:
        contours = [_of_slice(arrays[name], found, number) for name in ("epicardium", "endocardium")]
        series = _labeled(case, series, *contours)
    return Examination(series, maps=maps)


def _of_slice(values: np.ndarray, found: Variables, number: int) -> np.ndarray:
    """The entries of one slice: (T,), or (1,) where there is one for all times; times have one for all slices."""
    if min(values.shape) > 1:
        return values[number] if values.shape == (found.slices, found.number_of_times) else values[:, number]
    flat = values.ravel()
    return flat if len(flat) == found.number_of_times else flat[number : number + 1]


def _labeled(case: Case, series: ImageSeries, epi: np.ndarray, endo: np.ndarray) -> ImageSeries:
    """``series`` with wall and cavity from contours of each frame, or from one pair for all of them."""
    labels = {}
    for frame, pair in enumerate(zip(epi, endo, strict=True)):
        points = [np.asarray(contour, dtype=float) for contour in pair]
        if min(p.size for p in points) < 6:
            continue
        if any(p.ndim != 2 or 2 not in p.shape for p in points):
            raise CardiacMotionError(f"{case.path}: a contour has shape {points[0].shape}; expected points (N, 2)")
        outer, inner = (inside((p if p.shape[1] == 2 else p.T) - 1, series.shape[1:]) for p in points)
        labels[frame] = (MYOCARDIUM * (outer & ~inner) + LV_CAVITY * inner).astype(np.uint8)[None]
    return _for_every_frame(series, labels[0]) if len(epi) == 1 and labels else series.replace(labels=labels)


def _read_arrays(case: Case, number: int) -> Examination:
    arrays = load_arrays(case.path)
    stack = arrays.get("images", arrays.get("mag"))
    several = stack is not None and stack.ndim == 4  # (series, rows, columns, times), else (times, rows, columns)
    parts = {name: arrays[name][number] if several else arrays[name] for name in OF_SERIES if name in arrays}
    images = parts["images" if "images" in parts else "mag"]
    spacing = tuple(float(v) for v in arrays.get("spacing", (1.0, 1.0)))
    notes = [] if "spacing" in arrays else [NO_SPACING]
    frames = (images.transpose(2, 0, 1) if several else images)[:, None]
    series = _contrasts(case, frames, (spacing[0], spacing[-1]), parts["TI_ms"], notes)
    maps = {}
    for name in ("T1_ms", "t1map0"):
        if name in parts:
            maps["T1"] = parts[name].astype(np.float32)[None]
    if "phase" in parts:
        maps["phase"] = wrapped(radians(case.path, parts["phase"]))[:, None]
    if "myo_aha" in parts:
        maps["aha"] = parts["myo_aha"].astype(np.uint8)[None]
        series = _for_every_frame(series, (MYOCARDIUM * (maps["aha"] > 0)).astype(np.uint8))
    return Examination(series, maps=maps)


def _contrasts(
    case: Case, frames: np.ndarray, spacing: tuple[float, float], times: Any, notes: list[str]
) -> ImageSeries:
    """A series of frames (T, 1, J, I) that differ in contrast, ``times`` their inversion times in ms."""
    meta: dict[str, Any] = {"name": case.name, "contrast": "inversion recovery"}
    if times is not None:
        if len(times) != len(frames):
            raise CardiacMotionError(f"{case.path}: {len(times)} inversion times for {len(frames)} images")
        meta["inversion_times"] = [float(t) for t in times]
    notes = [*notes, "The frames are contrasts, not phases of the heart: they are numbered and have no times."]
    return make_series(case.path, frames, plane_affine(spacing, 1.0), notes=notes, **meta)


def _for_every_frame(series: ImageSeries, labels: np.ndarray) -> ImageSeries:
    notes = [*series.meta["notes"], "One drawing of the wall is used for every frame."]
    return series.replace(labels=dict.fromkeys(range(len(series)), labels), meta={**series.meta, "notes": notes})

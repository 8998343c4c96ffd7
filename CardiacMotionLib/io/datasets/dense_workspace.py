"""DENSEanalysis workspaces: ``.dns`` files, which are MATLAB files with ``seq``, ``img``, ``dns`` and ``roi``.

``img`` holds the images of every sequence, rows x columns x frames, phase as 0..4095 for -pi..pi; ``seq`` their DICOM
headers; ``dns`` the groups: which sequences are magnitude and phase x, y, z, with encoding frequency, scale, swap and
negation; ``roi`` the contours, in pixels counted from 1. Contours of type SA are the epicardium and the endocardium of
the LV. See github.com/denseanalysis/denseanalysis; Spottiswoode et al., IEEE TMI 26 (2007) 15-30.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CardiacMotionError
from ...series import LV_CAVITY, MYOCARDIUM
from ..dicom_stack import LPS_TO_RAS
from ..files import make_series
from ..matlab import entries, load, variables
from .arrays import plane_affine
from .case import Case, Examination
from .contours import inside
from .dense_phase import DIRECTIONS, Encoding, mean_magnitude, radians

VARIABLES = ("seq", "img", "dns", "roi")
OF_GROUP = ("MagIndex", "PhaIndex", "PixelSpacing", "Scale", "EncFreq", "SwapFlag", "NegFlag")


def find_workspace(path: Path, layout: str) -> list[Case]:
    """A case for each DENSE group (slice) of a workspace; none when the file is not one."""
    if not set(VARIABLES) <= set(variables(path)):
        return []
    groups = [group for group in entries(load(path, ["dns"])["dns"]) if isinstance(group, dict)]
    cases = []
    for number, group in enumerate(groups):
        name = path.stem if len(groups) == 1 else f"{path.stem}_{number + 1}"
        facts = {"encoding": str(group.get("Type", "")), "slice": str(group.get("Name", ""))}
        cases.append(Case(name, layout, path, facts, partial(_read, number=number)))
    return cases


def _read(case: Case, number: int) -> Examination:
    workspace = load(case.path, VARIABLES)
    group = entries(workspace["dns"])[number]
    headers, images = entries(workspace["seq"]), entries(workspace["img"])
    missing = [name for name in OF_GROUP if name not in group]
    if missing:
        raise CardiacMotionError(f"{case.path}: group {number + 1} lacks {missing[0]}; expected {', '.join(OF_GROUP)}")
    magnitudes, phases = _indices(group["MagIndex"]), _indices(group["PhaIndex"])
    if not magnitudes or not phases:
        raise CardiacMotionError(f"{case.path}: group {number + 1} has no magnitude or no phase; expected both")
    frames = mean_magnitude([_frames(case.path, images, n) for n in dict.fromkeys(magnitudes.values())])
    stored = {d: radians(case.path, _frames(case.path, images, n)) for d, n in phases.items()}
    for direction, phase in stored.items():
        if phase.shape != frames.shape:
            raise CardiacMotionError(
                f"{case.path}: phase {direction} has shape {phase.shape}, the magnitude {frames.shape} (T, K, J, I)"
            )
    scale, encoded = _three(group["Scale"]), _three(group["EncFreq"])
    frequency = {d: scale[DIRECTIONS.index(d)] * encoded[DIRECTIONS.index(d)] for d in phases}
    negate = [bool(v) for v in np.ravel(group["NegFlag"])]
    encoding = Encoding(bool(group["SwapFlag"]), (negate[0], negate[1], negate[2]))
    maps, frequencies = encoding.apply(stored, frequency)
    header = headers[next(iter(magnitudes.values()))]
    notes: list[str] = []
    affine = _affine(header, group, notes)
    if any(np.any(headers[n].get("TranslationRC", 0)) for n in (*magnitudes.values(), *phases.values())):
        notes.append("The workspace shifts sequences against each other (TranslationRC); the images are not shifted.")
    labels = _labels(workspace["roi"], {*magnitudes.values(), *phases.values()}, frames.shape, notes)
    series = make_series(
        case.path,
        frames,
        affine,
        _times(header, len(frames), notes),
        notes=notes,
        name=case.name,
        encoding_frequency=frequencies,
    )
    return Examination(series.replace(labels=labels), maps=maps)


def _indices(value: Any) -> dict[str, int]:
    """{direction: number of the sequence, from 0} of MagIndex or PhaIndex, which have NaN for what was not encoded."""
    return {d: int(n) - 1 for d, n in zip(DIRECTIONS, np.ravel(value).astype(float), strict=False) if np.isfinite(n)}


def _three(value: Any) -> np.ndarray:
    """(3,) of one number a direction, NaN where there is none."""
    values = np.ravel(value).astype(float)
    return np.concatenate([values, np.full(3 - len(values), np.nan)])


def _frames(path: Path, images: list[Any], number: int) -> np.ndarray:
    """(T, 1, J, I) of sequence ``number``."""
    if not 0 <= number < len(images) or not np.size(images[number]):
        raise CardiacMotionError(f"{path}: the workspace has no images of sequence {number + 1}, which a group uses")
    array = np.asarray(images[number])
    return (array[..., None] if array.ndim == 2 else array).transpose(2, 0, 1)[:, None].astype(np.float32)


def _affine(header: Mapping[str, Any], group: Mapping[str, Any], notes: list[str]) -> np.ndarray:
    spacing = [float(v) for v in np.ravel(group["PixelSpacing"])]  # between rows, between columns
    thickness = np.ravel(header.get("SliceThickness", []))
    if not thickness.size:
        notes.append("The slice thickness is not known: 1 mm was taken.")
    step = float(thickness[0]) if thickness.size else 1.0
    position = np.ravel(header.get("ImagePositionPatient", []))
    orientation = np.ravel(header.get("ImageOrientationPatient", []))
    if position.size != 3 or orientation.size != 6:
        notes.append("The images carry no orientation.")
        return plane_affine((spacing[1], spacing[0]), step)
    affine = np.eye(4)
    row, column = orientation.astype(float).reshape(2, 3)
    affine[:3, 0], affine[:3, 1] = row * spacing[1], column * spacing[0]
    affine[:3, 2] = np.cross(row, column) * step
    affine[:3, 3] = position.astype(float)
    return LPS_TO_RAS @ affine


def _times(header: Mapping[str, Any], count: int, notes: list[str]) -> np.ndarray | None:
    """(count,) ms from the trigger times, or None where they are missing or only count the frames."""
    values = [np.ravel(v) for v in np.ravel(np.asarray(header.get("TriggerTime", []), dtype=object))]
    times = np.array([float(v[0]) for v in values if v.size])
    counts = np.array_equal(times, np.arange(1, count + 1))
    if len(times) == count and (np.diff(times) > 0).all() and not counts:
        return times
    notes.append("The workspace has no usable trigger times: the series is untimed.")
    return None


def _labels(rois: Any, sequences: set[int], shape: tuple[int, ...], notes: list[str]) -> dict[int, np.ndarray]:
    """{frame: (1, J, I)} wall and cavity from the short-axis contours drawn on one of ``sequences``."""
    drawn = [r for r in entries(rois) if {int(n) - 1 for n in np.ravel(r.get("SeqIndex", []))} & sequences]
    short_axis = [r for r in drawn if str(r.get("Type", "")).upper() == "SA"]
    if len(drawn) > len(short_axis[:1]):
        notes.append(f"{len(drawn) - len(short_axis[:1])} of {len(drawn)} regions were left aside; one SA is read.")
    labels = {}
    for roi in short_axis[:1]:
        positions = np.asarray(roi["Position"], dtype=object).reshape(-1, 2)
        curved = np.asarray(roi.get("IsCurved", True), dtype=object)
        smooth = bool(np.all([np.all(c) for c in curved.ravel()]))
        for frame, contours in enumerate(positions[: shape[0]]):
            points = [np.asarray(c, dtype=float).reshape(-1, 2) - 1 for c in contours]
            if min(len(p) for p in points) < 3:
                continue
            epi, endo = (inside(_rounded(p) if smooth else p, (shape[2], shape[3])) for p in points)
            labels[frame] = (MYOCARDIUM * (epi & ~endo) + LV_CAVITY * endo).astype(np.uint8)[None]
    return labels


def _rounded(contour: np.ndarray, steps: int = 10) -> np.ndarray:
    """(steps * N, 2): a smooth closed curve through the control points (N, 2), by periodic cubic splines."""
    from scipy.interpolate import CubicSpline

    points = np.asarray(contour, dtype=np.float64)
    points = points[np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1) > 0]
    if len(points) < 3:
        return points
    closed = np.concatenate([points, points[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    return CubicSpline(along, closed, bc_type="periodic")(
        np.linspace(0, along[-1], steps * len(points), endpoint=False)
    )

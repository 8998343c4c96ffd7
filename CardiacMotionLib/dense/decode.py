"""`decode_dense`: magnitude, wrapped phases and a drawn wall to a `Motion` from the moment of the encoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ..errors import CardiacMotionError
from ..motion import Motion
from ..scattered import fit_displacement
from ..series import LV_CAVITY, MYOCARDIUM, ImageSeries
from .lagrangian import smooth_in_time
from .unwrap import TURN, remove_background, unwrap

AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
SMOOTHING = 30.0  # see Testing/results/dense_accuracy.md
DEGREE = 10
FRAMES_PER_DEGREE = 2
FEWEST = 12  # pixels of wall from which a slice is fitted


class Decoded(NamedTuple):
    """What DENSE images say.

    Attributes
    ----------
    series
        The magnitude, with the encoding as its first frame where that is not one of the images; among the labels are
        the wall of that frame, what was drawn beside it, and the cavity.
    motion
        Lagrangian from that frame, on the same grid. ``labels`` are those of that frame.
    eulerian
        (T, K, J, I, 3) RAS mm since the encoding of what is at a pixel of an image, as measured; NaN outside the wall.
    """

    series: ImageSeries
    motion: Motion
    eulerian: np.ndarray


def decode_dense(
    series: ImageSeries,
    phases: Mapping[str, np.ndarray],
    encoding_frequency: Mapping[str, float],
    *,
    directions: Mapping[str, tuple[float, float, float]] = AXES,
    wall: np.ndarray | None = None,
    static: np.ndarray | None = None,
    smoothing: float = SMOOTHING,
    degree: int = DEGREE,
    progress: Callable[[float], object] | None = None,
) -> Decoded:
    """Decode cine DENSE, slice by slice.

    phase = 2 pi ke (e . u) for each encoding, with ke in cycles/mm, e its direction and u the displacement in mm since
    the encoding of the tissue that is at the pixel now. The phase is unwrapped in the wall of each frame, its turn
    being that of the frame before (0 at the encoding), so tissue may move by half of 1 / ke from frame to frame and by
    any amount in all. Of frames without labels the wall is that of the encoding, carried by the frame before.

    Parameters
    ----------
    series
        Magnitude with the wall (label 2) of the first frame at least. Its times count from the encoding: when the first
        is later than 0, the encoding becomes a frame before it.
    phases
        {"x": (T, K, J, I) rad, ...} wrapped, keys as in ``encoding_frequency``.
    encoding_frequency
        {"x": cycles/mm, ...}, scale included.
    directions
        {"x": (i, j, k), ...} unit vectors along the axes of the image; by default x is along i, y along j, z along k.
    wall
        (K, J, I) bool at the encoding; by default the wall of the first frame.
    static
        (K, J, I) bool of tissue at rest, from which background phase is taken.
    smoothing
        Of the thin-plate spline that makes it Lagrangian.
    degree
        Of the polynomial in time along the path of a point; 0 for none. Lower where there are fewer than two frames a
        degree, and none below 16 frames.
    progress
        Told the share that is done; what it raises ends the run.

    Raises
    ------
    CardiacMotionError
        for phases that do not fit the series or are not finite in the wall, a frequency that is not positive, encodings
        that do not span the plane, ``static`` of another shape, ``degree`` below 0, or images without a drawn wall.
    """
    names = _check(series, phases, encoding_frequency, directions, static, degree)
    mask = _wall_at_encoding(series, wall)
    known = {n: _known(series, n, phases[n], mask) for n in names}
    measured = {n: known[n] if static is None else remove_background(known[n], static) for n in names}
    matrix = np.array([np.asarray(directions[n]) * TURN * encoding_frequency[n] for n in names])  # rad per mm
    solve = np.linalg.pinv(matrix).T  # (encodings, 3): rad to mm along (i, j, k)
    frames, (slices, rows, columns) = len(series), series.shape
    eulerian = np.full((frames, slices, rows, columns, 3), np.nan)
    lagrangian = np.zeros((frames, slices, rows, columns, 3))
    hearts = np.stack([ndimage.binary_fill_holes(one) for one in mask])
    for k in range(slices):
        if np.count_nonzero(mask[k]) < FEWEST:
            continue
        one = {n: values[:, k] for n, values in measured.items()}
        for t in range(frames):
            now = series.labels[t][k] == MYOCARDIUM if t in series.labels else None
            if now is None or np.count_nonzero(now) < FEWEST:
                now = _carried(mask[k], lagrangian[t - 1, k] if t else None, series.spacing)
            before = _expected(eulerian[t - 1, k] if t else None, now, matrix)
            phase = np.stack([unwrap(one[n][t], now, e) for n, e in zip(names, before, strict=True)], axis=-1)
            eulerian[t, k] = phase @ solve
            there = eulerian[t, k][now] / series.spacing  # pixels (i, j, k)
            points = np.argwhere(now) - there[:, 1::-1]
            lagrangian[t, k] = fit_displacement(points, eulerian[t, k][now], hearts[k], smoothing)
            if progress is not None:
                progress((k * frames + t + 1) / (slices * frames))
    return _finished(series, mask, hearts, eulerian, lagrangian, smoothing, degree, names)


def _check(
    series: ImageSeries,
    phases: Mapping[str, np.ndarray],
    frequency: Mapping[str, float],
    directions: Mapping[str, tuple[float, float, float]],
    static: np.ndarray | None,
    degree: int,
) -> list[str]:
    names = sorted(phases)
    name = series.meta.get("name", "the series")
    for n in names:
        if n not in frequency or n not in directions:
            raise CardiacMotionError(f"{name}: phase {n} has no encoding frequency or direction; give both")
        if not (np.isfinite(frequency[n]) and frequency[n] > 0):
            raise CardiacMotionError(f"{name}: the encoding frequency of {n} is {frequency[n]}; expected cycles/mm > 0")
        if phases[n].shape != series.frames.shape:
            raise CardiacMotionError(
                f"{name}: phase {n} has shape {phases[n].shape}; expected {series.frames.shape}, that of the magnitude"
            )
    if static is not None and np.shape(static) != series.shape:
        raise CardiacMotionError(f"{name}: static has shape {np.shape(static)}; expected {series.shape}, a stack")
    if degree < 0:
        raise CardiacMotionError(f"{name}: degree must be 0 (no smoothing in time) or more, got {degree}")
    plane = np.array([np.asarray(directions[n], dtype=float)[:2] for n in names]).reshape(-1, 2)
    if len(names) < 2 or np.linalg.matrix_rank(plane, tol=1e-3) < 2:
        raise CardiacMotionError(
            f"{name}: encodings {names} do not span the image plane; expected two directions in it"
        )
    return names


def _known(series: ImageSeries, name: str, phase: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The phase with 0 where it is not finite; raises `CardiacMotionError` for such values where the wall is drawn."""
    finite = np.isfinite(phase)
    walls = np.any([mask, *(drawn == MYOCARDIUM for drawn in series.labels.values())], axis=0)
    if not finite[:, walls].all():
        raise CardiacMotionError(
            f"{series.meta.get('name', 'the series')}: phase {name} has values in the wall that are not finite; "
            "expected rad"
        )
    return np.where(finite, phase, 0)


def _wall_at_encoding(series: ImageSeries, wall: np.ndarray | None) -> np.ndarray:
    if wall is None and 0 not in series.labels:
        raise CardiacMotionError(
            f"{series.meta.get('name', 'the series')}: DENSE is unwrapped in the wall, and the first frame has no "
            "labels; give the LV myocardium (label 2) there"
        )
    mask = series.labels[0] == MYOCARDIUM if wall is None else np.asarray(wall) > 0
    if mask.shape != series.shape or not (np.count_nonzero(mask, axis=(1, 2)) >= FEWEST).any():
        raise CardiacMotionError(
            f"the wall at the encoding has shape {mask.shape} and {np.count_nonzero(mask)} voxels; expected "
            f"{series.shape} with at least {FEWEST} voxels of LV myocardium in a slice"
        )
    return mask


def _drawn_at_encoding(series: ImageSeries, mask: np.ndarray, hearts: np.ndarray) -> np.ndarray:
    """Labels (K, J, I): the wall, what was drawn beside it, and the cavity where nothing was."""
    drawn = series.labels.get(0, np.zeros(series.shape, np.uint8))
    beside = np.where(mask | (drawn == MYOCARDIUM), 0, drawn)
    cavity = hearts & ~mask & (beside == 0)
    return (beside + MYOCARDIUM * mask + LV_CAVITY * cavity).astype(np.uint8)


def _carried(wall: np.ndarray, displacement: np.ndarray | None, spacing: np.ndarray) -> np.ndarray:
    """The wall (J, I) of the encoding, moved by (J, I, 3) mm along (i, j, k)."""
    if displacement is None:
        return wall
    reached = np.argwhere(wall) + displacement[wall][:, 1::-1] / spacing[1::-1]
    j, i = np.round(reached).astype(int).T
    moved = np.zeros_like(wall)
    seen = (j >= 0) & (j < wall.shape[0]) & (i >= 0) & (i < wall.shape[1])
    moved[j[seen], i[seen]] = True
    return ndimage.binary_closing(moved, iterations=1) | moved


def _expected(before: np.ndarray | None, now: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The phase (encodings, J, I) that the displacement (J, I, 3) mm of the frame before has nearest to each pixel."""
    if before is None:
        return np.zeros((len(matrix), *now.shape))
    j, i = ndimage.distance_transform_edt(np.isnan(before[..., 0]), return_distances=False, return_indices=True)
    return np.moveaxis(before[j, i] @ matrix.T, -1, 0)


def _finished(
    series: ImageSeries,
    mask: np.ndarray,
    hearts: np.ndarray,
    eulerian: np.ndarray,
    lagrangian: np.ndarray,
    smoothing: float,
    degree: int,
    names: list[str],
) -> Decoded:
    """Put the encoding first, smooth in time, and give world millimeters."""
    later = series.timed and series.times[0] > 0
    elapsed = series.times.astype(np.float64) if later else series.times - series.times[0]
    elapsed = elapsed if later or series.timed else np.arange(len(series), dtype=np.float64)
    used = min(degree, len(series) // FRAMES_PER_DEGREE) if len(series) >= 16 else 0
    if used:
        lagrangian = smooth_in_time(lagrangian, elapsed, used)
    labels = {
        **({t + int(later): drawn for t, drawn in series.labels.items()}),
        0: _drawn_at_encoding(series, mask, hearts),
    }
    if later:
        lagrangian = np.concatenate([np.zeros_like(lagrangian[:1]), lagrangian])
    else:
        lagrangian[0] = 0
    turn = series.affine[:3, :3] / series.spacing
    provenance = {
        "method": "dense",
        "encodings": names,
        "smoothing": smoothing,
        "degree": used,
        "source": series.meta.get("source", ""),
    }
    frames, times = series.frames, series.times if series.timed else None
    if later:
        frames, times = np.concatenate([frames[:1], frames]), np.concatenate([[0.0], series.times])
    motion = Motion(lagrangian @ turn.T, series.affine, 0, times, provenance, labels=labels[0])
    meta = {**series.meta, "end_diastole": 0}
    if later:
        drawn = motion.warp(ImageSeries(frames, series.affine, times))[1:2]  # the first image, where the tissue was
        frames = np.concatenate([drawn, series.frames])
        meta.pop("end_systole", None)
        meta["notes"] = [*meta.get("notes", ()), "The first frame is the first image, moved back to the encoding."]
    return Decoded(ImageSeries(frames, series.affine, times, labels, meta), motion, eulerian @ turn.T)

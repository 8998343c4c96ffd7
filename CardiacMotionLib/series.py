"""`ImageSeries`: images of one anatomy over time (or over contrast), with their geometry and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import CardiacMotionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

BACKGROUND, RV, MYOCARDIUM, LV_CAVITY = 0, 1, 2, 3
LABEL_NAMES = {RV: "RV", MYOCARDIUM: "LV myocardium", LV_CAVITY: "LV cavity"}


@dataclass(frozen=True, eq=False, init=False)
class ImageSeries:
    """Frames on one voxel grid, checked when they enter.

    Attributes
    ----------
    frames
        (T, K, J, I) float32 intensities; a single slice over time has K == 1.
    affine
        (4, 4) float64, voxel (i, j, k) to RAS mm. Oblique and left-handed grids are allowed.
    times
        (T,) float64 in ms, increasing. Where none were given these are the frame numbers and ``timed`` is False.
    labels
        {frame: (K, J, I) uint8} in the ACDC convention: 0 background, 1 RV, 2 LV myocardium, 3 LV cavity.
    meta
        Whatever the reader knows: ``name``, ``source``, ``notes`` (list of sentences for the user), acquisition times.

    Raises
    ------
    CardiacMotionError
        for anything that cannot be a series: the message says what was found and what would be right.
    """

    frames: np.ndarray
    affine: np.ndarray
    times: np.ndarray
    labels: Mapping[int, np.ndarray]
    meta: Mapping[str, Any]
    timed: bool

    def __init__(
        self,
        frames: ArrayLike,
        affine: ArrayLike,
        times: ArrayLike | None = None,
        labels: Mapping[int, np.ndarray] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        frames = check_frames(frames)
        affine = check_affine(affine)
        timed = times is not None
        times = check_times(times, len(frames)) if timed else np.arange(len(frames), dtype=np.float64)
        checked = {t: check_labels(a, frames.shape, t) for t, a in (labels or {}).items()}
        for name, value in (
            ("frames", frames),
            ("affine", affine),
            ("times", times),
            ("labels", {int(t): checked[t] for t in sorted(checked)}),
            ("meta", dict(meta or {})),
            ("timed", timed),
        ):
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I) of one frame."""
        return self.frames.shape[1:]

    @property
    def spacing(self) -> np.ndarray:
        """(3,) voxel size in mm along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def is_2d(self) -> bool:
        """Whether the series is one slice over time."""
        return self.shape[0] == 1

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape[::-1]))
        mm = " x ".join(f"{value:.4g}" for value in self.spacing)
        return f"ImageSeries({len(self)} frames of {size} voxels of {mm} mm, labels of frames {sorted(self.labels)})"

    def __len__(self) -> int:
        return len(self.frames)

    def replace(self, **changes: Any) -> ImageSeries:
        """A copy with some of frames, affine, times, labels, meta changed."""
        current: dict[str, Any] = {
            "frames": self.frames,
            "affine": self.affine,
            "times": self.times if self.timed else None,
            "labels": self.labels,
            "meta": self.meta,
        }
        return ImageSeries(**{**current, **changes})

    def crop(self, box: tuple[slice, slice, slice]) -> ImageSeries:
        """The part of every frame inside ``box`` = slices along (k, j, i), at the same place in the world."""
        start = np.array(
            [s.indices(n)[0] for s, n in zip(box, self.shape, strict=True)][::-1], dtype=float
        )  # (i, j, k)
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ start
        labels = {t: a[box] for t, a in self.labels.items()}
        return self.replace(frames=self.frames[(slice(None), *box)], affine=affine, labels=labels)


def default_reference(series: ImageSeries) -> int:
    """The labeled frame with the largest LV cavity (end-diastole), else the first labeled frame, else frame 0."""
    if not series.labels:
        return 0
    return max(series.labels, key=lambda t: (int(np.count_nonzero(series.labels[t] == LV_CAVITY)), -t))


def check_frames(frames: Any) -> np.ndarray:
    """(T, K, J, I) float32, finite; raises `CardiacMotionError` otherwise."""
    frames = np.asarray(frames)
    if frames.ndim != 4:
        raise CardiacMotionError(
            f"frames must have shape (T, K, J, I), got {frames.shape}; a single slice over time is (T, 1, J, I)"
        )
    if 0 in frames.shape:
        raise CardiacMotionError(
            f"frames are empty: shape {frames.shape}; every axis of (T, K, J, I) needs at least one entry"
        )
    if not (np.issubdtype(frames.dtype, np.number) or frames.dtype == bool) or np.iscomplexobj(frames):
        raise CardiacMotionError(f"frames must be real numbers, got {frames.dtype}; pass magnitude images")
    if min(frames.shape[:2]) > max(*frames.shape[2:], 15):  # no image is that small, so these are not its axes
        raise CardiacMotionError(
            f"frames of shape {frames.shape} look like (I, J, K, T): both in-plane axes are the shorter ones; "
            "the order is (T, K, J, I), for NIfTI arrays that is array.transpose(3, 2, 1, 0)"
        )
    bad = ~np.isfinite(frames)
    if bad.any():
        first = [int(t) for t in np.unique(np.nonzero(bad)[0])[:5]]
        raise CardiacMotionError(
            f"frames contain {int(bad.sum())} NaN or infinite values (first in frames {first}); "
            "replace them by finite intensities"
        )
    return np.ascontiguousarray(frames, dtype=np.float32)


def as_numbers(values: Any, name: str) -> np.ndarray:
    """Values as float64; raises `CardiacMotionError` for what is no array of numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CardiacMotionError(f"{name} must be an array of numbers: {error}") from error


def check_affine(affine: Any) -> np.ndarray:
    """(4, 4) float64 with a usable 3x3 part; raises `CardiacMotionError` otherwise."""
    affine = as_numbers(affine, "affine")
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise CardiacMotionError(
            f"affine must be a finite (4, 4) matrix from voxel (i, j, k) to RAS mm, got shape {affine.shape}"
        )
    if not np.allclose(affine[3], (0, 0, 0, 1)):
        raise CardiacMotionError(f"the last row of the affine must be (0, 0, 0, 1), got {affine[3].tolist()}")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if (spacing < 1e-6).any():
        raise CardiacMotionError(
            f"affine has zero spacing: {spacing.tolist()} mm along (i, j, k); each must be above 0"
        )
    axes = affine[:3, :3] / spacing
    skew = float(np.abs(axes.T @ axes - np.eye(3)).max())
    if skew > 1e-2:
        raise CardiacMotionError(
            f"affine is sheared: its axes are not at right angles (largest cosine {skew:.3f}); "
            "resample to a rectangular grid first"
        )
    return affine


def check_times(times: Any, number_of_frames: int) -> np.ndarray:
    """(T,) float64 ms, strictly increasing; raises `CardiacMotionError` otherwise."""
    times = as_numbers(times, "times")
    if times.shape != (number_of_frames,):
        raise CardiacMotionError(
            f"times must have one entry in ms per frame: shape ({number_of_frames},), got {times.shape}"
        )
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise CardiacMotionError("times must be finite and increase from frame to frame (in ms)")
    return times


def check_labels(labels: Any, frames_shape: tuple[int, ...], frame: Any) -> np.ndarray:
    """(K, J, I) uint8 with values 0..3 for one frame; raises `CardiacMotionError` otherwise."""
    if labels is None or isinstance(labels, (Mapping, str)):
        raise CardiacMotionError(
            f"labels of frame {frame} must be one array {tuple(frames_shape[1:])} (K, J, I), "
            f"got {type(labels).__name__}; of a series that is series.labels[{frame}]"
        )
    labels = np.asarray(labels)
    if isinstance(frame, bool) or not isinstance(frame, (int, np.integer)) or not 0 <= frame < frames_shape[0]:
        raise CardiacMotionError(
            f"labels are given for frame {frame!r}, but frames run from 0 to {frames_shape[0] - 1}"
        )
    if labels.shape != tuple(frames_shape[1:]):
        raise CardiacMotionError(
            f"labels of frame {frame} have shape {labels.shape}, the images {tuple(frames_shape[1:])} (K, J, I); "
            "resample the labels onto the image grid"
        )
    values = np.unique(labels)
    if not np.isin(values, (BACKGROUND, RV, MYOCARDIUM, LV_CAVITY)).all():
        raise CardiacMotionError(
            f"labels of frame {frame} hold values {values[:8].tolist()}; "
            "expected 0 background, 1 RV, 2 LV myocardium, 3 LV cavity"
        )
    return np.ascontiguousarray(labels, dtype=np.uint8)

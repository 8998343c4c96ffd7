"""`Motion`: where every point of the reference frame is in every other frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from . import fields
from .continuous import ContinuousField
from .errors import CardiacMotionError
from .fields.jacobian import determinant
from .places import check_frame, check_points, grid_points, signed_distances
from .series import ImageSeries, check_affine, check_labels, check_times, default_reference

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


CANONICAL = -1  # the reference in files and nodes, where it is no frame
MARGIN = 2  # voxels around what is differentiated: central differences reach one


class Motion:
    """Lagrangian displacement of the reference frame over the cycle.

    Attributes
    ----------
    displacement
        (T, K, J, I, 3) float32 RAS mm: the material point at the voxel x of the reference is at x + u(x) in frame t.
        ``displacement[reference]`` is exactly zero where the reference is a frame.
    affine
        (4, 4) voxel (i, j, k) to RAS mm.
    reference
        Frame in which the points are named; None where that is the canonical space of a groupwise registration, a
        mean shape that no frame has. `expressed_in` gives the same motion from a frame.
    times
        (T,) float64 ms; frame numbers where ``timed`` is False.
    provenance
        How the motion was made: method, options, seed, version, input. JSON-serializable.
    field
        The same motion known between voxels and frames, or None: then `at`, `track` and the Jacobian are exact instead
        of interpolated and differenced. Its clock reads ``times``.
    labels
        (K, J, I) uint8 of the reference frame that the method found in its image, or None; ``labels_from`` of the
        provenance names what found them.
    samples
        Motions that a method which knows of more than one drew, on the same grid, of which this one is the mean; else
        empty. How far they are apart is how unsure it is.
    """

    def __init__(
        self,
        displacement: ArrayLike,
        affine: ArrayLike,
        reference: int | None = 0,
        times: ArrayLike | None = None,
        provenance: Mapping[str, Any] | None = None,
        *,
        field: ContinuousField | None = None,
        labels: ArrayLike | None = None,
        samples: Sequence[Motion] = (),
    ):
        array = np.ascontiguousarray(displacement, dtype=np.float32)
        if array.ndim != 5 or array.shape[-1] != 3:
            raise CardiacMotionError(f"displacement must have shape (T, K, J, I, 3) in RAS mm, got {array.shape}")
        if not np.isfinite(array).all():
            raise CardiacMotionError(
                "displacement contains NaN or infinite values; every voxel needs a finite displacement in mm"
            )
        if reference is not None:
            check_frame(reference, len(array), "reference")
        self.displacement = array
        self.affine = check_affine(affine)
        self.reference = None if reference is None else int(reference)
        self.timed = times is not None
        self.times = check_times(times, len(array)) if times is not None else np.arange(len(array), dtype=np.float64)
        self.provenance = dict(provenance or {})
        if field is not None and self.reference is None:
            raise CardiacMotionError("a continuous field starts from a moment of the cycle: give its reference frame")
        if field is not None and field.reference_time != self.times[self.reference]:
            raise CardiacMotionError(
                f"the field is zero at {field.reference_time:g}, the reference frame {self.reference} is at "
                f"{self.times[self.reference]:g}; its reference_time must be that of the frame"
            )
        if reference is not None and np.any(array[reference]):
            largest = float(np.abs(array[reference]).max())
            raise CardiacMotionError(
                f"displacement of the reference frame {reference} must be zero, its largest entry is {largest:.3g} mm"
            )
        self.field = field
        self.labels = None if labels is None else check_labels(labels, array.shape[:4], self.reference or 0)
        self.samples = tuple(samples)
        for sample in self.samples:
            if sample.displacement.shape != array.shape or sample.reference != self.reference:
                raise CardiacMotionError(
                    f"a sample is {sample!r}; expected one of shape {array.shape} from {self.origin} as the motion is"
                )
        self._determinant: np.ndarray | None = None
        self._inverses: dict[int, Tensor] = {}  # in voxels, kept because each takes a while

    @classmethod
    def from_voxels(
        cls,
        displacement: Tensor,
        series: ImageSeries,
        reference: int | None,
        provenance: Mapping[str, Any] | None = None,
        labels: ArrayLike | None = None,
    ) -> Motion:
        """Make one from a displacement (T, K, J, I, 3) in voxels (i, j, k) of ``series``, any device and float type."""
        millimeters = fields.voxel_to_world(displacement.detach(), torch.as_tensor(series.affine))
        world = millimeters.cpu().numpy().astype(np.float32)
        if reference is not None:
            world[reference] = 0
        times = series.times if series.timed else None
        return cls(world, series.affine, reference, times, provenance, labels=labels)

    @classmethod
    def still(cls, series: ImageSeries, reference: int | None) -> Motion:
        """No motion at all: what every registration has to beat."""
        times = series.times if series.timed else None
        return cls(np.zeros((*series.frames.shape, 3), np.float32), series.affine, reference, times)

    @classmethod
    def from_field(
        cls,
        field: ContinuousField,
        series: ImageSeries,
        reference: int,
        provenance: Mapping[str, Any] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> Motion:
        """Make one from a continuous field: its displacement at every voxel and frame of ``series``, and the field.

        ``progress`` is told the share that is done, between parts; what it raises ends the run.
        """
        points = grid_points(series.shape, series.affine).reshape(-1, 3)
        displacement = field.displacement(points, series.times, progress).reshape(*series.frames.shape, 3)
        times = series.times if series.timed else None
        return cls(displacement, series.affine, reference, times, provenance, field=field)

    # ------------------------------------------------------------------ geometry

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I) of the grid."""
        return self.displacement.shape[1:4]

    @property
    def spacing(self) -> np.ndarray:
        """(3,) voxel size in mm along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def origin(self) -> str:
        """Where the motion starts, in words."""
        return "the canonical space" if self.reference is None else f"frame {self.reference}"

    @property
    def stored_reference(self) -> int:
        """The reference as files and nodes keep it; `known_reference` reads it."""
        return CANONICAL if self.reference is None else self.reference

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape[::-1]))
        method = self.provenance.get("method", "unknown method")
        return f"Motion({method}, {len(self)} frames of {size} voxels, from {self.origin})"

    def __len__(self) -> int:
        return len(self.displacement)

    def voxels(self, frame: int) -> Tensor:
        """Displacement of one frame in voxels: (1, K, J, I, 3) float32 with components (i, j, k)."""
        check_frame(frame, len(self), "frame")
        return fields.world_to_voxel(
            torch.from_numpy(self.displacement[frame : frame + 1]), torch.as_tensor(self.affine)
        )

    # ------------------------------------------------------------------ what a motion does

    def warp(self, series: ImageSeries) -> np.ndarray:
        """Every frame drawn in the reference: (T, K, J, I) float32, frame t sampled at x + u(x, t)."""
        if not isinstance(series, ImageSeries):
            raise CardiacMotionError(f"warp needs an ImageSeries, got {type(series).__name__}; pass the registered one")
        if series.frames.shape != self.displacement.shape[:4] or not np.allclose(series.affine, self.affine, atol=1e-3):
            raise CardiacMotionError(
                f"series of shape {series.frames.shape} is not on the grid of this motion "
                f"{self.displacement.shape[:4]} (same shape and affine needed); warp the series that was registered"
            )
        frames = [
            fields.warp(torch.from_numpy(series.frames[t])[None, None], self.voxels(t))[0, 0] for t in range(len(self))
        ]
        if self.reference is not None:
            frames[self.reference] = torch.from_numpy(series.frames[self.reference])
        return torch.stack(frames).numpy()

    def expressed_in(self, frame: int) -> Motion:
        """The same motion from another reference: what is at x in ``frame`` is at x + u'(x, t) in frame t.

        u'(x, t) = v(x) + u(x + v(x), t) with v the `inverse` of ``frame``. Of a continuous `field` only what it is on
        the grid is kept; `labels` are those of the old reference and stay behind. `samples` come along.
        """
        check_frame(frame, len(self), "frame")
        if frame == self.reference:
            return self
        back = self._inverse(frame)
        moved = torch.cat([fields.compose(back, self.voxels(t)) for t in range(len(self))])
        world = fields.voxel_to_world(moved, torch.as_tensor(self.affine)).numpy()
        world[frame] = 0
        times = self.times if self.timed else None
        samples = [sample.expressed_in(frame) for sample in self.samples]
        provenance = {**self.provenance, "reference": frame}
        return Motion(world, self.affine, frame, times, provenance, samples=samples)

    def spread(self) -> np.ndarray:
        """(T, K, J, I, 3) float32 standard deviation of the displacement over the `samples`, in mm along RAS.

        Raises `CardiacMotionError` where there are fewer than two.
        """
        if len(self.samples) < 2:
            raise CardiacMotionError(
                f"{self!r} has {len(self.samples)} samples; its spread needs two, of a method that draws more than one "
                "motion, and a .npz to keep them"
            )
        return np.std([sample.displacement for sample in self.samples], axis=0, ddof=1)

    def labeled(self, series: ImageSeries) -> ImageSeries:
        """``series``, with the `labels` that the method found where its reference frame has none of its own."""
        if self.labels is None or not self.labels.any() or self.reference in (None, *series.labels):
            return series
        return series.replace(labels={**series.labels, self.reference: self.labels})

    def reference_labels(self, series: ImageSeries) -> np.ndarray | None:
        """Labels (K, J, I) uint8 of the reference: of ``series``, or those found; None where there are none.

        In a canonical space those of the frame with the largest cavity, drawn there.
        """
        series = self.labeled(series)
        if self.reference is not None:
            return series.labels.get(self.reference)
        frame = default_reference(series)
        return self.draw_labels(series.labels[frame], frame) if series.labels else None

    def warp_labels(self, labels: ArrayLike, frame: int) -> np.ndarray:
        """Reference labels carried to ``frame``: (K, J, I) uint8.

        Each label is carried as its signed distance in the plane of the slice and the nearest wins. Between slices, far
        apart as they are, that gives the shape halfway (Raya 1990) where sampling the labels would leave steps.
        """
        labels = check_labels(labels, self.displacement.shape[:4], self.reference or 0)
        check_frame(frame, len(self), "frame")
        return labels.copy() if frame == self.reference else self._drawn(labels, self._inverse(frame))

    def draw_labels(self, labels: ArrayLike, frame: int) -> np.ndarray:
        """Labels of ``frame`` drawn in the reference: (K, J, I) uint8, what `warp` is to images.

        By signed distances, as in `warp_labels`.
        """
        check_frame(frame, len(self), "frame")
        labels = check_labels(labels, self.displacement.shape[:4], frame)
        return labels.copy() if frame == self.reference else self._drawn(labels, self.voxels(frame))

    def _drawn(self, labels: np.ndarray, displacement: Tensor) -> np.ndarray:
        """Labels (K, J, I) sampled at x + u(x), displacement (1, K, J, I, 3) in voxels."""
        values = np.unique(labels)
        distances = torch.from_numpy(signed_distances(labels, values, self.spacing))
        drawn = fields.warp(distances[None], displacement)[0]
        return values[drawn.argmin(0).numpy()].astype(np.uint8)

    def at(self, points_ras: ArrayLike, frame: float | None = None, *, time: float | None = None) -> np.ndarray:
        """Displacement (N, 3) in RAS mm of reference points (N, 3) in RAS mm, in a frame or at a time.

        With a field it is exact. Without, it is linear between voxels and between the two neighboring frames. Points
        outside the grid move as its edge.

        Parameters
        ----------
        points_ras
            (N, 3) RAS mm.
        frame
            0 to T - 1; 1.5 is halfway between frames 1 and 2.
        time
            ms, from the first to the last of ``times``, instead of ``frame``.

        Raises
        ------
        CardiacMotionError
            for a frame or time outside the cycle: nothing is known there. For a time where the frames have none.
        """
        return self._at(check_points(points_ras), np.array([self._moment(frame, time)]))[0]

    def track(self, points_ras: ArrayLike, times: ArrayLike | None = None) -> np.ndarray:
        """Positions (T, N, 3) in RAS mm of reference points (N, 3) in RAS mm: in every frame, or at ``times`` (T,) ms.

        As exact as `at`, and quicker than asking for one time after the other.
        """
        points = check_points(points_ras)
        return points + self._at(points, self.times if times is None else self._check_moments(times, (-1,)))

    def _at(self, points: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Displacement (M, N, 3) float64 RAS mm of points (N, 3) at ``moments`` (M,) on the axis of ``times``."""
        affine = torch.as_tensor(self.affine)
        voxels = fields.world_to_voxel_points(torch.from_numpy(points), affine)
        if self.field is not None:
            within = voxels.clamp(torch.zeros(3), torch.tensor(self.shape[::-1]) - 1.0)
            inside = fields.voxel_to_world_points(within, affine).numpy()
            return self.field.displacement(inside, moments).astype(np.float64)
        result = np.empty((len(moments), len(points), 3))
        for row, place in zip(result, np.interp(moments, self.times, np.arange(len(self))), strict=True):
            pair = torch.from_numpy(self.displacement[int(place) : int(np.ceil(place)) + 1])
            images = pair.movedim(-1, 1).to(torch.float64)
            values = fields.sample_at(images, voxels.expand(len(images), -1, -1))
            row[:] = torch.lerp(values[0], values[-1], place - int(place)).T
        return result

    def _moment(self, frame: float | None, time: float | None) -> float:
        """Where a frame, which may lie between two, or a time in ms is on the axis of ``times``."""
        last = len(self) - 1
        if time is not None and frame is None:
            return float(self._check_moments(time, ()))
        if frame is None or time is not None:
            raise CardiacMotionError(
                f"frame must be a frame number from 0 to {last}, or time be given in ms instead; "
                f"got {'neither' if frame is None else 'both'}"
            )
        if not isinstance(frame, (float, np.floating)):
            check_frame(frame, len(self), "frame")
        elif not 0 <= frame <= last:
            raise CardiacMotionError(f"frame must be a frame number from 0 to {last} or between two, got {frame:g}")
        return float(np.interp(frame, np.arange(len(self)), self.times))

    def _check_moments(self, times: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
        """Times in ms within the cycle: float64 of ``shape``, -1 for any number."""
        if not self.timed:
            raise CardiacMotionError("this motion has no times in ms; name a frame, 1.5 is between frames 1 and 2")
        try:
            moments = np.asarray(times, dtype=np.float64).reshape(shape)
        except (TypeError, ValueError) as error:
            raise CardiacMotionError(f"time must be in ms, one number or a list of them, got {times!r}") from error
        outside = moments[~((moments >= self.times[0]) & (moments <= self.times[-1]))]
        if outside.size:
            raise CardiacMotionError(
                f"time must be from {self.times[0]:g} to {self.times[-1]:g} ms, got {outside[0]:g}; "
                "beyond the frames nothing is known"
            )
        return moments

    # ------------------------------------------------------------------ derivatives and inverse

    def jacobian(self, mask: np.ndarray | None = None) -> np.ndarray:
        """Deformation gradient F = I + du/dX in RAS axes (no unit), the identity at the reference.

        With a field F is exact, and so costs four evaluations of its network per voxel and frame inside the box of the
        field. Without, it is by central differences, and one slice has no derivative across it.

        Parameters
        ----------
        mask
            (K, J, I) bool, the N voxels that are needed; all by default.

        Returns
        -------
        (T, K, J, I, 3, 3) float32, or (T, N, 3, 3) in the order of ``np.nonzero(mask)``.
        """
        if mask is not None and (mask.dtype != bool or mask.shape != self.shape):
            raise CardiacMotionError(
                f"mask must be bool of the shape (K, J, I) of the grid {self.shape}, got {mask.dtype} {mask.shape}"
            )
        if self.field is not None:
            points = grid_points(self.shape, self.affine)[... if mask is None else mask]
            gradient = self.field.deformation_gradient(points.reshape(-1, 3), self.times)
            return gradient.reshape(len(self), *points.shape, 3).astype(np.float32, copy=False)
        box = (slice(None),) * 3 if mask is None or not mask.any() else _box(mask)
        wanted = ... if mask is None else mask[box]
        affine = torch.as_tensor(self.affine)
        result = []
        for world in self.displacement:
            voxels = fields.world_to_voxel(torch.from_numpy(np.ascontiguousarray(world[box]))[None], affine)
            result.append(fields.deformation_gradient(voxels, affine)[0].numpy()[wanted])
        if self.reference is not None:
            result[self.reference][:] = np.eye(3)  # exactly, without the rounding of mm
        return np.stack(result)

    def jacobian_determinant(self) -> np.ndarray:
        """Local volume over reference volume, det F: (T, K, J, I) float32, not above 0 where the field folds.

        From the same F as `jacobian`. With a field that takes seconds, so it is kept.
        """
        if self.field is None:
            return np.concatenate([fields.jacobian_determinant(self.voxels(t)).numpy() for t in range(len(self))])
        if self._determinant is None:
            slices = []  # one at a time: F takes nine times the memory
            for points in grid_points(self.shape, self.affine):
                gradient = self.field.deformation_gradient(points.reshape(-1, 3), self.times)
                slices.append(determinant(torch.from_numpy(gradient)).numpy())
            volumes = np.stack(slices, 1).reshape(self.displacement.shape[:4])
            self._determinant = volumes.astype(np.float32, copy=False)
        return self._determinant.copy()

    def inverse(self, frame: int) -> np.ndarray:
        """Displacement (K, J, I, 3) float32 RAS mm that takes points of ``frame`` back to the reference."""
        return fields.voxel_to_world(self._inverse(frame), torch.as_tensor(self.affine))[0].numpy()

    def _inverse(self, frame: int) -> Tensor:
        """Displacement (1, K, J, I, 3) in voxels from ``frame`` back to the reference."""
        if frame not in self._inverses:
            self._inverses[frame] = fields.invert(self.voxels(frame))
        return self._inverses[frame]

    # ------------------------------------------------------------------ files

    def save(self, path: str | Path) -> Path:
        """Write to ``path``: ``.seq.nrrd`` (a transform sequence for Slicer) or ``.npz`` (bit-exact and quick).

        Field, labels and samples go into ``.npz`` only: what comes back from ``.seq.nrrd`` is the grid without them.
        """
        path = Path(path)
        try:
            if path.name.endswith(".seq.nrrd"):
                from .io.motion_files import write_motion_sequence  # the file formats live at the edge

                write_motion_sequence(self, path)
            elif path.suffix == ".npz":
                from .io.motion_arrays import write_motion_arrays

                write_motion_arrays(self, path)
            else:
                raise CardiacMotionError(
                    f"cannot save a motion as {path.name!r}; use a name ending in .seq.nrrd or .npz"
                )
        except OSError as error:
            raise CardiacMotionError(f"cannot write {path}: {error.strerror or error}") from error
        return path

    @classmethod
    def load(cls, path: str | Path) -> Motion:
        """Read what `save` wrote."""
        path = Path(path)
        if not path.is_file():
            raise CardiacMotionError(f"no such file: {path}; expected a motion saved as .seq.nrrd or .npz")
        if path.name.endswith(".seq.nrrd"):
            from .io.motion_files import read_motion_sequence

            return read_motion_sequence(path)
        from .io.motion_arrays import read_motion_arrays

        return read_motion_arrays(path)


def known_reference(stored: Any) -> int | None:
    """The reference of a motion from what a file or node says."""
    return None if int(stored) == CANONICAL else int(stored)


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Slices along (k, j, i) around a mask and a margin."""
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(tuple(a for a in range(3) if a != axis)))
        box.append(slice(max(filled[0] - MARGIN, 0), min(filled[-1] + MARGIN, mask.shape[axis] - 1) + 1))
    return tuple(box)

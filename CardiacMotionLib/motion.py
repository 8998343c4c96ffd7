"""`Motion`: where every point of the reference frame is in every other frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from . import fields
from .continuous import ContinuousField
from .errors import CardiacMotionError
from .series import ImageSeries, check_affine, check_labels, check_times

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Motion:
    """Lagrangian displacement of the reference frame over the cycle.

    Attributes
    ----------
    displacement
        (T, K, J, I, 3) float32 RAS mm: the material point at the voxel x of the reference is at x + u(x) in frame t.
        ``displacement[reference]`` is exactly zero.
    affine
        (4, 4) voxel (i, j, k) to RAS mm.
    reference
        Frame in which the points are named.
    times
        (T,) float64 ms; frame numbers where ``timed`` is False.
    provenance
        How the motion was made: method, options, seed, version, input. JSON-serializable.
    field
        The same motion known between voxels and frames, or None: then `at`, `track` and the Jacobian are exact instead
        of interpolated and differenced. Its clock reads ``times``.
    """

    def __init__(
        self,
        displacement: ArrayLike,
        affine: ArrayLike,
        reference: int = 0,
        times: ArrayLike | None = None,
        provenance: Mapping[str, Any] | None = None,
        *,
        field: ContinuousField | None = None,
    ):
        array = np.ascontiguousarray(displacement, dtype=np.float32)
        if array.ndim != 5 or array.shape[-1] != 3:
            raise CardiacMotionError(f"displacement must have shape (T, K, J, I, 3) in RAS mm, got {array.shape}")
        if not np.isfinite(array).all():
            raise CardiacMotionError(
                "displacement contains NaN or infinite values; every voxel needs a finite displacement in mm"
            )
        check_frame(reference, len(array), "reference")
        if np.any(array[reference]):
            largest = float(np.abs(array[reference]).max())
            raise CardiacMotionError(
                f"displacement of the reference frame {reference} must be zero, its largest entry is {largest:.3g} mm"
            )
        self.displacement = array
        self.affine = check_affine(affine)
        self.reference = int(reference)
        self.timed = times is not None
        self.times = check_times(times, len(array)) if times is not None else np.arange(len(array), dtype=np.float64)
        self.provenance = dict(provenance or {})
        if field is not None and field.reference_time != self.times[self.reference]:
            raise CardiacMotionError(
                f"the field is zero at {field.reference_time:g}, the reference frame {self.reference} is at "
                f"{self.times[self.reference]:g}; its reference_time must be that of the frame"
            )
        self.field = field
        self._inverses: dict[int, Tensor] = {}  # in voxels, kept because each takes a while

    @classmethod
    def from_voxels(
        cls, displacement: Tensor, series: ImageSeries, reference: int, provenance: Mapping[str, Any] | None = None
    ) -> Motion:
        """Make one from a displacement (T, K, J, I, 3) in voxels (i, j, k) of ``series``, any device and float type."""
        millimeters = fields.voxel_to_world(displacement.detach(), torch.as_tensor(series.affine))
        world = millimeters.cpu().numpy().astype(np.float32)
        world[reference] = 0
        return cls(world, series.affine, reference, series.times if series.timed else None, provenance)

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

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape[::-1]))
        method = self.provenance.get("method", "unknown method")
        return f"Motion({method}, {len(self)} frames of {size} voxels, from frame {self.reference})"

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
        frames[self.reference] = torch.from_numpy(series.frames[self.reference])
        return torch.stack(frames).numpy()

    def warp_labels(self, labels: ArrayLike, frame: int) -> np.ndarray:
        """Reference labels carried to ``frame``: (K, J, I) uint8.

        Each label is carried as its signed distance in the plane of the slice and the nearest wins. Between slices, far
        apart as they are, that gives the shape halfway (Raya 1990) where sampling the labels would leave steps.
        """
        labels = check_labels(labels, self.displacement.shape[:4], self.reference)
        check_frame(frame, len(self), "frame")
        if frame == self.reference:
            return labels.copy()
        values = np.unique(labels)
        distances = torch.from_numpy(signed_distances(labels, values, self.spacing))
        carried = fields.warp(distances[None], self._inverse(frame))[0]
        return values[carried.argmin(0).numpy()].astype(np.uint8)

    def at(self, points_ras: ArrayLike, frame: int) -> np.ndarray:
        """Displacement (N, 3) in RAS mm of points (N, 3) in RAS mm: linear between voxels, the edge value outside."""
        points = np.atleast_2d(np.asarray(points_ras, dtype=np.float64))
        if points.ndim != 2 or points.shape[1] != 3:
            raise CardiacMotionError(f"points must have shape (N, 3) in RAS mm, got {points.shape}")
        if not np.isfinite(points).all():
            raise CardiacMotionError("points must be finite RAS mm, some are NaN or infinite; leave those out")
        check_frame(frame, len(self), "frame")
        voxel = fields.world_to_voxel_points(torch.from_numpy(points), torch.as_tensor(self.affine))
        field = torch.from_numpy(self.displacement[frame]).movedim(-1, 0)[None].to(torch.float64)
        return fields.sample_at(field, voxel[None])[0].T.numpy()

    def track(self, points_ras: ArrayLike) -> np.ndarray:
        """Positions (T, N, 3) in RAS mm over the cycle of reference points (N, 3) in RAS mm."""
        points = np.atleast_2d(np.asarray(points_ras, dtype=np.float64))
        return np.stack([points + self.at(points, t) for t in range(len(self))])

    def jacobian(self) -> np.ndarray:
        """Deformation gradient F = I + du/dX, (T, K, J, I, 3, 3) float32 in RAS axes (no unit)."""
        affine = torch.as_tensor(self.affine)
        return np.concatenate([fields.deformation_gradient(self.voxels(t), affine).numpy() for t in range(len(self))])

    def jacobian_determinant(self) -> np.ndarray:
        """Local volume over reference volume, det F: (T, K, J, I) float32, not above 0 where the field folds."""
        return np.concatenate([fields.jacobian_determinant(self.voxels(t)).numpy() for t in range(len(self))])

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
        """Write to ``path``: ``.seq.nrrd`` (a transform sequence for Slicer) or ``.npz`` (bit-exact and quick)."""
        path = Path(path)
        try:
            if path.name.endswith(".seq.nrrd"):
                from .io.motion_files import write_motion_sequence  # the file formats live at the edge

                write_motion_sequence(self, path)
            elif path.suffix == ".npz":
                np.savez_compressed(
                    path,
                    displacement=self.displacement,
                    affine=self.affine,
                    reference=self.reference,
                    times=self.times if self.timed else np.zeros(0),
                    provenance=json.dumps(self.provenance),
                )
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
        try:
            with np.load(path, allow_pickle=False) as data:
                times = data["times"] if data["times"].size else None
                return cls(
                    data["displacement"],
                    data["affine"],
                    int(data["reference"]),
                    times,
                    json.loads(str(data["provenance"])),
                )
        except CardiacMotionError as error:
            raise CardiacMotionError(f"{path}: {error}") from error
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise CardiacMotionError(
                f"{path} is not a motion file: expected a .seq.nrrd or .npz saved by Motion.save"
            ) from error


def grid_points(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """(K, J, I, 3) RAS mm of the voxel centers of a grid."""
    voxels = fields.identity_grid(shape, torch.float64)
    return fields.voxel_to_world_points(voxels, torch.as_tensor(affine)).numpy()


def check_frame(frame: Any, number_of_frames: int, name: str) -> None:
    """Raise `CardiacMotionError` unless ``frame`` is an integer in 0..number_of_frames - 1."""
    if isinstance(frame, bool) or not isinstance(frame, (int, np.integer)) or not 0 <= frame < number_of_frames:
        raise CardiacMotionError(f"{name} must be a frame number from 0 to {number_of_frames - 1}, got {frame!r}")


def signed_distances(labels: np.ndarray, values: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance in mm from the edge of each label within each slice, negative inside: (len(values), K, J, I) float32.

    ``labels`` (K, J, I), ``spacing`` (3,) mm along (i, j, k). They are held within half the distance of the slices, so
    that a slice with a structure and its neighbor without it meet halfway between.
    """
    from scipy.ndimage import distance_transform_edt

    pixel = (spacing[1], spacing[0])
    limit = max(spacing[2] / 2, 2 * max(pixel))
    distances = np.stack([np.where(labels == value, -limit, limit) for value in values]).astype(np.float32)
    box = []  # around everything that is not background
    for lines, step in zip((labels.any((0, 2)), labels.any((0, 1))), pixel, strict=True):
        margin = int(np.ceil(limit / step)) + 1
        used = np.flatnonzero(lines) if lines.any() else np.zeros(1, int)
        box.append(slice(max(0, used[0] - margin), used[-1] + margin + 1))
    for n, value in enumerate(values):
        for k, plane in enumerate(labels):
            inside = plane[tuple(box)] == value
            if inside.any() and not inside.all():
                from_edge = distance_transform_edt(~inside, pixel) - distance_transform_edt(inside, pixel)
                from_edge -= np.sign(from_edge) * min(pixel) / 2  # the edge lies between voxels
                distances[n, k][tuple(box)] = from_edge.clip(-limit, limit)
    return distances

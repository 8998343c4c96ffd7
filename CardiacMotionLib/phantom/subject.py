"""`Subject`: a synthetic examination together with everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import CardiacMotionError
from ..motion import Motion
from ..places import check_frame
from ..series import MYOCARDIUM, ImageSeries
from .anatomy import Anatomy
from .kinematics import Kinematics
from .state import State


@dataclass(frozen=True, eq=False)
class Subject:
    """Images, labels on every frame and the exact motion behind them.

    Attributes
    ----------
    series
        The images, with labels of every frame.
    motion
        The exact displacement of what lies at the voxel centers, from frame 0 (at end-diastole, but for pairs of a
        stream).
    maps
        What else is known on the grid, by name; see the kind of examination.
    meta
        kind, seed, generator version, options (as asked for or drawn) and ``truth``: ejection_fraction, shortening
        (fractions), twist (degrees), end_systole (frame), volumes_ml (of each frame).
    kinematics, states
        The map behind the motion, and the state of the heart in each frame.
    from_heart
        (4, 4) heart coordinates to RAS mm, a rotation and a shift.
    shifts
        (K, 3) RAS mm by which the heart lay elsewhere while a slice was taken.
    """

    series: ImageSeries
    motion: Motion
    kinematics: Kinematics = field(repr=False)
    states: tuple[State, ...] = field(repr=False)
    from_heart: np.ndarray = field(repr=False)
    shifts: np.ndarray = field(repr=False)
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def anatomy(self) -> Anatomy:
        """The shape of the heart at end-diastole."""
        return self.kinematics.anatomy

    def position(self, points_ras: ArrayLike, frame: int) -> np.ndarray:
        """Where end-diastolic points (..., 3) in RAS mm are in ``frame``, exactly."""
        return self._to_world(self.kinematics.position(self._to_heart(points_ras), self._state(frame)))

    def material(self, points_ras: ArrayLike, frame: int) -> np.ndarray:
        """Find the end-diastolic points (..., 3) in RAS mm that are at ``points_ras`` in ``frame``, exactly."""
        return self._to_world(self.kinematics.material(self._to_heart(points_ras), self._state(frame)))

    def gradient_at(self, points_ras: ArrayLike, frame: int) -> np.ndarray:
        """Exact deformation gradient (..., 3, 3) in RAS axes at end-diastolic points (..., 3) in RAS mm."""
        turn = self.from_heart[:3, :3]
        return turn @ self.kinematics.gradient(self._to_heart(points_ras), self._state(frame)).numpy() @ turn.T

    def deformation_gradient(self) -> np.ndarray:
        """Exact deformation gradient (T, K, J, I, 3, 3) float32 in RAS axes of what lies at the voxel centers.

        Raises `CardiacMotionError` for two moments of a stream of pairs, the first of which is not end-diastole.
        """
        if self.states[0].beating:
            raise CardiacMotionError("this subject has no strain: its first frame is not end-diastole, where that is 0")
        points = self.voxel_points()
        moving = self.kinematics.moves(self._to_heart(points)).numpy()
        if any(state.breathing for state in self.states):
            moving[:] = True
        gradient = np.broadcast_to(np.eye(3, dtype=np.float32), (len(self.series), *points.shape[:3], 3, 3)).copy()
        for t in range(len(self.series)):
            gradient[t, moving] = self.gradient_at(points[moving], t)
        return gradient

    def green(self) -> np.ndarray:
        """Exact Green-Lagrange strain (T, K, J, I, 3, 3) float32 in RAS axes of what lies at the voxel centers."""
        gradient = self.deformation_gradient()
        return (np.swapaxes(gradient, -1, -2) @ gradient - np.eye(3, dtype=np.float32)) / 2

    def wall_axes(self) -> np.ndarray:
        """Find the unit axes of the wall in RAS, (K, J, I, 3, 3): rows radial, circumferential, longitudinal."""
        axes = self.anatomy.wall_axes(self._to_heart(self.voxel_points())).numpy()
        return axes @ self.from_heart[:3, :3].T

    def strain(self) -> dict[str, np.ndarray]:
        """Exact Green-Lagrange strain by component (radial, circumferential, longitudinal).

        Each is (T, K, J, I) float32, NaN outside the wall.
        """
        green, axes = self.green(), self.wall_axes()
        wall = self.anatomy.labels(self._to_heart(self.voxel_points())).numpy() == MYOCARDIUM
        components = np.einsum("kjina,tkjiab,kjinb->ntkji", axes, green, axes, optimize=True).astype(np.float32)
        components[:, :, ~wall] = np.nan
        return dict(zip(("radial", "circumferential", "longitudinal"), components, strict=True))

    def voxel_centers(self) -> np.ndarray:
        """(K, J, I, 3) float64 RAS mm."""
        k, j, i = np.indices(self.series.shape, dtype=np.float64)
        affine = self.series.affine
        return np.stack((i, j, k), axis=-1) @ affine[:3, :3].T + affine[:3, 3]

    def voxel_points(self) -> np.ndarray:
        """Points of the heart at the voxel centers (K, J, I, 3) float64 RAS mm: these, but for shifted slices."""
        return self.voxel_centers() - self.shifts[:, None, None]

    # ------------------------------------------------------------------ frames of reference

    def _state(self, frame: int) -> State:
        check_frame(frame, len(self.series), "frame")
        return self.states[frame]

    def _to_heart(self, points_ras: ArrayLike) -> Tensor:
        points = np.asarray(points_ras, dtype=np.float64)
        if points.ndim < 1 or points.shape[-1] != 3:
            raise CardiacMotionError(f"points must have shape (..., 3) in RAS mm, got {points.shape}")
        turn, shift = self.from_heart[:3, :3], self.from_heart[:3, 3]
        return torch.from_numpy((points - shift) @ turn)

    def _to_world(self, points: Tensor) -> np.ndarray:
        return points.numpy() @ self.from_heart[:3, :3].T + self.from_heart[:3, 3]

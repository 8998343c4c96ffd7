"""Where the slices lie: options of the stack and the voxel grid in heart coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import fields
from ..methods.protocol import option
from .anatomy import Anatomy
from .population import AVERAGE, HeartOptions

QUARTERS = (0.25, 0.75)  # of the LV length: the lowest and the highest slice where few slices stand for the heart


@dataclass(frozen=True)
class StackOptions(HeartOptions):
    """Short-axis slices: how many, how fine, and how they lie to the heart."""

    slices: int = option(10, "short-axis slices; one slice is taken at mid height", minimum=1, maximum=64)
    rows: int = option(112, "voxels along j (from the anterior to the inferior wall)", minimum=16, maximum=512)
    columns: int = option(112, "voxels along i (from the RV to the lateral wall)", minimum=16, maximum=512)
    pixel_mm: float = option(1.6, "voxel size in plane", unit="mm", minimum=0.5, maximum=5)
    thickness_mm: float | None = option(
        None,
        "slice thickness and distance; else 6 to 10 mm, as the heart needs to be covered, and 8 for one slice",
        unit="mm",
        minimum=0.5,
        maximum=20,
    )
    misalignment: float | None = option(
        None,
        "angle between the LV axis and the normal of the slices; else a few degrees, none for average",
        unit="degrees",
        minimum=0,
        maximum=45,
    )
    tilt: float = option(
        0.0,
        "angle by which patient and slices together are turned against the scanner",
        unit="degrees",
        minimum=-180,
        maximum=180,
    )
    shift_x_mm: float = option(
        0.0, "heart away from the middle of the image, along i", unit="mm", minimum=-60, maximum=60
    )
    shift_y_mm: float = option(
        0.0, "heart away from the middle of the image, along j", unit="mm", minimum=-60, maximum=60
    )
    shift_z_mm: float = option(
        0.0, "heart away from the middle of the stack, through the slices", unit="mm", minimum=-30, maximum=30
    )
    repeat: int = option(
        0,
        "the same examination once more, noise drawn anew and all else as it is",
        minimum=0,
        maximum=1000,
    )
    artefact_repeat: int = option(
        0,
        "the same examination once more, ghosts, flow and fluctuation drawn anew and all else as it is",
        minimum=0,
        maximum=1000,
    )


@dataclass(frozen=True, eq=False)
class Grid:
    """A voxel grid on the heart.

    Attributes
    ----------
    affine
        (4, 4) voxel (i, j, k) to heart coordinates, mm.
    shape
        (K, J, I).
    thickness
        mm of a slice along k; the distance of the slices is that of the affine.
    shifts
        (K, 3) mm in heart coordinates by which the heart lies elsewhere while a slice is taken.
    """

    affine: np.ndarray
    shape: tuple[int, int, int]
    thickness: float
    shifts: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """(3,) mm along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def centers(self) -> Tensor:
        """Points of the heart at the voxel centers (N, 3) float64, in heart coordinates."""
        grid = fields.identity_grid(self.shape, torch.float64)
        points = fields.voxel_to_world_points(grid, torch.from_numpy(self.affine))
        return (points - torch.from_numpy(self.shifts)[:, None, None]).reshape(-1, 3)

    def through(self) -> Tensor:
        """(3,) float64 mm, from the lower to the upper side of a slice."""
        return torch.from_numpy(self.affine[:3, 2] / self.spacing[2] * self.thickness)


def draw_grid(
    options: StackOptions,
    anatomy: Anatomy,
    rng: np.random.Generator,
    *,
    heights: tuple[float, ...] = (),
    slice_shift_mm: float = 0.0,
) -> Grid:
    """Lay slices through a heart.

    ``heights`` (shares of the LV length, evenly spaced) say where they are, else they are spread over the heart.
    ``slice_shift_mm`` is the standard deviation of the heart's place between slices, in plane; through them half of it.
    """
    turn = math.radians(rng.normal(28, 10))  # the septum lies to the upper left
    jitter = rng.normal(0, 3, 2)
    lean, towards = abs(rng.normal(0, 5)), rng.uniform(0, 2 * math.pi)
    shifts = rng.standard_normal((64, 3))[: options.slices]
    lean = 0.0 if options.group == AVERAGE else lean
    lean = math.radians(lean if options.misalignment is None else options.misalignment)

    i = np.array([-math.cos(turn), math.sin(turn), 0.0])
    j = np.array([-math.sin(turn), -math.cos(turn), 0.0])
    axes = np.stack((i, j, np.array([0.0, 0.0, 1.0])), axis=-1)
    axes = _rotation(np.array([math.cos(towards), math.sin(towards), 0.0]), lean) @ axes

    length, count = anatomy.length, options.slices
    if heights:
        distance = length * (heights[-1] - heights[0]) / max(count - 1, 1) if count > 1 else 0.0
        height = length * (heights[0] + heights[-1]) / 2
        thickness = 8.0 if options.thickness_mm is None else options.thickness_mm
        distance = max(distance, thickness)
    else:
        covering = float(np.clip(round((length + 14) / count * 2) / 2, 6.0, 10.0)) if count > 1 else 8.0
        distance = thickness = covering if options.thickness_mm is None else options.thickness_mm
        height = 0.52 * length
    spacing = np.array([options.pixel_mm, options.pixel_mm, distance])
    middle = np.array([0.38 * anatomy.rv_depth, 0.0, height])
    middle = middle - axes[:, :2] @ (np.array([options.shift_x_mm, options.shift_y_mm]) + jitter)
    middle = middle - axes[:, 2] * options.shift_z_mm
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = middle - affine[:3, :3] @ (np.array([options.columns, options.rows, count]) - 1) / 2
    shifts = slice_shift_mm * shifts * (1.0, 1.0, 0.5) @ axes.T
    return Grid(affine, (count, options.rows, options.columns), thickness, shifts)


def scanner_turn(tilt: float) -> np.ndarray:
    """(3, 3) rotation by ``tilt`` degrees about an axis oblique to all three."""
    return _rotation(np.array([2.0, -1.0, 0.5]) / math.sqrt(5.25), math.radians(tilt))


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross

"""Cine phantom: a short-axis stack of a beating heart."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch

from .. import fields
from ..methods.protocol import option
from ..motion import Motion
from ..series import ImageSeries
from .anatomy import Anatomy
from .imaging import add_rician_noise, paint, subvoxels
from .kinematics import Kinematics, activation, invert_3x3
from .subject import Subject


@dataclass(frozen=True)
class Options:
    """What can be asked of a cine phantom."""

    frames: int = option(16, "frames over the cycle", minimum=2, maximum=100)
    cycle_ms: float = option(900.0, "length of the cardiac cycle", unit="ms", minimum=200, maximum=3000)
    slices: int = option(10, "short-axis slices; one slice is taken at mid height", minimum=1, maximum=64)
    rows: int = option(112, "voxels along j (to anterior)", minimum=16, maximum=512)
    columns: int = option(112, "voxels along i (to the right)", minimum=16, maximum=512)
    pixel_mm: float = option(1.6, "voxel size in plane", unit="mm", minimum=0.5, maximum=5)
    thickness_mm: float = option(8.0, "slice thickness and distance", unit="mm", minimum=0.5, maximum=20)
    wall_mm: float = option(9.0, "thickness of the LV wall at end-diastole", unit="mm", minimum=5, maximum=16)
    ejection_fraction: float = option(57.0, "ejection fraction of the LV", unit="%", minimum=0, maximum=75)
    shortening: float = option(14.0, "shortening of the LV from apex to base", unit="%", minimum=0, maximum=22)
    twist: float = option(
        12.0,
        "rotation of the apex against the base, counterclockwise seen from the apex",
        unit="degrees",
        minimum=-25,
        maximum=25,
    )
    noise: float = option(2.0, "standard deviation of the noise, of the signal range", unit="%", minimum=0, maximum=50)
    texture: float = option(0.04, "standard deviation of the wall's own pattern, blood being 1", minimum=0, maximum=0.3)
    tilt: float = option(
        0.0,
        "angle by which patient and slices together are turned against the scanner",
        unit="degrees",
        minimum=-180,
        maximum=180,
    )
    shift_x_mm: float = option(
        0.0, "heart away from the middle of the image, to the right", unit="mm", minimum=-60, maximum=60
    )
    shift_y_mm: float = option(
        0.0, "heart away from the middle of the image, to anterior", unit="mm", minimum=-60, maximum=60
    )


def make_cine(seed: int, options: Options) -> Subject:
    """Make a cine subject; the same seed and options give the same subject."""
    shape_rng, texture_rng, noise_rng = np.random.default_rng(seed).spawn(3)
    anatomy = Anatomy.sample(options.wall_mm, shape_rng)
    kinematics = Kinematics(
        anatomy, options.ejection_fraction / 100, options.shortening / 100, math.radians(options.twist)
    )
    phases = np.arange(options.frames) / options.frames
    activations = tuple(activation(phase) for phase in phases)

    in_heart = _grid_in_heart(options, anatomy, shape_rng)  # voxel to heart coordinates
    frames, labels, displacement = _acquire(kinematics, activations, in_heart, options, texture_rng)
    turn = _rotation(options.tilt)
    affine = turn @ in_heart
    name = f"cine phantom {seed}"
    times = phases * options.cycle_ms
    meta = {
        "name": name,
        "source": name,
        "notes": ["synthetic heart with exact motion"],
        "rv_insertion": anatomy.insertions @ turn[:3, :3].T + turn[:3, 3],
    }
    noisy = add_rician_noise(frames, options.noise / 100, noise_rng) if options.noise else frames
    series = ImageSeries(noisy, affine, times, dict(enumerate(labels)), meta)
    provenance = {"method": "phantom", "kind": "cine", "seed": seed, "options": asdict(options)}
    motion = Motion(displacement @ turn[:3, :3].T.astype(np.float32), affine, 0, times, provenance)
    end_systole = int(np.argmax(activations))
    truth = {
        "ejection_fraction": kinematics.ejection_fraction * activations[end_systole],
        "shortening": kinematics.shortening * activations[end_systole],
        "twist": options.twist * activations[end_systole],
        "end_systole": end_systole,
    }
    return Subject(series, motion, kinematics, activations, turn, meta={**provenance, "truth": truth})


def _grid_in_heart(options: Options, anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """(4, 4) voxel (i, j, k) to heart coordinates: the stack is centered a little above the middle of the LV."""
    spacing = np.array([options.pixel_mm, options.pixel_mm, options.thickness_mm])
    center = np.array([*(rng.uniform(-2, 2, 2) - (options.shift_x_mm - 10, options.shift_y_mm)), 0.52 * anatomy.length])
    grid = np.diag([*spacing, 1.0])
    grid[:3, 3] = center - spacing * (np.array([options.columns, options.rows, options.slices]) - 1) / 2
    return grid


def _rotation(tilt: float) -> np.ndarray:
    """(4, 4) rotation by ``tilt`` degrees about an axis oblique to all three."""
    x, y, z = np.array([2.0, -1.0, 0.5]) / np.sqrt(5.25)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = math.radians(tilt)
    turn = np.eye(4)
    turn[:3, :3] = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return turn


def _acquire(
    kinematics: Kinematics,
    activations: tuple[float, ...],
    in_heart: np.ndarray,
    options: Options,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Noiseless frames (T, K, J, I), labels likewise and displacement (T, K, J, I, 3) in heart axes."""
    shape = (options.slices, options.rows, options.columns)
    linear = torch.from_numpy(in_heart[:3, :3])
    centers = fields.voxel_to_world_points(
        fields.identity_grid(shape, torch.float64), torch.from_numpy(in_heart)
    ).reshape(-1, 3)
    offsets = subvoxels((options.pixel_mm, options.pixel_mm, options.thickness_mm)) @ linear.T  # (S, 3) mm

    margin = torch.tensor(
        [12.0, 12.0, 12.0 + kinematics.shortening * kinematics.anatomy.length]
    )  # what can move into view
    low, high = centers.amin(0) + offsets.amin(0) - margin, centers.amax(0) + offsets.amax(0) + margin
    tissue = paint(kinematics.anatomy, low.tolist(), high.tolist(), options.texture, rng)

    still_image = torch.stack([tissue.at(centers + offset) for offset in offsets]).mean(0)
    still_labels = kinematics.anatomy.labels(centers)
    moving = kinematics.moves(centers)
    here = centers[moving]
    frames = still_image.repeat(len(activations), 1)
    labels = still_labels.repeat(len(activations), 1)
    displacement = torch.zeros(len(activations), len(centers), 3)
    was, before = here, 0.0
    for t, active in enumerate(activations):
        if active == 0:
            continue
        was, before = kinematics.material(here, active, start=(was, before)), active
        back = invert_3x3(kinematics.gradient(was, active))
        parts = [tissue.at(was + back @ offset) for offset in offsets]  # the map is close to linear within a voxel
        frames[t, moving] = torch.stack(parts).mean(0)
        labels[t, moving] = kinematics.anatomy.labels(was)
        displacement[t, moving] = (kinematics.position(here, active) - here).to(torch.float32)
    return [a.reshape(len(activations), *shape, *a.shape[2:]).numpy() for a in (frames, labels, displacement)]

"""Small analytic series whose motion is known, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from CardiacMotionLib import ImageSeries, Motion
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM

INNER_MM, OUTER_MM = 12.0, 21.0  # radii of the ring that is labeled as the wall


def pattern(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """Smooth texture in about 0..1 at points (..., 3) mm: waves of 14 to 40 mm in every direction, a ring on top."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((12, 3)) * (1, 1, 0.5)
    wave = direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(1 / 40, 1 / 14, (12, 1))
    phase = rng.uniform(0, 2 * np.pi, 12)
    texture = np.cos(2 * np.pi * points @ wave.T + phase).sum(-1) / 12
    radius = np.hypot(points[..., 0], points[..., 1])
    ring = 1 / (1 + np.exp(radius - INNER_MM)) + 0.5 / (1 + np.exp(OUTER_MM - radius))
    return 0.25 + 0.5 * texture + 0.5 * ring


def centerd_affine(shape: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Affine (4, 4) of an upright grid (K, J, I) of ``spacing`` mm (i, j, k) whose middle is the origin."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape[::-1]) - 1) / 2 * spacing
    return affine


def voxel_points(shape: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """RAS mm (K, J, I, 3) of the voxel centers."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")[::-1], axis=-1)
    return grid @ affine[:3, :3].T + affine[:3, 3]


def moving_series(
    sources: Sequence[Callable[[np.ndarray], np.ndarray]],
    shape: Sequence[int] = (1, 40, 40),
    spacing: Sequence[float] = (1.8, 1.8, 8.0),
    labels: bool = True,
) -> ImageSeries:
    """Frames of one texture; ``sources[t]`` takes points of frame t to where they were in frame 0."""
    affine = centerd_affine(shape, spacing)
    points = voxel_points(shape, affine)
    frames = np.stack([pattern(source(points)) for source in sources])
    radius = np.hypot(points[..., 0], points[..., 1])
    heart = np.where(radius < INNER_MM, LV_CAVITY, np.where(radius < OUTER_MM, MYOCARDIUM, 0)).astype(np.uint8)
    return ImageSeries(frames, affine, labels={0: heart} if labels else None)


def shifted(by: Sequence[float]) -> Callable[[np.ndarray], np.ndarray]:
    """Source of a translation by ``by`` mm."""
    return lambda points: points - np.asarray(by)


CORE = 15.0**2  # mm^2; far outside this radius the contraction keeps areas


def contracted(points: np.ndarray, amount: float) -> np.ndarray:
    """Points after a radial contraction R^2 = r^2 - amount r^2 / (r^2 + CORE), amount in mm^2."""
    squared = (points[..., :2] ** 2).sum(-1, keepdims=True)
    return np.concatenate((points[..., :2] * np.sqrt(1 - amount / (squared + CORE)), points[..., 2:]), axis=-1)


def contraction(amount: float) -> Callable[[np.ndarray], np.ndarray]:
    """Source of `contracted`: its exact inverse."""

    def source(points: np.ndarray) -> np.ndarray:
        after = (points[..., :2] ** 2).sum(-1, keepdims=True)
        half = (CORE - amount - after) / 2
        before = -half + np.sqrt(half**2 + after * CORE)
        scale = np.sqrt(before / np.maximum(after, 1e-12))
        return np.concatenate((points[..., :2] * np.where(after > 1e-9, scale, 1), points[..., 2:]), axis=-1)

    return source


def contracting_series(**geometry) -> tuple[ImageSeries, np.ndarray]:
    """Three frames that contract by up to 3 mm, and the true displacement (3, K, J, I, 3) mm from frame 0."""
    amounts = (0.0, 60.0, 120.0)
    series = moving_series([contraction(a) for a in amounts], **geometry)
    points = voxel_points(series.shape, series.affine)
    return series, np.stack([contracted(points, a) - points for a in amounts])


def wall_error(motion: Motion, truth: np.ndarray, series: ImageSeries) -> float:
    """Mean length in mm of the error of a motion from frame 0 in the wall, over the other frames."""
    radius = np.hypot(*np.moveaxis(voxel_points(series.shape, series.affine)[..., :2], -1, 0))
    wall = (radius >= INNER_MM) & (radius < OUTER_MM)
    return float(np.linalg.norm((motion.displacement - truth)[1:, wall], axis=-1).mean())

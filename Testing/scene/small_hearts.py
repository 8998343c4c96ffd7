"""Small hearts with known motion."""

import numpy as np

from CardiacMotionLib import ImageSeries
from CardiacMotionLib.motion import Motion

SHAPE = (5, 28, 30)
TIMES = (0.0, 33.1, 66.3, 99.4)


def rotation(x_degrees: float, y_degrees: float, z_degrees: float) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("xyz", (x_degrees, y_degrees, z_degrees), degrees=True).as_matrix()


def affine_of(directions: np.ndarray, spacing=(1.5, 1.5, 8.0), origin=(12.0, -30.0, 55.0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = directions * np.array(spacing)
    affine[:3, 3] = origin
    return affine


AFFINES = {
    "axial": affine_of(np.eye(3)),
    "oblique": affine_of(rotation(25, -35, 50)),
    "left_handed": affine_of(rotation(25, -35, 50) @ np.diag([-1.0, 1.0, 1.0])),
}


def heart_labels(shape=SHAPE) -> np.ndarray:
    """Ring of myocardium around a cavity, an RV crescent beside it, empty end slices in a stack."""
    _, j, i = np.indices(shape)
    radius = np.hypot(i - 15, j - 14)
    labels = np.zeros(shape, np.uint8)
    labels[(np.hypot(i - 8, j - 14) < 6) & (radius >= 9)] = 1
    labels[radius < 9] = 2
    labels[radius < 5] = 3
    if shape[0] > 1:
        labels[[0, -1]] = 0
    return labels


def heart_motion(affine: np.ndarray, shape=SHAPE, times=TIMES, along_mm: float = 2.0) -> Motion:
    """Contraction towards the axis by up to 12 % and some mm along the slice normal, at rest far from the heart."""
    _, j, i = np.indices(shape).astype(float)
    away = np.stack([i - 15, j - 14, np.zeros(shape)], axis=-1)
    near = np.exp(-((np.hypot(i - 15, j - 14) / 9) ** 4))[..., None]
    voxels = -0.12 * away * near
    voxels[..., 2] += along_mm / 8.0 * near[..., 0]
    phase = np.sin(np.pi * np.arange(len(times)) / len(times))
    phase[0] = 0
    world = voxels @ affine[:3, :3].T
    return Motion(
        phase[:, None, None, None, None] * world, affine, 0, times, {"method": "known", "options": {"a": 1}, "seed": 7}
    )


def drifting_heart(affine: np.ndarray, shape=SHAPE, times=TIMES) -> tuple[ImageSeries, Motion]:
    """A heart that lies some voxels to the side in every frame, and its motion from the canonical space between.

    The labels are there `heart_labels`, and in every frame those moved by whole voxels.
    """
    voxels = (-3, 2, -2, 3)
    displacement = np.empty((len(voxels), *shape, 3))
    displacement[:] = np.array(voxels)[:, None, None, None, None] * affine[:3, 0]
    labels = {frame: np.roll(heart_labels(shape), shift, axis=2) for frame, shift in enumerate(voxels)}
    frames = 20 + 40.0 * np.stack([labels[frame] for frame in range(len(voxels))])
    motion = Motion(displacement, affine, None, times, {"method": "known", "seed": 7})
    return ImageSeries(frames, affine, times, {0: labels[0]}, {"name": "Cine"}), motion


def heart_series(affine: np.ndarray, shape=SHAPE, times=TIMES, seed: int = 0) -> ImageSeries:
    noise = np.random.default_rng(seed).normal(0, 3, (len(times), *shape))
    frames = 20 + 40.0 * heart_labels(shape)[None] + noise
    return ImageSeries(frames, affine, times, {0: heart_labels(shape)}, {"name": "Cine"})


def node_names(scene) -> list[str]:
    """Class and name of every node, to compare scenes."""
    nodes = (scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes()))
    return sorted(f"{node.GetClassName()} {node.GetName()}" for node in nodes)


def arrays(sequence) -> np.ndarray:
    """(T, K, J, I) of a sequence of volumes."""
    import slicer

    from CardiacMotionLib.scene.sequences import data_nodes

    return np.stack([slicer.util.arrayFromVolume(node) for node in data_nodes(sequence)])

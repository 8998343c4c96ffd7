"""How near a motion is to the exact one of a synthetic heart, and to the manual labels of real patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CardiacMotionLib import ImageSeries, Motion, read_series, strain
from CardiacMotionLib.metrics import dice
from CardiacMotionLib.phantom import Subject
from CardiacMotionLib.series import LABEL_NAMES, MYOCARDIUM
from CardiacMotionLib.strain.tensor import green_strain, project

SUNNYBROOK = {"SC-HF-I-1": (18, 7), "SC-HF-I-2": (19, 6), "SC-HF-I-6": (18, 8)}  # end-diastole, end-systole


def overlap(motion: Motion, series: ImageSeries, frame: int) -> dict[str, float]:
    """Dice of the carried reference labels at ``frame`` for each structure that is labeled there."""
    carried, truth = motion.warp_labels(series.labels[motion.reference], frame), series.labels[frame]
    return {
        name: dice(carried == label, truth == label) for label, name in LABEL_NAMES.items() if (truth == label).any()
    }


def score_heart(subject: Subject, motion: Motion) -> dict[str, float]:
    """Scores of a motion from frame 0 at end-systole of a synthetic heart, and folding over the cycle."""
    series, frame = subject.series, int(subject.meta["truth"]["end_systole"])
    wall = series.labels[0] == MYOCARDIUM
    error = (motion.displacement[frame].astype(np.float64) - subject.motion.displacement[frame])[wall]
    in_plane = series.affine[:3, :2] / series.spacing[:2]
    ours = strain(motion, series.labels[0]).circumferential[frame][wall]
    green = green_strain(subject.gradient_at(subject.voxel_points()[wall], frame))
    true = project(green, subject.wall_axes()[wall][:, 1])
    return {
        **{f"Dice {name}": value for name, value in overlap(motion, series, frame).items()},
        "EPE in plane (mm)": _mean_length(error @ in_plane),
        "EPE 3D (mm)": _mean_length(error),
        "Ecc error, mean over voxels": float(np.abs(ours - true).mean()),
        "Ecc error, global mean": float(abs(ours.mean() - true.mean())),
        "folding heart (%)": folding(motion, series.labels[0] > 0),
    }


def score_patient(series: ImageSeries, motion: Motion, frame: int) -> dict[str, float]:
    """Dice at end-systole of a patient, and folding in the labeled heart over the cycle."""
    return {
        **{f"Dice {structure}": value for structure, value in overlap(motion, series, frame).items()},
        "folding heart (%)": folding(motion, series.labels[motion.reference] > 0),
    }


def told_labels(motion: Motion, series: ImageSeries) -> dict[str, float]:
    """Dice of the labels that a method found in the reference frame, for each structure that is labeled there."""
    if motion.labels is None:
        return {}
    truth = series.labels[motion.reference]
    return {
        f"segmentation {name}": dice(motion.labels == label, truth == label)
        for label, name in LABEL_NAMES.items()
        if (truth == label).any()
    }


def restlessness(motion: Motion, mask: np.ndarray) -> float:
    """Mean length in mm of the second difference over the frames of a closed cycle, within a mask (K, J, I)."""
    path = motion.displacement[:, mask].astype(np.float64)
    return _mean_length(np.roll(path, 1, axis=0) - 2 * path + np.roll(path, -1, axis=0))


def folding(motion: Motion, mask: np.ndarray) -> float:
    """Share in % of the voxels of a mask (K, J, I), in all frames, where the motion folds."""
    return 100 * float((np.linalg.det(motion.jacobian(mask)) <= 0).mean())


def sunnybrook(data: Path, name: str) -> tuple[ImageSeries, int, int]:
    """Cine of a patient with manual labels, end-diastole and end-systole."""
    diastole, systole = SUNNYBROOK[name]
    labels = {t: data / "sunnybrook" / f"{name}_seg_frame{t:02d}.nii.gz" for t in (diastole, systole)}
    return read_series(data / "sunnybrook" / f"{name}_cine4d.nii.gz", labels), diastole, systole


def acdc(data: Path) -> tuple[ImageSeries, int, int]:
    """End-diastole and end-systole of a patient with manual labels, and which frame is which."""
    return read_series(data / "acdc_patient001"), 0, 1


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean())

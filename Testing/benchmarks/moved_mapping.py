"""Real images for T1 maps that hardly move, and the same moved by a smooth motion that is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accuracy_scores import folding
from scipy import ndimage
from torch import Tensor

from CardiacMotionLib import ImageSeries, Motion, fields
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.metrics import pca_dissimilarity
from CardiacMotionLib.series import MYOCARDIUM

PIXEL_MM = 1.8  # taken: the files have none
SHIFT_MM = 8.0  # largest shift along the breath
ACROSS = 0.25  # share of it across the breath
WARP_MM = 3.0  # largest displacement besides
KNOTS_MM = 40.0  # distance of the control points of that
MODES = 3  # L of D_PCA1: a recovering signal has three parameters
AROUND_MM = 5.0  # margin of the heart in which images are compared


@dataclass(frozen=True, eq=False)
class Moved:
    """A series that was moved.

    Attributes
    ----------
    still, series
        Before and after; the wall is labeled in the template, which is the same in both.
    truth
        The motion from the template.
    inversion_time
        Of the template in ms.
    """

    still: ImageSeries
    series: ImageSeries
    truth: Motion
    inversion_time: float

    def score(self, motion: Motion) -> dict[str, float]:
        """Error in the wall over all frames but the template, and how alike the images drawn in the template are."""
        wall = self.series.labels[motion.reference] == MYOCARDIUM
        others = [t for t in range(len(motion)) if t != motion.reference]
        error = (motion.displacement.astype(np.float64) - self.truth.displacement)[others][:, wall]
        return {
            "EPE in plane (mm)": float(np.linalg.norm(error, axis=-1).mean()),
            **self.dissimilarity(motion.warp(self.series)),
            "folding heart (%)": folding(motion, filled(wall)),
        }

    def dissimilarity(self, frames: np.ndarray) -> dict[str, float]:
        """D_PCA1 and D_PCA2 of frames (T, K, J, I) in the heart and around it."""
        heart = filled(self.series.labels[self.truth.reference] == MYOCARDIUM)
        near = ndimage.distance_transform_edt(~heart, sampling=self.series.spacing[::-1]) <= AROUND_MM
        return dict(zip(("D_PCA1", "D_PCA2"), pca_dissimilarity(frames, near, MODES), strict=True))


def move(data: Path, name: str, seed: int, choose: Callable[[ImageSeries], int]) -> Moved:
    """A series of the ``t1net`` data, moved from the template that ``choose`` names by the motion of a seed."""
    read = next(case for case in find_cases(data / "t1net") if case.name == name).read().series
    wall = read.labels[0]
    template = choose(read)
    affine = np.diag([PIXEL_MM, PIXEL_MM, 8.0, 1.0])
    series = read.replace(affine=affine, labels={template: wall})
    displacement = breathing_like(series, template, np.random.default_rng([seed, *name.encode()]))
    back = fields.identity_grid(series.shape[1:]) + fields.invert(displacement)
    images = torch.from_numpy(series.frames)
    frames = fields.sample_at(images, back, mode="bicubic").clamp_min(0)
    frames[template] = images[template]
    truth = Motion.from_voxels(torch.nn.functional.pad(displacement, (0, 1))[:, None], series, template)
    time = float(series.meta["inversion_times"][template])
    return Moved(series, series.replace(frames=frames.numpy()), truth, time)


def clearest(series: ImageSeries) -> int:
    """Frame in which the means of the wall and of the cavity within it differ most."""
    wall = series.labels[0] == MYOCARDIUM
    cavity = filled(wall) & ~wall
    return int(np.argmax([abs(frame[wall].mean() - frame[cavity].mean()) for frame in series.frames]))


def latest(series: ImageSeries) -> int:
    """Frame with the longest inversion time."""
    return int(np.argmax(series.meta["inversion_times"]))


def filled(wall: np.ndarray) -> np.ndarray:
    """The wall (1, J, I) and what it encloses; gaps of a pixel are bridged."""
    square = np.ones((3, 3), bool)
    closed = ndimage.binary_fill_holes(ndimage.binary_dilation(wall[0], square))
    return wall | ndimage.binary_erosion(closed, square)[None]


def breathing_like(series: ImageSeries, template: int, rng: np.random.Generator) -> Tensor:
    """Displacement (T, J, I, 2) in voxels: a shift along one line, less across, and a smooth warp; 0 in the template.

    Every frame has its own: a series for maps takes a frame a heartbeat.
    """
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    amounts = SHIFT_MM * rng.uniform(-1, 1, (len(series), 2)) * (1, ACROSS)
    shift = amounts @ np.stack((along, along[::-1] * (-1, 1)))
    bases = [fields.bspline_basis(n, KNOTS_MM / PIXEL_MM) for n in series.shape[1:]]
    drawn = rng.standard_normal((len(series), *(basis.shape[1] for basis in bases), 2))
    warp = fields.evaluate_bspline(torch.from_numpy(drawn).float(), bases)
    largest = warp.norm(dim=-1).amax((1, 2))[:, None, None, None]
    strength = torch.from_numpy(rng.uniform(0.5, 1, len(series))).float()[:, None, None, None]
    total = torch.from_numpy(shift).float()[:, None, None] + WARP_MM * strength * warp / largest
    total[template] = 0
    return total / PIXEL_MM

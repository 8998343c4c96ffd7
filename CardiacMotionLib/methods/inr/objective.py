"""What the network minimizes: dissimilarity at drawn points of drawn frames, and change of volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ... import fields
from ...continuous import ContinuousField
from ...fields.jacobian import determinant
from ...places import grid_points
from ...series import LV_CAVITY, MYOCARDIUM, RV, ImageSeries
from ..region import Region, normalize_intensity

if TYPE_CHECKING:
    from . import Options

PLANAR = 0.1  # share of the weight in a single slice, where the area of the wall follows its shortening
IN_WALL = 0.75  # share of the points at which the Jacobian is held that lie in the wall
VALIDATION_POINTS = 2048


class Objective:
    """Loss of a `ContinuousField` on a cropped series.

    The points are drawn among the voxels of the reference, more often in and near the heart (``region.weight``), and
    shared by the frames of a step. Every draw comes from one generator on the CPU, so that devices agree.
    """

    def __init__(
        self, series: ImageSeries, reference: int, region: Region, field: ContinuousField, options: Options, seed: int
    ):
        """``series`` cropped to the box of ``region``."""
        self.options, self.reference = options, reference
        self.times = torch.from_numpy(series.times)
        self.random = torch.Generator().manual_seed(seed)
        device, dtype = field.device, field.dtype
        frames = torch.from_numpy(normalize_intensity(series.frames))
        self.images = frames[:, None].to(device, dtype)
        self.fixed = self.images[reference].flatten()
        self.voxels = fields.identity_grid(series.shape, dtype, device).reshape(-1, 3)
        self.canonical = field.canonical(grid_points(series.shape, series.affine).reshape(-1, 3)).to(device)
        to_voxels = np.linalg.inv(series.affine[:3, :3]) @ field.axes.T * field.unit
        self.to_voxels = torch.from_numpy(to_voxels).to(device, dtype)

        self.likelihood = torch.from_numpy(region.weight.reshape(-1)).double().cumsum(0)
        labels = region.labels.reshape(-1)
        blood = (labels == RV) | (labels == LV_CAVITY)
        self.wall = torch.from_numpy(np.flatnonzero(labels == MYOCARDIUM))
        self.other = torch.from_numpy(np.flatnonzero((labels != MYOCARDIUM) & ~blood))
        self.moving = torch.tensor([t for t in range(len(series)) if t != reference])
        self.waiting = self.moving[:0]
        self.validation = self.near_heart(VALIDATION_POINTS)

    # ------------------------------------------------------------------ a step

    def __call__(self, field: ContinuousField) -> Tensor:
        """Draw points and frames and give the loss."""
        frames = self.next_frames()
        loss = self.dissimilarity(field, self.near_heart(self.options.points), frames)
        in_wall = self.options.wall_volume * (PLANAR if field.planar else 1.0)
        for candidates, share, weight in (
            (self.wall, IN_WALL, in_wall),
            (self.other, 1 - IN_WALL, self.options.other_volume),
        ):
            if len(candidates) and weight:
                count = max(1, round(share * self.options.volume_points))
                drawn = candidates[torch.randint(len(candidates), (count,), generator=self.random)]
                when = frames[torch.randint(len(frames), (count,), generator=self.random)]
                loss = loss + weight * self.volume_change(field, drawn, when)
        return loss

    def dissimilarity(self, field: ContinuousField, indices: Tensor, frames: Tensor) -> Tensor:
        """Mean over ``frames`` (F,) of 1 - correlation with the reference at the voxels ``indices`` (N,).

        The correlation of a frame is that of all points together (paper 000).
        """
        placed = indices.to(self.canonical.device)
        start = self.voxels[placed]
        displacement = field.at_times(self.canonical[placed], self.times[frames]) @ self.to_voxels.T
        moving = fields.sample_at(self.images[frames.to(placed.device)], start + displacement)[:, 0]
        fixed = self.fixed[placed].expand_as(moving)
        return (1 - fields.global_ncc(moving[:, None], fixed[:, None])).mean()

    def volume_change(self, field: ContinuousField, indices: Tensor, frames: Tensor) -> Tensor:
        """Mean of det F + 1/det F - 2 at voxels ``indices`` (N,) in the frames (N,), paper 000 equation 4."""
        canonical = self.canonical[indices.to(self.canonical.device)]
        gradient = field.gradient(canonical, self.times[frames])
        deformation = gradient + torch.eye(3, dtype=gradient.dtype, device=gradient.device)
        return fields.jacobian_penalty(determinant(deformation)).mean()

    @torch.no_grad()
    def validate(self, field: ContinuousField) -> float:
        """Dissimilarity of all frames at the same points each time."""
        points = self.validation
        parts = [self.dissimilarity(field, points, frames) * len(frames) for frames in self.moving.split(8)]
        return float(torch.stack(parts).sum()) / len(self.moving)

    # ------------------------------------------------------------------ draws

    def next_frames(self) -> Tensor:
        """Frames of a step; each comes once before any comes again."""
        count = min(self.options.frames_per_step, len(self.moving))
        while len(self.waiting) < count:
            shuffled = self.moving[torch.randperm(len(self.moving), generator=self.random)]
            self.waiting = torch.cat((self.waiting, shuffled))
        frames, self.waiting = self.waiting[:count], self.waiting[count:]
        return frames

    def near_heart(self, count: int) -> Tensor:
        """Voxels (count,), as often as the region weighs them."""
        drawn = torch.rand(count, dtype=torch.float64, generator=self.random) * self.likelihood[-1]
        return torch.searchsorted(self.likelihood, drawn, right=True).clamp_(max=len(self.likelihood) - 1)

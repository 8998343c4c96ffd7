"""What the spline minimizes at one resolution: dissimilarity, change of volume and roughness, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ... import fields
from ...fields.jacobian import determinant
from ...series import LV_CAVITY, MYOCARDIUM, RV
from ..region import Region
from .field import SplineField, gradient

if TYPE_CHECKING:
    from . import Options

WALL_VOLUME = 0.1  # weight of volume change in the wall at incompressibility 1
WALL_AREA = 0.01  # the same in a single slice, where the area of the wall follows its shortening
TISSUE_VOLUME = 0.02  # weight of volume change in tissue outside the wall
FOLD_BARRIER = 0.05  # weight of nearing a fold, anywhere
FOLD_MARGIN = 0.25  # determinants below it are near a fold
NOISE = 1e-4  # contrast variance (of unit intensity range) that counts as noise
STRIDE = 2  # in-plane voxels between the points at which the Jacobian is held


class Objective:
    """Loss of the frames of a `SplineField` on images pooled ``shrink`` times in plane."""

    def __init__(
        self,
        frames: np.ndarray,
        reference: int,
        region: Region,
        spacing: np.ndarray,
        shrink: int,
        field: SplineField,
        options: Options,
    ):
        """``frames`` (T, K, J, I) in unit range inside the box of ``region``; ``spacing`` (3,) mm along (i, j, k)."""

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(field.device)

        self.options = options
        self.spacing = tensor(spacing)
        self.is_2d = frames.shape[1] == 1
        self.images = _pool(tensor(frames), shrink)
        weight = _pool(tensor(region.weight)[None], shrink)
        self.weight = weight / weight.sum()
        pixel = spacing * (shrink, shrink, 1)
        self.to_voxels = tensor(1 / pixel)
        shape = self.images.shape[1:]
        windows = [
            fields.gaussian_window(n, options.window / mm).to(field.device)
            for n, mm in zip(shape, pixel[::-1].tolist(), strict=True)
        ]
        self.ncc = fields.WindowedNCC(self.images[reference : reference + 1], windows, NOISE)
        full = frames.shape[1:]
        centers = [_pooled_centers(n, size, shrink) for n, size in zip(shape[1:], full[1:], strict=True)]
        self.bases = field.bases(positions=(None, *centers))

        lattice = (None, *(torch.arange(0, size, STRIDE) for size in full[1:]))
        self.lattice_bases, self.lattice_derivatives = field.bases(0, lattice), field.bases(1, lattice)
        labels = region.labels[:, ::STRIDE, ::STRIDE]
        wall, blood = labels == MYOCARDIUM, (labels == RV) | (labels == LV_CAVITY)
        keep = options.incompressibility * (WALL_AREA if self.is_2d else WALL_VOLUME)
        # Blood flows in and out of the slices and of the cavities: only the barrier holds it.
        self.volume_weight = tensor(keep * wall / max(wall.sum(), 1) + TISSUE_VOLUME * ~blood / labels.size)
        self.knots_mm = [knot * mm for knot, mm in zip(field.knots, spacing[::-1].tolist(), strict=True)]

    def __call__(self, coefficients: Tensor, frames: Tensor) -> Tensor:
        """Sum over ``frames`` of the loss of their finest coefficients (T, nk, nj, ni, 3) in mm."""
        displacement = fields.evaluate_bspline(coefficients, self.bases) * self.to_voxels
        warped = fields.warp(self.images[frames, None], displacement)[:, 0]
        loss = ((1 - self.ncc(warped)) * self.weight).sum()
        strains = gradient(coefficients, self.lattice_bases, self.lattice_derivatives) / self.spacing  # mm per mm
        return loss + self.volume_change(strains) + self.roughness(coefficients, strains)

    def volume_change(self, strains: Tensor) -> Tensor:
        """Penalty of det F off 1 in tissue and near 0 anywhere; ``strains`` is du/dX (T, K, J, I, 3, 3)."""
        det = determinant(strains + torch.eye(3, device=strains.device))
        kept = (fields.jacobian_penalty(det) * self.volume_weight).sum()
        near_fold = fields.jacobian_penalty((det / FOLD_MARGIN).clamp(max=1))
        return kept + FOLD_BARRIER * near_fold.mean((1, 2, 3)).sum()

    def roughness(self, coefficients: Tensor, strains: Tensor) -> Tensor:
        """Bending of the control points, and in-plane change of the through-plane motion."""
        rough = coefficients.new_zeros(())
        for axis, knot in enumerate(self.knots_mm, start=1):
            if coefficients.shape[axis] > 2:
                bend = torch.diff(coefficients, 2, dim=axis) / knot**2
                rough = rough + self.options.smoothness * bend.square().sum(-1).mean((1, 2, 3)).sum()
        if not self.is_2d:
            shear = strains[..., 2, :2].square().sum(-1).mean((1, 2, 3)).sum()
            rough = rough + self.options.through_plane_stiffness * shear
        return rough


def _pool(images: Tensor, shrink: int) -> Tensor:
    return images if shrink == 1 else avg_pool2d(images, shrink, ceil_mode=True, count_include_pad=False)


def _pooled_centers(count: int, size: int, shrink: int) -> Tensor:
    """Where the centers of ``count`` pooled voxels lie among ``size`` voxels; the last one may hold fewer."""
    starts = torch.arange(count) * shrink
    return (starts + (starts + shrink).clamp(max=size) - 1) / 2

"""What the scanner sees: the tissues as one fine image of the material, to be drawn through the motion, and noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..fields import sample_at
from .anatomy import Anatomy

# Steady-state free-precession intensities, blood = 1.
AIR, LUNG, BODY, FAT, LIVER, MYOCARDIUM, BLOOD = 0.02, 0.07, 0.38, 0.75, 0.45, 0.33, 1.0
FINE = (0.8, 0.8, 2.0)  # mm, spacing of the material image along (x, y, z)


@dataclass(frozen=True)
class MaterialImage:
    """Intensity at end-diastole: ``values`` (K, J, I) in steps of `FINE` from ``origin`` (3,) in heart coordinates."""

    values: Tensor
    origin: Tensor

    def at(self, points: Tensor) -> Tensor:
        """Intensity (...) at material points (..., 3) in heart coordinates."""
        voxel = (points.to(torch.float32) - self.origin) / torch.tensor(FINE)
        return sample_at(self.values[None, None], voxel.reshape(1, -1, 3))[0, 0].reshape(points.shape[:-1])


def paint(
    anatomy: Anatomy, low: Sequence[float], high: Sequence[float], texture: float, rng: np.random.Generator
) -> MaterialImage:
    """Paint the box ``low``..``high`` (mm, heart coordinates); ``texture`` is the SD of the wall's own pattern."""
    size = [math.ceil((b - a) / step) + 1 for a, b, step in zip(low, high, FINE, strict=True)]
    axes = [a + step * torch.arange(n, dtype=torch.float32) for a, step, n in zip(low, FINE, size, strict=True)]
    z, y, x = torch.meshgrid(*axes[::-1], indexing="ij")
    points = torch.stack((x, y, z), dim=-1)
    pattern = texture * _pattern(x.shape, rng)

    image = torch.full_like(x, AIR)
    for inside, intensity in _surroundings(x, y, z):
        image = image + inside * (intensity + 0.5 * pattern - image)
    for inside, intensity in _heart(anatomy, points):
        image = image + inside * (intensity + (0 if intensity == BLOOD else pattern) - image)
    return MaterialImage(image, torch.tensor(low, dtype=torch.float32))


def _soft(distance: Tensor, width: float = 0.5) -> Tensor:
    """Share of tissue at a signed distance in mm, 1 where it is negative."""
    return torch.sigmoid(-distance / width)


def _surroundings(x: Tensor, y: Tensor, z: Tensor) -> list[tuple[Tensor, float]]:
    def ellipse(cx: float, cy: float, rx: float, ry: float) -> Tensor:
        return ((((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2).sqrt() - 1) * min(rx, ry)

    liver = ((x - 25) ** 2 + (y + 78) ** 2 + (z + 5) ** 2).sqrt() - 52
    return [
        (_soft(ellipse(0, -5, 105, 84)), FAT),
        (_soft(ellipse(0, -5, 98, 77)), BODY),
        (_soft(ellipse(-66, -2, 34, 58)), LUNG),
        (_soft(ellipse(88, -8, 26, 50)), LUNG),
        (_soft(liver), LIVER),
        (_soft(ellipse(-38, -62, 11, 11)), BLOOD),  # descending aorta
    ]


def _heart(anatomy: Anatomy, points: Tensor) -> list[tuple[Tensor, float]]:
    x, y, z = points.unbind(-1)
    r_squared, level = x**2 + y**2, anatomy.level(z)
    epi, endo = anatomy.epi_distance(r_squared, level), anatomy.endo_distance(r_squared, level)
    excess, depth = anatomy.rv_excess(points)
    outside = torch.minimum(epi, torch.where(depth > 0, excess - depth - anatomy.rv_wall, torch.inf))
    atrium = torch.maximum(epi + 3, anatomy.length - z)  # above the base the wall thins to that of the atrium
    return [
        (_soft(outside - 2.5), FAT),  # epicardial fat
        (_soft(outside), MYOCARDIUM),
        (_soft(torch.maximum(excess - depth, -excess)), BLOOD),
        (_soft(epi), MYOCARDIUM),
        (_soft(torch.minimum(endo, atrium)), BLOOD),
    ]


def _pattern(shape: Sequence[int], rng: np.random.Generator) -> Tensor:
    """Smooth random field (K, J, I) of mean 0 and SD 1 with grains of about 4 mm."""
    coarse = [max(2, round(n * step / 3)) for n, step in zip(shape, FINE[::-1], strict=True)]
    noise = torch.from_numpy(rng.standard_normal(coarse).astype(np.float32))
    field = interpolate(noise[None, None], size=tuple(shape), mode="trilinear", align_corners=True)[0, 0]
    return (field - field.mean()) / field.std()


def subvoxels(spacing: Sequence[float]) -> Tensor:
    """Offsets (S, 3) in voxels (i, j, k) over which a voxel is averaged: 2 x 2 in plane, one per 2 mm through it."""
    counts = (2, 2, max(2, round(spacing[2] / 2)))
    axes = [(torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5 for n in counts]
    return torch.cartesian_prod(*axes)


def add_rician_noise(image: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Magnitude of a complex signal with Gaussian noise of ``sd`` in both channels."""
    real, imaginary = rng.standard_normal((2, *image.shape), dtype=np.float32)
    return np.hypot(image + sd * real, sd * imaginary)

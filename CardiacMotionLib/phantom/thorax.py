"""What lies around the heart: chest wall, lungs, diaphragm, liver, stomach and spleen, spine, great vessels.

Patient coordinates: RAS millimeters about the middle of the LV.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..fields import sample_at
from .anatomy import Anatomy
from .noise import NoiseField
from .tissues import AIR, BLOOD, FAT, LIVER, LUNG, MARROW, MUSCLE, SPLEEN, STOMACH


def soft(distance: Tensor, width: float | Tensor) -> Tensor:
    """Share of tissue at a signed distance (negative inside): 1 inside, 0 outside, exactly so beyond ``width``."""
    x = (distance / width).clamp(-1, 1)
    return 0.5 - x * (0.75 - 0.25 * x * x)


@dataclass(frozen=True)
class Thorax:
    """Sizes of the chest in mm and where the heart lies in it.

    ``midline`` is how far the middle of the body lies to the right of the middle of the LV, ``behind`` how far behind;
    ``diaphragm`` the height of the diaphragm below the heart.
    """

    half_width: float = 165.0
    half_depth: float = 112.0
    midline: float = 38.0
    behind: float = 25.0
    fat: float = 14.0
    muscle: float = 17.0
    diaphragm: float = -44.0
    dome: float = 30.0
    aorta: float = 11.0

    @classmethod
    def sample(cls, anatomy: Anatomy, rng: np.random.Generator) -> Thorax:
        """Draw the chest of an adult with this heart, which rests on the diaphragm."""
        size = rng.normal(1, 0.05)
        return cls(
            half_width=165 * size * rng.normal(1, 0.04),
            half_depth=112 * size * rng.normal(1, 0.05),
            midline=rng.normal(38, 6),
            behind=rng.normal(25, 6),
            fat=float(np.clip(rng.normal(15, 7), 5, 40)),
            muscle=rng.uniform(14, 21),
            diaphragm=-0.86 * (anatomy.endo_radius + anatomy.wall) - rng.uniform(2, 7),
            dome=rng.uniform(15, 40),
            aorta=rng.uniform(9.5, 13),
        )

    def layers(self, points: Tensor, noise: Tensor, width: float) -> list[tuple[Tensor, int]]:
        """Shares (N,) and tissues to be painted one over the other.

        ``points`` (N, 3) patient coordinates, ``noise`` (2, N) of grains that become vessels, ``width`` (mm) of edges.
        """
        right, front, up = points.unbind(-1)
        x, y = right - self.midline, front + self.behind  # from the middle of the body
        outer = (((x / self.half_width).abs() ** 2.4 + (y / self.half_depth).abs() ** 2.4) ** (1 / 2.4) - 1) * (
            0.5 * (self.half_width + self.half_depth)
        )
        wall = outer + self.fat
        inside = wall + self.muscle  # of the ribs
        slope = (up - 0.5 * y) / 27
        rib = (wall + self.muscle * 0.6).abs() - 4.5 + 5 * (math.pi * slope).cos() ** 2 - 2.5

        left_dome = 0.45 * self.dome * (-(((right + 60) / 45) ** 2) - ((front + 25) / 60) ** 2).exp()
        right_dome = self.dome * (-(((right - 100) / 62) ** 2) - ((front + 15) / 75) ** 2).exp()
        below = up - (self.diaphragm + left_dome + right_dome)

        spine = ((x / 19) ** 2 + ((y + self.half_depth - 46) / 16) ** 2).sqrt() * 17 - 17
        canal = (x**2 + (y + self.half_depth - 22) ** 2).sqrt() - 8
        back = ((x.abs() - 30).clamp_min(0) ** 2 + (y + self.half_depth - 18).clamp_min(0) ** 2).sqrt() - 16
        aorta = ((x + 24) ** 2 + (y + self.half_depth - 62) ** 2).sqrt() - self.aorta
        esophagus = ((x + 8) ** 2 + (y + self.half_depth - 72) ** 2).sqrt() - 7
        sternum = ((x / 20) ** 2 + ((y - self.half_depth + self.fat + 13) / 7) ** 2).sqrt() * 8 - 8
        middle = torch.minimum(x.abs() - 24 + 0.25 * (y + 30).abs(), -inside - 16 * (1 - ((x + 12) / 42) ** 2))
        stomach = ((right + 55) / 42) ** 2 + ((front - 12) / 44) ** 2 + ((up - self.diaphragm + 28) / 34) ** 2
        spleen = ((right + 88) / 34) ** 2 + ((front + 62) / 34) ** 2 + ((up - self.diaphragm + 25) / 40) ** 2
        liver = torch.maximum(below + 5, -30 - right + 0.3 * front)
        gas = (stomach.sqrt() - 1) * 36 + 9 + (8 - front * 0.35).clamp(-4, 20)
        bronchi = 9.0 - 5.0 * noise[1]  # vessels of the lung
        veins = 8.0 - 4.6 * noise[1]
        return [
            (soft(outer, width), FAT),
            (soft(wall, width), MUSCLE),
            (soft(rib, width), MARROW),
            (soft(inside, width), LUNG),
            (soft(inside, width) * (0.07 + 0.035 * noise[0] - 0.0004 * front).clamp(0, 0.3), BLOOD),  # small vessels
            (0.7 * soft(torch.maximum(inside + 6, bronchi), 2.5 * width), BLOOD),
            (soft(torch.maximum(middle, inside), width), FAT),
            (soft(torch.maximum(inside, below), width), MUSCLE),  # the diaphragm, then what it covers
            (soft(torch.maximum(inside + 3, below + 4), width), FAT),
            (soft(torch.maximum(inside + 3, torch.maximum(below + 5, (stomach.sqrt() - 1) * 36)), width), STOMACH),
            (soft(torch.maximum(inside + 3, torch.maximum(below + 6, gas)), width), AIR),
            (soft(torch.maximum(inside + 3, torch.maximum(below + 5, (spleen.sqrt() - 1) * 34)), width), SPLEEN),
            (soft(torch.maximum(inside + 2, liver), width), LIVER),
            (soft(torch.maximum(torch.maximum(inside + 8, liver + 8), veins), width), BLOOD),
            (soft(torch.maximum(back, outer + 4), width), MUSCLE),
            (soft(spine, width), MARROW),
            (soft(canal, width), STOMACH),  # bright fluid
            (soft(sternum, width), MARROW),
            (soft(esophagus, width), MUSCLE),
            (soft(aorta - 1.5, width), MUSCLE),
            (soft(aorta, width), BLOOD),
        ]


class Surroundings:
    """The thorax on a coarse grid in heart coordinates, from which its signal is looked up.

    Parameters
    ----------
    thorax
        The chest.
    to_patient
        (4, 4) heart to patient coordinates.
    low, high
        (3,) corners of the box in heart coordinates, mm.
    steps
        (3,) mm, of the grid along x, y, z.
    noise
        Two fields for vessels.
    """

    def __init__(
        self,
        thorax: Thorax,
        to_patient: Tensor,
        low: Tensor,
        high: Tensor,
        steps: tuple[float, float, float],
        noise: NoiseField,
    ) -> None:
        self.low, self.steps = low, low.new_tensor(steps)
        counts = ((high - low) / self.steps).ceil().to(torch.int64) + 1
        axes = [low[a] + self.steps[a] * torch.arange(int(counts[a]), device=low.device) for a in range(3)]
        z, y, x = torch.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
        points = torch.stack((x, y, z), dim=-1).reshape(-1, 3)
        patient = points @ to_patient[:3, :3].T + to_patient[:3, 3]
        self.shape = x.shape
        self.layers = thorax.layers(patient, noise.at(points), 0.75 * steps[0])
        self._painted: tuple[Tensor, Tensor] | None = None

    def values(self, points: Tensor, table: Tensor) -> Tensor:
        """Signal (N, V) at points (N, 3) for ``table`` (n_tissues, V) of the tissues' signals."""
        voxel = (points - self.low) / self.steps
        return sample_at(self._volume(table)[None], voxel[None])[0].T

    def _volume(self, table: Tensor) -> Tensor:
        """Signal (V, K, J, I) on the grid; kept for the table that was asked for last."""
        if self._painted is None or self._painted[0] is not table:
            signal = table[AIR][:, None].repeat(1, math.prod(self.shape))
            for share, tissue in self.layers:
                signal.lerp_(table[tissue][:, None], share)
            self._painted = table, signal.reshape(-1, *self.shape)
        return self._painted[1]

"""The shape of a heart at end-diastole and of what lies around it, as functions of the material point.

Heart coordinates: millimeters, the LV long axis is z with 0 at the epicardial apex and the base above it, the RV lies
towards ``rv_angle`` from +x, the anterior wall towards +y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..series import LV_CAVITY, MYOCARDIUM, RV


def smoothstep(x: Tensor) -> Tensor:
    """0 below 0, 1 above 1 and twice continuously differentiable between."""
    x = x.clamp(0, 1)
    return x * x * x * (10 + x * (6 * x - 15))


@dataclass(frozen=True)
class Anatomy:
    """A left ventricle between two truncated ellipsoids with a crescent of right ventricle on its septum.

    Lengths in mm, angles in radians; ``length`` is that of the LV from the epicardial apex to the base.
    """

    wall: float = 9.0
    endo_radius: float = 26.0
    length: float = 67.0
    rv_angle: float = 0.0
    rv_half_angle: float = 1.15
    rv_depth: float = 28.0
    rv_wall: float = 3.0

    @classmethod
    def sample(cls, wall: float, rng: np.random.Generator) -> Anatomy:
        """Draw a heart whose details vary a little about the average one."""
        return cls(
            wall=wall,
            endo_radius=26.0 * rng.uniform(0.98, 1.02),
            length=67.0 * rng.uniform(0.99, 1.01),
            rv_angle=math.radians(rng.uniform(-10, 10)),
            rv_half_angle=1.15 * rng.uniform(0.95, 1.05),
            rv_depth=28.0 * rng.uniform(0.92, 1.08),
        )

    # ------------------------------------------------------------------ the two ellipsoids

    @property
    def equator(self) -> float:
        """Height of the widest section; also the epicardial semi-axis, as the epicardial apex is at 0."""
        return 0.8 * self.length

    @property
    def endo_apex(self) -> float:
        """Height of the lowest point of the cavity."""
        return 0.9 * self.wall

    def level(self, z: Tensor) -> Tensor:
        """Height at which the ellipsoids are cut: z up to the base, leveling off above, where they go on as tubes."""
        above = z - self.length
        return torch.where(above > 0, self.length + 6 * torch.tanh(above / 6), z)

    def endo_squared(self, level: Tensor) -> Tensor:
        """Squared radius of the endocardium; negative below its apex."""
        return self.endo_radius**2 * (1 - ((level - self.equator) / (self.equator - self.endo_apex)) ** 2)

    def epi_squared(self, level: Tensor) -> Tensor:
        """Squared radius of the epicardium; negative below its apex."""
        return (self.endo_radius + self.wall) ** 2 * (1 - ((level - self.equator) / self.equator) ** 2)

    def endo_distance(self, r_squared: Tensor, level: Tensor) -> Tensor:
        """Distance from the endocardium to first order, negative inside the cavity."""
        return _ellipsoid_distance(r_squared, level - self.equator, self.endo_radius, self.equator - self.endo_apex)

    def epi_distance(self, r_squared: Tensor, level: Tensor) -> Tensor:
        """Distance from the epicardium to first order, negative inside the heart."""
        return _ellipsoid_distance(r_squared, level - self.equator, self.endo_radius + self.wall, self.equator)

    # ------------------------------------------------------------------ the right ventricle

    def rv_excess(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Distance outwards from the LV epicardium and how far the RV cavity reaches there, both (...) mm.

        Where there is no RV it reaches a negative distance.
        """
        x, y, z = points.unbind(-1)
        angle = torch.atan2(y, x) - self.rv_angle
        angle = torch.atan2(angle.sin(), angle.cos())
        epi = self.epi_squared(self.level(z)).clamp_min(25).sqrt()
        drop = (self.length - z).clamp_min(0) / (0.82 * self.length)
        height = (1 - drop**4).clamp_min(0).sqrt() - (drop - 1).clamp_min(0)
        depth = self.rv_depth * height * (1 - (angle / self.rv_half_angle) ** 2)
        return (x**2 + y**2).sqrt() - epi, torch.where(height > 0, depth, self.rv_depth * height)

    @property
    def insertions(self) -> np.ndarray:
        """(2, 3) points at mid height where the RV meets the LV epicardium: anterior, inferior."""
        z = torch.tensor(0.55 * self.length, dtype=torch.float64)
        radius = float(self.epi_squared(z).sqrt())
        angles = np.array([self.rv_angle + self.rv_half_angle, self.rv_angle - self.rv_half_angle])
        return np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(2, float(z))], axis=-1)

    # ------------------------------------------------------------------ labels

    def labels(self, points: Tensor) -> Tensor:
        """Label (...) uint8 of material points (..., 3): 1 RV cavity, 2 LV myocardium, 3 LV cavity, 0 all else."""
        x, y, z = points.unbind(-1)
        r_squared, level = x**2 + y**2, self.level(z)
        below_base = z < self.length
        excess, depth = self.rv_excess(points)
        labels = torch.zeros(points.shape[:-1], dtype=torch.uint8)
        labels[below_base & (excess > 0) & (excess < depth)] = RV
        labels[below_base & (r_squared < self.epi_squared(level))] = MYOCARDIUM
        labels[below_base & (r_squared < self.endo_squared(level))] = LV_CAVITY
        return labels

    def wall_axes(self, points: Tensor) -> Tensor:
        """Find the unit axes (..., 3, 3) of the wall at material points (..., 3).

        Rows: radial (outwards), circumferential (counterclockwise about z), longitudinal (to the base). The radial axis
        is the normal of the ellipsoid through the point, between endocardium and epicardium.
        """
        x, y, z = points.unbind(-1)
        up = self.level(z) - self.equator
        endo = self.endo_distance(x**2 + y**2, self.level(z)).abs()
        epi = self.epi_distance(x**2 + y**2, self.level(z)).abs()
        depth = endo / (endo + epi).clamp_min(1e-9)
        across = self.endo_radius + self.wall * depth
        along = self.equator - self.endo_apex * (1 - depth)
        radial = torch.stack((x / across**2, y / across**2, up / along**2), dim=-1)
        radial = radial / radial.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        axis = torch.zeros_like(radial)
        axis[..., 2] = 1
        circumferential = torch.linalg.cross(axis, radial)
        circumferential = circumferential / circumferential.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        longitudinal = torch.linalg.cross(radial, circumferential)
        return torch.stack((radial, circumferential, longitudinal), dim=-2)


def _ellipsoid_distance(r_squared: Tensor, up: Tensor, across: float, along: float) -> Tensor:
    slope = 2 * (r_squared / across**4 + up**2 / along**4).sqrt()
    return (r_squared / across**2 + up**2 / along**2 - 1) / slope.clamp_min(1e-3 / across)

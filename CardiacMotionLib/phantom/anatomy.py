"""The shape of a heart at end-diastole, as functions of the material point.

Heart coordinates: millimeters, the LV long axis is z with 0 at the epicardial apex and the base above it, the middle of
the septum and the RV lie towards +x, the anterior wall towards +y. Surfaces are given in cylinder coordinates as the
squared radius at a height and a direction, since that is what the motion conserves (see ``kinematics``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..series import LV_CAVITY, MYOCARDIUM, RV
from .monotone import smoothstep

ABOVE = 6.0  # mm over which the ventricles level off into tubes above the base
ON_AXIS = 1e-12  # mm^2, keeps directions and their derivatives finite on the axis
LEAST_DEPTH = 6.0  # mm, least distance that the motion keeps between the LV and where the RV free wall would be


class Cylinder(NamedTuple):
    """Points in cylinder coordinates: squared radius, its root, direction (cos, sin) from the axis, height; mm."""

    rho: Tensor
    radius: Tensor
    cos: Tensor
    sin: Tensor
    z: Tensor


def cylinder(points: Tensor) -> Cylinder:
    """Cylinder coordinates of heart coordinates (..., 3)."""
    x, y, z = points.unbind(-1)
    rho = x * x + y * y + ON_AXIS
    radius = rho.sqrt()
    return Cylinder(rho, radius, x / radius, y / radius, z)


@dataclass(frozen=True)
class Patch:
    """A smooth spot of the wall: weight 1 at its middle, falling off around the axis and along it.

    ``angle`` from the middle of the septum towards anterior in radians, ``spread`` of the angle likewise; ``height``
    and ``reach`` as shares of the LV length.
    """

    angle: float
    spread: float
    height: float = 0.5
    reach: float = 10.0

    def weight(self, cos: Tensor, sin: Tensor, share: Tensor) -> Tensor:
        """Weight (...) of directions (cos, sin) at heights ``share`` of the LV length."""
        towards = cos * math.cos(self.angle) + sin * math.sin(self.angle)
        return ((towards - 1) / self.spread**2 - 0.5 * ((share - self.height) / self.reach) ** 2).exp()


@dataclass(frozen=True)
class Anatomy:
    """A left ventricle between two truncated ellipsoids, with a crescent of right ventricle on its septum.

    Lengths in mm, angles in radians. ``length`` is that of the LV from the epicardial apex to the base. ``taper`` is
    the exponent of the profile: 2 an ellipsoid, less a cone, more a bulb. ``ellipticity``, ``waviness`` (of the third
    order: cosine, sine) and ``flattening`` (of the septum) are shares of the radius. ``fat`` lies between epicardium
    and pericardium everywhere, ``groove_fat`` more of it along the RV insertions and half as much around the base.
    ``thickenings`` are (patch, factor - 1) of the wall thickness.
    """

    wall: float = 9.0
    endo_radius: float = 26.0
    length: float = 67.0
    taper: float = 2.0
    ellipticity: float = 0.0
    ellipse_angle: float = 0.0
    flattening: float = 0.0
    waviness: tuple[float, float] = (0.0, 0.0)
    thickenings: tuple[tuple[Patch, float], ...] = ()
    rv_half_angle: float = 1.2
    rv_depth: float = 30.0
    rv_outflow: float = 0.2
    rv_length: float = 0.82  # of the LV
    rv_wall: float = 3.0
    fat: float = 2.0
    groove_fat: float = 6.0
    papillary_angles: tuple[float, float] = (2.25, -2.35)
    papillary_radius: float = 4.5
    trabeculation: float = 2.0

    # ------------------------------------------------------------------ the left ventricle

    @property
    def equator(self) -> float:
        """Height of the widest section; also the epicardial semi-axis, as the epicardial apex is at 0."""
        return 0.8 * self.length

    @property
    def endo_apex(self) -> float:
        """Height of the lowest point of the cavity."""
        return 0.9 * self.wall

    def level(self, z: Tensor) -> Tensor:
        """Height at which the surfaces are taken: z up to the base, leveling off above, where they go on as tubes."""
        above = (z - self.length).clamp_min(0)
        return torch.where(z > self.length, self.length + ABOVE * torch.tanh(above / ABOVE), z)

    def outline(self, cos: Tensor, sin: Tensor) -> Tensor:
        """Radius in a direction as a share of the mean one: an ellipse with three waves, flattened at the septum."""
        twice = math.cos(2 * self.ellipse_angle), math.sin(2 * self.ellipse_angle)
        ellipse = self.ellipticity * ((cos * cos - sin * sin) * twice[0] + 2 * sin * cos * twice[1])
        waves = self.waviness[0] * cos * (4 * cos * cos - 3) + self.waviness[1] * sin * (3 - 4 * sin * sin)
        return 1 + ellipse + waves - self.flattening * ((cos - 1) / 0.45).exp()

    def profile(self, z: Tensor, below: float) -> Tensor:
        """Squared radius over that of the equator at height z, for the surface that ends ``below`` the equator."""
        return 1 - ((self.equator - z) / below).abs() ** self.taper

    def thickness_factor(self, cos: Tensor, sin: Tensor, level: Tensor) -> Tensor:
        """Wall thickness over ``wall``."""
        factor = torch.ones_like(level)
        for patch, more in self.thickenings:
            factor = factor + more * patch.weight(cos, sin, level / self.length)
        return factor

    def endo_squared(self, cos: Tensor, sin: Tensor, level: Tensor) -> Tensor:
        """Squared radius (...) of the endocardium, mm^2; negative below its apex."""
        radius = self.endo_radius * self.outline(cos, sin)
        if self.thickenings:
            radius = radius + self.wall * (1 - self.thickness_factor(cos, sin, level))
        return radius * radius * self.profile(level, self.equator - self.endo_apex)

    def epi_squared(self, cos: Tensor, sin: Tensor, level: Tensor) -> Tensor:
        """Squared radius (...) of the epicardium, mm^2; negative below its apex."""
        radius = self.endo_radius * self.outline(cos, sin) + self.wall
        return radius * radius * self.profile(level, self.equator)

    def endo_distance(self, at: Cylinder, level: Tensor) -> Tensor:
        """Distance (...) from the endocardium in mm to first order, negative inside the cavity."""
        below = self.equator - self.endo_apex
        return self._distance(at, self.endo_squared(at.cos, at.sin, level), level, self.endo_radius, below)

    def epi_distance(self, at: Cylinder, level: Tensor) -> Tensor:
        """Distance (...) from the epicardium in mm to first order, negative inside the LV."""
        squared = self.epi_squared(at.cos, at.sin, level)
        return self._distance(at, squared, level, self.endo_radius + self.wall, self.equator)

    def epi_slope(self, at: Cylinder, level: Tensor) -> Tensor:
        """How fast (...) the radius of the LV epicardium grows with the height, at least 0; large near the apex."""
        squared = self.epi_squared(at.cos, at.sin, level)
        across, steep = self._slopes(at, squared, level, self.endo_radius + self.wall, self.equator)
        return steep / across.clamp_min(1e-3)

    def _distance(self, at: Cylinder, squared: Tensor, level: Tensor, radius: float, below: float) -> Tensor:
        across, steep = self._slopes(at, squared, level, radius, below)
        return (at.rho - squared) / (across * across + steep * steep).sqrt().clamp_min(1e-3)

    def _slopes(
        self, at: Cylinder, squared: Tensor, level: Tensor, radius: float, below: float
    ) -> tuple[Tensor, Tensor]:
        """Slopes (...) of rho less a squared radius: away from the axis, and along z (without its sign), mm."""
        down = (self.equator - level.detach()) / below
        steep = radius**2 * self.taper / below * down.abs() ** (self.taper - 1)
        return at.radius + squared.clamp_min(1e-9).sqrt(), steep

    # ------------------------------------------------------------------ the right ventricle, the pericardium

    def rv_reach(self, cos: Tensor, sin: Tensor, z: Tensor) -> Tensor:
        """How far (...) the RV cavity reaches beyond the LV epicardium, mm; negative where there is no RV."""
        drop = (self.length - z).clamp_min(0) / (self.rv_length * self.length)
        edge = math.cos(self.rv_half_angle)
        around = (cos - edge) / (1 - edge)
        outflow = self.rv_outflow * smoothstep(1.6 - 2.6 * drop) * ((cos * 0.5 + sin * 0.87 - 1) / 0.25).exp()
        return self.rv_depth * (around + outflow - drop**2.5)

    def rv_slope(self, z: Tensor) -> Tensor:
        """How fast (...) `rv_reach` grows with the height where the RV ends towards the apex."""
        drop = (self.length - z).clamp_min(0) / (self.rv_length * self.length)
        return 2.5 * self.rv_depth / (self.rv_length * self.length) * drop**1.5

    def rv_knot(self, reach: Tensor) -> Tensor:
        """``rv_reach`` kept smoothly above `LEAST_DEPTH`: where the motion takes the RV free wall to be."""
        return 0.5 * (reach + LEAST_DEPTH + ((reach - LEAST_DEPTH) ** 2 + 16).sqrt())

    def pericardium_squared(self, cos: Tensor, sin: Tensor, z: Tensor) -> Tensor:
        """Squared radius (...) of the pericardium, mm^2; not above 0 below its lowest point, ``-fat``."""
        level = self.level(z)
        edge, ends = math.cos(self.rv_half_angle), math.sin(self.rv_half_angle)
        grooves = ((cos * edge + sin * ends - 1) / 0.06).exp() + ((cos * edge - sin * ends - 1) / 0.06).exp()
        high = smoothstep((level - 0.55 * self.length) / (0.45 * self.length))
        fat = self.fat + self.groove_fat * (grooves * smoothstep(level / 30) + 0.5 * high)
        radius = self.endo_radius * self.outline(cos, sin) + self.wall + fat
        squared = radius * radius * self.profile(level, self.equator + self.fat)
        right = self.rv_reach(cos, sin, level) + self.rv_wall  # outer side of the RV free wall
        bulge = smoothstep((z + self.fat) / 12) * 0.5 * (right + (right * right + 16).sqrt())
        return torch.where(squared > 0, (squared.clamp_min(1e-9).sqrt() + bulge) ** 2, squared)

    @property
    def insertions(self) -> np.ndarray:
        """(2, 3) points at mid height where the RV meets the LV epicardium: anterior, inferior."""
        z = torch.full((2881,), 0.55 * self.length, dtype=torch.float64)
        angles = torch.linspace(-math.pi, math.pi, len(z), dtype=torch.float64)
        cos, sin = angles.cos(), angles.sin()
        inside = torch.nonzero(self.rv_reach(cos, sin, z) > 0)[:, 0]
        radius = self.epi_squared(cos, sin, z).sqrt()
        ends = [int(inside[-1]), int(inside[0])]
        return np.array([[float(radius[n] * cos[n]), float(radius[n] * sin[n]), float(z[n])] for n in ends])

    # ------------------------------------------------------------------ labels, axes, volume

    def labels(self, points: Tensor) -> Tensor:
        """Label (...) uint8 of material points (..., 3): 1 RV cavity, 2 LV myocardium, 3 LV cavity, 0 all else.

        Papillary muscles and trabeculae count as cavity, as in the contours of the public data sets.
        """
        at = cylinder(points)
        level = self.level(at.z)
        epi = self.epi_squared(at.cos, at.sin, level)
        excess = at.radius - epi.clamp_min(0).sqrt()
        below_base = at.z < self.length
        labels = torch.zeros(points.shape[:-1], dtype=torch.uint8, device=points.device)
        labels[below_base & (excess > 0) & (excess < self.rv_reach(at.cos, at.sin, at.z))] = RV
        labels[below_base & (at.rho < epi)] = MYOCARDIUM
        labels[below_base & (at.rho < self.endo_squared(at.cos, at.sin, level))] = LV_CAVITY
        return labels

    def wall_axes(self, points: Tensor) -> Tensor:
        """Find the unit axes (..., 3, 3) of the wall at material points (..., 3).

        Rows: radial (outwards), circumferential (counterclockwise about z), longitudinal (to the base). The radial
        axis is the normal of the surface through the point on which the depth in the wall is constant.
        """
        points = points.detach().requires_grad_(True)
        with torch.enable_grad():
            radial = torch.autograd.grad(self._depth(points).sum(), points)[0]
        radial = radial / radial.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        axis = torch.zeros_like(radial)
        axis[..., 2] = 1
        circumferential = torch.linalg.cross(axis, radial)
        circumferential = circumferential / circumferential.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        longitudinal = torch.linalg.cross(radial, circumferential)
        return torch.stack((radial, circumferential, longitudinal), dim=-2)

    def _depth(self, points: Tensor) -> Tensor:
        """Monotone function across the wall, 0 on the endocardium and 1 on the epicardium."""
        at = cylinder(points)
        level = self.level(at.z)
        inner, outer = self.endo_distance(at, level), self.epi_distance(at, level)
        return inner / (inner - outer).clamp_min(1e-3)

    @cached_property
    def cavity(self) -> Cavity:
        """The LV cavity at end-diastole in small parts, for means over its volume."""
        z = torch.linspace(self.endo_apex, self.length, 101, dtype=torch.float64)
        z = (z[1:] + z[:-1]) / 2
        angle = torch.arange(96, dtype=torch.float64) * (2 * math.pi / 96)
        z, angle = torch.meshgrid(z, angle, indexing="ij")
        squared = self.endo_squared(angle.cos(), angle.sin(), z).clamp_min(0)
        step = (self.length - self.endo_apex) / 100 * (2 * math.pi / 96)
        return Cavity(angle.cos(), angle.sin(), z, squared / 2 * step)

    @property
    def end_diastolic_volume(self) -> float:
        """Volume of the LV cavity in mL."""
        return float(self.cavity.volume.sum()) / 1000

    def scaled_to(self, volume: float) -> Anatomy:
        """Scale the cavity's radius and length, and the RV with them, until it holds ``volume`` mL; the wall stays."""
        heart = self
        for _ in range(30):
            factor = (volume / heart.end_diastolic_volume) ** (1 / 3)
            heart = replace(
                heart,
                endo_radius=heart.endo_radius * factor,
                length=heart.length * factor,
                rv_depth=heart.rv_depth * factor**0.5,
            )
            if abs(factor - 1) < 1e-9:
                break
        return heart

    @property
    def rv_volume(self) -> float:
        """Volume of the RV cavity at end-diastole in mL."""
        linear, square = self._rv_shape
        return self.rv_depth * linear + self.rv_depth**2 * square

    def with_rv(self, volume: float) -> Anatomy:
        """The same heart with an RV of that volume (mL): as deep as it has to be."""
        linear, square = self._rv_shape
        return replace(self, rv_depth=(math.sqrt(linear**2 + 4 * square * volume) - linear) / (2 * square))

    @cached_property
    def _rv_shape(self) -> tuple[float, float]:
        """Volume of the RV (mL) per depth and per its square: int ((r + d s)^2 - r^2) / 2 with reach d s beyond r."""
        z = (torch.arange(48, dtype=torch.float64) + 0.5) / 48 * self.length
        angle = (torch.arange(96, dtype=torch.float64) + 0.5) / 48 * math.pi
        z, angle = torch.meshgrid(z, angle, indexing="ij")
        cos, sin = angle.cos(), angle.sin()
        share = self.rv_reach(cos, sin, z).clamp_min(0) / self.rv_depth
        radius = self.epi_squared(cos, sin, z).clamp_min(0).sqrt()
        part = self.length / 48 * math.pi / 48 / 1000
        return float((radius * share).sum()) * part, float(share.square().sum()) / 2 * part


class Cavity(NamedTuple):
    """Parts of the LV cavity: direction (cos, sin), height in mm, volume in mm^3."""

    cos: Tensor
    sin: Tensor
    z: Tensor
    volume: Tensor

    def mean(self, values: Tensor) -> float:
        """Mean over the volume of values given for the parts."""
        return float((values * self.volume).sum() / self.volume.sum())

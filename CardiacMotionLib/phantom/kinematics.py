"""How the heart moves: an exact, invertible map of material points that keeps every volume in the LV wall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..errors import CardiacMotionError
from .anatomy import Anatomy, smoothstep

PEAK = 0.375  # share of the cycle at which the contraction is largest
REACH = 38.0  # mm over which the motion dies out beyond the epicardium and above the base


def activation(phase: float) -> float:
    """Contraction over a cycle: 0 at phase 0 and 1, 1 at `PEAK`; it falls fast in early diastole, then slowly."""
    phase = phase % 1.0
    if phase <= PEAK:
        return math.sin(math.pi / 2 * phase / PEAK) ** 2
    late = (phase - PEAK) / (1 - PEAK)
    return 0.5 * (1 + math.cos(math.pi * late * (1.6 - 0.6 * late)))


@dataclass(frozen=True)
class Kinematics:
    """The map of heart coordinates (mm) at a given activation.

    In cylinder coordinates about the LV axis, with all of the heart inside the epicardium and below the base,

        z = lambda Z,    r^2 = R^2 / lambda + g(Z) s(R^2 / R_endo(Z)^2),    theta = Theta + omega(Z),

    where s is 1 in the wall. There det F = lambda d(r^2)/d(R^2) = 1 for any g and omega. In the cavity s falls to 0 on
    the axis; outside, lambda - 1, g and omega die out smoothly over `REACH`. Before that the RV free wall is drawn
    towards the septum.

    Attributes
    ----------
    ejection_fraction, shortening
        Fractions of cavity volume and of LV length at full activation.
    twist
        Rotation of the apex against the base in radians, positive counterclockwise seen from the apex.
    """

    anatomy: Anatomy
    ejection_fraction: float
    shortening: float
    twist: float

    @cached_property
    def _mean_taper(self) -> float:
        """Volume-weighted mean of the apical taper over the cavity: makes the ejection fraction come out as asked."""
        heart = self.anatomy
        z = torch.linspace(heart.endo_apex, heart.length, 4001, dtype=torch.float64)
        area = heart.endo_squared(z)
        return float((area * self._taper(z)).sum() / area.sum())

    def _taper(self, level: Tensor) -> Tensor:
        heart = self.anatomy
        return smoothstep((level - heart.endo_apex) / (0.25 * (heart.length - heart.endo_apex)))

    def _presence(self, r_squared: Tensor, z: Tensor, level: Tensor) -> Tensor:
        """1 in the LV, 0 from `REACH` mm away."""
        heart = self.anatomy
        outer = heart.endo_radius + heart.wall
        excess = r_squared / outer**2 + ((level - heart.equator) / heart.equator) ** 2 - 1
        return (1 - smoothstep(excess / ((1 + REACH / outer) ** 2 - 1))) * (1 - smoothstep((z - heart.length) / REACH))

    def _free_wall(self, points: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Radius from the LV axis and the share (0..1) of the RV free wall's inward motion."""
        heart = self.anatomy
        x, y, z = points.unbind(-1)
        radius = (x**2 + y**2).clamp_min(1).sqrt()
        excess = radius - heart.epi_squared(level).clamp_min(25).sqrt()
        towards = (x * math.cos(heart.rv_angle) + y * math.sin(heart.rv_angle)) / radius
        around = smoothstep((towards + 0.3) / 1.1)
        along = smoothstep((z - 10) / 25) * (1 - smoothstep((z - heart.length) / REACH))
        across = smoothstep(excess / heart.rv_depth) * (1 - smoothstep((excess - heart.rv_depth) / REACH))
        return radius, around * along * across

    def moves(self, points: Tensor) -> Tensor:
        """Mask (...) of the region outside which nothing ever moves; the map takes the region onto itself."""
        x, y, z = points.unbind(-1)
        level = self.anatomy.level(z)
        return (self._presence(x**2 + y**2, z, level) > 0) | (self._free_wall(points, level)[1] > 0)

    def position(self, points: Tensor, active: float) -> Tensor:
        """Where material points (..., 3) are at activation ``active``: differentiable, any float type."""
        heart = self.anatomy
        x, y, z = points.unbind(-1)
        level = heart.level(z)
        radius, share = self._free_wall(points, level)
        inward = 1 - 0.63 * self.ejection_fraction * active * heart.rv_depth * share / radius
        x, y = x * inward, y * inward

        r_squared = x**2 + y**2
        presence = self._presence(r_squared, z, level)
        inside = r_squared / heart.endo_squared(level).clamp_min(1e-3)  # 1 on the endocardium
        emptying = self.ejection_fraction * active / ((1 - self.shortening * active) * self._mean_taper)
        squeeze = emptying * presence * self._taper(level) * _radial_profile(inside)
        stretch = 1 - self.shortening * active * presence
        scale = (1 / stretch - squeeze).sqrt()
        turn = self.twist * active * presence * (level / heart.length - 2 / 3)  # two thirds of it at the apex
        cos, sin = turn.cos() * scale, turn.sin() * scale
        return torch.stack((cos * x - sin * y, sin * x + cos * y, z * stretch), dim=-1)

    def gradient(self, points: Tensor, active: float) -> Tensor:
        """Deformation gradient (..., 3, 3) of `position` in heart axes, by automatic differentiation."""
        points = points.detach().requires_grad_(True)
        with torch.enable_grad():
            position = self.position(points, active)
            rows = [torch.autograd.grad(position[..., a].sum(), points, retain_graph=a < 2)[0] for a in range(3)]
        return torch.stack(rows, dim=-2)

    def material(
        self, points: Tensor, active: float, start: tuple[Tensor, float] | None = None, tolerance: float = 1e-7
    ) -> Tensor:
        """Find the material points (..., 3) that are at ``points`` at activation ``active``, to ``tolerance`` mm.

        A Newton iteration followed along the contraction in small steps, from ``start`` (material points, their
        activation) where an answer near by is known, else from rest.

        Raises
        ------
        CardiacMotionError
            where the motion asked for is so strong that no inverse is found.
        """
        found, reached = start or (points, 0.0)
        steps = max(1, math.ceil(abs(active - reached) / 0.25))
        for step in range(1, steps + 1):
            enough = tolerance if step == steps else 1e-2
            found = self._newton(points, reached + (active - reached) * step / steps, found, enough)
        return found

    def _newton(self, points: Tensor, active: float, found: Tensor, tolerance: float) -> Tensor:
        for iteration in range(40):
            residual = self.position(found, active) - points
            if residual.abs().max() <= tolerance:
                return found
            if iteration % 5 == 0:  # a fresh derivative is dearer than a few more steps with an old one
                inverse_gradient = invert_3x3(self.gradient(found, active))
            found = found - (inverse_gradient @ residual[..., None])[..., 0]
        raise CardiacMotionError(
            "the motion asked of the phantom has no inverse; use a smaller ejection_fraction, shortening or twist"
        )


def _radial_profile(inside: Tensor) -> Tensor:
    """s(x) / x for x = R^2 / R_endo^2: s is 1 in the wall (x >= 1) and falls to 0 on the axis.

    The slope of s is at most 1.18, so that r grows with R up to high ejection fractions.
    """
    width = 0.3
    steepest = 1 / (1 - width / 2)
    inner = inside.clamp(1 - width, 1)
    y = (inner - (1 - width)) / width
    bend = steepest * (1 - width + width * (y - y**3 + y**4 / 2))
    return torch.where(inside < 1 - width, torch.full_like(inside, steepest), bend / inside.clamp_min(1 - width))


def invert_3x3(matrix: Tensor) -> Tensor:
    """Inverse of many 3x3 matrices (..., 3, 3) by cross products."""
    a, b, c = matrix.unbind(-1)
    rows = torch.stack((torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)), dim=-2)
    return rows / (rows[..., 0, :] * a).sum(-1)[..., None, None]

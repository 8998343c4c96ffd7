"""How the heart moves: an exact map of material points, its inverse in closed form, every volume kept in the LV wall.

The map is made of three steps in cylinder coordinates (rho = r^2, theta, z) about the LV axis, each of which moves one
coordinate by an increasing function of it (`increasing`):

1. z' = h(z; rho, theta): in the heart h' = lambda(z), 1 at the apex and less and the same above its fifth; the motion
   ends above the atria.
2. rho' = f(rho; z', theta): in the LV wall f = (rho - e rho_endo) / lambda with the local share e(z, theta) of the
   cavity that is emptied; the blood follows, the RV free wall comes towards the septum, the tissue around gives way.
3. theta' = theta + omega(rho', z'), in the heart in proportion to the height at end-diastole.

The volume element is d rho d theta d z / 2, so det F = dh/dz df/drho, which is 1 in the wall for any e, also where it
varies around and along the wall; and the cavity ejects the mean of e over its volume. Every step is inverted by itself,
so the map is.

With sliding, these steps hold inside the pericardium only. What is outside moves by step 2 alone, such that it stays in
touch: the normal motion goes over, the tangential motion has a jump.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ..errors import CardiacMotionError
from .anatomy import LEAST_DEPTH, Anatomy, cylinder
from .breathing import Breathing
from .monotone import increasing, increasing_inverse, smoothstep
from .state import Region, State
from .timing import Timing

REACH = 38.0  # mm over which the motion dies out beyond the heart
BELOW = 25.0  # mm over which it does so below the apex
POLE = 1e-6  # mm^2, squared radius of the pericardium below its lower pole, where there is none
APEX = 0.2  # share of the LV's length over which the shortening along it sets in
ONSET = 0.08  # share of the cavity's length over which the emptying does
EMPTIEST = 0.93  # share of the cavity that can be emptied anywhere

Pieces = tuple[tuple, tuple, tuple]  # knots, values and slopes of an increasing function


@dataclass(frozen=True)
class Kinematics:
    """The motion of a heart: maps (..., 3) in heart coordinates (mm), differentiable, in any float type.

    Attributes
    ----------
    ejection_fraction, shortening
        Fractions of cavity volume and of LV length at end-systole.
    twist
        Rotation of the apex against the base in radians, positive counterclockwise seen from the apex.
    base_share
        Of the twist that is the base's.
    rv_stroke
        Stroke volume of the RV over that of the LV.
    region
        The part of the wall that contracts differently, if any.
    sliding
        Whether the heart slides in the pericardium.
    """

    anatomy: Anatomy
    ejection_fraction: float
    shortening: float
    twist: float
    base_share: float = 1 / 3
    rv_stroke: float = 1.0
    region: Region | None = None
    timing: Timing = field(default_factory=Timing)
    breathing: Breathing = field(default_factory=Breathing)
    sliding: bool = False

    # ------------------------------------------------------------------ states

    def state(self, phase: float, breath: Sequence[float] = (0.0, 0.0)) -> State:
        """The heart at a phase (0..1) of the cycle and a state of breathing.

        Raises
        ------
        CardiacMotionError
            where the ejection asked for would empty a part of the cavity altogether.
        """
        shift = (float(breath[0]), float(breath[1]))
        phase %= 1.0
        if phase == 0:
            return State(breath=shift)
        ejected, emptied = self.timing.ejected(phase), self._emptied(phase)
        if max(emptied) > EMPTIEST:
            raise CardiacMotionError(
                f"an ejection_fraction of {100 * self.ejection_fraction:.0f} % would empty parts of this ventricle by "
                f"{100 * max(emptied):.0f} %; use a smaller one"
            )
        return State(
            emptied,
            self.shortening * self.timing.shortened(phase),
            self.twist * self.timing.twisted(phase),
            self._narrowing * ejected,
            shift,
        )

    def _emptied(self, phase: float) -> tuple[float, float]:
        """Local share of the cavity that is gone, next to the rest of the wall and to the region."""
        rest, inside = self._emptying_of_all
        total = self.ejection_fraction * self.timing.ejected(phase)
        if self.region is None:
            return total / rest, 0.0
        peak = self.ejection_fraction / (rest + inside * self.region.contraction)
        there = peak * self.region.contraction * self.region.pace(self.timing, phase)
        return (total - inside * there) / rest, there

    @cached_property
    def _narrowing(self) -> float:
        """Share of its depth that the RV loses at end-systole, for it to eject what it is asked to.

        At most 85 %: a small RV beside a large LV ejects a little less.
        """
        end = State(self._emptied(self.timing.closure), self.shortening)
        lost = self.rv_stroke * self.ejection_fraction * self.anatomy.end_diastolic_volume
        wanted = self.rv_volume(State()) - lost
        low, high = -0.3, 0.85  # the volume falls with the share, nearly along a line
        at_low, at_high = (self.rv_volume(end._replace(narrowed=share)) for share in (low, high))
        for _ in range(3):
            share = low + (high - low) * (at_low - wanted) / max(at_low - at_high, 1e-6)
            share = min(max(share, -0.3), 0.85)
            here = self.rv_volume(end._replace(narrowed=share))
            if here > wanted:
                low, at_low = share, here
            else:
                high, at_high = share, here
        return share

    @cached_property
    def _emptying_of_all(self) -> tuple[float, float]:
        """Share of the cavity's volume lost when the rest, or the region, empties what is next to it."""
        cavity = self.anatomy.cavity
        taper, weight = self._taper(cavity.z), self._region_weight(cavity.cos, cavity.sin, cavity.z)
        return cavity.mean(taper * (1 - weight)), cavity.mean(taper * weight)

    def volume(self, state: State) -> float:
        """Volume of the LV cavity in mL: of the map, not of voxels."""
        rest, inside = self._emptying_of_all
        left = 1 - rest * float(state.emptied[0]) - inside * float(state.emptied[1])
        return self.anatomy.end_diastolic_volume * left

    def rv_volume(self, state: State) -> float:
        """Volume of the RV cavity below the base in mL: of the map, not of voxels."""
        heart = self.anatomy
        z = (torch.arange(24, dtype=torch.float64) + 0.5) / 24 * heart.length
        angle = (torch.arange(48, dtype=torch.float64) + 0.5) / 24 * math.pi
        z, angle = torch.meshgrid(z, angle, indexing="ij")
        cos, sin = angle.cos(), angle.sin()
        epi = heart.epi_squared(cos, sin, z).clamp_min(0)
        wall = (epi.sqrt() + heart.rv_reach(cos, sin, z).clamp_min(0)) ** 2
        pieces = self._squared_radius(z, cos, sin, state)
        area = (increasing(wall, *pieces) - increasing(epi, *pieces)) / 2
        slab = heart.length / 24 * math.pi / 24 * self._stretch(z, state.shortened)
        return float((area * slab).sum()) / 1000

    # ------------------------------------------------------------------ the map

    def position(self, points: Tensor, state: State) -> Tensor:
        """Where material points (..., 3) are."""
        if state.beating:
            moved = self._heart(points, state)
            if self.sliding:
                outside = (cylinder(points).rho >= self._pericardium(points))[..., None]
                moved = torch.where(outside, self._around(points, state), moved)
            points = moved
        return self.breathing.shift(points, state.breath)

    def material(self, points: Tensor, state: State) -> Tensor:
        """Find the material points (..., 3) that are at ``points``."""
        points = self.breathing.unshift(points, state.breath)
        if not state.beating:
            return points
        found = self._heart_inverse(points, state)
        if self.sliding:
            at = cylinder(points)
            outside = (at.rho >= self._moved_pericardium(points, state))[..., None]
            found = torch.where(outside, self._around(points, state, inverse=True), found)
        return found

    def gradient(self, points: Tensor, state: State) -> Tensor:
        """Deformation gradient (..., 3, 3) of `position` in heart axes, by automatic differentiation."""
        points = points.detach().requires_grad_(True)
        with torch.enable_grad():
            position = self.position(points, state)
            rows = [torch.autograd.grad(position[..., a].sum(), points, retain_graph=a < 2)[0] for a in range(3)]
        return torch.stack(rows, dim=-2)

    def moves(self, points: Tensor) -> Tensor:
        """Mask (...) of the region outside which the heartbeat moves nothing; the map takes the region onto itself."""
        at = cylinder(points)
        heart = self.anatomy
        along = (at.z > -BELOW) & (at.z < heart.length + REACH)
        end = self._end_of_around(points) if self.sliding else self._end_radius(at.cos, at.sin, at.z)
        return along & (at.radius < end)

    # ------------------------------------------------------------------ the steps

    def _heart(self, points: Tensor, state: State) -> Tensor:
        at = cylinder(points)
        z = increasing(at.z, *self._height(state.shortened * self._presence(at.radius, at.cos)))
        height = self._in_heart(z, state)
        rho = increasing(at.rho, *self._squared_radius(height, at.cos, at.sin, state))
        return _turned(at.cos, at.sin, rho, z, self._turn(rho, height, state))

    def _heart_inverse(self, points: Tensor, state: State) -> Tensor:
        at = cylinder(points)
        height = self._in_heart(at.z, state)
        cos, sin = _rotated(at.cos, at.sin, -self._turn(at.rho, height, state))
        rho = increasing_inverse(at.rho, *self._squared_radius(height, cos, sin, state))
        radius = rho.sqrt()
        z = increasing_inverse(at.z, *self._height(state.shortened * self._presence(radius, cos)))
        return torch.stack((cos * radius, sin * radius, z), dim=-1)

    def _in_heart(self, z: Tensor, state: State) -> Tensor:
        """Material height of what is at height z in the heart."""
        return increasing_inverse(z, *self._height(state.shortened))

    def _height(self, shortened: Tensor | float) -> Pieces:
        """Step 1 where the heart shortens by ``shortened``."""
        length, least = self.anatomy.length, self._steepest(shortened)
        set_in = APEX * length
        lowest = -self.anatomy.fat if self.sliding else -BELOW  # the lower pole of the pericardium stays
        knots = (lowest, 0.0, set_in, length, length + REACH)
        values = (lowest, 0.0, set_in * (1 + least) / 2, (1 - shortened) * length, length + REACH)
        return knots, values, (1.0, 1.0, least, least, 1.0)

    def _steepest(self, shortened: Tensor | float) -> Tensor | float:
        """Stretch along the axis, below 1, beyond the apex of a heart that shortens by ``shortened`` on the whole."""
        return (1 - shortened - APEX / 2) / (1 - APEX / 2)

    def _stretch(self, z: Tensor, shortened: Tensor | float) -> Tensor:
        """Stretch along the axis (lambda, the derivative of step 1) at material heights z up to the base."""
        return 1 - (1 - self._steepest(shortened)) * (z / (APEX * self.anatomy.length)).clamp(0, 1)

    def _squared_radius(self, z: Tensor, cos: Tensor, sin: Tensor, state: State) -> Pieces:
        """Step 2 at material height z: axis, endocardium, epicardium, both sides of the RV free wall, end."""
        heart = self.anatomy
        level = heart.level(z)
        window = 1 - smoothstep((z - heart.length) / REACH)
        widening = 1 / (1 - window * (1 - self._stretch(z, state.shortened)))
        rest, inside = state.emptied
        taper = self._taper(level) * window
        if self.region is None:
            emptied, on_axis = taper * rest, taper * rest
        else:
            share = sum(self._emptying_of_all)
            on_axis = taper * ((rest * self._emptying_of_all[0] + inside * self._emptying_of_all[1]) / share)
            emptied = taper * (rest + (inside - rest) * self._region_weight(cos, sin, level))

        endo = heart.endo_squared(cos, sin, level).clamp_min(1.0)
        epi = torch.maximum(heart.epi_squared(cos, sin, level), endo + 1.0)
        reach = heart.rv_knot(heart.rv_reach(cos, sin, level))
        inner = epi.sqrt() + reach
        outer = inner + heart.rv_wall
        end = outer + REACH

        new_endo = endo * (1 - emptied) * widening
        new_epi = new_endo + (epi - endo) * widening
        narrowed = state.narrowed * window * smoothstep((level - 4) / 20) * (reach - LEAST_DEPTH)
        new_inner = new_epi.sqrt() + reach - narrowed
        new_outer = new_inner * new_inner + heart.rv_wall * (inner + outer) * widening
        return (
            (0.0, endo, epi, inner * inner, outer * outer, end * end),
            (0.0, new_endo, new_epi, new_inner * new_inner, new_outer, end * end),
            ((1 - on_axis) * widening, widening, widening, widening, widening, 1.0),
        )

    def _turn(self, rho: Tensor, z: Tensor, state: State) -> Tensor:
        """Step 3 at material height z: omega in radians."""
        heart = self.anatomy
        along = smoothstep((z + BELOW) / BELOW) * (1 - smoothstep((z - heart.length) / REACH))
        turn = state.twisted * along * (heart.level(z) / heart.length - (1 - self.base_share))
        if self.sliding:
            return turn
        outer = heart.endo_radius + heart.wall
        return turn * (1 - smoothstep((rho.clamp_min(1e-12).sqrt() - outer) / REACH))

    def _presence(self, radius: Tensor, cos: Tensor) -> Tensor:
        """1 in the heart, 0 from `REACH` mm away from it around the axis; with a jump at the pericardium 1."""
        if self.sliding:
            return torch.ones_like(radius)
        heart = self.anatomy
        beside = (heart.endo_radius + heart.wall) * (1 + heart.ellipticity) + heart.rv_wall
        outer = beside + heart.rv_depth * smoothstep((cos + 0.35) / 1.2)
        return 1 - smoothstep((radius - outer) / REACH)

    def _taper(self, level: Tensor) -> Tensor:
        heart = self.anatomy
        return smoothstep((level - heart.endo_apex) / (ONSET * (heart.length - heart.endo_apex)))

    def _region_weight(self, cos: Tensor, sin: Tensor, level: Tensor) -> Tensor:
        if self.region is None:
            return torch.zeros_like(level)
        return self.region.weight(cos, sin, level / self.anatomy.length)

    def _end_radius(self, cos: Tensor, sin: Tensor, z: Tensor) -> Tensor:
        """Radius beyond which no step moves anything: where steps 1 and 2 end at all heights that come to z."""
        heart = self.anatomy
        highest = torch.maximum(z, z / (1 - self.shortening))
        widest = torch.minimum(highest, z.clamp_min(heart.equator))
        wide = heart.epi_squared(cos, sin, heart.level(widest)).clamp_min(2.0).sqrt() + heart.rv_wall + REACH
        wide = wide + heart.rv_knot(heart.rv_reach(cos, sin, heart.level(highest)))
        beside = (heart.endo_radius + heart.wall) * (1 + heart.ellipticity) + heart.rv_wall + REACH
        return torch.maximum(wide, beside + heart.rv_depth * smoothstep((cos + 0.35) / 1.2)) + 1

    # ------------------------------------------------------------------ outside the pericardium

    def _pericardium(self, points: Tensor) -> Tensor:
        """Squared radius of the pericardium at end-diastole."""
        at = cylinder(points)
        return self.anatomy.pericardium_squared(at.cos, at.sin, at.z)

    def _moved_pericardium(self, points: Tensor, state: State) -> Tensor:
        """Squared radius to which the pericardium has come; where there was none, there is none."""
        at = cylinder(points)
        z = self._in_heart(at.z, state)
        cos, sin = _rotated(at.cos, at.sin, -self._turn(at.rho, z, state))
        before = self.anatomy.pericardium_squared(cos, sin, z)
        after = increasing(before.clamp_min(0), *self._squared_radius(z, cos, sin, state))
        return torch.where(before > 0, after, before)

    def _end_of_around(self, points: Tensor) -> Tensor:
        """Radius beyond which nothing moves when the heart slides."""
        return self._pericardium(points).clamp_min(POLE).sqrt() + REACH

    def _around(self, points: Tensor, state: State, inverse: bool = False) -> Tensor:
        """The map outside the pericardium, or its inverse: away from the axis or towards it."""
        at = cylinder(points)
        before = self._pericardium(points).clamp_min(POLE)
        after = self._moved_pericardium(points, state).clamp_min(POLE)
        end = self._end_of_around(points)
        pieces = ((before, end * end), (after, end * end), (1.0, 1.0))
        rho = (increasing_inverse if inverse else increasing)(at.rho, *pieces)
        radius = rho.sqrt()
        return torch.stack((at.cos * radius, at.sin * radius, at.z.expand_as(radius)), dim=-1)


def _rotated(cos: Tensor, sin: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    c, s = angle.cos(), angle.sin()
    return cos * c - sin * s, sin * c + cos * s


def _turned(cos: Tensor, sin: Tensor, rho: Tensor, z: Tensor, angle: Tensor) -> Tensor:
    cos, sin = _rotated(cos, sin, angle)
    radius = rho.sqrt()
    return torch.stack((cos * radius, sin * radius, z), dim=-1)

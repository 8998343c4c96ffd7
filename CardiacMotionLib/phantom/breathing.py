"""Breathing: the heart and what lies around it are carried along one direction, the chest wall stays.

A shear: the shift depends on the distance from the line through the heart along which it goes, and that distance does
not change, so the map keeps volumes and is undone by shifting back.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .monotone import smoothstep

Amounts = tuple[float | Tensor, float | Tensor]  # mm, or (F, 1) each for many moments


@dataclass(frozen=True)
class Breathing:
    """Two directions (unit vectors, heart coordinates) in which breathing shifts, one after the other.

    ``center`` is a point of the line (mm); the shift is whole up to ``inner`` mm from it and none beyond ``outer``.
    """

    along: tuple[float, float, float] = (0.0, -1.0, 0.0)
    across: tuple[float, float, float] = (1.0, 0.0, 0.0)
    center: tuple[float, float, float] = (0.0, 0.0, 35.0)
    inner: float = 70.0
    outer: float = 130.0

    def shift(self, points: Tensor, amounts: Amounts) -> Tensor:
        """Points (..., 3) shifted by ``amounts`` mm along the two directions."""
        for direction, amount in zip((self.along, self.across), amounts, strict=True):
            points = self._sheared(points, direction, amount)
        return points

    def unshift(self, points: Tensor, amounts: Amounts) -> Tensor:
        """The inverse of `shift`."""
        for direction, amount in zip((self.across, self.along), amounts[::-1], strict=True):
            points = self._sheared(points, direction, -amount)
        return points

    def _sheared(self, points: Tensor, direction: tuple[float, float, float], amount: float | Tensor) -> Tensor:
        if isinstance(amount, float) and amount == 0:
            return points
        unit, center = points.new_tensor(direction), points.new_tensor(self.center)
        away = points - center
        away = away - (away @ unit)[..., None] * unit
        distance = away.square().sum(-1).clamp_min(1e-12).sqrt()
        weight = 1 - smoothstep((distance - self.inner) / (self.outer - self.inner))
        return points + (amount * weight)[..., None] * unit

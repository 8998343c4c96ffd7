"""The time course of a heartbeat: how far ejection, shortening and twist are at a phase of the cycle."""

from __future__ import annotations

from dataclasses import dataclass


def _rise(phase: float, start: float, end: float) -> float:
    """0 before ``start``, 1 after ``end``, smooth between."""
    x = min(max((phase - start) / (end - start), 0.0), 1.0)
    return x * x * x * (10 + x * (6 * x - 15))


@dataclass(frozen=True)
class Timing:
    """Phases of the cycle as shares of it.

    Isovolumic contraction lasts until ``opening`` of the aortic valve, ejection until ``closure``, isovolumic
    relaxation until ``filling``; the early wave ends at ``diastasis`` and the atrial one begins at ``atrial``.
    ``atrial_share`` is the share of the filling that is the atrium's.
    """

    opening: float = 0.05
    closure: float = 0.375
    filling: float = 0.45
    diastasis: float = 0.66
    atrial: float = 0.84
    atrial_share: float = 0.25

    def ejected(self, phase: float) -> float:
        """Share of the stroke volume that has left the LV: 0 at end-diastole, 1 at end-systole."""
        phase %= 1.0
        refilled = (1 - self.atrial_share) * _rise(phase, self.filling, self.diastasis)
        return _rise(phase, self.opening, self.closure) - refilled - self.atrial_share * _rise(phase, self.atrial, 1.0)

    def shortened(self, phase: float) -> float:
        """Descent of the base, 1 at its most: begins in isovolumic contraction and ends a little after ejection."""
        phase %= 1.0
        late = self.closure + 0.3 * (self.filling - self.closure)
        back = (1 - self.atrial_share) * _rise(phase, late, self.diastasis)
        return _rise(phase, 0.4 * self.opening, late) - back - self.atrial_share * _rise(phase, self.atrial, 1.0)

    def twisted(self, phase: float) -> float:
        """Twist, 1 at end-systole: a short turn the other way first, and nearly half of it gone before filling."""
        phase %= 1.0
        first = -0.12 * (_rise(phase, 0.0, self.opening) - _rise(phase, self.opening, 2.2 * self.opening))
        back = 0.45 * _rise(phase, self.closure, self.filling) + 0.55 * _rise(phase, self.filling, self.diastasis)
        return first + _rise(phase, self.opening, self.closure) - back

"""The heart at a moment: how much of it is emptied, shortened and turned, and where it contracts differently."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from .anatomy import Patch
from .monotone import smoothstep
from .timing import Timing

Number = float | Tensor


@dataclass(frozen=True)
class Region:
    """A part of the wall that contracts differently.

    Attributes
    ----------
    patch
        Where it is.
    contraction
        Share of the emptying that the rest of the wall does: 0.2 is an akinetic wall, below 0 a dyskinetic one.
    early
        Share of it that comes at once, before the valve opens, and is lost again (septal flash).
    advance
        Share of the cycle by which it is ahead.
    """

    patch: Patch
    contraction: float = 1.0
    early: float = 0.0
    advance: float = 0.0

    def weight(self, cos: Tensor, sin: Tensor, share: Tensor) -> Tensor:
        """1 in the core of the region, 0 away from it; ``share`` is the height over the LV length."""
        return smoothstep((self.patch.weight(cos, sin, share) - 0.1) / 0.7)

    def pace(self, timing: Timing, phase: float) -> float:
        """Its contraction over the peak of it."""
        flash = 3 * timing.opening
        rise = math.sin(math.pi * phase / flash) ** 2 if phase < flash else 0.0
        return self.early * rise + timing.ejected(min(phase + self.advance, 1.0))


class State(NamedTuple):
    """The heart at one moment.

    ``emptied``: local share of the cavity, next to the rest of the wall and to the region; ``shortened``: share of the
    length; ``twisted`` in radians; ``narrowed``: share of the RV's depth; ``breath``: shifts in mm, see `Breathing`.
    Each is a number, or (F, 1) for many moments at once (`moments`).
    """

    emptied: tuple[Number, Number] = (0.0, 0.0)
    shortened: Number = 0.0
    twisted: Number = 0.0
    narrowed: Number = 0.0
    breath: tuple[Number, Number] = (0.0, 0.0)

    @property
    def beating(self) -> bool:
        """Whether the heart is other than at end-diastole."""
        return any(isinstance(v, Tensor) or v != 0 for v in (*self.emptied, *self[1:4]))

    @property
    def breathing(self) -> bool:
        """Whether breathing has shifted it."""
        return any(isinstance(v, Tensor) or v != 0 for v in self.breath)


def moments(states: Sequence[State], like: Tensor) -> State:
    """Many states as one, with which points (N, 3) or (F, N, 3) go to (F, N, 3)."""

    def column(values: Sequence[Number]) -> Tensor:
        return like.new_tensor([float(v) for v in values])[:, None]

    breath: tuple[Number, Number] = (0.0, 0.0)
    if any(s.breathing for s in states):
        breath = (column([s.breath[0] for s in states]), column([s.breath[1] for s in states]))
    return State(
        (column([s.emptied[0] for s in states]), column([s.emptied[1] for s in states])),
        column([s.shortened for s in states]),
        column([s.twisted for s in states]),
        column([s.narrowed for s in states]),
        breath,
    )

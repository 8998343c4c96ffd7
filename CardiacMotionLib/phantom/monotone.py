"""Smooth increasing functions of one variable between knots, with their inverses in closed form.

Rational-quadratic interpolation (Gregory and Delbourgo 1982, doi 10.1093/imanum/2.2.123): between two knots the
function is a ratio of quadratics that takes the asked values and slopes, it increases for any positive ones, it is
linear where the slopes are those of the chord, and its inverse is the root of a quadratic. Outside the knots it is the
identity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Numbers = Sequence[Tensor | float]


def increasing(x: Tensor, knots: Numbers, values: Numbers, slopes: Numbers) -> Tensor:
    """The function at ``x`` (...); knots, values and slopes are n numbers or tensors each, broadcast against ``x``."""
    x0, x1, y0, y1, d0, d1 = _piece(x, knots, knots, values, slopes)
    width, rise = x1 - x0, y1 - y0
    share = (x - x0) / width
    slope, mixed = rise / width, share * (1 - share)
    inside = y0 + rise * (slope * share * share + d0 * mixed) / (slope + (d1 + d0 - 2 * slope) * mixed)
    return torch.where((x > knots[0]) & (x < knots[-1]), inside, x)


def increasing_inverse(y: Tensor, knots: Numbers, values: Numbers, slopes: Numbers) -> Tensor:
    """Find where the function of `increasing` is ``y`` (...)."""
    x0, x1, y0, y1, d0, d1 = _piece(y, values, knots, values, slopes)
    width, rise, risen = x1 - x0, y1 - y0, y - y0
    slope = rise / width
    bend = risen * (d1 + d0 - 2 * slope)
    a, b = rise * (slope - d0) + bend, rise * d0 - bend
    root = (b * b + 4 * a * slope * risen).clamp_min(0).sqrt()
    inside = x0 + width * 2 * slope * risen / (b + root)
    return torch.where((y > values[0]) & (y < values[-1]), inside, y)


def _piece(at: Tensor, along: Numbers, knots: Numbers, values: Numbers, slopes: Numbers) -> list[Tensor]:
    """Knots, values and slopes at both ends of the piece in which ``at`` lies; the knots ``along`` decide."""
    ends = [knots[0], knots[1], values[0], values[1], slopes[0], slopes[1]]
    found = [torch.as_tensor(end, dtype=at.dtype, device=at.device) for end in ends]
    for n in range(1, len(knots) - 1):
        beyond = at >= along[n]
        there = (knots[n], knots[n + 1], values[n], values[n + 1], slopes[n], slopes[n + 1])
        found = [torch.where(beyond, new, old) for new, old in zip(there, found, strict=True)]
    return found


def smoothstep(x: Tensor) -> Tensor:
    """0 below 0, 1 above 1 and twice continuously differentiable between."""
    x = x.clamp(0, 1)
    return x * x * x * (10 + x * (6 * x - 15))

"""Geodesics of diffeomorphisms: from an initial velocity to its displacement, by the EPDiff equation.

A velocity v and its momentum m = L v belong together by L = (-alpha Laplacian + gamma)^power, whose inverse K smooths.
The geodesic that starts with v_0 obeys EPDiff (Miller, Trouve, Younes, J Math Imaging Vis 24 (2006) 209-228),

    dm/dt = -ad*_v m = -((Dv)^T m + Dm v + m div v),    v = K m,    d phi_t / dt = v_t(phi_t),    phi_0 = identity.

How it is discretized, and what that keeps
------------------------------------------
- Space: L and K are multiplications in the Fourier domain, and derivatives are central differences, so that everything
  in a step is periodic. Dm v + m div v is taken together, as the divergence of m v: then ad* is the exact transpose of
  the discrete ad, and the energy <L v, v> / 2 changes by errors of the time steps only.
- Time: Runge-Kutta of fourth order for the momentum; the flow follows by Kutta's third-order rule in the velocities at
  both ends and in the middle of each step, which that of the momentum gives for free.
- Border: what leaves on one side would come in on the other, so let velocities die out toward the border, or give a
  ``padding`` of zeros a few times sqrt(alpha / gamma) voxels wide. Points that leave the grid move as its edge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .grid import identity_grid, sample_at
from .warp import compose

AT_ONCE = 2**17  # numbers of a velocity in one part of a batch on the CPU, so that a part stays in its cache
STEPS = 4  # see the table of Testing/benchmarks/shooting_speed.py


@dataclass(frozen=True)
class SobolevKernel:
    """L = (-alpha Laplacian + gamma)^power in voxels, and its inverse K.

    The Fourier symbol is (alpha sum_a (2 - 2 cos w_a) + gamma)^power with w_a = 2 pi k_a / n_a, that of the Laplacian
    by second differences. ``alpha`` and ``gamma`` are those of the code of LaMoD (Xing 2024), whose paper states none;
    with a power of 2 the velocity of a square-integrable momentum is continuous in two and three dimensions.
    """

    alpha: float = 2.0
    gamma: float = 1.0
    power: float = 2.0

    def __post_init__(self) -> None:
        if not (self.alpha >= 0 and self.gamma > 0 and self.power > 0):
            raise ValueError(f"the kernel needs alpha >= 0, gamma > 0 and power > 0, got {self}")

    def symbol(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Factors of L (*shape[:-1], shape[-1] // 2 + 1) on the frequencies of ``torch.fft.rfftn``, typed as `like`."""
        total = torch.full((1,) * len(shape), self.gamma, dtype=torch.float64)
        for axis, n in enumerate(shape):
            k = torch.arange(n // 2 + 1 if axis == len(shape) - 1 else n, dtype=torch.float64)
            factor = self.alpha * (2 - 2 * torch.cos(2 * torch.pi * k / n))
            total = total + factor.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        return (total**self.power).to(dtype=like.dtype, device=like.device)

    def momentum(self, velocity: Tensor) -> Tensor:
        """L v of velocities (B, *shape, d) in voxels."""
        return _filtered(velocity.movedim(-1, 1), self.symbol(velocity.shape[1:-1], velocity)).movedim(1, -1)

    def velocity(self, momentum: Tensor) -> Tensor:
        """K m of momenta (B, *shape, d)."""
        return _filtered(momentum.movedim(-1, 1), 1 / self.symbol(momentum.shape[1:-1], momentum)).movedim(1, -1)

    def energy(self, velocity: Tensor) -> Tensor:
        """Half of <L v, v>, summed over the voxels: (B,) of velocities (B, *shape, d)."""
        return (self.momentum(velocity) * velocity).flatten(1).sum(1) / 2


class Geodesic(NamedTuple):
    """What a velocity becomes at the times 0, 1 / steps, ..., 1.

    Attributes
    ----------
    velocity
        (steps + 1, B, *shape, d) voxels per unit time.
    displacement
        (steps + 1, B, *shape, d) voxels: what starts at x is at x + u(x) by then. At time 0 it is exactly zero.
    inverse
        (steps + 1, B, *shape, d) voxels: what is at x by then started at x + w(x). None where it was not asked for.
    """

    velocity: Tensor
    displacement: Tensor
    inverse: Tensor | None


def shoot(velocity: Tensor, kernel: SobolevKernel | None = None, steps: int = STEPS, padding: int = 0) -> Tensor:
    """Displacement (B, *shape, d) at the end of the geodesic of initial velocities (B, *shape, d), both in voxels.

    `geodesic` has the way there, and says what the parameters are.
    """
    parts = [
        deque(moments, maxlen=1).pop()[1]
        for moments in _in_parts(velocity, kernel or SobolevKernel(), steps, padding, inverse=False)
    ]
    return _cropped(torch.cat(parts), velocity.shape[-1], padding)


def geodesic(
    velocity: Tensor,
    kernel: SobolevKernel | None = None,
    steps: int = STEPS,
    *,
    inverse: bool = False,
    padding: int = 0,
) -> Geodesic:
    """Follow the geodesics that start with ``velocity`` for unit time; differentiable.

    Parameters
    ----------
    velocity
        (B, *shape, d) initial velocities in voxels, d = 2 or 3, any float type and device. To start from a momentum
        m, pass ``kernel.velocity(m)``.
    kernel
        Which velocity goes with a momentum; `SobolevKernel` as it is by default.
    steps
        Steps of time. More where a step moves by more than the width of what moves; four suit displacements of a
        heart.
    inverse
        Whether the inverse is followed too.
    padding
        Voxels of zero velocity that are put around the grid and taken off at the end.

    Raises
    ------
    ValueError
        for a velocity of another shape, fewer than one step, or a negative padding.
    """
    parts = [
        [torch.stack(one) for one in zip(*moments, strict=True)]
        for moments in _in_parts(velocity, kernel or SobolevKernel(), steps, padding, inverse)
    ]
    whole = [_cropped(torch.cat(one, dim=1), velocity.shape[-1], padding) for one in zip(*parts, strict=True)]
    return Geodesic(whole[0], whole[1], whole[2] if inverse else None)


Moment = tuple[Tensor, ...]  # velocity, displacement and, where asked for, inverse (B, d, *shape)


def _in_parts(
    velocity: Tensor, kernel: SobolevKernel, steps: int, padding: int, inverse: bool
) -> Iterator[Iterator[Moment]]:
    """`_follow` for one part of the batch after the other, on the padded grid."""
    d = velocity.shape[-1]
    if d not in (2, 3) or velocity.ndim != d + 2:
        raise ValueError(f"velocity must be (B, J, I, 2) or (B, K, J, I, 3), got {tuple(velocity.shape)}")
    if steps < 1 or padding < 0:
        raise ValueError(f"steps must be 1 or more and padding 0 or more, got {steps} and {padding}")
    channels = pad(velocity.movedim(-1, 1), [padding] * (2 * d)).contiguous()
    symbol = kernel.symbol(channels.shape[2:], channels)
    size = max(1, AT_ONCE // channels[0].numel()) if channels.device.type == "cpu" else len(channels)
    for part in channels.split(size):
        yield _follow(part, symbol, steps, inverse)


def _cropped(values: Tensor, d: int, padding: int) -> Tensor:
    """Without the padding, and with the components last: (..., d, *padded) to (..., *shape, d)."""
    inside: tuple[Any, ...] = (..., *[slice(padding, n - padding) for n in values.shape[-d:]])
    return values[inside].movedim(-d - 1, -1)


def _follow(velocity: Tensor, symbol: Tensor, steps: int, inverse: bool) -> Iterator[Moment]:
    """`geodesic` of (B, d, *shape), moment by moment."""
    step = 1 / steps
    smoothing = 1 / symbol
    momentum = _filtered(velocity, symbol)
    grid = identity_grid(velocity.shape[2:], velocity.dtype, velocity.device).movedim(-1, 0).contiguous()
    displacement = torch.zeros_like(velocity)
    back = displacement
    yield (velocity, displacement, back) if inverse else (velocity, displacement)
    for _ in range(steps):
        momentum, middle, last = _step(momentum, velocity, smoothing, step)
        displacement = displacement + _moved(velocity, middle, last, grid + displacement, step)
        if inverse:
            one = _moved(last, middle, velocity, grid.expand_as(displacement), -step)
            back = compose(one.movedim(1, -1), back.movedim(1, -1)).movedim(-1, 1)
        velocity = last
        yield (velocity, displacement, back) if inverse else (velocity, displacement)


def _step(momentum: Tensor, first: Tensor, smoothing: Tensor, step: float) -> tuple[Tensor, Tensor, Tensor]:
    """The momentum after a Runge-Kutta step, and the velocities in its middle and at its end.

    That in the middle is the third-order interpolant of the scheme, in terms of the velocities of its stages.
    """
    slope1 = coadjoint(first, momentum)
    momentum2 = torch.add(momentum, slope1, alpha=-step / 2)
    velocity2 = _filtered(momentum2, smoothing)
    slope2 = coadjoint(velocity2, momentum2)
    momentum3 = torch.add(momentum, slope2, alpha=-step / 2)
    velocity3 = _filtered(momentum3, smoothing)
    slope3 = coadjoint(velocity3, momentum3)
    momentum4 = torch.add(momentum, slope3, alpha=-step)
    velocity4 = _filtered(momentum4, smoothing)
    slope4 = coadjoint(velocity4, momentum4)
    slope = torch.add(slope1 + slope4, slope2 + slope3, alpha=2)
    momentum = torch.add(momentum, slope, alpha=-step / 6)
    last = _filtered(momentum, smoothing)
    return momentum, (velocity2 + velocity3) / 2 + (velocity4 - last) / 4, last


def coadjoint(velocity: Tensor, momentum: Tensor) -> Tensor:
    """ad*_v m = (Dv)^T m + div(m v) on a periodic grid, both (B, d, *shape) with components (i, j[, k]).

    It is the transpose of ad_v w = Dv w - Dw v: <ad*_v m, w> = <m, ad_v w> to rounding.
    """
    d = velocity.shape[1]
    v, m = (pad(values, [1] * (2 * d), mode="circular") for values in (velocity, momentum))
    result = torch.stack([(_difference(v, a) * momentum).sum(1) for a in range(d)], dim=1)
    for b in range(d):
        result = result + _difference(v[:, b : b + 1] * m, b)
    return result / 2


def _difference(wide: Tensor, component: int) -> Tensor:
    """Next minus previous along i, j or k (component 0, 1, 2) of (B, C, *shape + 2): (B, C, *shape)."""
    d = wide.ndim - 2
    ahead: list[Any] = [..., *[slice(1, -1)] * d]
    behind = ahead.copy()
    ahead[d - component], behind[d - component] = slice(2, None), slice(None, -2)
    return wide[tuple(ahead)] - wide[tuple(behind)]


def _filtered(values: Tensor, factors: Tensor) -> Tensor:
    """Multiply the Fourier transform of (B, C, *shape) over the space axes by real factors."""
    axes = tuple(range(2, values.ndim))
    return torch.fft.irfftn(torch.fft.rfftn(values, dim=axes) * factors, s=values.shape[2:], dim=axes)


def _moved(first: Tensor, middle: Tensor, last: Tensor, points: Tensor, step: float) -> Tensor:
    """How far points (B, d, *shape) go in a step, with the velocities (B, d, *shape) at its three moments (Kutta)."""
    speed1 = _at(points, first)
    speed2 = _at(torch.add(points, speed1, alpha=step / 2), middle)
    speed3 = _at(points + step * (2 * speed2 - speed1), last)
    return step / 6 * (speed1 + 4 * speed2 + speed3)


def _at(points: Tensor, velocity: Tensor) -> Tensor:
    """Velocities (B, d, *shape) at points (B, d, *shape): arithmetic is quick with the components first."""
    return sample_at(velocity, points.movedim(1, -1))

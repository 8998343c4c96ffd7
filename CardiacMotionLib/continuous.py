"""`ContinuousField`: a displacement that is known between voxels and frames, with its exact gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .errors import CardiacMotionError
from .fields.siren import Siren

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

POINTS_AT_ONCE = 1 << 16  # bounds the memory of an evaluation


@dataclass(frozen=True)
class Clock:
    """Time in ms to the phase of the heartbeat in [-1, 1), -1 at end-diastole.

    Attributes
    ----------
    end_diastole
        Time in ms of end-diastole, where the cycle starts.
    cycle
        Length of the cycle in ms; times before end-diastole count as the end of the cycle.
    periodic
        Phase is given to the network as its cosine and sine, so that the cycle closes, instead of as a number.
    """

    end_diastole: float
    cycle: float
    periodic: bool = False

    @property
    def inputs(self) -> int:
        """How many numbers the network is given."""
        return 2 if self.periodic else 1

    def __call__(self, times: Tensor) -> Tensor:
        """(N,) ms to (N, inputs)."""
        share = torch.remainder((times - self.end_diastole) / self.cycle, 1.0)
        share = torch.where(share > 1 - 1e-6, torch.zeros_like(share), share)  # rounding must not cost a heartbeat
        if self.periodic:
            angle = 2 * torch.pi * share  # on a circle as long as the line from -1 to 1, so that time has one scale
            return torch.stack((torch.cos(angle), torch.sin(angle)), -1) / torch.pi
        return 2 * share[:, None] - 1


AT_SIDE = 1e-5  # of the width of a side: as near, a point is on it, however its coordinates were rounded


@dataclass(frozen=True, eq=False)
class Window:
    """Where the motion is known: 1 inside, falling to 0 at the sides of a box in voxels.

    Attributes
    ----------
    to_voxels
        (4, 4) RAS mm to voxels (i, j, k).
    low, high
        (3,) sides of the box along (i, j, k) in voxels; the value is 0 from there outward.
    widths
        (3, 2) voxels over which it falls inside the low and the high side; 0 does not fall there and does not end.
    """

    to_voxels: np.ndarray
    low: np.ndarray
    high: np.ndarray
    widths: np.ndarray

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Value (N,) and gradient (N, 3) per RAS mm at points (N, 3) in RAS mm."""
        to_voxels = torch.as_tensor(self.to_voxels, dtype=points.dtype, device=points.device)
        voxels = points @ to_voxels[:3, :3].T + to_voxels[:3, 3]
        value, slopes = torch.ones_like(voxels), torch.zeros_like(voxels)
        for axis in range(3):
            for sign, end, width in ((1, self.low, self.widths[axis, 0]), (-1, self.high, self.widths[axis, 1])):
                if width > 0:
                    depth = (sign * (voxels[:, axis] - float(end[axis])) / float(width)).clamp(0, 1)
                    depth = torch.where(depth < AT_SIDE, 0.0, depth)
                    ramp = depth * depth * (3 - 2 * depth)
                    slope = sign * 6 * depth * (1 - depth) / float(width)
                    slopes[:, axis] = slopes[:, axis] * ramp + value[:, axis] * slope
                    value[:, axis] = value[:, axis] * ramp
        others = torch.stack((value[:, 1] * value[:, 2], value[:, 0] * value[:, 2], value[:, 0] * value[:, 1]), -1)
        return value.prod(-1), (slopes * others) @ to_voxels[:3, :3]


@dataclass(frozen=True, eq=False)
class ContinuousField:
    """u(x, t) = w(x) unit R^T (f(R (x - c) / unit, t) - f(R (x - c) / unit, t_ref)), zero at the reference always.

    The axes of the network are those of the heart and their scale is the same along all three, so that its gradient is
    that of the tissue: F = I + d(u)/dx needs no correction for voxels.

    Attributes
    ----------
    network
        f, from (x, y, z, phase) to a displacement, in units of ``unit`` along the axes of the heart.
    center
        (3,) RAS mm, c.
    axes
        (3, 3) rows are the axes x (towards the RV), y and z (towards the base) in RAS, R.
    unit
        mm.
    clock
        Time to phase.
    reference_time
        ms, t_ref.
    window
        w, or None for 1 everywhere.
    planar
        Whether the motion stays within the slice (x, y), as of a single slice.
    """

    network: Siren
    center: np.ndarray
    axes: np.ndarray
    unit: float
    clock: Clock
    reference_time: float
    window: Window | None = None
    planar: bool = False

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Float type of the network."""
        return next(self.network.parameters()).dtype

    def to(self, device: torch.device | str) -> ContinuousField:
        """The same field with its network on ``device`` (the network is moved, not copied)."""
        return replace(self, network=self.network.to(device))

    def canonical(self, points_ras: np.ndarray) -> Tensor:
        """Points (N, 3) in RAS mm in units along the axes of the heart: (N, 3) in the type of the network, on the CPU.

        In float64 up to there: a patient may lie far from the scanner's center.
        """
        return torch.from_numpy((points_ras - self.center) @ self.axes.T / self.unit).to(self.dtype)

    @torch.no_grad()
    def displacement(
        self, points_ras: np.ndarray, times: ArrayLike, progress: Callable[[float], object] | None = None
    ) -> np.ndarray:
        """Displacement u (N, 3) in RAS mm of points (N, 3) in RAS mm at a time in ms; (T, N, 3) at times (T,).

        Exactly zero at the reference time and where the window is zero; there the network is not asked. ``progress`` is
        told the share that is done between parts; what it raises ends the evaluation.
        """
        return self._evaluate(points_ras, times, progress, gradient=False)

    @torch.no_grad()
    def deformation_gradient(
        self, points_ras: np.ndarray, times: ArrayLike, progress: Callable[[float], object] | None = None
    ) -> np.ndarray:
        """F = I + du/dX (N, 3, 3) in RAS axes, exact, of points (N, 3) at a time; (T, N, 3, 3) at times (T,).

        It costs four times as much as the displacement.
        """
        return self._evaluate(points_ras, times, progress, gradient=True)

    def _evaluate(
        self, points_ras: np.ndarray, times: ArrayLike, progress: Callable[[float], object] | None, *, gradient: bool
    ) -> np.ndarray:
        points, moments = np.asarray(points_ras, np.float64), np.asarray(times, np.float64)
        moving = np.flatnonzero(moments != self.reference_time)
        weight, slope = torch.ones(len(points), dtype=torch.float64), torch.zeros(len(points), 3, dtype=torch.float64)
        if self.window is not None:
            weight, slope = self.window(torch.from_numpy(points))
        inside = np.flatnonzero(weight.numpy())
        weight, slope = weight.to(self.dtype), slope.to(self.dtype)
        axes = torch.as_tensor(self.axes, dtype=self.dtype)
        canonical = self.canonical(points[inside])

        result = torch.zeros(moments.size, len(points), *([3, 3] if gradient else [3]), dtype=self.dtype).numpy()
        phases = torch.from_numpy(moments.reshape(-1)[moving])
        step = max(1, POINTS_AT_ONCE // ((4 if gradient else 1) * (len(moving) + 1)))
        for start in range(0, len(inside) if len(moving) else 0, step):
            rows = inside[start : start + step]
            u, du = self._every_time(canonical[start : start + step].to(self.device), phases, gradient)
            u = self.unit * u.cpu() @ axes
            if gradient:
                du = axes.T @ du.cpu() @ axes * weight[rows, None, None] + u[..., None] * slope[rows, None]
            result[moving[:, None], rows] = du if gradient else u * weight[rows, None]
            if progress is not None:
                progress(min(1.0, (start + step) / len(inside)))
        if gradient:
            result += np.eye(3, dtype=result.dtype)
        return result.reshape(*moments.shape, *result.shape[1:])

    def at_times(self, canonical: Tensor, times: Tensor) -> Tensor:
        """f(x, t) - f(x, t_ref) (T, N, 3) of every point (N, 3) in heart axes at every time (T,) in ms, in float64.

        The reference is evaluated once a point. Differentiable in the parameters of the network.
        """
        return self._every_time(canonical, times, False)[0]

    def _every_time(self, canonical: Tensor, times: Tensor, gradient: bool) -> tuple[Tensor, Tensor]:
        """What `at_times` gives, and its gradient (T, N, 3, 3) on demand."""
        moments = torch.cat((times.double(), times.new_tensor([self.reference_time], dtype=torch.float64)))
        phases = self.clock(moments).to(canonical)
        count = len(phases), len(canonical)
        rows = torch.cat((canonical.expand(*count, 3), phases[:, None].expand(*count, -1)), -1).flatten(0, 1)
        values, slopes = self._network(rows, gradient)
        values = values.unflatten(0, count)
        if gradient:
            slopes = slopes.unflatten(0, count)
            slopes = slopes[:-1] - slopes[-1]
        return values[:-1] - values[-1], slopes

    def gradient(self, canonical: Tensor, times: Tensor) -> Tensor:
        """Gradient (N, 3, 3) of f(x, t) - f(x, t_ref) at points (N, 3) in heart axes, each at its time (N,) in ms.

        ``times`` are in float64 whatever the type of the network. Differentiable in its parameters.
        """
        moments = torch.cat((times, torch.full_like(times, self.reference_time)))
        phases = self.clock(moments.double()).to(canonical)
        there, here = self._network(torch.cat((torch.cat((canonical, canonical)), phases), -1), True)[1].chunk(2)
        return there - here

    def _network(self, rows: Tensor, gradient: bool) -> tuple[Tensor, Tensor]:
        """Values (N, 3) and gradient (N, 3, 3) in space, which is empty unless asked for."""
        free = rows.new_tensor([1.0, 1.0, 0.0 if self.planar else 1.0])
        if not gradient:
            return self.network(rows) * free, rows.new_zeros(0)
        along = torch.eye(3, rows.shape[-1], dtype=rows.dtype, device=rows.device)
        values, slopes = self.network.with_gradient(rows, along)
        return values * free, slopes * free[:, None] * free

    # ------------------------------------------------------------------ files

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays without objects, for ``np.savez``; `from_arrays` reads them."""
        stored: dict[str, np.ndarray] = {
            "center": self.center,
            "axes": self.axes,
            "unit": np.array(self.unit),
            "clock": np.array([self.clock.end_diastole, self.clock.cycle, float(self.clock.periodic)]),
            "reference_time": np.array(self.reference_time),
            "omega": np.array(self.network.omega),
            "planar": np.array(self.planar),
        }
        if self.window is not None:
            stored |= {f"window.{name}": getattr(self.window, name) for name in ("to_voxels", "low", "high", "widths")}
        parameters = {f"network.{name}": value.cpu().numpy() for name, value in self.network.state_dict().items()}
        return stored | parameters

    @classmethod
    def from_arrays(cls, stored: Mapping[str, Any]) -> ContinuousField:
        """Read what `arrays` gave; raises `CardiacMotionError` where something is missing or does not fit."""
        try:
            state = {
                name.removeprefix("network."): torch.from_numpy(np.array(stored[name]))
                for name in stored
                if name.startswith("network.")
            }
            weights = [value for name, value in state.items() if name.endswith("weight")]
            width, inputs = weights[0].shape
            network = Siren(
                inputs, weights[-1].shape[0], width, len(weights) - 1, omega=float(np.asarray(stored["omega"]))
            ).to(weights[0].dtype)
            network.load_state_dict(state)
            end_diastole, cycle, periodic = np.asarray(stored["clock"], np.float64)
            names = [f"window.{name}" for name in ("to_voxels", "low", "high", "widths")]
            window = Window(*(np.asarray(stored[name]) for name in names)) if names[0] in stored else None
            return cls(
                network,
                np.asarray(stored["center"], np.float64),
                np.asarray(stored["axes"], np.float64),
                float(np.asarray(stored["unit"])),
                Clock(float(end_diastole), float(cycle), bool(periodic)),
                float(np.asarray(stored["reference_time"])),
                window,
                bool(np.asarray(stored.get("planar", False))),
            )
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            raise CardiacMotionError(f"the network of this motion cannot be read: {error}") from error

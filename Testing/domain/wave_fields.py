"""Continuous fields whose motion is known in closed form: standing waves, which a sine network holds exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from CardiacMotionLib.continuous import Clock, ContinuousField, Window
from CardiacMotionLib.fields.siren import Siren

AXES = Rotation.from_euler("xyz", (25, -40, 70), degrees=True).as_matrix().T
BENT = (((0.05, 0.02, 0.01), (1.5, -0.5, 0.3)), ((-0.01, 0.04, 0.06), (0.4, 1.0, -1.2)))


@dataclass(frozen=True)
class Waves:
    """u(x, t) = R^T sum_m a_m sin(k_m . R (x - c)) (h(t) - h(t_ref)).

    h(t) = cos(pi (2 s - 1)) / 2 with s the share of the cycle: it rises by 1 from end-diastole to the middle of the
    cycle. With a periodic clock h(t) = cos(pi cos(2 pi s)) / 2.
    """

    waves: tuple = BENT  # (k (3,) radians per mm, a (3,) mm), both along the axes of the heart
    center: tuple = (10.0, -20.0, 35.0)
    axes: np.ndarray = field(default_factory=AXES.copy)
    clock: Clock = Clock(0.0, 800.0)  # noqa: RUF009  (frozen itself)
    reference_time: float = 0.0

    def h(self, times):
        share = np.mod((np.asarray(times, float) - self.clock.end_diastole) / self.clock.cycle, 1)
        return np.cos(np.pi * np.cos(2 * np.pi * share) if self.clock.periodic else np.pi * (2 * share - 1)) / 2

    def _parts(self, points, times):
        k, a = np.array([wave[0] for wave in self.waves]), np.array([wave[1] for wave in self.waves])
        phase = (points - self.center) @ self.axes.T @ k.T  # (N, M)
        return k @ self.axes, a @ self.axes, phase, np.asarray(self.h(times) - self.h(self.reference_time))

    def displacement(self, points, times):
        """(T, N, 3) RAS mm, (N, 3) at one time."""
        _, a, phase, rise = self._parts(points, times)
        return rise[..., None, None] * (np.sin(phase) @ a)

    def gradient(self, points, times):
        """F (T, N, 3, 3), (N, 3, 3) at one time."""
        k, a, phase, rise = self._parts(points, times)
        return np.eye(3) + rise[..., None, None, None] * np.einsum("nm,ma,mb->nab", np.cos(phase), a, k)

    def network_field(self, dtype=torch.float64, window: Window | None = None, unit: float = 80.0):
        """The same as a network of one hidden layer: 2 sin(k x) cos(c) = sin(k x + c) + sin(k x - c)."""
        network = Siren(3 + self.clock.inputs, 3, 2 * len(self.waves), 1, omega=30.0).double()
        turn = [np.pi**2, 0] if self.clock.periodic else [np.pi]  # the circle has the radius 1 / pi
        first, last = network.layers
        with torch.no_grad():
            for layer in network.layers:
                layer.weight.zero_()
                layer.bias.zero_()
            for m, (k, a) in enumerate(self.waves):
                for row, sign in ((2 * m, 1), (2 * m + 1, -1)):
                    inputs = np.concatenate([np.multiply(k, unit), np.multiply(sign, turn)])
                    first.weight[row] = torch.from_numpy(inputs / network.omega)
                    last.weight[:, row] = torch.tensor(a, dtype=torch.float64) * (0.25 / unit)
        return ContinuousField(
            network.to(dtype), np.array(self.center), self.axes, unit, self.clock, self.reference_time, window
        )


def linear(matrix, **options):
    """`Waves` so long that u = (matrix - I) (x - c) along RAS in the middle of the cycle, to 1e-7 of it."""
    axes = options.setdefault("axes", AXES)
    slope = axes @ (np.asarray(matrix) - np.eye(3)) @ axes.T
    return Waves(tuple((1e-5 * np.eye(3)[m], 1e5 * slope[:, m]) for m in range(3)), **options)


def window_of(affine, low, high, widths=((3.0, 3.0), (3.0, 3.0), (2.0, 2.0))):
    """Window that falls to zero at voxels ``low`` and ``high`` (i, j, k) of a grid."""
    return Window(np.linalg.inv(affine), np.array(low, float), np.array(high, float), np.array(widths, float))

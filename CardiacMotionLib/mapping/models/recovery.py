"""Recovery of three parameters, common to MOLLI, STONE, inversion recovery and SASHA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from .. import signals
from .base import Acquisition, Axis, Model

T1_TRIED = Axis(40.0, 5000.0, 48)
T1_RANGE = (10.0, 6000.0)  # ms, from blood after much contrast agent to water


def recovery_jacobian(time: Tensor, b: Tensor, constant: Tensor) -> Tensor:
    """Derivatives (3, N, P) of S = A - B exp(-t / T) by A, B and T: 1, -exp(-t / T), -B t / T^2 exp(-t / T)."""
    left = signals.decay(time, constant)
    return torch.stack([torch.ones_like(left), -left, -b * signals.decay_slope(time, constant, left)])


class InversionRecovery(Model):
    """S = A - B exp(-TI / T1) of magnetization that recovers undisturbed from an inversion: no Look-Locker factor."""

    times = ("inversion_times",)
    amplitudes = ("A", "B")
    constants: ClassVar[Mapping[str, Axis]] = {"T1": T1_TRIED}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"T1": T1_RANGE}
    changes_sign = True

    def jacobian(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """See `recovery_jacobian`."""
        _, b, constant = parameters
        return recovery_jacobian(at["inversion_times"], b, constant)

"""Multiparametric SASHA: T1 and T2 of one series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from .. import signals
from .base import Acquisition, Axis, Model
from .recovery import T1_RANGE
from .t2prep import T2_RANGE


class MultiparametricSasha(Model):
    """S = A {1 - [1 - (1 - e^(-TS/T1)) e^(-TE/T2)] e^(-TD/T1)} (Chow 2022).

    TS from saturation to T2 preparation (infinite without saturation), TE the length of the preparation (0 without),
    TD from there to the image. Maps: T1, T2, A.
    """

    name = "msasha"
    title = "Multiparametric saturation recovery (mSASHA)"
    times = ("saturation_times", "echo_times", "delays")
    constants: ClassVar[Mapping[str, Axis]] = {"T1": Axis(60.0, 4000.0, 20), "T2": Axis(10.0, 400.0, 12)}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"T1": T1_RANGE, "T2": T2_RANGE}

    def jacobian(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """By the chain rule from the three decays."""
        a, t1, t2 = parameters
        saturation_times, echo_times, delays = (at[name] for name in self.times)
        saturated = signals.decay(saturation_times, t1)
        prepared = signals.decay(echo_times, t2)
        waited = signals.decay(delays, t1)
        left = (1 - saturated) * prepared
        by_t1 = -signals.decay_slope(saturation_times, t1, saturated) * prepared * waited - (
            1 - left
        ) * signals.decay_slope(delays, t1, waited)
        by_t2 = (1 - saturated) * signals.decay_slope(echo_times, t2, prepared) * waited
        return torch.stack([1 - (1 - left) * waited, a * by_t1, a * by_t2])

"""T2 preparation of increasing length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from .. import signals
from .base import Acquisition, Axis, Model

T2_TRIED = Axis(5.0, 500.0, 24)
T2_RANGE = (1.0, 1000.0)  # ms; blood has about 250


class T2Prep(Model):
    """S = A exp(-TE / T2) of images after a T2 preparation of length TE (Huang 2007).

    TE is 0 without preparation. The recovery by T1 between preparation and image is neglected. Maps: T2, A.
    """

    name = "t2prep"
    title = "T2-prepared imaging"
    times = ("echo_times",)
    constants: ClassVar[Mapping[str, Axis]] = {"T2": T2_TRIED}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"T2": T2_RANGE}

    def jacobian(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """By A, exp(-TE / T2), and by T2, A TE / T2^2 exp(-TE / T2)."""
        a, t2 = parameters
        left = signals.decay(at["echo_times"], t2)
        return torch.stack([left, a * signals.decay_slope(at["echo_times"], t2, left)])

"""SASHA: saturation recovery single-shot acquisition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import CardiacMotionError
from .base import Acquisition, Axis, Model
from .recovery import T1_RANGE, T1_TRIED, recovery_jacobian


class Sasha(Model):
    """S = A - B exp(-TS / T1) (Chow 2014), an image without saturation (TS infinite) is A.

    B / A is how well the saturation worked. This is the default, because it stays accurate where that is not known.
    Maps: T1, A, B.
    """

    name = "sasha"
    title = "Saturation recovery (SASHA), three parameters"
    times = ("saturation_times",)
    amplitudes = ("A", "B")
    constants: ClassVar[Mapping[str, Axis]] = {"T1": T1_TRIED}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"T1": T1_RANGE}

    def jacobian(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """See `recovery_jacobian`."""
        _, b, t1 = parameters
        return recovery_jacobian(at["saturation_times"], b, t1)


class PerfectSasha(Model):
    """S = A (1 - exp(-TS / T1)): SASHA of two parameters, for a saturation that is known to be perfect.

    More precise than three parameters, but what is left of the magnetization becomes an error of T1.
    Maps: T1, A.
    """

    name = "sasha"
    title = "Saturation recovery (SASHA), two parameters"
    times = ("saturation_times",)
    constants: ClassVar[Mapping[str, Axis]] = {"T1": T1_TRIED}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"T1": T1_RANGE}

    def jacobian(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """By A, 1 - exp(-TS / T1), and by T1, -A TS / T1^2 exp(-TS / T1)."""
        a, t1 = parameters
        by_a, by_b, by_t1 = recovery_jacobian(at["saturation_times"], a, t1)
        return torch.stack([by_a + by_b, by_t1])


def sasha(parameters: int = 3) -> Model:
    """The model of 2 (A, T1) or 3 ``parameters`` (A, B, T1); raises `CardiacMotionError` for any other number."""
    if parameters not in (2, 3) or isinstance(parameters, bool):
        raise CardiacMotionError(f"parameters of sasha must be 2 (A, T1) or 3 (A, B, T1), got {parameters!r}")
    return PerfectSasha() if parameters == 2 else Sasha()

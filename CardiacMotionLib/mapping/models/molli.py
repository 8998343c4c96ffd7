"""MOLLI: modified Look-Locker inversion recovery."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from .. import signals
from .base import Axis, Quantity
from .recovery import T1_TRIED, InversionRecovery


class Molli(InversionRecovery):
    """S = A - B exp(-TI / T1*), T1 = T1* (B / A - 1) (Messroghli 2004).

    Several images a recovery: each read-out disturbs it, so that it goes faster (T1*) and to less (A). ShMOLLI and
    Look-Locker series of gradient echoes are fitted alike. Maps: T1, A, B.
    """

    name = "molli"
    title = "Modified Look-Locker inversion recovery (MOLLI)"
    constants: ClassVar[Mapping[str, Axis]] = {"T1*": T1_TRIED}

    def relaxation(self, parameters: Tensor) -> dict[str, Quantity]:
        """T1 with its gradient by (A, B, T1*): (-T1* B / A^2, T1* / A, B / A - 1)."""
        a, b, t1_star = parameters
        gradient = torch.stack([-t1_star * b / a**2, t1_star / a, b / a - 1])
        return {"T1": Quantity(torch.as_tensor(signals.look_locker_t1(t1_star, a, b)), gradient)}

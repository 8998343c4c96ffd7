"""`Model`: what a fit has to know of a signal equation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

Acquisition = Mapping[str, Tensor]  # {name: (N, 1)}, a value an image; times in ms


class Quantity(NamedTuple):
    """What is read off the parameters: its value (P,) and its gradient (parameters, P) with respect to them."""

    value: Tensor
    gradient: Tensor


class Axis(NamedTuple):
    """Values of a time constant that are tried for the start of a fit: ``number`` from ``first`` to ``last`` ms."""

    first: float
    last: float
    number: int

    def values(self) -> Tensor:
        """(count,) float64 ms at equal ratios."""
        return torch.logspace(math.log10(self.first), math.log10(self.last), self.number, dtype=torch.float64)


class Model(ABC):
    """A signal equation with parameters of two sorts: amplitudes, in which it is linear, and then time constants.

    Parameters of pixels are one tensor (parameters, P), the amplitudes first; images are (N, P). All amplitudes but the
    last are free, the last is positive in tissue.

    Attributes
    ----------
    name, title
        In the registry, and for a reader.
    times
        What the acquisition must give, each with one value in ms an image.
    amplitudes
        Names of the parameters in which the signal is linear.
    constants
        {name: values to start from} of the time constants in ms.
    ranges
        {map: (lowest, highest)}: what is plausible; a fit outside has failed.
    changes_sign
        Whether the signal can be negative, so that magnitude images hide its sign.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    times: ClassVar[tuple[str, ...]]
    amplitudes: ClassVar[tuple[str, ...]] = ("A",)
    constants: ClassVar[Mapping[str, Axis]]
    ranges: ClassVar[Mapping[str, tuple[float, float]]]
    changes_sign: ClassVar[bool] = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters in their order."""
        return (*self.amplitudes, *self.constants)

    @abstractmethod
    def jacobian(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """Derivatives of the signal (parameters, N, P) with respect to ``parameters`` (parameters, P)."""

    def signal(self, parameters: Tensor, at: Acquisition) -> Tensor:
        """Signed signal (N, P): the amplitudes times their derivatives, because the signal is linear in them."""
        return self.from_jacobian(parameters, self.jacobian(parameters, at))

    def from_jacobian(self, parameters: Tensor, jacobian: Tensor) -> Tensor:
        """Signal (N, P) where its derivatives are already known."""
        count = len(self.amplitudes)
        signal = parameters[0] * jacobian[0]
        for amplitude, derivative in zip(parameters[1:count], jacobian[1:count], strict=True):
            signal = signal + amplitude * derivative
        return signal

    def relaxation(self, parameters: Tensor) -> dict[str, Quantity]:
        """T1, T2 in ms, whichever the model gives: time constants that carry the name of a map."""
        found = {}
        for row, name in enumerate(self.parameters):
            if name in ("T1", "T2"):
                gradient = torch.zeros_like(parameters)
                gradient[row] = 1
                found[name] = Quantity(parameters[row], gradient)
        return found

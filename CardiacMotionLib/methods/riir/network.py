"""The recurrent cell of RIIR and its unrolled steps (paper 004, section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...fields import warp
from ..layers import CONVOLUTIONS
from ..learned import PairNetwork
from ..protocol import option
from ..similarity_gradient import KINDS, SimilarityGradient

FIRST_STEP = 0.1  # of the drawn weights of the last layer: the first steps of training are small ones
HIDDEN = {"both": (True, True), "first": (True, False), "second": (False, True), "none": (False, False)}


@dataclass(frozen=True)
class Config:
    """What a RIIR network is made of."""

    dims: int = option(2, "Dimensions of the images", choices=(2, 3))
    steps: int = option(6, "Steps, T of the paper", minimum=1, maximum=32)
    random_steps: bool = option(False, "Train with 1 to 2 T steps instead of T, so that up to 2 T may be asked for")
    first: int = option(32, "Channels of the first hidden state", minimum=1, maximum=256)
    second: int = option(16, "Channels of the second hidden state", minimum=1, maximum=256)
    across: int = option(5, "Widest kernel across slices, in 3D", minimum=1, maximum=5)
    inner: str = option("mse", "Inner loss, whose gradient is the input", choices=KINDS)
    input: str = option(
        "gradient",
        "What the cell sees besides the displacement: the gradient, the warped and the fixed image (explicit), or "
        "the moving and the fixed image (implicit)",
        choices=("gradient", "explicit", "implicit"),
    )
    hidden: str = option("both", "Hidden states that are kept from step to step", choices=tuple(HIDDEN))
    weighting: str = option(
        "exponential",
        "What the steps count in training: 10^((t-1)/(T-1)), or all the same",
        choices=("exponential", "uniform"),
    )

    @property
    def most_steps(self) -> int:
        """Steps beyond which nothing was learned."""
        return 2 * self.steps if self.random_steps else self.steps


def convolution(config: Config, inputs: int, outputs: int, kernel: int) -> nn.Module:
    """A convolution that keeps the size; in 3D its kernel is as wide across slices as the config allows."""
    size = (kernel,) * 2 if config.dims == 2 else (min(kernel, config.across), kernel, kernel)
    return CONVOLUTIONS[config.dims](inputs, outputs, size, padding=tuple(n // 2 for n in size))


class ConvGRU(nn.Module):
    """Gated recurrent unit of convolutions (Shi 2015, Chung 2014)."""

    def __init__(self, config: Config, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = convolution(config, inputs + hidden, 2 * hidden, kernel)
        self.candidate = convolution(config, inputs + hidden, hidden, kernel)

    def forward(self, x: Tensor, state: Tensor | None) -> Tensor:
        """Next state (B, hidden, *shape) from the input (B, inputs, *shape) and the state, None for zero."""
        if state is None:  # in the precision and the memory format of the input
            state = torch.zeros_like(x[:, :1]).expand(-1, self.hidden, *x.shape[2:])
        update, reset = torch.sigmoid(self.gates(torch.cat((x, state), 1))).chunk(2, 1)
        candidate = torch.tanh(self.candidate(torch.cat((x, reset * state), 1)))
        return torch.lerp(state, candidate, update)


class Cell(nn.Module):
    """g of equation 11: what the displacement changes by, from what the pair looks like now and what was before.

    Convolution 5 - GRU 3 (first hidden state) - convolution 1 - GRU 1 (second) - convolution 3: 61,026 parameters in
    2D with 32 and 16 channels; the paper says 61 thousand and leaves the layout open.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        seen = config.dims if config.input == "gradient" else 2
        self.enter = convolution(config, config.dims + seen, config.first, 5)
        self.first = ConvGRU(config, config.first, config.first, 3)
        self.between = convolution(config, config.first, config.second, 1)
        self.second = ConvGRU(config, config.second, config.second, 1)
        self.leave = convolution(config, config.second, config.dims, 3)
        with torch.no_grad():
            for parameter in self.leave.parameters():
                parameter.mul_(FIRST_STEP)

    def forward(self, x: Tensor, states: list[Tensor | None]) -> tuple[Tensor, list[Tensor]]:
        """Change (B, d, *shape) and next states from the input (B, C, *shape) and the states."""
        first = self.first(torch.relu(self.enter(x)), states[0])
        second = self.second(torch.relu(self.between(first)), states[1])
        return self.leave(second), [first, second]


class Network(PairNetwork):
    """T steps of one cell, which sees how the images differ now (equations 8 to 12)."""

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.most_steps = config.most_steps
        self.cell = Cell(config)
        if config.dims == 2:  # which convolutions on processors are quicker with
            self.cell.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> list[Tensor]:
        """Displacements (B, *shape, d) in voxels after 1, 2, ... T steps; see `PairNetwork`."""
        if not steps:
            steps = self.config.steps
            if self.training and self.config.random_steps:
                steps = int(torch.randint(1, self.config.most_steps + 1, ()))
        device = fixed.device.type
        with torch.autocast(device, enabled=False):
            gradient = SimilarityGradient(fixed, moving, self.config.inner)
        displacement = fixed.new_zeros(len(fixed), *fixed.shape[2:], self.dims)
        states: list[Tensor | None] = [None, None]
        kept = HIDDEN[self.config.hidden]
        found = []
        for _ in range(steps):
            with torch.autocast(device, enabled=False):
                seen = self._seen(gradient, fixed, moving, displacement)
            change, new = self.cell(torch.cat((displacement, seen), -1).movedim(-1, 1), states)
            states = [state if keep else None for state, keep in zip(new, kept, strict=True)]
            displacement = displacement + change.movedim(1, -1).to(displacement)
            found.append(displacement)
        return found

    def _seen(self, gradient: SimilarityGradient, fixed: Tensor, moving: Tensor, displacement: Tensor) -> Tensor:
        """What the cell sees besides the displacement, (B, *shape, C) (paper 004, experiment 4)."""
        if self.config.input == "gradient":
            return gradient.at(displacement)[0]
        first = warp(moving, displacement) if self.config.input == "explicit" else moving
        return torch.cat((first, fixed), 1).movedim(1, -1)

    def step_weights(self, count: int) -> list[float]:
        """Of equation 13."""
        if self.config.weighting == "uniform" or count == 1:
            return [1.0] * count
        return [10 ** (step / (count - 1)) for step in range(count)]

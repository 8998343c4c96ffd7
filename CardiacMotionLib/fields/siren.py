"""A multilayer perceptron with sines between its layers (SIREN, Sitzmann 2020), and its exact derivative."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.utils import skip_init

ROWS_AT_ONCE = 2048  # whose activations stay in a processor's cache while they pass through the layers


class Siren(torch.nn.Module):
    """x to W_n sin(omega (W_{n-1} ... sin(omega (W_1 x + b_1)) ... + b_{n-1})) + b_n.

    Weights are drawn by ``seed`` alone, on the CPU, so that every device starts from the same network.

    Parameters
    ----------
    inputs, outputs, width, hidden
        Sizes; ``hidden`` layers of ``width`` units. 4, 3, 256, 3 has 133,635 parameters (paper 000).
    omega
        Frequency of the sines.
    initialization
        ``siren``: first layer U(+-1/in), others U(+-sqrt(6/in)/omega), biases U(+-1/sqrt(in)) (Sitzmann 2020, section
        3.2). ``xavier``: U(+-sqrt(6/(in + out))) of what a sine sees, omega times the weights, and biases zero (Glorot
        and Bengio 2010); of the weights themselves it would be noise: omega times too high a frequency in every layer.
    seed
        Of the weights.
    """

    def __init__(
        self,
        inputs: int = 4,
        outputs: int = 3,
        width: int = 256,
        hidden: int = 3,
        omega: float = 45.0,
        initialization: str = "siren",
        seed: int = 0,
    ):
        super().__init__()
        sizes = [inputs, *[width] * hidden, outputs]
        self.omega = float(omega)
        # Without torch's own draw, which would move its global random state.
        self.layers = torch.nn.ModuleList(skip_init(torch.nn.Linear, a, b) for a, b in pairwise(sizes))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for n, layer in enumerate(self.linear):
                self._draw(layer, n == 0, initialization, generator)

    @property
    def linear(self) -> list[torch.nn.Linear]:
        """The layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, torch.nn.Linear)]

    def _draw(self, layer: torch.nn.Linear, first: bool, initialization: str, generator: torch.Generator) -> None:
        weight, bias = layer.weight, layer.bias
        out, into = weight.shape
        if initialization == "xavier":
            bound, offset = math.sqrt(6 / (into + out)) / self.omega, 0.0
        elif initialization == "siren":
            bound, offset = (1 / into if first else math.sqrt(6 / into) / self.omega), 1 / math.sqrt(into)
        else:
            raise ValueError(f"initialization must be siren or xavier, got {initialization!r}")
        weight.uniform_(-bound, bound, generator=generator)
        bias.uniform_(-offset, offset, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) to (N, outputs), on a processor a cacheful of rows at a time."""
        return torch.cat([self._forward(rows) for rows in x.split(_rows_at_once(x))])

    def _forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.linear
        for layer in hidden:  # omega goes into the small matrix, not over the rows
            x = torch.sin(torch.nn.functional.linear(x, self.omega * layer.weight, self.omega * layer.bias))
        return last(x)

    def with_gradient(self, x: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Values and derivatives along ``directions`` by forward-mode tangents.

        One pass carries the values and D tangents through the layers: d sin(z) = cos(z) dz. It costs D + 1 evaluations,
        needs no graph of its own, and can itself be differentiated.

        Parameters
        ----------
        x
            (N, inputs).
        directions
            (D, inputs), the same for every row, or (D, N, inputs).

        Returns
        -------
        values (N, outputs), and derivatives (N, outputs, D).
        """
        pieces = []
        step = max(1, _rows_at_once(x) // 4)
        for start in range(0, max(1, len(x)), step):
            rows = slice(start, start + step)
            along = directions[:, rows] if directions.ndim == 3 else directions[:, None]
            pieces.append(self._with_gradient(x[rows], along))
        values, tangents = zip(*pieces, strict=True)
        return torch.cat(values), torch.cat(tangents)

    def _with_gradient(self, x: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
        *hidden, last = self.linear
        for layer in hidden:
            weight = self.omega * layer.weight
            phase = torch.nn.functional.linear(x, weight, self.omega * layer.bias)
            x = torch.sin(phase)
            tangents = torch.cos(phase) * (tangents @ weight.T)
        return last(x), (tangents @ last.weight.T).permute(1, 2, 0)


def _rows_at_once(x: Tensor) -> int:
    """A cacheful on a processor; a GPU, which is quick only with many rows, gets 32 times as many."""
    return ROWS_AT_ONCE if x.device.type == "cpu" else 32 * ROWS_AT_ONCE

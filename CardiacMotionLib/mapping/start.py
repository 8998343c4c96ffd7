"""Where a fit begins: the best of a grid of time constants, the amplitudes solved for (variable projection).

For given time constants the signal is linear in the amplitudes, so that the best amplitudes and what they explain of
the data are one matrix product for all pixels (Golub and Pereyra 1973). The same product judges the guesses of the sign
of magnitude images.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from .models.base import Acquisition, Model


class Grid(NamedTuple):
    """The signals that are tried, G of them.

    Attributes
    ----------
    constants
        (constants, G) ms.
    orthonormal
        (amplitudes, G, N) float32 directions that span the signals, the last one towards more of the last amplitude.
    inverse
        (amplitudes, G, N), whose product with data gives the amplitudes.
    """

    constants: Tensor
    orthonormal: Tensor
    inverse: Tensor


class Start(NamedTuple):
    """The best of a grid.

    Attributes
    ----------
    explained
        (P,) sum of squares of the data that it explains.
    tried
        (P,) its number in the grid.
    """

    explained: Tensor
    tried: Tensor


def make_grid(model: Model, at: Acquisition) -> Grid:
    """The signals of all time constants that are tried, for an acquisition {name: (N, 1)}."""
    like = next(iter(at.values()))
    values = itertools.product(*(axis.values().tolist() for axis in model.constants.values()))
    constants = torch.tensor(list(values), dtype=torch.float64).T  # (constants, G), float64 on the processor
    exact = {name: times.cpu().double() if like.device.type == "mps" else times.double() for name, times in at.items()}
    constants = constants.to(next(iter(exact.values())).device)
    count, tried = len(model.amplitudes), constants.shape[-1]
    amplitudes = constants.new_ones(count, tried)
    columns = model.jacobian(torch.cat([amplitudes, constants]), exact)[:count].permute(2, 1, 0)  # (G, N, amplitudes)
    orthonormal, triangle = torch.linalg.qr(columns)
    orthonormal = orthonormal * triangle.diagonal(dim1=-2, dim2=-1).sign()[:, None]
    inverse = torch.linalg.pinv(columns)  # (G, amplitudes, N)
    directions = orthonormal.permute(2, 0, 1).contiguous().to(like.device, torch.float32)
    return Grid(constants.to(like), directions, inverse.transpose(0, 1).contiguous().to(like))


def search(grid: Grid, data: Tensor) -> Start:
    """The best of the grid for data (N, P), among signals whose last amplitude is not negative; ranked in float32."""
    single = data.float()
    *free, last = (directions @ single for directions in grid.orthonormal)  # (G, P) each
    explained = last.clamp_(min=0).square_()
    for part in free:
        explained = explained.addcmul_(part, part)
    return Start(*explained.max(0))


def start_values(grid: Grid, data: Tensor, tried: Tensor) -> Tensor:
    """Parameters (parameters, P) of the signals ``tried`` (P,), with the best amplitudes for data (N, P)."""
    amplitudes = [(rows[tried].T * data).sum(0) for rows in grid.inverse]
    return torch.cat([torch.stack(amplitudes), grid.constants[:, tried]])

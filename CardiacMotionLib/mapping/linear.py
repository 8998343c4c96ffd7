"""Small symmetric systems, many at once: the pixels are the last axis, so that every step runs over all of them."""

from __future__ import annotations

import torch
from torch import Tensor


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solutions (p, P) of symmetric positive definite systems (p, p, P) x = (p, P) by Cholesky's decomposition.

    Rows and columns are scaled to a unit diagonal first, so that amplitudes and milliseconds weigh alike. What is not
    finite in the result belongs to a singular matrix.
    """
    size = len(right)
    scale = torch.stack([matrix[n, n] for n in range(size)]).clamp(min=torch.finfo(matrix.dtype).tiny).rsqrt()
    lower: list[list[Tensor]] = []
    for row in range(size):
        lower.append([])
        for column in range(row + 1):
            rest = matrix[row, column] * scale[row] * scale[column]
            for before in range(column):
                rest = rest - lower[row][before] * lower[column][before]
            lower[row].append(rest.sqrt() if row == column else rest / lower[column][column])
    forward: list[Tensor] = []
    for row in range(size):
        rest = right[row] * scale[row]
        for before in range(row):
            rest = rest - lower[row][before] * forward[before]
        forward.append(rest / lower[row][row])
    back: list[Tensor] = [torch.empty(0)] * size
    for row in reversed(range(size)):
        rest = forward[row]
        for after in range(row + 1, size):
            rest = rest - lower[after][row] * back[after]
        back[row] = rest / lower[row][row]
    return torch.stack(back) * scale


def damped(matrix: Tensor, damping: Tensor) -> Tensor:
    """Matrices (p, p, P) with their diagonals made larger by the share ``damping`` (P,) (Marquardt 1963)."""
    result = matrix.clone()
    for n in range(len(matrix)):
        result[n, n] = matrix[n, n] * (1 + damping)
    return result


def inverse_form(matrix: Tensor, vector: Tensor) -> Tensor:
    """v^T M^-1 v (P,) for matrices (p, p, P) and vectors (p, P); NaN where the matrix is singular."""
    form = (vector * solve(matrix, vector)).sum(0)
    return torch.where(torch.isfinite(form) & (form >= 0), form, torch.nan)

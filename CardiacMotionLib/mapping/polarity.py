"""The sign of inversion-recovery images, which their magnitude hides: found by fitting, or from the phase."""

from __future__ import annotations

import torch
from torch import Tensor

from .fitting import Fit, levenberg_marquardt
from .models.base import Acquisition, Model
from .start import Grid, search, start_values

GRID_LOSS = 2e-3  # share of the sum of squares that a fit explains beyond the grid, at most
WEAK_INVERSION = 1.5  # B / A: 2 inverts all of the magnetization, 1.5 half of it


def sign_guesses(times: Tensor) -> Tensor:
    """Signs (H, N) that images at ``times`` (N,) can have: the first n negative, in the order of their times.

    Images at the same time change together. The longest time is positive, and so are images without inversion (an
    infinite time): all signs turned round would fit as well, with negative amplitudes.
    """
    ordered = torch.unique(times)  # increasing
    limits = torch.cat([ordered.new_full((1,), -torch.inf), ordered[:-1]])
    return 1 - 2 * (times <= limits[:, None]).to(times.dtype)


def fit_magnitude(model: Model, at: Acquisition, magnitude: Tensor, grid: Grid) -> tuple[Fit, Tensor]:
    """Fit of magnitude images (N, P) with every guess of their sign, and the signed images (N, P) that fit best.

    The grid of starting values ranks the guesses. The best is fitted to the end, and the second where it could still
    win: neighbors differ by one image, and where that is almost zero the grid is too coarse to decide. A fit that
    converged wins, then the smaller residual, which counts double where it needs an inversion that hardly inverts
    (B < 1.5 A, less than half): with a short T1 only one image or two tell the sign, and any B explains them.
    """
    guesses = sign_guesses(at[model.times[0]][:, 0])
    starts = [search(grid, magnitude * signs[:, None]) for signs in guesses]
    explained, best = torch.stack([start.explained for start in starts]).topk(2, dim=0)  # (2, P) each
    tried = torch.stack([start.tried for start in starts]).gather(0, best)
    signed = magnitude * guesses[best[0]].T
    fit = levenberg_marquardt(model, at, signed, start_values(grid, signed, tried[0]))
    power = magnitude.square().sum(0)
    undecided = (power - explained[1] - GRID_LOSS * power <= _misfit(fit)) | ~fit.converged
    pixels = undecided.nonzero()[:, 0]
    second = magnitude[:, pixels] * guesses[best[1, pixels]].T
    other = levenberg_marquardt(model, at, second, start_values(grid, second, tried[1, pixels]))
    better = _misfit(other) < _misfit(fit)[pixels]
    wins = torch.where(other.converged == fit.converged[pixels], better, other.converged)
    won = pixels[wins]
    for whole, part in zip((*fit.point, fit.converged, signed), (*other.point, other.converged, second), strict=True):
        whole.index_copy_(-1, won, part[..., wins])
    return fit, signed


def _misfit(fit: Fit) -> Tensor:
    """Residual (P,) by which guesses are compared."""
    a, b = fit.point.parameters[:2]
    return torch.where(b < WEAK_INVERSION * a, 2 * fit.point.rss, fit.point.rss)


def phase_sensitive(magnitude: Tensor, phase: Tensor, times: Tensor) -> Tensor:
    """Signed images (N, P): the part of each that is in phase with the image of the longest time (N,) (Kellman 2002).

    ``phase`` (N, P) in rad. The receiver's phase is the same in all, so that recovered magnetization is positive.
    """
    return magnitude * torch.cos(phase - phase[int(times.argmax())])

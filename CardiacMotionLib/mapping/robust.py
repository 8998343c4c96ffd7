"""Fits that images out of line, such as a misplaced one, pull less: iteratively reweighted least squares."""

from __future__ import annotations

import torch
from torch import Tensor

from .fitting import Fit, levenberg_marquardt
from .models.base import Acquisition, Model

LOSSES = ("huber", "tukey")
ROUNDS = 6
HUBER, TUKEY = 1.345, 4.685  # in SD of the noise: 95 % efficient where that is normal (Holland and Welsch 1977)
SD_OF_MAD = 1.4826


def reweighted(model: Model, at: Acquisition, data: Tensor, fit: Fit, loss: str) -> tuple[Fit, Tensor]:
    """The fit and weights (N, P) from 0 to 1 after rounds of weighting the residuals of data (N, P) by ``loss``."""
    count, frames = len(model.parameters), len(data)
    floor = 1e-6 * data.square().mean(0).sqrt().clamp(min=torch.finfo(data.dtype).tiny)
    weights = torch.ones_like(data)
    for _ in range(ROUNDS):
        residual = (data - model.signal(fit.point.parameters, at)).abs()
        spread = SD_OF_MAD * _median(residual) * (frames / max(frames - count, 1)) ** 0.5
        share = residual / torch.maximum(spread, floor)
        weights = HUBER / share.clamp(min=HUBER) if loss == "huber" else (1 - (share / TUKEY) ** 2).clamp(min=0) ** 2
        fit = levenberg_marquardt(model, at, data, fit.point.parameters, weights)
    return fit, weights


def _median(values: Tensor) -> Tensor:
    """(P,) of values (N, P); of an even number the mean of the middle two, where torch takes the lower."""
    ordered, count = values.sort(0).values, len(values)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2

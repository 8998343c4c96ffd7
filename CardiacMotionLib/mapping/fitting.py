"""Nonlinear least squares of many pixels at once: Levenberg-Marquardt with analytic Jacobians.

Parameters are (parameters, P), images (N, P): pixels are the last axis. Pixels do not know of each other, so that a
result does not depend on which are fitted together.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .linear import damped, solve
from .models.base import Acquisition, Model

ITERATIONS = 60
FIRST_DAMPING, LEAST_DAMPING, GIVEN_UP = 1e-3, 1e-12, 1e10
LONGEST_MS = 1e5  # a time constant beyond this is not in the data


class Point(NamedTuple):
    """Parameters and what the least-squares problem looks like there.

    Attributes
    ----------
    parameters
        (parameters, P).
    rss
        (P,) sum of the squared residuals, weighted where there are weights.
    normal
        (parameters, parameters, P) J^T J.
    gradient
        (parameters, P) J^T r, r data minus signal.
    """

    parameters: Tensor
    rss: Tensor
    normal: Tensor
    gradient: Tensor

    def of(self, pixels: Tensor) -> Point:
        """The same of some pixels: their numbers, or true where they are."""
        return Point(*(part[..., pixels] for part in self))

    def where(self, first: Tensor, other: Point) -> Point:
        """Itself in the pixels where ``first`` (P,) is true, else the other."""
        return Point(*(torch.where(first, a, b) for a, b in zip(self, other, strict=True)))


class Fit(NamedTuple):
    """Where the fit of each pixel ended.

    Attributes
    ----------
    point
        The parameters found, and the problem there.
    converged
        (P,) whether the last step was too small to matter.
    """

    point: Point
    converged: Tensor


def linearize(model: Model, at: Acquisition, data: Tensor, parameters: Tensor, weights: Tensor | None = None) -> Point:
    """The problem of data (N, P) at parameters (parameters, P), with weights (N, P) of the squared residuals."""
    jacobian = model.jacobian(parameters, at)
    residual = data - model.from_jacobian(parameters, jacobian)
    weighted = residual if weights is None else residual * weights
    count = len(parameters)
    normal = parameters.new_empty(count, count, parameters.shape[-1])
    for row in range(count):
        scaled = jacobian[row] if weights is None else jacobian[row] * weights
        for column in range(row, count):
            normal[row, column] = normal[column, row] = (scaled * jacobian[column]).sum(0)
    gradient = torch.stack([(derivative * weighted).sum(0) for derivative in jacobian])
    return Point(parameters, (weighted * residual).sum(0), normal, gradient)


def levenberg_marquardt(
    model: Model,
    at: Acquisition,
    data: Tensor,
    start: Tensor,
    weights: Tensor | None = None,
    iterations: int = ITERATIONS,
) -> Fit:
    """Least-squares fit of every pixel, each with a damping of its own (Marquardt 1963).

    Parameters
    ----------
    model, at
        The signal equation, and the acquisition {name: (N, 1)} on the device of the data.
    data
        (N, P) signed images, float32 or float64: the precision in which all is computed.
    start
        (parameters, P).
    weights
        (N, P) of the squared residuals, or None for equal ones.
    iterations
        At most; a pixel leaves when its step changes no parameter by more than a share of eps^0.4 (5e-7 in float64),
        or when no step makes it better, then not converged.
    """
    tolerance = torch.finfo(data.dtype).eps ** 0.4
    amplitudes = len(model.amplitudes)
    here = linearize(model, at, data, start, weights)
    result = Point(*(part.clone() for part in here))
    converged = torch.zeros_like(here.rss, dtype=torch.bool)
    damping = torch.full_like(here.rss, FIRST_DAMPING)
    pixels = torch.arange(data.shape[-1], device=data.device)
    for _ in range(iterations):
        if not len(pixels):
            break
        step = solve(damped(here.normal, damping), here.gradient)
        there = linearize(model, at, data, here.parameters + step, weights)
        constants = there.parameters[amplitudes:]
        better = (there.rss <= here.rss) & (constants > 0).all(0) & (constants < LONGEST_MS).all(0)
        settled = (step.abs() <= tolerance * here.parameters.abs()).all(0) & (damping <= 1)
        here = there.where(better, here)
        damping = torch.where(better, damping / 10, damping * 10).clamp(min=LEAST_DAMPING)
        finished = settled | (damping > GIVEN_UP)
        if finished.any():
            _store(result, pixels[finished], here.of(finished))
            converged[pixels[finished]] = settled[finished]
            left = ~finished
            here, damping, pixels, data = here.of(left), damping[left], pixels[left], data[:, left]
            weights = None if weights is None else weights[:, left]
    _store(result, pixels, here)
    return Fit(result, converged)


def _store(result: Point, pixels: Tensor, found: Point) -> None:
    """Put what was found into some pixels of a result, by their numbers."""
    for whole, part in zip(result, found, strict=True):
        whole.index_copy_(-1, pixels, part)

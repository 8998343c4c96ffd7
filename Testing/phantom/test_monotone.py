"""Increasing functions: they go through their knots, increase, are smooth, and are undone exactly."""

from __future__ import annotations

import pytest
import torch

from CardiacMotionLib.phantom.monotone import increasing, increasing_inverse, smoothstep

KNOTS = (-25.0, 0.0, 10.0, 40.0, 100.0)
VALUES = (-25.0, 1.0, 8.0, 60.0, 100.0)
SLOPES = (1.0, 0.3, 2.0, 0.1, 1.0)
X = torch.linspace(-40, 120, 3201, dtype=torch.float64)


def test_through_the_knots_with_the_slopes():
    knots = torch.tensor(KNOTS, dtype=torch.float64, requires_grad=True)
    y = increasing(knots, KNOTS, VALUES, SLOPES)
    assert torch.allclose(y.detach(), torch.tensor(VALUES, dtype=torch.float64), atol=1e-12)
    inner = knots.detach()[1:-1]
    for side in (-1e-7, 1e-7):
        rise = increasing(inner + side, KNOTS, VALUES, SLOPES) - increasing(inner, KNOTS, VALUES, SLOPES)
        assert torch.allclose(rise / side, torch.tensor(SLOPES[1:-1], dtype=torch.float64), atol=1e-5)


def test_it_increases_everywhere_and_is_continuously_differentiable():
    x = X.clone().requires_grad_(True)
    y = increasing(x, KNOTS, VALUES, SLOPES)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert slope.min() > 0.01
    assert torch.allclose(torch.diff(y.detach()) / torch.diff(X), (slope[1:] + slope[:-1]) / 2, atol=0.02)
    assert torch.diff(slope).abs().max() < 0.1  # no jump at a knot, with a step of 0.05 between 0.1 and 4.5


def test_the_identity_outside_the_knots():
    y = increasing(X, KNOTS, VALUES, SLOPES)
    outside = X.le(KNOTS[0]) | X.ge(KNOTS[-1])
    assert torch.equal(y[outside], X[outside])
    assert (y - X)[~outside].abs().max() > 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_inverse_undoes_it(dtype):
    x = X.to(dtype)
    there = increasing(x, KNOTS, VALUES, SLOPES)
    back = increasing_inverse(there, KNOTS, VALUES, SLOPES)
    assert (back - x).abs().max() < (2e-4 if dtype is torch.float32 else 1e-11)
    again = increasing(increasing_inverse(x, KNOTS, VALUES, SLOPES), KNOTS, VALUES, SLOPES)
    assert (again - x).abs().max() < (2e-4 if dtype is torch.float32 else 1e-11)


def test_linear_where_the_slopes_are_those_of_the_chord():
    x = torch.linspace(2, 5, 50, dtype=torch.float64)
    y = increasing(x, (0.0, 2.0, 5.0, 9.0), (0.0, 1.0, 7.0, 9.0), (1.0, 2.0, 2.0, 1.0))
    assert torch.allclose(y, 1 + 2 * (x - 2), atol=1e-12)


def test_knots_may_differ_from_point_to_point():
    ends = torch.tensor([50.0, 80.0], dtype=torch.float64)
    both = torch.tensor([30.0, 30.0], dtype=torch.float64)
    together = increasing(both, (0.0, 20.0, ends), (0.0, 10.0 + ends / 10, ends), (1.0, 0.5, 1.0))
    for n, end in enumerate(ends.tolist()):
        alone = increasing(both[n], (0.0, 20.0, end), (0.0, 10.0 + end / 10, end), (1.0, 0.5, 1.0))
        assert float(together[n]) == pytest.approx(float(alone), abs=1e-12)
    assert together[0] != together[1]


def test_smoothstep_has_two_continuous_derivatives():
    x = torch.linspace(-0.5, 1.5, 401, dtype=torch.float64, requires_grad=True)
    y = smoothstep(x)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert not y[x <= 0].any()
    assert (y[x >= 1] == 1).all()
    assert float(smoothstep(torch.tensor(0.5))) == 0.5
    assert first.min() >= 0
    assert torch.diff(second).abs().max() < 0.4  # it reaches 5.8 and has no jump at 0 or 1

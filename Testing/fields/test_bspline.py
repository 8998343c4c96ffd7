"""The spline basis: unity, polynomials, derivatives."""

from __future__ import annotations

import pytest
import torch

from CardiacMotionLib import fields

AXES = [(10, 4.0), (112, 8.0), (11, 100.0), (2, 1.0), (16, 3.3)]


def basis(size, knot, derivative=0, **options):
    return fields.bspline_basis(size, knot, derivative, dtype=torch.float64, **options)


@pytest.mark.parametrize(("size", "knot"), AXES)
def test_basis_adds_up_to_one_and_its_derivatives_to_nothing(size, knot):
    assert torch.allclose(basis(size, knot).sum(1), torch.ones(size, dtype=torch.float64), atol=1e-12)
    assert basis(size, knot).min() >= 0
    for derivative in (1, 2):
        assert basis(size, knot, derivative).sum(1).abs().max() < 1e-12


@pytest.mark.parametrize(("size", "knot"), AXES)
@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_cubic_polynomials_and_their_derivatives_are_reproduced(size, knot, power):
    x = torch.linspace(0, size - 1, 8 * size, dtype=torch.float64)
    value, slope, bend = (basis(size, knot, n, positions=x) for n in range(3))
    scaled = x / (size - 1)
    coefficients = torch.linalg.lstsq(value, scaled[:, None] ** power, driver="gelsd").solution[:, 0]
    assert torch.allclose(value @ coefficients, scaled**power, atol=1e-10)
    expected = power * scaled ** max(power - 1, 0) / (size - 1)
    assert torch.allclose(slope @ coefficients, expected, atol=1e-8)
    expected = power * (power - 1) * scaled ** max(power - 2, 0) / (size - 1) ** 2
    assert torch.allclose(bend @ coefficients, expected, atol=1e-6)


@pytest.mark.parametrize("derivative", [1, 2])
def test_derivatives_agree_with_finite_differences(derivative):
    x, step = torch.linspace(0.5, 14.5, 97, dtype=torch.float64), 1e-5
    ahead, behind = (basis(16, 3.3, derivative - 1, positions=x + s) for s in (step, -step))
    assert torch.allclose((ahead - behind) / (2 * step), basis(16, 3.3, derivative, positions=x), atol=1e-5)


def test_number_of_control_points():
    assert basis(11, 5.0).shape == (11, 5)  # two intervals
    assert basis(11, 4.9).shape == (11, 5)
    assert basis(11, 1e9).shape == (11, 4)
    assert torch.equal(basis(1, 4.0), torch.ones(1, 1, dtype=torch.float64))
    assert torch.equal(basis(1, 4.0, 1), torch.zeros(1, 1, dtype=torch.float64))


def test_basis_is_symmetric():
    assert torch.allclose(basis(13, 3.0), basis(13, 3.0).flip(0, 1), atol=1e-12)
    assert torch.allclose(basis(13, 3.0, 1), -basis(13, 3.0, 1).flip(0, 1), atol=1e-12)


def test_other_derivatives_are_refused():
    with pytest.raises(ValueError, match="derivative must be 0, 1 or 2"):
        fields.bspline_basis(10, 2.0, 3)


def test_field_is_the_tensor_product():
    sizes, knots = (5, 7, 6), (2.0, 3.0, 2.5)
    bases = [basis(n, k) for n, k in zip(sizes, knots, strict=True)]
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(*[b.shape[1] for b in bases], 3, generator=generator, dtype=torch.float64)
    expected = torch.einsum("ka,jb,ic,abcx->kjix", *bases, coefficients)
    assert torch.allclose(fields.evaluate_bspline(coefficients, bases), expected, atol=1e-12)
    constant = torch.full_like(coefficients, 2.5)
    assert torch.allclose(fields.evaluate_bspline(constant, bases), torch.tensor(2.5, dtype=torch.float64))


def test_slope_of_a_field_is_its_derivative_by_autograd():
    size, knot = 12, 3.0
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(basis(size, knot).shape[1], 1, generator=generator, dtype=torch.float64)
    analytic = fields.evaluate_bspline(coefficients, [basis(size, knot, 1)])[:, 0]
    fine = torch.linspace(0, size - 1, 100 * (size - 1) + 1, dtype=torch.float64)
    values = fields.evaluate_bspline(coefficients, [basis(size, knot, positions=fine)])[:, 0]
    numeric = torch.gradient(values, spacing=0.01)[0][::100]
    assert torch.allclose(analytic[1:-1], numeric[1:-1], atol=1e-4)
    free = coefficients.clone().requires_grad_(True)
    fields.evaluate_bspline(free, [basis(size, knot)])[4, 0].backward()
    assert torch.allclose(free.grad[:, 0], basis(size, knot)[4])


def test_leading_axes_of_the_coefficients_are_a_batch():
    bases = [basis(9, 3.0), basis(7, 2.0)]
    coefficients = torch.randn(4, *(one.shape[1] for one in bases), 2, dtype=torch.float64)
    together = fields.evaluate_bspline(coefficients, bases)
    assert together.shape == (4, 9, 7, 2)
    for one, own in zip(together, coefficients, strict=True):
        assert torch.allclose(one, fields.evaluate_bspline(own, bases), atol=1e-12)

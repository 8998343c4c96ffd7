"""Energies of known fields, and a penalty that unfolds."""

from __future__ import annotations

import pytest
import torch
from maps import SHAPES, linear_displacement, smooth_displacement

from CardiacMotionLib import fields


def quadratic(shape, matrix):
    """Displacement (1, *shape, d) with components x^T M_a x / 2 in voxels."""
    x = fields.identity_grid(shape, torch.float64)
    return torch.einsum("...b,abc,...c->...a", x, matrix, x)[None] / 2


@pytest.mark.parametrize("dimensions", [2, 3])
def test_energies_of_a_linear_field(dimensions):
    matrix = torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    identity = torch.eye(dimensions, dtype=torch.float64)
    displacement = linear_displacement(
        identity + matrix, torch.zeros(dimensions, dtype=torch.float64), SHAPES[dimensions]
    )
    assert float(fields.diffusion_energy(displacement)) == pytest.approx(float(matrix.square().sum()))
    assert float(fields.bending_energy(displacement)) == pytest.approx(0, abs=1e-18)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_bending_energy_of_a_quadratic_field_is_its_hessian(dimensions):
    matrix = torch.randn(
        dimensions, dimensions, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    matrix = matrix + matrix.transpose(1, 2)
    displacement = quadratic(SHAPES[dimensions], matrix)
    assert float(fields.bending_energy(displacement)) == pytest.approx(float(matrix.square().sum()))


def test_energies_in_the_world_account_for_spacing():
    spacing = torch.tensor([1.3, 1.7, 8.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(3, 3, generator=generator, dtype=torch.float64)  # du/dx, mm of mm
    voxels = torch.diag(1 / spacing) @ matrix @ torch.diag(spacing)
    linear = linear_displacement(
        torch.eye(3, dtype=torch.float64) + voxels, torch.zeros(3, dtype=torch.float64), SHAPES[3]
    )
    assert float(fields.diffusion_energy(linear, spacing)) == pytest.approx(float(matrix.square().sum()))
    hessian = torch.randn(3, 3, 3, generator=generator, dtype=torch.float64)
    hessian = hessian + hessian.transpose(1, 2)  # 1 / mm
    voxels = hessian * spacing[None, :, None] * spacing[None, None, :] / spacing[:, None, None]
    energy = fields.bending_energy(quadratic(SHAPES[3], voxels), spacing)
    assert float(energy) == pytest.approx(float(hessian.square().sum()))


def test_a_field_that_alternates_is_not_free_to_bend():
    i = torch.arange(20, dtype=torch.float64)
    displacement = torch.zeros(1, 12, 20, 2, dtype=torch.float64)
    displacement[..., 0] = (-1) ** i
    assert float(fields.bending_energy(displacement)) == pytest.approx(16, rel=1e-6)


def test_energies_of_one_slice_are_those_of_the_plane():
    displacement = smooth_displacement((1, 19, 23), 2.0)
    for energy in (fields.diffusion_energy, fields.bending_energy):
        assert float(energy(displacement)) == pytest.approx(float(energy(displacement[0, ..., :2][:, :, :, :])))
        assert float(energy(displacement)) > 0


@pytest.mark.parametrize("energy", [fields.diffusion_energy, fields.bending_energy])
def test_energies_are_differentiable(energy):
    displacement = smooth_displacement((5, 6), 1.0).requires_grad_(True)
    assert torch.autograd.gradcheck(energy, (displacement,))


def test_jacobian_penalty_values():
    determinants = torch.tensor([1.0, 2.0, 0.5, 0.1], dtype=torch.float64)
    assert torch.allclose(
        fields.jacobian_penalty(determinants), torch.tensor([0.0, 0.5, 0.5, 8.1], dtype=torch.float64)
    )


def test_jacobian_penalty_is_smooth_and_pushes_folds_open():
    determinants = torch.linspace(-3, 3, 6001, dtype=torch.float64).requires_grad_(True)
    penalty = fields.jacobian_penalty(determinants)
    penalty.sum().backward()
    slope = determinants.grad
    assert torch.isfinite(penalty).all()
    assert (slope[determinants < 0.9] < 0).all()  # also at and below zero, where a clipped determinant has none
    assert (slope[determinants > 1.1] > 0).all()
    below, above = (torch.tensor(0.05 + e, dtype=torch.float64) for e in (-1e-9, 1e-9))
    assert float(fields.jacobian_penalty(below)) == pytest.approx(float(fields.jacobian_penalty(above)), rel=1e-6)


def test_descending_the_penalty_unfolds_a_field():
    displacement = smooth_displacement((17, 17), 9.0).requires_grad_(True)
    assert fields.folding_fraction(fields.jacobian_determinant(displacement)) > 0.02
    optimizer = torch.optim.Adam([displacement], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        fields.jacobian_penalty(fields.jacobian_determinant(displacement)).mean().backward()
        optimizer.step()
    assert fields.folding_fraction(fields.jacobian_determinant(displacement)) == 0


def test_folding_and_spread_of_the_determinant():
    determinants = torch.tensor([1.0, -0.2, 0.0, 3.0])
    assert float(fields.folding_fraction(determinants)) == 0.5
    spread = fields.sd_log_jacobian(torch.tensor([torch.e, 1.0, 1 / torch.e], dtype=torch.float64))
    assert float(spread) == pytest.approx((2 / 3) ** 0.5)
    assert float(fields.sd_log_jacobian(torch.full((5,), 1.3))) == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(fields.sd_log_jacobian(determinants))

"""Deformation gradient, determinant and strain of maps that are known, in voxels and in the world."""

from __future__ import annotations

import pytest
import torch
from maps import SHAPES, linear_displacement, oblique_affine, rotation, smooth_displacement

from CardiacMotionLib import fields
from CardiacMotionLib.fields.jacobian import determinant


def world_displacement(function, shape, affine):
    """Displacement (1, *shape, 3) in voxels of the world map x -> function(x), x in RAS mm (..., 3)."""
    world = fields.voxel_to_world_points(fields.identity_grid(shape, torch.float64), affine)
    return fields.world_to_voxel(function(world) - world, affine)[None]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_gradient_of_a_linear_map_is_its_matrix_everywhere(dimensions):
    shape = SHAPES[dimensions]
    matrix = torch.eye(dimensions, dtype=torch.float64) + 0.2 * torch.randn(
        dimensions, dimensions, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    displacement = linear_displacement(matrix, torch.zeros(dimensions, dtype=torch.float64), shape)
    gradient = fields.deformation_gradient(displacement)
    assert gradient.shape == (1, *shape, dimensions, dimensions)
    assert torch.allclose(gradient, matrix.expand_as(gradient), atol=1e-10)  # at the edges too
    assert torch.allclose(fields.jacobian_determinant(displacement), torch.linalg.det(matrix), atol=1e-10)


@pytest.mark.parametrize("left_handed", [False, True])
def test_gradient_of_a_linear_map_in_the_world(left_handed):
    """F_phys = A F A^-1: spacing and obliqueness must both be accounted for (trap 3)."""
    affine = oblique_affine(left_handed)
    matrix = torch.tensor([[1.3, 0.2, -0.1], [0.05, 0.8, 0.3], [-0.2, 0.1, 0.9]], dtype=torch.float64)
    displacement = world_displacement(lambda x: x @ matrix.T, (5, 7, 8), affine)
    gradient = fields.deformation_gradient(displacement, affine)
    assert torch.allclose(gradient, matrix.expand_as(gradient), atol=1e-9)
    strain = fields.green_lagrange(gradient)
    expected = (matrix.T @ matrix - torch.eye(3, dtype=torch.float64)) / 2
    assert torch.allclose(strain, expected.expand_as(strain), atol=1e-9)
    wrong = fields.green_lagrange(fields.deformation_gradient(displacement))
    assert (wrong - expected).abs().max() > 0.1
    assert torch.allclose(
        fields.jacobian_determinant(displacement), torch.linalg.det(matrix), atol=1e-9
    )  # does not notice


def test_rotation_has_no_strain():
    affine = oblique_affine()
    turn = rotation(25, (1, 2, 3))
    displacement = world_displacement(lambda x: x @ turn.T, (5, 7, 8), affine)
    gradient = fields.deformation_gradient(displacement, affine)
    assert torch.allclose(determinant(gradient), torch.ones(1, 5, 7, 8, dtype=torch.float64), atol=1e-9)
    assert fields.green_lagrange(gradient).abs().max() < 1e-9


def test_strain_of_a_nonlinear_map_converges_to_its_closed_form():
    """A stretch a sin(w x) along one world axis and shears that vary, by finite differences of second order."""
    wave = 2 * torch.pi / 90

    def bend(x):
        return torch.stack(
            (
                x[..., 0] + 5 * torch.sin(wave * x[..., 0]),
                x[..., 1] + 4 * torch.sin(wave * x[..., 2]),
                x[..., 2] + 3 * torch.cos(wave * x[..., 1]),
            ),
            dim=-1,
        )

    def exact(x):
        gradient = torch.zeros(*x.shape, 3, dtype=torch.float64)
        gradient[..., 0, 0] = 1 + 5 * wave * torch.cos(wave * x[..., 0])
        gradient[..., 1, 1] = gradient[..., 2, 2] = 1
        gradient[..., 1, 2] = 4 * wave * torch.cos(wave * x[..., 2])
        gradient[..., 2, 1] = -3 * wave * torch.sin(wave * x[..., 1])
        return fields.green_lagrange(gradient)

    errors = []
    for refinement in (1, 2):
        affine = oblique_affine()
        affine[:3, :3] = affine[:3, :3] / refinement
        shape = (6 * refinement, 20 * refinement, 22 * refinement)
        world = fields.voxel_to_world_points(fields.identity_grid(shape, torch.float64), affine)
        strain = fields.green_lagrange(fields.deformation_gradient(world_displacement(bend, shape, affine), affine))[0]
        errors.append(float((strain - exact(world))[1:-1, 1:-1, 1:-1].abs().max()))
    assert errors[0] < 0.05
    assert errors[1] / errors[0] == pytest.approx(0.25, rel=0.3)


def test_one_slice_changes_area_as_the_plane_does():
    shape = (1, 48, 52)
    displacement = smooth_displacement(shape, 5.0)
    direct = fields.jacobian_determinant(displacement)
    plane = fields.jacobian_determinant(displacement[0, ..., :2])
    assert torch.allclose(direct[0], plane, atol=1e-12)  # one slice: nothing changes through the plane
    assert float((plane - 1).abs().max()) > 0.2
    assert float((plane - 1).mean()) == pytest.approx(0, abs=2e-3)  # a field that ends at the border keeps the area


def test_two_voxels_are_enough_for_a_slope_and_one_is_none():
    displacement = torch.zeros(1, 2, 5, 6, 3, dtype=torch.float64)
    displacement[:, 1, ..., 2] = 0.5
    assert torch.allclose(fields.deformation_gradient(displacement)[..., 2, 2], torch.tensor(1.5, dtype=torch.float64))
    single = torch.randn(1, 1, 5, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gradient = fields.deformation_gradient(single)
    assert torch.equal(gradient[..., 2], torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(1, 1, 5, 6, 3))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_determinant_is_that_of_lapack_with_a_gradient_at_zero(dimensions):
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(40, dimensions, dimensions, generator=generator, dtype=torch.float64)
    assert torch.allclose(determinant(matrices), torch.linalg.det(matrices), atol=1e-12)
    singular = torch.eye(dimensions, dtype=torch.float64)
    singular[0, 0] = 0
    singular.requires_grad_(True)
    determinant(singular).backward()
    assert singular.grad[0, 0] == 1


def test_float32_is_exact_enough_for_strain():
    affine = oblique_affine()
    matrix = torch.tensor([[0.85, 0.1, 0.0], [-0.1, 1.2, 0.05], [0.0, 0.1, 0.9]], dtype=torch.float64)
    displacement = world_displacement(lambda x: x @ matrix.T, (10, 112, 112), affine).float()
    gradient = fields.deformation_gradient(displacement, affine)
    assert gradient.dtype == torch.float32
    assert (gradient - matrix.float()).abs().max() < 1e-3


def test_green_lagrange_of_a_stretch_is_engineering_plus_half_its_square():
    stretch = torch.diag(torch.tensor([1.35, 0.83, 1.0], dtype=torch.float64))
    strain = fields.green_lagrange(stretch)
    for axis, engineering in enumerate((0.35, -0.17, 0.0)):
        assert float(strain[axis, axis]) == pytest.approx(engineering + engineering**2 / 2)

"""Warping, composing, integrating and inverting against maps that are known."""

from __future__ import annotations

import pytest
import torch
from maps import SHAPES, linear_displacement, random_images, rotation, smooth_displacement

from CardiacMotionLib import fields


def image_of(function, shape):
    """(1, 1, *shape) float64 of a function of voxel coordinates (..., d)."""
    return function(fields.identity_grid(shape, torch.float64))[None, None]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_zero_field_is_the_identity(dimensions, dtype, tolerance):
    image = random_images(dimensions, channels=2, dtype=dtype)
    zero = torch.zeros(1, *SHAPES[dimensions], dimensions, dtype=dtype)
    assert (fields.warp(image, zero) - image).abs().max() < tolerance
    labels = (image > 0).to(torch.uint8)
    assert torch.equal(fields.warp_nearest(labels, zero), labels)


@pytest.mark.parametrize("shape", [(128, 200), (1, 64, 64), (16, 128, 97)])
def test_zero_field_is_the_identity_on_large_grids_in_float32(shape):
    image = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    assert (fields.warp(image, torch.zeros(1, *shape, len(shape))) - image).abs().max() < 5e-5


@pytest.mark.parametrize(("dimensions", "axis"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_translation_by_whole_voxels_pulls(dimensions, axis):
    """With u = +2 along i it draws at each voxel what is two voxels further along i."""
    image = random_images(dimensions)
    shift = torch.zeros(1, *SHAPES[dimensions], dimensions, dtype=torch.float64)
    shift[..., axis] = 2
    spatial = image.ndim - 1 - axis
    n = image.shape[spatial]
    warped = fields.warp(image, shift)
    assert torch.allclose(warped.narrow(spatial, 0, n - 2), image.narrow(spatial, 2, n - 2), atol=1e-12)
    edge = image.narrow(spatial, n - 1, 1).expand_as(warped.narrow(spatial, n - 2, 2))
    assert torch.allclose(warped.narrow(spatial, n - 2, 2), edge, atol=1e-12)


def test_linear_images_are_sampled_exactly_between_voxels():
    shape = SHAPES[3]
    slope = torch.tensor([0.3, -1.1, 2.0], dtype=torch.float64)
    displacement = smooth_displacement(shape, 1.5)
    image = image_of(lambda x: x @ slope, shape)
    expected = (fields.identity_grid(shape, torch.float64) + displacement[0]) @ slope
    inside = slice(2, -2)
    assert torch.allclose(
        fields.warp(image, displacement)[0, 0][inside, inside, inside], expected[inside, inside, inside]
    )


def test_quarter_turn_moves_every_voxel_to_its_place():
    """Turning by 90 degrees about the middle of a square is an exact permutation of the voxels, in a known sense."""
    n = 11
    turn = rotation(90, (0, 0, 1))[:2, :2]  # i to j
    displacement = linear_displacement(turn, torch.full((2,), (n - 1) / 2, dtype=torch.float64), (n, n))
    image = torch.randn(1, 1, n, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(
        fields.warp(image, displacement)[0, 0], torch.rot90(image[0, 0], 1, (1, 0)).flip(0, 1), atol=1e-10
    )


def test_warping_to_another_grid():
    image = image_of(lambda x: x[..., 0] + 10 * x[..., 1], (12, 14))
    points = torch.rand(1, 5, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 4
    drawn = fields.warp(image, points)
    at = fields.identity_grid((5, 6), torch.float64) + points[0]
    assert torch.allclose(drawn[0, 0], at[..., 0] + 10 * at[..., 1])


def test_nearest_keeps_labels_and_type_and_is_zero_outside():
    labels = torch.randint(1, 4, (1, 1, 9, 10), generator=torch.Generator().manual_seed(0), dtype=torch.int16)
    shift = torch.zeros(1, 9, 10, 2)
    shift[..., 0] = 0.8
    shift[..., 1] = -3.3
    warped = fields.warp_nearest(labels, shift)
    assert warped.dtype == torch.int16
    assert torch.equal(warped[..., 3:, :-1], labels[..., :-3, 1:])
    assert not warped[..., :3, :].any()
    assert not warped[..., -1].any()


def test_warp_has_the_right_gradient():
    image = random_images(2).requires_grad_(True)
    displacement = (smooth_displacement(SHAPES[2], 1.3) + 0.01).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda u: fields.warp(image.detach()[..., :6, :7], u), (displacement[:, :6, :7],))
    assert torch.autograd.gradcheck(lambda a: fields.warp(a, displacement.detach()[:, :6, :7]), (image[..., :6, :7],))


# ---------------------------------------------------------------------- composition


@pytest.mark.parametrize("dimensions", [2, 3])
def test_composition_of_linear_maps_is_their_product_in_order(dimensions):
    shape = SHAPES[dimensions]
    center = torch.tensor([(n - 1) / 2 for n in reversed(shape)], dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    first, second = (
        torch.eye(dimensions, dtype=torch.float64)
        + 0.1 * torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64)
        for _ in range(2)
    )
    composed = fields.compose(linear_displacement(first, center, shape), linear_displacement(second, center, shape))
    expected = linear_displacement(second @ first, center, shape)
    other_order = linear_displacement(first @ second, center, shape)
    middle = (slice(None), *[slice(n // 2 - 1, n // 2 + 2) for n in shape])
    assert torch.allclose(composed[middle], expected[middle], atol=1e-10)
    assert (composed - other_order)[middle].abs().max() > 1e-3


def test_composing_is_not_adding():
    first, second = smooth_displacement(SHAPES[3], 2.0), smooth_displacement(SHAPES[3], -3.0)
    grid = fields.identity_grid(SHAPES[3], torch.float64)
    through = fields.sample_at(torch.movedim(second, -1, 1), (grid + first[0])[None])
    assert torch.allclose(fields.compose(first, second), first + torch.movedim(through, 1, -1))
    assert (fields.compose(first, second) - first - second).abs().max() > 0.3


@pytest.mark.parametrize("dimensions", [2, 3])
def test_identity_is_neutral_in_composition(dimensions):
    displacement = smooth_displacement(SHAPES[dimensions], 2.0)
    zero = torch.zeros_like(displacement)
    assert torch.allclose(fields.compose(displacement, zero), displacement, atol=1e-12)
    assert torch.allclose(fields.compose(zero, displacement), displacement, atol=1e-12)


# ---------------------------------------------------------------------- integration


@pytest.mark.parametrize("dimensions", [2, 3])
def test_constant_velocity_is_a_translation(dimensions):
    velocity = torch.zeros(1, *SHAPES[dimensions], dimensions, dtype=torch.float64)
    velocity[..., 0], velocity[..., 1] = 3.7, -2.2
    assert torch.allclose(fields.integrate(velocity), velocity, atol=1e-12)


def test_linear_velocity_is_the_matrix_exponential():
    shape = (41, 41)
    matrix = torch.tensor([[0.10, -0.35], [0.30, -0.15]], dtype=torch.float64)
    center = torch.tensor([20.0, 20.0], dtype=torch.float64)
    velocity = linear_displacement(matrix + torch.eye(2, dtype=torch.float64), center, shape)
    expected = linear_displacement(torch.linalg.matrix_exp(matrix), center, shape)
    inner = (slice(None), slice(12, 29), slice(12, 29))
    assert (fields.integrate(velocity) - expected)[inner].abs().max() < 0.02
    coarse = (fields.integrate(velocity, steps=5) - expected)[inner].abs().max()
    fine = (fields.integrate(velocity, steps=8) - expected)[inner].abs().max()
    assert float(fine / coarse) == pytest.approx(1 / 8, rel=0.1)  # first order in the size of the step


def test_negative_velocity_is_the_inverse():
    velocity = smooth_displacement((33, 33), 3.0)
    there_and_back = fields.compose(fields.integrate(velocity), fields.integrate(-velocity))
    assert there_and_back.abs().max() < 0.03
    assert fields.jacobian_determinant(fields.integrate(4 * velocity)).min() > 0


# ---------------------------------------------------------------------- inversion


@pytest.mark.parametrize("shape", [(31, 29), (9, 31, 29), (1, 31, 29)])
def test_round_trip_inverse(shape):
    displacement = smooth_displacement(shape, 1.8)
    inverse = fields.invert(displacement, tolerance=1e-9, iterations=100)
    assert fields.compose(inverse, displacement).abs().max() < 1e-8
    inner = (slice(None), *[slice(3, -3) if n > 6 else slice(None) for n in shape])
    assert fields.compose(displacement, inverse)[inner].abs().mean() < 0.02  # v is linear between voxels


def test_inverse_of_a_linear_map():
    shape = (25, 25)
    center = torch.tensor([12.0, 12.0], dtype=torch.float64)
    matrix = torch.tensor([[0.7, 0.1], [-0.2, 0.8]], dtype=torch.float64)
    inverse = fields.invert(linear_displacement(matrix, center, shape), tolerance=1e-10, iterations=200)
    expected = linear_displacement(torch.linalg.inv(matrix), center, shape)
    inner = (slice(None), slice(8, 17), slice(8, 17))
    assert (inverse - expected)[inner].abs().max() < 1e-7


def test_inverse_where_the_plain_fixed_point_diverges():
    """|du/dx| = 1.6 > 1 (a stretch): the undamped iteration runs away, the inverse exists all the same."""
    n = 41
    x = fields.identity_grid((n, n), torch.float64)
    stretch = torch.zeros(1, n, n, 2, dtype=torch.float64)
    stretch[..., 0] = 5.1 * torch.tanh((x[..., 0] - 20) / 3)
    inverse = fields.invert(stretch, iterations=200, tolerance=1e-6)
    assert fields.compose(inverse, stretch)[:, :, 6:-6].abs().max() < 1e-5


def test_inverse_of_nothing_is_nothing():
    assert not fields.invert(torch.zeros(1, 5, 6, 7, 3)).any()


def test_inverse_of_a_fold_is_finite():
    folded = smooth_displacement((21, 21), 25.0)
    assert fields.folding_fraction(fields.jacobian_determinant(folded)) > 0
    assert torch.isfinite(fields.invert(folded)).all()

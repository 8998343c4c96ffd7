"""Sampling and the two ways between voxels and the world."""

from __future__ import annotations

import pytest
import torch
from maps import SHAPES, oblique_affine, random_images

from CardiacMotionLib import fields


@pytest.mark.parametrize("dimensions", [2, 3])
def test_grid_holds_voxel_numbers_in_ijk_order(dimensions):
    shape = SHAPES[dimensions]
    grid = fields.identity_grid(shape)
    assert grid.shape == (*shape, dimensions)
    voxel = tuple(n // 2 + axis for axis, n in enumerate(shape))
    assert grid[voxel].tolist() == [float(n) for n in reversed(voxel)]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_image_of_coordinates_sampled_anywhere_is_the_point(dimensions):
    """Order of components and half voxels in one: the image of each coordinate answers with the point itself."""
    shape = SHAPES[dimensions]
    image = torch.movedim(fields.identity_grid(shape, torch.float64), -1, 0)[None]
    extent = torch.tensor([n - 1 for n in reversed(shape)], dtype=torch.float64)
    points = torch.rand(1, 50, dimensions, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * extent
    assert torch.allclose(fields.sample_at(image, points), points.transpose(1, 2), atol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_voxel_centers_are_at_whole_numbers_up_to_the_corners(dimensions):
    image = random_images(dimensions)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, n - 1.0]) for n in reversed(SHAPES[dimensions])]).double()
    values = fields.sample_at(image, corners[None])[0, 0]
    expected = torch.stack([image[0, 0][tuple(int(n) for n in corner.flip(0))] for corner in corners])
    assert torch.allclose(values, expected, atol=1e-12)


def test_outside_the_edge_value_continues_or_zero_is_returned():
    image = 2 + random_images(2).abs()
    outside = torch.tensor([[[-5.0, 3.0], [22 + 4.0, 3.0]]], dtype=torch.float64)
    edge = torch.stack((image[0, 0, 3, 0], image[0, 0, 3, -1]))
    assert torch.allclose(fields.sample_at(image, outside)[0, 0], edge, atol=1e-12)
    assert not fields.sample_at(image, outside, padding_mode="zeros").any()


def test_points_of_any_inner_shape():
    image = random_images(3, channels=2)
    points = 5 * torch.rand(1, 4, 3, 2, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = fields.sample_at(image, points)
    assert values.shape == (1, 2, 4, 3, 2, 2)
    assert torch.allclose(values.flatten(2), fields.sample_at(image, points.reshape(1, -1, 3)), atol=1e-12)


def test_points_that_do_not_fit_the_image_are_refused():
    with pytest.raises(ValueError, match="do not fit an image"):
        fields.sample_at(random_images(3), torch.zeros(1, 4, 2))
    with pytest.raises(ValueError, match="do not fit an image"):
        fields.sample_at(random_images(3), torch.zeros(2, 4, 3))


@pytest.mark.parametrize("left_handed", [False, True])
def test_voxel_to_world_and_back(left_handed):
    affine = oblique_affine(left_handed)
    points = torch.randn(7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 20
    world = fields.voxel_to_world_points(points, affine)
    homogeneous = torch.cat((points, torch.ones(7, 1)), dim=1) @ affine.T
    assert torch.allclose(world, homogeneous[:, :3], atol=1e-12)
    assert torch.allclose(fields.world_to_voxel_points(world, affine), points, atol=1e-10)
    assert torch.allclose(fields.world_to_voxel(fields.voxel_to_world(points, affine), affine), points, atol=1e-12)


def test_displacements_are_turned_and_scaled_but_not_shifted():
    affine = oblique_affine()
    along_k = fields.voxel_to_world(torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), affine)
    assert float(along_k.norm()) == pytest.approx(8.0)
    assert torch.allclose(along_k, affine[:3, 2])
    assert not fields.voxel_to_world(torch.zeros(3, dtype=torch.float64), affine).any()
    far = torch.tensor([0.0, 0.0, 1.0]), affine + 1e4 * torch.eye(4)[3].outer(torch.zeros(4))
    assert fields.voxel_to_world(*far).dtype == torch.float32

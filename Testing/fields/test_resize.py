"""Images and fields on other grids over the same field of view: what is in mm stays in mm."""

from __future__ import annotations

import pytest
import torch
from maps import SHAPES, linear_displacement, random_images

from CardiacMotionLib import fields
from CardiacMotionLib.fields import resize_displacement, resize_image

OTHERS = {2: [(38, 23), (10, 12), (25, 17)], 3: [(9, 38, 23), (9, 10, 12), (5, 19, 23), (17, 25, 17)]}
CASES = [(shape, other) for d, shape in SHAPES.items() for other in OTHERS[d]]


def places(shape, of):
    """Where the voxels of a grid are in voxels (*shape, d) of another over the same field of view, (i, j[, k])."""
    ratio = torch.tensor([m / n for n, m in zip(shape, of, strict=True)][::-1], dtype=torch.float64)
    return (fields.identity_grid(shape, torch.float64) + 0.5) * ratio - 0.5


def away_from_sides(shape, of):
    """(*shape) bool: voxels whose neighbors, on either grid, are all inside; at a side the last value is continued."""
    here = places(shape, of)
    reach = 2 + max(1.0, *(m / n for n, m in zip(shape, of, strict=True)))
    extent = torch.tensor([n - 1 for n in reversed(of)], dtype=torch.float64)
    reach = torch.tensor([reach if m != n else 0 for n, m in zip(shape, of, strict=True)][::-1])
    return ((here >= reach) & (here <= extent - reach)).all(-1)


@pytest.mark.parametrize(("shape", "other"), CASES)
def test_a_linear_image_is_the_same_line_on_any_grid(shape, other):
    """Half voxels: the middle of the field of view stays in the middle, whatever the number of voxels."""
    slope = torch.tensor([0.3, -1.1, 2.0], dtype=torch.float64)[: len(shape)]
    image = (fields.identity_grid(shape, torch.float64) @ slope)[None, None]
    expected = places(other, shape) @ slope
    inside = away_from_sides(other, shape)
    assert inside.any()
    smoothed = any(m < n for n, m in zip(shape[-2:], other[-2:], strict=True))  # by a filter of whole voxels
    atol = 0.06 if smoothed else 1e-9  # half a voxel would be 0.15 and more
    torch.testing.assert_close(resize_image(image, other)[0, 0][inside], expected[inside], rtol=0, atol=atol)


@pytest.mark.parametrize(("shape", "other"), CASES)
def test_a_linear_field_is_the_same_motion_in_mm_on_any_grid(shape, other):
    """Of a field of view of 1 in each direction a voxel of n is 1 / n: displacements over that, at places over that."""
    d = len(shape)
    matrix = (
        torch.eye(d, dtype=torch.float64)
        + torch.tensor([[0.10, -0.05, 0.02], [0.03, -0.08, 0.01], [-0.02, 0.04, 0.06]], dtype=torch.float64)[:d, :d]
    )
    field = linear_displacement(matrix, torch.full((d,), 3.0, dtype=torch.float64), shape) + 0.7
    found = resize_displacement(field, other)
    assert found.shape == (1, *other, d)
    size_old, size_new = (torch.tensor([1 / n for n in reversed(s)], dtype=torch.float64) for s in (shape, other))
    at = places(other, shape)  # voxels of the old grid
    expected = ((at - 3.0) @ (matrix - torch.eye(d, dtype=torch.float64)).T + 0.7) * size_old
    inside = away_from_sides(other, shape)
    torch.testing.assert_close((found[0] * size_new)[inside], expected[inside])


@pytest.mark.parametrize(("shape", "other"), CASES)
def test_constants_stay_and_displacements_are_scaled_along_their_own_axis(shape, other):
    d = len(shape)
    torch.testing.assert_close(resize_image(torch.full((2, 3, *shape), 1.7), other), torch.full((2, 3, *other), 1.7))
    along = torch.tensor([1.0, -2.0, 0.5])[:d]
    ratio = torch.tensor([new / was for new, was in zip(other, shape, strict=True)][::-1])
    found = resize_displacement(along.expand(2, *shape, d), other)
    torch.testing.assert_close(found, (along * ratio).expand(2, *other, d))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_grid_is_the_identity(dimensions, dtype):
    image = random_images(dimensions, channels=dimensions, dtype=dtype)
    assert torch.equal(resize_image(image, list(SHAPES[dimensions])), image)
    field = image.movedim(1, -1)
    assert torch.equal(resize_displacement(field, list(SHAPES[dimensions])), field)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_type_channels_and_batch_are_kept(dimensions):
    image = random_images(dimensions, channels=4).expand(3, -1, *SHAPES[dimensions])
    other = OTHERS[dimensions][-1]
    found = resize_image(image, other)
    assert (found.dtype, found.shape) == (torch.float64, (3, 4, *other))
    torch.testing.assert_close(found[1, 2], resize_image(image[1:2, 2:3], other)[0, 0])
    assert resize_displacement(image[:, :dimensions].movedim(1, -1), other).dtype == torch.float64


@pytest.mark.parametrize(
    ("shape", "other"),
    [((64, 48), (29, 61)), ((64, 48), (150, 100)), ((9, 64, 48), (9, 31, 60)), ((10, 32, 40), (23, 50, 30))],
)
def test_a_blob_stays_at_its_place(shape, other):
    """Center of mass, as a share of the field of view; a blob is far from the sides, so nothing of it is lost."""
    d = len(shape)
    center = torch.tensor([0.4, 0.55, 0.45], dtype=torch.float64)[:d]
    width = torch.tensor([0.1, 0.12, 0.15], dtype=torch.float64)[:d]

    def share(of):
        return (fields.identity_grid(of, torch.float64) + 0.5) / torch.tensor(of[::-1], dtype=torch.float64)

    def middle(image):
        return (image[..., None] * share(image.shape)).flatten(0, -2).sum(0) / image.sum()

    blob = torch.exp(-((share(shape) - center) / width).square().sum(-1) / 2)
    found = resize_image(blob[None, None], other)[0, 0]
    torch.testing.assert_close(middle(found), middle(blob), rtol=0, atol=2e-3)
    torch.testing.assert_close(found.mean(), blob.mean(), rtol=5e-3, atol=0)


def test_fine_detail_does_not_turn_into_something_else_on_a_coarser_grid():
    """A chessboard of voxels is gray from afar; picking every so many voxels would leave black or white."""
    grid = fields.identity_grid((48, 48)).sum(-1) % 2
    assert (resize_image(grid[None, None], (12, 12)) - 0.5).abs().max() < 0.05
    assert (resize_image(grid.expand(1, 1, 3, 48, 48), (3, 12, 12)) - 0.5).abs().max() < 0.05


def test_slices_are_not_mixed_unless_their_number_changes():
    image = random_images(3)
    found = resize_image(image, (9, 30, 11))
    for k in range(9):
        torch.testing.assert_close(found[:, :, k], resize_image(image[:, :, k], (30, 11)))


def test_one_slice_can_be_resized_in_plane():
    image = random_images(3)[:, :, :1]
    torch.testing.assert_close(resize_image(image, (1, 30, 40))[:, :, 0], resize_image(image[:, :, 0], (30, 40)))
    field = torch.ones(1, 1, 8, 8, 3)
    assert resize_displacement(field, (1, 16, 4))[0, 0, 0, 0].tolist() == [0.5, 2.0, 1.0]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_resizing_can_be_learned_through(dimensions):
    image = random_images(dimensions, channels=dimensions)[..., :6, :7].requires_grad_()
    other = (*image.shape[2:-2], 4, 9)
    assert torch.autograd.gradcheck(lambda a: resize_image(a, other), (image,))
    assert torch.autograd.gradcheck(lambda a: resize_displacement(a.movedim(1, -1), other), (image,))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_slope_of_an_image_has_the_order_of_displacements(dimensions):
    shape = SHAPES[dimensions]
    slope = torch.tensor([0.3, -1.1, 2.0], dtype=torch.float64)[:dimensions]
    image = (fields.identity_grid(shape, torch.float64) @ slope)[None, None]
    found = fields.image_gradient(image)
    assert found.shape == (1, dimensions, *shape)
    torch.testing.assert_close(found.movedim(1, -1), slope.expand(1, *shape, dimensions))


def test_slope_of_an_image_per_item_and_zero_across_one_slice():
    image = random_images(3)[:, :, :1]
    pair = torch.cat((image, 2 * image))
    found = fields.image_gradient(pair)
    assert not found[:, 2].any()
    torch.testing.assert_close(found[1], 2 * found[0])
    torch.testing.assert_close(found[:1, :2, 0], fields.image_gradient(image[:, :, 0]))

"""What iterative networks are told at every step: the gradient of a dissimilarity, whatever the size of the images."""

from __future__ import annotations

import pytest
import torch
from blobs import blobs

from CardiacMotionLib import fields
from CardiacMotionLib.methods.similarity_gradient import (
    BINS,
    KINDS,
    UNIT,
    SimilarityGradient,
    dissimilarity,
    similarity_gradient,
    window_of,
)

SHAPES = {2: (26, 30), 3: (4, 22, 26)}
SHIFT = {2: (1.5, -1.0), 3: (1.5, -1.0, 0.3)}


def pair(dims: int, shape: tuple[int, ...] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Fixed and moving, float64; the moving one has another contrast, too."""
    shape = shape or SHAPES[dims]
    fixed = blobs(shape, (0.0,) * dims, torch.float64)
    return fixed, 0.1 + 0.8 * blobs(shape, SHIFT[dims], torch.float64)


def somewhere(dims: int) -> torch.Tensor:
    """A displacement (1, *shape, d) between voxels."""
    generator = torch.Generator().manual_seed(0)
    return 0.5 + 0.3 * torch.rand(1, *SHAPES[dims], dims, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("dims", [2, 3])
def test_squared_error_in_closed_form_is_the_derivative_of_its_sum(dims):
    """With respect to the warped image exactly; with respect to the displacement where linear images are warped."""
    fixed, moving = pair(dims)
    slope = torch.tensor([0.02, -0.03, 0.01], dtype=torch.float64)[:dims]
    moving = (fields.identity_grid(SHAPES[dims], torch.float64) @ slope)[None, None]
    u = somewhere(dims).requires_grad_()
    loss = (fields.warp(moving, u) - fixed).square().sum()
    (expected,) = torch.autograd.grad(loss, u)
    found = similarity_gradient(fixed, moving, u.detach(), "mse") / UNIT["mse"]
    inside = (slice(None), *[slice(1, -2)] * dims)  # linear up to the sides, where the image goes on with its edge
    torch.testing.assert_close(found[inside], expected[inside])


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_close_to_the_derivative_of_warping_and_comparing(dims, kind):
    """Of smooth images: the slope is that of central differences, that of linear interpolation has steps."""
    fixed, moving = pair(dims)
    u = somewhere(dims).requires_grad_()
    loss = dissimilarity(kind, fields.warp(moving, u), fixed).sum() * fixed.numel()
    (expected,) = torch.autograd.grad(loss, u)
    found = similarity_gradient(fixed, moving, u.detach(), kind) / UNIT[kind]
    inside = (slice(None), *[slice(2, -2)] * dims) if dims == 2 else (slice(None), slice(1, -1), *[slice(2, -2)] * 2)
    found, expected = found[inside], expected[inside]
    for axis, limit in enumerate((0.12, 0.12, 0.6)[:dims]):  # a blob is but one slice thick
        assert (found - expected)[..., axis].norm() < limit * expected[..., axis].norm(), axis


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_derivative_of_an_intensity_is_that_of_finite_differences(dims, kind):
    """At voxels that are neither the darkest nor the brightest, which set the scale of correlation and histogram."""
    fixed, moving = pair(dims)
    found = SimilarityGradient(fixed, moving, kind)._of_intensity(moving)
    flat = moving.flatten()
    middle = (flat - flat.mean()).abs().argsort()[: 5 * 17 : 17]
    step = 1e-4
    for n in middle.tolist():
        there = torch.zeros_like(flat)
        there[n] = step
        there = there.reshape(moving.shape)
        up, down = (dissimilarity(kind, moving + sign * there, fixed).sum() * fixed.numel() for sign in (1, -1))
        assert found.flatten()[n].item() == pytest.approx(((up - down) / (2 * step)).item(), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", ["mse", "ncc"])
def test_empty_space_around_changes_nothing(dims, kind):
    """A mean over the voxels would make the gradient smaller in larger images."""
    fixed, moving = pair(dims)
    u = somewhere(dims)
    wide = [torch.nn.functional.pad(image, 4 * [20], value=float(image.min())) for image in (fixed, moving)]
    around = torch.nn.functional.pad(u.movedim(-1, 1), 4 * [20]).movedim(1, -1)
    small, large = similarity_gradient(fixed, moving, u, kind), similarity_gradient(*wide, around, kind)
    inner = large[..., 20:-20, 20:-20, :]
    middle = (..., slice(9, -9), slice(9, -9), slice(None))  # a window of 9 reaches out at the sides
    assert small[middle].abs().max() > 0.05
    torch.testing.assert_close(inner[middle], small[middle], rtol=0, atol=1e-9 if kind == "mse" else 2e-3)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_against_it_makes_the_images_more_alike(dims, kind):
    fixed, moving = pair(dims)
    u = torch.zeros(1, *SHAPES[dims], dims, dtype=torch.float64)
    before = dissimilarity(kind, fields.warp(moving, u), fixed)
    gradient = similarity_gradient(fixed, moving, u, kind)
    step = 0.2 / gradient.abs().max()
    after = dissimilarity(kind, fields.warp(moving, u - step * gradient), fixed)
    back = dissimilarity(kind, fields.warp(moving, u + step * gradient), fixed)
    assert after < before < back


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_of_the_size_of_one(kind):
    """What a network sees at first should not be thousands or thousandths, nor depend on the kind by much."""
    fixed, moving = (image.float() for image in pair(2, (96, 96)))
    largest = similarity_gradient(fixed, moving, torch.zeros(1, 96, 96, 2), kind).abs().max()
    assert 0.1 < largest < 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_pair_of_a_batch_has_its_own(kind):
    pairs = [pair(2), tuple(image.flip(-1) for image in pair(2)), tuple(0.5 * image for image in pair(2))]
    us = [somewhere(2), 0 * somewhere(2), somewhere(2).flip(1)]
    fixed, moving = (torch.cat([one[n] for one in pairs]) for n in range(2))
    together = similarity_gradient(fixed, moving, torch.cat(us), kind)
    for n, (one, u) in enumerate(zip(pairs, us, strict=True)):
        torch.testing.assert_close(together[n : n + 1], similarity_gradient(*one, u, kind))


def test_equal_images_have_none():
    """With correlation only where there is contrast: where there is little, more of it would count as more alike."""
    fixed, _ = pair(2)
    zero = torch.zeros(1, *SHAPES[2], 2, dtype=torch.float64)
    assert similarity_gradient(fixed, fixed, zero, "mse").abs().max() < 1e-9
    noise = torch.rand(2, 1, 1, *SHAPES[2], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    same, different = (similarity_gradient(noise[0], noise[n], zero, "ncc").norm() for n in (0, 1))
    assert same < 0.02 * different


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_one_intensity_give_numbers(kind):
    flat, (fixed, _) = torch.full((1, 1, *SHAPES[2]), 0.5, dtype=torch.float64), pair(2)
    for one, other in ((flat, flat), (fixed, flat), (flat, fixed)):
        assert torch.isfinite(similarity_gradient(one, other, somewhere(2), kind)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_there_also_without_gradients_and_leaves_none_behind(kind):
    fixed, moving = pair(2)
    with torch.no_grad():
        found, warped = SimilarityGradient(fixed, moving, kind).at(somewhere(2))
    assert not found.requires_grad
    torch.testing.assert_close(found, similarity_gradient(fixed, moving, somewhere(2), kind))
    torch.testing.assert_close(warped, fields.warp(moving, somewhere(2)))


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_how_it_changes_with_the_displacement(kind):
    fixed, moving = pair(2)
    u = somewhere(2).requires_grad_()
    similarity_gradient(fixed, moving, u, kind).square().sum().backward()
    assert u.grad.any()
    assert torch.isfinite(u.grad).all()


@pytest.mark.parametrize("kind", KINDS)
def test_float32_is_precise_enough(kind):
    fixed, moving = pair(2)
    double = similarity_gradient(fixed, moving, somewhere(2), kind)
    single = similarity_gradient(fixed.float(), moving.float(), somewhere(2).float(), kind)
    assert single.dtype == torch.float32
    assert (single - double).norm() < 5e-3 * double.norm()


def test_kinds_are_the_similarities_of_the_fields():
    fixed, moving = pair(3)
    torch.testing.assert_close(dissimilarity("mse", moving, fixed), fields.mse(moving, fixed))
    torch.testing.assert_close(dissimilarity("ncc", moving, fixed), 1 - fields.local_ncc(moving, fixed, (1, 9, 9)))
    torch.testing.assert_close(dissimilarity("nmi", moving, fixed), -fields.nmi(moving, fixed, BINS))
    assert window_of(fixed[:, :, 0]) == (9, 9)

"""GraDIRN: its sizes, its steps from coarse to fine, what it can learn."""

from __future__ import annotations

import pytest
import torch
from blobs import blobs, error, learn

from CardiacMotionLib import fields
from CardiacMotionLib.methods.gradirn import METHOD
from CardiacMotionLib.methods.gradirn.network import Config, Network
from CardiacMotionLib.training.recipe import load_recipe

SMALL = {2: (48, 40), 3: (5, 32, 40)}
SHIFT = {2: (2.0, -1.5), 3: (1.5, -1.5, 0.0)}
PAPER = {"levels": 2, "steps": 3, "shared": False}
QUICK = {"channels": 8, "layers": 3}


def network(dims: int = 2, **settings) -> Network:
    torch.manual_seed(0)
    return Network(Config(dims=dims, **settings))


def without_regularization(**settings) -> Network:
    """Plain gradient descent, coarse to fine."""
    plain = network(**settings)
    for name, parameter in plain.named_parameters():
        if "regularization" in name:
            torch.nn.init.zeros_(parameter)
    return plain


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_as_many_parameters_as_the_papers_say():
    recipe = load_recipe(METHOD, "paper").network
    assert {name: getattr(recipe, name) for name in PAPER} == PAPER
    assert parameters(Network(recipe)) == 177_048  # 173k in paper 004, see Network
    assert parameters(network()) == 88_524  # three networks of Qiu 2022, one for each resolution


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("extra", [0, 1])
def test_first_answer_is_small_and_fits_images_of_any_size(dims, extra):
    shape = tuple(n + extra for n in SMALL[dims])
    fixed, moving = torch.rand(2, 2, 1, *shape)
    found = network(dims)(fixed, moving)
    assert [u.shape for u in found] == 9 * [(2, *shape, dims)]
    assert 0 < found[-1].abs().max() < 3


def test_images_that_are_equal_stay_where_they_are():
    image = blobs((32, 32), (0.0, 0.0))
    assert without_regularization()(image, image)[-1].abs().max() < 1e-4


@pytest.mark.parametrize("settings", [{}, PAPER, {"dims": 3}], ids=["shared", "own", "3d"])
def test_every_parameter_is_learned(settings):
    one = network(**{**QUICK, **settings})
    fixed, moving = torch.rand(2, 1, 1, *SMALL[one.dims])
    one(fixed, moving)[-1].square().sum().backward()
    assert [name for name, p in one.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("similarity", ["mse", "ncc"])
def test_gradient_alone_makes_images_more_alike(dims, similarity):
    shape = SMALL[dims]
    fixed, moving = blobs(shape, (0.0,) * dims), blobs(shape, SHIFT[dims])
    with torch.no_grad():
        found = without_regularization(dims=dims, similarity=similarity)(fixed, moving)
    errors = [float(fields.mse(fields.warp(moving, u), fixed)) for u in (torch.zeros_like(found[0]), *found)]
    assert errors[-1] < 0.8 * errors[0]


@pytest.mark.parametrize("dims", [2, 3])
def test_learns_a_shift_by_heart(dims):
    shape, shift = SMALL[dims], SHIFT[dims]
    fixed, moving = blobs(shape, (0.0,) * dims), blobs(shape, shift)
    one = network(dims, **QUICK)
    assert learn(one, fixed, moving, 40) < 0.15
    with torch.no_grad():
        found = one(fixed, moving)[-1]
    inside = fixed[0, 0] > 0.5
    assert found[0][inside].mean(0)[:2].sub(torch.tensor(shift[:2])).abs().max() < 0.7


def test_what_a_coarse_step_finds_is_as_long_on_the_fine_grid():
    """A learned gradient of one voxel at every step of a pyramid of 3: steps of 4, 2 and 1 voxels of the images."""
    one = without_regularization(step_size=0.0, steps=2)
    for step in one.steps:
        step.regularization[-1].bias.data = torch.tensor([-1.0, 0.5])
    found = one(*torch.rand(2, 1, 1, 32, 48))
    for u, length in zip(found, (4, 8, 10, 12, 13, 14), strict=True):
        torch.testing.assert_close(u, torch.tensor([1.0, -0.5]).expand_as(u) * length)


def test_slices_and_what_goes_through_them_are_not_scaled():
    one = without_regularization(dims=3, step_size=0.0, steps=1, levels=2)
    for step in one.steps:
        step.regularization[-1].bias.data = torch.tensor([-1.0, 0.0, -1.0])
    found = one(*torch.rand(2, 1, 1, 5, 16, 24))
    torch.testing.assert_close(found[0], torch.tensor([2.0, 0.0, 1.0]).expand_as(found[0]))
    torch.testing.assert_close(found[1], torch.tensor([3.0, 0.0, 2.0]).expand_as(found[1]))


@pytest.mark.parametrize("similarity", ["mse", "ncc"])
def test_steps_do_not_depend_on_how_much_empty_space_is_around(similarity):
    """Trap: the gradient of a mean over voxels shrinks with their number."""
    one = without_regularization(similarity=similarity, levels=1, step_size=0.2)
    fixed, moving = blobs((32, 32), (0.0, 0.0)), blobs((32, 32), (1.0, 0.0))
    wide = [torch.nn.functional.pad(image, 4 * [32], mode="replicate") for image in (fixed, moving)]
    with torch.no_grad():
        small, large = one(fixed, moving)[-1], one(*wide)[-1][:, 32:-32, 32:-32]
    inner = (slice(None), slice(5, -5), slice(5, -5))
    torch.testing.assert_close(large[inner], small[inner], rtol=0.02, atol=0.05)


def test_steps_can_be_more_or_fewer_than_trained_with():
    one = network(**{**QUICK, **PAPER})
    fixed, moving = torch.rand(2, 1, 1, 32, 32)
    with torch.no_grad():
        assert len(one(fixed, moving, steps=1)) == 2
        assert len(one(fixed, moving, steps=5)) == 10
        torch.testing.assert_close(one(fixed, moving, steps=5)[:3], one(fixed, moving)[:3])


@pytest.mark.parametrize("similarity", ["mse", "ncc", "nmi"])
def test_double_precision_gives_the_same(similarity):
    one = network(similarity=similarity, **QUICK)
    fixed, moving = blobs((32, 32), (0.0, 0.0)), blobs((32, 32), (1.0, 1.0))
    with torch.no_grad():
        single = one(fixed, moving)[-1]
        double = one.double()(fixed.double(), moving.double())[-1]
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-2, atol=1e-3)


def test_mixed_precision_gives_about_the_same():
    one = network(**QUICK)
    fixed, moving = blobs((32, 32), (0.0, 0.0)), blobs((32, 32), (2.0, 0.0))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = one(fixed, moving)[-1]
    with torch.no_grad():
        torch.testing.assert_close(mixed, one(fixed, moving)[-1], rtol=0.02, atol=0.02)


def test_error_falls_from_step_to_step_after_training():
    fixed, moving = blobs((48, 40), (0.0, 0.0)), blobs((48, 40), (2.0, -1.5))
    one = network(**QUICK)
    learn(one, fixed, moving, 20)
    with torch.no_grad():
        errors = [float(fields.mse(fields.warp(moving, u), fixed)) for u in one(fixed, moving)]
        assert errors[-1] == pytest.approx(float(error(one, fixed, moving)), rel=1e-4)
    assert errors[-1] < min(errors[2], errors[5])

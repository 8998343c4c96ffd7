"""The outer loss of networks for pairs: error of the displacement, parts and weights, overlap, regions."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from small_people import random_person, ring

from CardiacMotionLib import fields
from CardiacMotionLib.methods.similarity_gradient import KINDS, dissimilarity
from CardiacMotionLib.training.data import Data, make_pair, prepare, stacked
from CardiacMotionLib.training.losses import Loss, carried_dice, endpoint_error, pair_loss, region_loss
from CardiacMotionLib.training.pairs import carried_labels, overlaps_of


def batch_of(*pairs):
    return stacked(pairs)


@pytest.fixture
def batch():
    person = random_person()
    unknown = make_pair(person, 1, 3, 0, 2, exact=False)
    return batch_of(make_pair(person, 0, 2, 0, 2), make_pair(person, 0, 1, 1, 2), unknown)


# ---------------------------------------------------------------------- error of the displacement


def test_error_is_the_mean_length_where_the_motion_is_known(batch):
    off = torch.tensor([3.0, -4.0])
    found = batch["displacement"] + off
    found[2] += 100  # of whom nothing is known
    assert endpoint_error(found, batch).item() == pytest.approx(4.99, abs=1e-4)
    assert endpoint_error(batch["displacement"], batch).item() == pytest.approx(0, abs=1e-6)


def test_a_slice_counts_as_many_pixels_as_it_is_thick():
    person = dataclasses.replace(random_person(), slice_pixels=4.0)
    batch = batch_of(make_pair(person, 0, 2, slice(None), 3), make_pair(random_person(), 0, 2, slice(None), 3))
    found = batch["displacement"] + torch.tensor([0.0, 3.0, 1.0])
    expected = (5 + math.sqrt(10)) / 2 - 0.01
    assert endpoint_error(found, batch).item() == pytest.approx(expected, abs=1e-3)


def test_error_in_the_heart_is_that_under_the_labels_of_the_fixed_image(batch):
    heart = batch["fixed_labels"] > 0
    found = batch["displacement"] + 2.0 * ~heart[..., None]
    assert endpoint_error(found, batch, heart=True).item() == pytest.approx(0, abs=1e-6)
    assert endpoint_error(found, batch).item() > 0.1
    found = batch["displacement"] + 3.0 * heart[..., None]
    assert endpoint_error(found, batch, heart=True).item() == pytest.approx(3 * math.sqrt(2), abs=0.02)


def test_error_of_nobody_is_zero_and_has_a_slope_everywhere(batch):
    unknown = {**batch, "known": torch.zeros(3)}
    found = batch["displacement"].clone().requires_grad_()
    assert endpoint_error(found, unknown) == 0
    endpoint_error(found, batch).backward()
    assert torch.isfinite(found.grad).all()
    assert found.grad.abs().max() < 1e-6


# ---------------------------------------------------------------------- the loss


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_the_loss_have_their_weights(batch, kind):
    u = 0.3 * torch.randn(3, 16, 16, 2, generator=torch.Generator().manual_seed(1))
    parts = {
        "images": dissimilarity(kind, fields.warp(batch["moving"], u), batch["fixed"]).mean(),
        "smoothness": fields.diffusion_energy(u),
        "truth": endpoint_error(u, batch),
    }
    loss = Loss(kind, images=0.5, smoothness=0.2, truth=3.0)
    total, told = pair_loss([u], [1.0], batch, loss)
    assert set(told) == set(parts)
    for name, value in parts.items():
        torch.testing.assert_close(told[name], value)
    expected = sum(getattr(loss, name) * value for name, value in parts.items())
    torch.testing.assert_close(total, expected)


def test_what_has_no_weight_is_not_computed(batch):
    u = torch.zeros(3, 16, 16, 2)
    _, told = pair_loss([u], [1.0], batch, Loss(images=0, truth=0))
    assert set(told) == {"smoothness"}
    del batch["displacement"], batch["known"]
    total, told = pair_loss([u], [1.0], batch, Loss(truth=0))
    assert set(told) == {"smoothness", "images"}
    assert torch.isfinite(total)


def test_steps_count_as_much_as_their_weights(batch):
    """Equation 13, as a mean: with more steps the loss is not larger."""
    steps = [torch.full((3, 16, 16, 2), value) for value in (0.0, 0.5, 1.0)]
    loss = Loss(truth=1.0)
    alone = torch.stack([pair_loss([u], [1.0], batch, loss)[0] for u in steps])
    for weights in ([1.0, 1.0, 1.0], [1.0, math.sqrt(10), 10.0], [0.0, 0.0, 5.0], [0.0, 1.0, 1.0]):
        total, told = pair_loss(steps, weights, batch, loss)
        torch.testing.assert_close(total, (alone * torch.tensor(weights)).sum() / sum(weights))
        torch.testing.assert_close(told["truth"], endpoint_error(steps[-1], batch))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dims", [2, 3])
def test_loss_of_the_truth_is_low_and_every_step_learns(kind, dims):
    series, motion = ring((3, 30, 30))
    person = prepare(series, motion, Data(pixel_mm=1.8, size=24, slices=3), dims)
    batch = batch_of(make_pair(person, 0, 2, 1 if dims == 2 else slice(None), dims))
    steps = [torch.zeros_like(batch["displacement"]).requires_grad_() for _ in range(2)]
    loss = Loss(kind, truth=1.0)
    before, _ = pair_loss(steps, [1.0, 2.0], batch, loss)
    before.backward()
    assert all(u.grad.any() and torch.isfinite(u.grad).all() for u in steps)
    after, _ = pair_loss(2 * [batch["displacement"]], [1.0, 2.0], batch, loss)
    assert after < before


# ---------------------------------------------------------------------- overlap


def test_dice_of_labels_that_are_carried():
    person = random_person()
    labels = torch.zeros(16, 16, dtype=torch.uint8)
    labels[4:10, 4:10] = 2
    labels[6:8, 6:8] = 3
    pair = {**make_pair(person, 0, 2, 0, 2), "fixed_labels": labels, "moving_labels": labels.roll(2, -1)}
    batch = batch_of(pair, {**pair, "labeled": torch.tensor(0.0)})
    shift = torch.zeros(2, 16, 16, 2)
    shift[..., 0] = 2
    # no RV is there, one of the two has no labels
    assert overlaps_of(carried_labels(shift, batch), batch) == [1, 1]
    assert overlaps_of(carried_labels(0 * shift, batch), batch) == [2 * 16 / (32 + 32), 0]
    assert float(carried_dice(shift, batch)) == pytest.approx(1)
    soft = (1 + (2 * 16 + 1) / (2 * 32 + 1) + 1 / (2 * 4 + 1)) / 3
    assert float(carried_dice(0 * shift, batch)) == pytest.approx(soft)
    nobody = {**batch, "labeled": torch.zeros(2)}
    assert float(carried_dice(0 * shift, nobody)) == 1


@pytest.mark.parametrize("dims", [2, 3])
def test_loss_of_regions_counts_the_levels_less_and_less(dims):
    """A level that is right costs nothing, one that sees background everywhere its share: 1, 1/2, 1/4."""
    shape = (4, 8, 8)[-dims:]
    labels = torch.zeros(1, *shape, dtype=torch.long)
    labels[..., :4] = 1
    labels[..., 4:] = 2
    labels[..., :4, :] = 3
    batch = {"fixed_labels": labels.to(torch.uint8), "labeled": torch.ones(1)}
    right = (50 * torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float()).log_softmax(1)
    nothing = torch.zeros(1, 4, *(n // 2 for n in shape))
    nothing[:, 0] = 50
    nothing = nothing.log_softmax(1)
    assert float(region_loss([right], batch)) == pytest.approx(0, abs=1e-5)
    missed = float(region_loss([nothing], batch))
    assert 0.9 < missed < 1
    assert float(region_loss([right, nothing, nothing], batch)) == pytest.approx(0.75 * missed, abs=1e-5)

"""Sets to train on: what is known of them stays true, and an error is what it should be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_people import Given, random_person, ring

from CardiacMotionLib import CardiacMotionError, fields
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.any2reg.network import Config, Network
from CardiacMotionLib.training.groups import (
    GroupData,
    GroupLoss,
    GroupTask,
    all_pair_dice,
    augment_set,
    deviation,
    draw_set,
    group_task,
    in_heart,
    warp_set,
)
from CardiacMotionLib.training.recipe import load_recipe

SIZE = 48


def smooth(count: int, amount: float, seed: int) -> torch.Tensor:
    """Smooth displacements (count, SIZE, SIZE, 2) in voxels."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 2, 5, 5, generator=generator)
    return amount * fields.enlarge(coarse, (SIZE, SIZE)).movedim(1, -1)


def person(count: int = 5) -> dict[str, torch.Tensor]:
    """A set whose images are one image, moved: what is at x in the first is at x + u_n(x) in image n."""
    u = smooth(count, 1.5, 1)
    u[0] = 0
    axis = torch.arange(SIZE) - SIZE / 2
    radius = (axis[:, None] ** 2 + (1.3 * axis) ** 2).sqrt()
    image = torch.exp(-((radius / 14) ** 2)) + 0.2 * torch.sin(axis / 3)[:, None] * torch.cos(axis / 4)
    labels = torch.where(radius < 7, 3, torch.where(radius < 12, 2, 0)).to(torch.uint8)
    back = fields.invert(u)
    return {
        "frames": fields.warp(image.expand(count, 1, SIZE, SIZE), back),
        "labels": fields.warp_nearest(labels.expand(count, 1, SIZE, SIZE), back)[:, 0],
        "displacement": u,
        "known": torch.tensor(1.0),
        "labeled": torch.ones(count),
    }


def as_batch(one):
    return {name: value[None] for name, value in one.items()}


def inner(values):
    """Away from the border, where images are continued."""
    return values[..., 10:-10, 10:-10]


# ---------------------------------------------------------------------- drawing


def test_the_first_image_is_always_in_a_set_and_first():
    someone, rng = random_person(frames=6), np.random.default_rng(0)
    seen = set()
    for _ in range(30):
        one = draw_set(someone, 3, rng)
        level = next(k for k in range(3) if torch.equal(one["frames"][0, 0], someone.frames[0, k]))
        chosen = [
            next(t for t in range(6) if torch.equal(frame[0], someone.frames[t, level])) for frame in one["frames"]
        ]
        assert chosen[0] == 0
        assert chosen == sorted(set(chosen))
        assert torch.equal(one["displacement"], someone.displacement[chosen, level, ..., :2])
        assert one["labeled"].tolist() == [float(t % 2 == 0) for t in chosen]
        seen |= {(level, t) for t in chosen}
    assert len(seen) == 18


def test_where_no_motion_is_known_nothing_is_claimed():
    one = draw_set(random_person(known=False), 2, np.random.default_rng(0))
    assert not one["known"]
    assert not one["displacement"].any()


# ---------------------------------------------------------------------- warping


def test_warped_images_have_the_motion_that_is_said():
    one = person()
    plain = fields.warp(one["frames"], one["displacement"])
    assert inner(plain - one["frames"][:1]).abs().max() < 0.05  # what is tested is right before
    warped = warp_set(one, 3.0, 12.0, np.random.default_rng(0))
    assert not warped["displacement"][0].any()
    assert (warped["displacement"] - one["displacement"]).norm(dim=-1).max() > 1
    drawn = fields.warp(warped["frames"], warped["displacement"])
    assert inner(drawn - warped["frames"][:1]).abs().max() < 0.06
    assert inner(warped["frames"] - one["frames"]).abs().max() > 0.2
    labels = fields.warp_nearest(warped["labels"][:, None], warped["displacement"])
    assert (inner(labels) == inner(warped["labels"][:1, None])).float().mean() > 0.94  # nearest neighbors, thrice


def test_augmented_sets_stay_true():
    one, rng = person(), np.random.default_rng(3)
    for _ in range(4):
        changed = augment_set(one, GroupData(warp_mm=4.0, pixel_mm=2.0), rng)
        # every image has a contrast of its own: the labels tell
        labels = fields.warp_nearest(changed["labels"][:, None], changed["displacement"])
        assert (inner(labels) == inner(changed["labels"][:1, None])).float().mean() > 0.94  # nearest neighbors, thrice
    without = augment_set(one, GroupData(), np.random.default_rng(0))
    assert not torch.equal(without["frames"], one["frames"])


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("canonical", [0.0, 2.0])
def test_the_true_motion_has_no_error_wherever_the_canonical_space_lies(canonical):
    """The exact displacements, all of them after one more map: still everything at a point is the same tissue."""
    one = as_batch(person())
    elsewhere = smooth(1, canonical, 7).expand(5, -1, -1, -1)
    found = fields.compose(elsewhere, one["displacement"][0])[None]
    off = deviation(found, one).norm(dim=-1)
    assert inner(off).max() < 1e-4
    wrong = found.clone()
    wrong[0, 2, ..., 0] += 1  # of five images one is off by a pixel: it by 4/5, the others by 1/5 from the mean
    off = deviation(wrong, one).norm(dim=-1)[0]
    assert off[2].median().item() == pytest.approx(0.8, abs=0.02)
    assert off[1].median().item() == pytest.approx(0.2, abs=0.02)


def test_dice_of_all_pairs():
    one = as_batch(person())
    aligned, still = (
        all_pair_dice(u, one["labels"]) for u in (one["displacement"], torch.zeros_like(one["displacement"]))
    )
    assert aligned > 0.95
    assert still < aligned - 0.05
    half = torch.zeros(1, 2, 4, 4, dtype=torch.uint8)
    half[0, 0, :2], half[0, 1, 1:3] = 2, 2
    assert all_pair_dice(torch.zeros(1, 2, 4, 4, 2), half) == pytest.approx(0.5)


def test_heart_of_the_canonical_space():
    one = as_batch(person())
    shift = torch.zeros_like(one["displacement"])
    shift[..., 0] = 5.0
    heart = one["labels"][0, 0] > 0
    assert torch.equal(in_heart(shift, one)[0, :, 5:-6].bool(), heart[:, 10:-1])


# ---------------------------------------------------------------------- the task


def subjects(count: int):
    return [Given(f"person {n}", *ring()) for n in range(count)]


def test_learns_to_align_a_set(tmp_path):
    data = GroupData(size=32, batch=2, augmented=False, fewest=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Network(Config(channels=8, levels=3))
        task = group_task(network, data, GroupLoss(images=0.2, truth=1.0), 0, subjects(2))
        optimizer = torch.optim.Adam(network.parameters(), 3e-3)
        with torch.no_grad():
            before = task.validate()
        for step in range(40):
            loss, parts = task(task.batch(step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            after = task.validate()
    assert set(parts) == {"images", "smoothness", "mean", "truth"}
    assert after["score"] < before["score"]
    assert after["error"] < 0.7 * before["error"]
    assert task.card == {
        "task": "any",
        "dims": 2,
        "pixel_mm": 2.0,
        "data": "1 subjects of a cohort; its terms hold for these weights too",
    }


def test_batches_depend_on_step_and_seed_only():
    people = [random_person(frames=5)] * 2
    data = GroupData(batch=2, fewest=2, warp_mm=2.0)

    def batch(seed, step):
        return GroupTask(Network(Config(channels=2, levels=2)), people, people, data, GroupLoss(), seed).batch(step)

    first, again, other = batch(0, 4), batch(0, 4), batch(0, 5)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert first["frames"].shape != other["frames"].shape or not torch.equal(first["frames"], other["frames"])
    counts = {batch(0, step)["frames"].shape[1] for step in range(20)}
    assert counts == {2, 3, 4, 5}


def test_one_subject_is_too_few():
    with pytest.raises(CardiacMotionError, match="at least two are needed"):
        group_task(Network(Config(channels=2, levels=2)), GroupData(), GroupLoss(), 0, subjects(1))


def test_recipes_train_on_stone_and_nothing_else():
    for name in ("small", "paper"):
        recipe = load_recipe(methods()["any2reg"], name)
        assert (recipe.data.kind, recipe.data.sequence) == ("t1", "stone")
    mean = load_recipe(methods()["any2reg"], "small_mean")
    small = load_recipe(methods()["any2reg"], "small")
    assert (mean.data, mean.loss, mean.training) == (small.data, small.loss, small.training)
    assert mean.network.aggregation == "mean"

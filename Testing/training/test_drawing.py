"""Pairs of frames as a network sees them: which are drawn, turned, mirrored and held out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from small_people import random_person

from CardiacMotionLib import fields
from CardiacMotionLib.training.data import (
    Data,
    Prepared,
    augment,
    draw_pair,
    held_out_pairs,
    make_pair,
    moved,
    stacked,
)

SYMMETRIES = list(product([False, True], repeat=3))
OF_STACKS = [(*how, mirror_k) for how in SYMMETRIES for mirror_k in (False, True)]  # from the base, or from the apex


# ---------------------------------------------------------------------- pairs


def frame_numbers(person: Prepared, pair: dict) -> list[int]:
    """Which frames a pair is of."""
    return [
        int(next(t for t in range(len(person.frames)) if any(torch.equal(pair[name][0], s) for s in person.frames[t])))
        for name in ("fixed", "moving")
    ]


@pytest.mark.parametrize(("template", "fixed"), [("first", {0}), ("last", {3}), ("any", {0, 1, 2, 3})])
def test_template_is_what_the_others_are_drawn_in(template, fixed):
    person, rng = random_person(), np.random.default_rng(0)
    drawn = [draw_pair(person, Data(template=template), 2, rng) for _ in range(80)]
    numbers = [frame_numbers(person, pair) for pair in drawn]
    assert {n[0] for n in numbers} == fixed
    assert {tuple(n) for n in numbers} == {(a, b) for a in fixed for b in range(4) if a != b}
    for (a, b), pair in zip(numbers, drawn, strict=True):
        assert pair["known"] == 1
        assert pair["labeled"] == float(a % 2 == 0 and b % 2 == 0)
        assert pair["displacement"].any()


@pytest.mark.parametrize("dims", [2, 3])
def test_motion_between_any_two_frames_is_known(dims):
    """Frames that are moved by t times a vector, and stretched: from a to b it is x -> (x + b v) (1 + b s) ..."""
    grid = fields.identity_grid((3, 16, 16))
    stretch, shift = torch.tensor([0.01, -0.02, 0.0]), torch.tensor([0.5, -0.3, 0.0])
    person = random_person()
    person.displacement.copy_(torch.stack([t * (stretch * grid + shift) for t in range(4)]))
    level = 1 if dims == 2 else slice(None)
    found = make_pair(person, 3, 1, level, dims)["displacement"]
    first = (grid - 3 * shift) / (1 + 3 * stretch)
    expected = (first + stretch * first + shift - grid)[level][..., :dims]
    torch.testing.assert_close(found[..., 3:-3, 3:-3, :], expected[..., 3:-3, 3:-3, :], atol=5e-3, rtol=0)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_pair_is_of_one_slice_or_of_a_stack(dims):
    person = random_person()
    pair = make_pair(person, 0, 2, 1 if dims == 2 else slice(None), dims)
    shape = (16, 16) if dims == 2 else (3, 16, 16)
    assert {name: (tuple(v.shape), v.dtype) for name, v in pair.items()} == {
        "fixed": ((1, *shape), torch.float32),
        "moving": ((1, *shape), torch.float32),
        "fixed_labels": (shape, torch.uint8),
        "moving_labels": (shape, torch.uint8),
        "displacement": ((*shape, dims), torch.float32),
        "known": ((), torch.float32),
        "slice_pixels": ((), torch.float32),
        "labeled": ((), torch.float32),
    }
    level = 1 if dims == 2 else slice(None)
    assert torch.equal(pair["displacement"], person.displacement[2, level][..., :dims])
    assert torch.equal(pair["moving_labels"], person.labels[2, level])


def test_where_no_motion_is_known_nothing_is_claimed():
    pair = make_pair(random_person(known=False), 0, 1, 0, 2)
    assert not pair["known"]
    assert not pair["displacement"].any()


def test_two_frames_are_enough():
    person, rng = random_person(frames=2), np.random.default_rng(0)
    assert {tuple(frame_numbers(person, draw_pair(person, Data(), 2, rng))) for _ in range(9)} == {(0, 1)}


# ---------------------------------------------------------------------- the eight symmetries


@pytest.mark.parametrize("how", [*((2, *how) for how in SYMMETRIES), *((3, *how) for how in OF_STACKS)])
def test_image_and_motion_turn_together(how):
    """Turning what is drawn is drawing what is turned."""
    dims, *how = how
    generator = torch.Generator().manual_seed(0)
    shape = (9, 9) if dims == 2 else (4, 9, 9)
    image = torch.rand(1, 1, *shape, generator=generator, dtype=torch.float64)
    u = torch.randn(1, *shape, dims, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        fields.warp(moved(image, False, *how), moved(u, True, *how)), moved(fields.warp(image, u), False, *how)
    )


def test_the_eight_are_different():
    image = torch.rand(1, 5, 5)
    turned = [moved(image, False, *how) for how in SYMMETRIES]
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8
    assert all(torch.equal(one.flatten().sort().values, image.flatten().sort().values) for one in turned)


@pytest.mark.parametrize("dims", [2, 3])
def test_augmented_pairs_are_as_true(dims):
    person = random_person()
    pair = make_pair(person, 0, 2, 0 if dims == 2 else slice(None), dims)
    kept = {name: value.clone() for name, value in pair.items()}
    known = SYMMETRIES if dims == 2 else OF_STACKS
    seen = set()
    for seed in range(40 if dims == 2 else 120):
        found = augment(pair, np.random.default_rng(seed))
        again = augment(pair, np.random.default_rng(seed))
        assert all(torch.equal(found[name], again[name]) for name in pair)
        assert found.keys() == pair.keys()
        assert all(
            found[name].shape == value.shape and found[name].dtype == value.dtype for name, value in pair.items()
        )
        assert (found["known"], found["labeled"]) == (1, 1)
        how = next(h for h in known if torch.equal(moved(kept["fixed_labels"], False, *h), found["fixed_labels"]))
        seen.add(how)
        assert torch.equal(found["moving_labels"], moved(kept["moving_labels"], False, *how))
        torch.testing.assert_close(found["displacement"], moved(kept["displacement"], True, *how))
        plain = {name: moved(kept[name], False, *how) for name in ("fixed", "moving")}
        gammas = torch.cat([found[name].log() / plain[name].log() for name in plain])
        assert gammas.median().item() == pytest.approx(gammas.mean().item(), rel=1e-2)  # the same in both images
        assert 0.6 < gammas.median() < 1.6
    assert len(seen) == len(known)
    assert all(torch.equal(pair[name], value) for name, value in kept.items())


def test_black_stays_black_and_bright_stays_finite():
    pair = make_pair(random_person(), 0, 2, 0, 2)
    pair["fixed"] = torch.tensor([0.0, 1.0, 1.3, 0.5]).repeat(1, 16, 4)
    for seed in range(8):
        found = augment(pair, np.random.default_rng(seed))["fixed"]
        assert (found == 0).sum() == 64
        assert (found == 1).sum() == 64
        assert found.max() < 2


# ---------------------------------------------------------------------- held-out pairs


def test_held_out_pairs_are_always_the_same():
    people = [random_person(), random_person(frames=3)]
    data = Data(template="any")
    first = list(held_out_pairs(people, data, 2))
    np.random.default_rng(0).random(5)
    torch.rand(3)
    again = list(held_out_pairs(people, data, 2))
    assert 4 < len(first) == len(again) <= 8
    assert all(torch.equal(a[name], b[name]) for a, b in zip(first, again, strict=True) for name in a)
    alone = list(held_out_pairs(people[:1], data, 2))
    assert all(torch.equal(a["fixed"], b["fixed"]) for a, b in zip(first, alone, strict=False))
    batch = stacked(first)
    assert batch["fixed"].shape == (len(first), 1, 16, 16)
    assert batch["known"].shape == (len(first),)


def test_a_held_out_pair_is_validated_once():
    (pair,) = held_out_pairs([random_person(frames=2)], Data(kind="pairs", template="first"), 3)
    assert pair["fixed"].ndim == 4


def test_people_with_few_labels_are_validated_where_they_have_them():
    frames, labels = torch.rand(5, 1, 8, 8), torch.ones(5, 1, 8, 8, dtype=torch.uint8)
    labeled = torch.tensor([True, False, False, True, False])
    person = Prepared(frames, labels, labeled, torch.zeros(5, 1, 8, 8, 3))
    pairs = list(held_out_pairs([person], Data(template="first"), 2))
    assert all(pair["labeled"] == 1 and pair["known"] == 1 for pair in pairs)
    assert all(torch.equal(pair["moving"][0], frames[3, 0]) for pair in pairs)

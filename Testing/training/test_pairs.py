"""`PairTask`: which pairs a step sees, what it learns, what a validation says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_people import Given, random_person, ring
from torch import nn

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.methods.learned import PairNetwork
from CardiacMotionLib.methods.memwarp import network as memwarp
from CardiacMotionLib.methods.riir.network import Config, Network
from CardiacMotionLib.training.data import Data, held_out_pairs, stacked
from CardiacMotionLib.training.losses import Loss
from CardiacMotionLib.training.pairs import PairTask, pair_task, seeded
from CardiacMotionLib.training.recipe import make_recipe

TINY = Config(steps=2, first=2, second=2)


class Always(PairNetwork):
    """Answers with one displacement, whatever it sees; three times, twice as far every time."""

    def __init__(self, answer: float = 0.25, dims: int = 2) -> None:
        super().__init__(type("Config", (), {"dims": dims})())
        self.answer = nn.Parameter(torch.tensor(answer))

    def forward(self, fixed, moving, steps=None):
        one = self.answer * torch.ones(len(fixed), *fixed.shape[2:], self.dims)
        return [one, 2 * one, 4 * one]


def task(people=None, held_out=None, network=None, seed=0, loss=None, **data):
    people = people or [random_person(), random_person(frames=3)]
    made = network or seeded(lambda: Network(TINY), 0)
    return PairTask(made, people, held_out or people, Data(batch=3, **data), loss or Loss(), seed)


# ---------------------------------------------------------------------- batches


def test_a_batch_depends_on_step_seed_and_rank_alone():
    one, other = task(), task()
    late, early = one.batch(7), one.batch(2)
    torch.rand(5)
    np.random.default_rng(0).random()

    def same(a, b):
        return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

    assert same(other.batch(2), early)
    assert same(other.batch(7), late)
    assert not same(early, late)
    assert not same(task(seed=1).batch(2), early)
    other.rank, other.world = 1, 2
    assert not same(other.batch(2), early)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_batch_has_what_the_network_takes(dims):
    made = task(network=seeded(lambda: Network(Config(dims, steps=1, first=2, second=2)), 0))
    batch = made.batch(0)
    shape = (16, 16) if dims == 2 else (3, 16, 16)
    assert batch["fixed"].shape == batch["moving"].shape == (3, 1, *shape)
    assert batch["displacement"].shape == (3, *shape, dims)
    loss, parts = made(batch)
    assert loss.ndim == 0
    assert loss.requires_grad
    assert all(value.ndim == 0 for value in parts.values())


def test_without_augmentation_pairs_are_those_of_the_people():
    people = [random_person()]
    frames = {tuple(f.flatten().tolist()) for f in people[0].frames.flatten(0, 1)}
    plain, turned = (task(people, augmented=augmented).batch(0)["fixed"] for augmented in (False, True))
    assert {tuple(f.flatten().tolist()) for f in plain} <= frames
    assert not {tuple(f.flatten().tolist()) for f in turned} <= frames


def test_everybody_is_seen():
    people = [random_person() for _ in range(3)]
    for n, person in enumerate(people):
        person.frames.fill_(n)
    made = task(people, augmented=False)
    assert {float(value) for step in range(20) for value in made.batch(step)["fixed"][:, 0, 0, 0]} == {0, 1, 2}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_teaches_every_parameter(precision):
    made = task()
    made.precision = precision
    loss, _ = made.train()(made.batch(0))
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in made.parameters())
    assert any(p.grad.any() for p in made.parameters())


# ---------------------------------------------------------------------- validation


def test_validation_says_the_same_every_time_and_leaves_no_trace():
    made = task().eval()
    state = torch.get_rng_state()
    with torch.no_grad():
        first = made.validate()
        made.batch(3)
        assert made.validate() == first
    assert torch.equal(torch.get_rng_state(), state)
    assert set(first) == {"score", "folding", "error", "dice"}
    assert all(math.isfinite(value) for value in first.values())


def test_scores_are_those_of_the_last_answer():
    """Of a network whose answer is known: error in mm, folding, and the loss over all steps."""
    people = [random_person() for _ in range(3)]
    for person in people:
        person.displacement.zero_()
    made = task(people, network=Always(0.3), pixel_mm=2.5, loss=Loss(images=0, smoothness=0, truth=1.0)).eval()
    with torch.no_grad():
        scores = made.validate()
    lengths = [0.3 * factor * math.sqrt(2) for factor in (1, 2, 4)]
    assert scores["error"] == pytest.approx(lengths[2] * 2.5, abs=0.03)
    assert scores["score"] == pytest.approx(lengths[2], abs=0.02)  # only the last counts by default
    assert scores["folding"] == 0


@pytest.mark.parametrize("kind", ["cohort", "unlabeled", "unknown motion"])
def test_scores_are_finite_whatever_is_not_known(kind):
    """Of a cohort as ACDC two of many frames are labeled; of others none, and no motion is known of either."""
    people = [random_person(frames=10, known=kind == "unlabeled") for _ in range(3)]
    for person in people:
        if kind != "unknown motion":
            person.labeled.zero_()
            person.labels.zero_()
        if kind == "cohort":
            person.labeled[[0, 4]] = True
            person.labels[[0, 4]] = 2
    made = task(people).eval()
    with torch.no_grad():
        scores = made.validate()
    assert {"score", "folding"} <= set(scores)
    assert all(math.isfinite(value) for value in scores.values())
    assert ("error" in scores) == (kind == "unlabeled")


def test_held_out_people_are_not_those_to_learn_from():
    people, kept = [random_person()], [random_person(frames=3)]
    kept[0].frames.mul_(0.5)
    made = task(people, kept, augmented=False).eval()
    assert max(float(made.batch(step)["fixed"].max()) for step in range(5)) > 0.9
    pairs = stacked(list(held_out_pairs(made.held_out, made.data, 2)))
    assert pairs["fixed"].max() <= 0.5


def test_a_loss_of_regions_is_refused_where_none_are_told():
    with pytest.raises(CardiacMotionError, match=r"loss.regions.*memwarp"):
        pair_task(Network(Config()), Data(), Loss(regions=1.0))


def test_labeled_frames_are_drawn_where_labels_are_learned_from():
    """Of a cohort with two labeled frames among many; else its Dice would hardly ever count."""
    person = random_person(frames=12)
    person.labeled[:] = False
    person.labeled[[3, 7]] = True
    rare, always = (task([person], loss=Loss(dice=weight), template="any") for weight in (0.0, 1.0))
    assert all(always.batch(step)["labeled"].all() for step in range(4))
    assert not all(rare.batch(step)["labeled"].all() for step in range(4))
    assert all(always.batch(step)["known"].sum() < 3 for step in range(4))  # the truth is not asked for


def test_labels_are_needed_where_they_are_learned_from():
    subjects = [Given(f"person {n}", ring()[0]) for n in range(3)]
    with pytest.raises(CardiacMotionError, match="need subjects with two labeled frames at least"):
        pair_task(Network(TINY), Data(size=16, slices=3), Loss(dice=1.0), subjects=subjects)


def test_regions_are_learned_and_validated():
    network = seeded(lambda: memwarp.Network(memwarp.Config(dims=2, channels=2, levels=2, hidden=4)), 0)
    made = task(network=network, loss=Loss(dice=1.0, regions=1.0))
    loss, parts = made(made.batch(0))
    loss.backward()
    assert {"dice", "regions", "images", "smoothness"} == set(parts)
    made.eval()
    with torch.no_grad():
        assert 0 <= made.validate()["segmentation"] <= 1


# ---------------------------------------------------------------------- tasks


def test_of_a_folder_the_last_fifth_is_held_out():
    people = [Given(f"person {n}", *ring((1, 24, 24))) for n in range(10)]
    told = []
    made = pair_task(Network(TINY), Data(size=16), Loss(), 0, people, lambda *done: told.append(done))
    assert (len(made.people), len(made.held_out)) == (8, 2)
    assert told[-1] == (10, 10)
    assert "8 subjects of a cohort" in made.card["data"]
    assert "license" not in made.card
    assert len(pair_task(Network(TINY), Data(size=16), Loss(), 0, people[:2]).held_out) == 1
    with pytest.raises(CardiacMotionError, match="1 subject to train on; at least two are needed"):
        pair_task(Network(TINY), Data(size=16), Loss(), 0, people[:1])


def test_synthetic_people_are_those_of_their_seeds():
    data = Data(subjects=2, held_out=1, slices=2, size=16, pixel_mm=5.0)
    made = pair_task(Network(TINY), data, Loss())
    assert (len(made.people), len(made.held_out)) == (2, 1)
    assert made.card == {
        "task": "cine",
        "dims": 2,
        "pixel_mm": 5.0,
        "data": "synthetic MR of the phantom of CardiacMotion, no data of people",
        "license": "Apache-2.0",
    }
    again = pair_task(Network(TINY), data, Loss())
    assert torch.equal(made.people[1].frames, again.people[1].frames)
    assert not torch.equal(made.people[0].frames[0, 0], made.people[1].frames[0, 0])
    assert made.about == again.about


def test_weights_of_maps_say_so():
    assert task(kind="t1").card["task"] == "mapping"
    assert task(kind="cine").card["task"] == "cine"


def test_drawn_weights_are_those_of_the_seed():
    state = torch.get_rng_state()
    one, same, other = (seeded(lambda: Network(TINY), seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.cell.enter.weight, same.cell.enter.weight)
    assert not torch.equal(one.cell.enter.weight, other.cell.enter.weight)


@pytest.mark.parametrize("method", ["riir", "voxelmorph", "gradirn"])
def test_every_method_learns_something_in_a_few_steps(method):
    """Of one person, whom it then knows a little: the way from images to weights is whole."""
    from CardiacMotionLib.methods import methods

    small = {
        "riir": {"first": 8, "second": 4, "steps": 3},
        "voxelmorph": {"convolutions": 1},
        "gradirn": {"channels": 8},
    }
    sections = {"network": small[method], "data": {"size": 32, "pixel_mm": 1.8, "batch": 2}, "loss": {"truth": 1.0}}
    people = [Given(name, *ring((1, 40, 40))) for name in ("ada", "ben")]
    made = make_recipe(methods()[method], sections).task(people)
    optimizer = torch.optim.Adam(made.parameters(), lr=5e-3)
    with torch.no_grad():
        before = made.eval().validate()["score"]
    for step in range(25):
        optimizer.zero_grad()
        made.train()(made.batch(step))[0].backward()
        optimizer.step()
    with torch.no_grad():
        assert made.eval().validate()["score"] < 0.8 * before

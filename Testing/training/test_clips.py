"""Clips to train on: what is known of them stays true, an error is what it should be, people are refused by name."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_people import Given, ring

from CardiacMotionLib import CardiacMotionError, phantom
from CardiacMotionLib.fields import warp
from CardiacMotionLib.methods import methods
from CardiacMotionLib.training.clips import (
    ClipData,
    ClipLoss,
    PreparedClip,
    clip_task,
    errors,
    prepare_clips,
    thinned,
    turned,
)
from CardiacMotionLib.training.recipe import load_recipe

DATA = ClipData(size=40, frames=4, fewest=2, batch=2)
HEART = {"frames": 4, "slices": 2, "rows": 64, "columns": 60, "pixel_mm": 1.6, "thickness_mm": 20.0}


@pytest.fixture(scope="module")
def heart():
    return phantom("cine", 3, **HEART)


@pytest.fixture(scope="module")
def clips(heart):
    return prepare_clips(heart.series, heart.motion, DATA, "image")


def test_a_person_gives_its_slices_as_a_network_sees_them(heart, clips):
    assert len(clips) == 2
    one = clips[0]
    assert one.frames.shape == (4, 1, 40, 40)
    assert one.truth.shape == (4, 40, 40, 2)
    assert not one.truth[0].any()
    area = (heart.series.labels[0][0] == 2).sum() * 1.6**2
    assert int(one.wall.sum()) * 2.0**2 == pytest.approx(area, rel=0.1)
    wall = prepare_clips(heart.series, heart.motion, DATA, "wall")[0]
    assert torch.equal(wall.frames[0, 0] > 0.5, wall.wall)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_truth_draws_the_frames_in_the_first_also_when_turned(clips, quarters):
    one = turned(clips[0], quarters)
    drawn = warp(one.frames, one.truth)
    inside = one.wall

    def off(frames):
        return float((frames[2] - one.frames[0])[0, inside].abs().mean())

    assert off(drawn) < 0.6 * off(one.frames)


def test_a_quarter_turns_counterclockwise_and_four_are_none(clips):
    one = turned(clips[0], 1)
    assert torch.equal(one.frames[0, 0], torch.rot90(clips[0].frames[0, 0]))
    back = turned(one, 3)
    assert torch.equal(back.truth, clips[0].truth)
    assert torch.equal(back.wall, clips[0].wall)
    assert not torch.equal(one.wall, clips[0].wall)


def test_errors_are_those_of_motion_and_strain(clips):
    one = clips[0]
    assert errors(one.truth, one) == (0, 0)
    off = one.truth + torch.tensor([3.0, 4.0])
    error, strain = errors(off, one)
    assert error == pytest.approx(5, abs=1e-4)
    assert strain == pytest.approx(0, abs=1e-4)
    still = PreparedClip(one.frames, torch.zeros_like(one.truth), one.wall)
    columns = torch.arange(40.0).expand(40, 40)
    stretched = torch.stack((0.1 * columns, 0 * columns), -1).expand(4, 40, 40, 2)
    assert errors(stretched, still)[1] == pytest.approx(100 * 0.105 / 4, abs=1e-3)  # one of four entries


def test_fewer_frames_are_spread_and_begin_with_the_first(clips):
    one = thinned(clips[0], 2)
    assert torch.equal(one.frames, clips[0].frames[[0, 3]])
    assert torch.equal(one.truth, clips[0].truth[[0, 3]])


def test_batches_are_the_same_for_a_step_and_have_as_many_frames(heart):
    info = methods()["strainnet"]
    recipe = load_recipe(info, "small", ["network.width=2", "network.levels=2"])
    given = [Given("a", heart.series, heart.motion), Given("b", heart.series, heart.motion)]
    task = clip_task(info.network()(recipe.network), DATA, ClipLoss(), 0, given)
    first, again, other = task.batch(3), task.batch(3), task.batch(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["frames"], other["frames"][:, : first["frames"].shape[1]])
    assert {task.batch(n)["frames"].shape[1] for n in range(12)} == {2, 3, 4}
    assert first["frames"].shape[:1] == first["wall"].shape[:1] == (2,)
    assert task.card["size"] == 40
    assert task.card["task"] == "cine"
    with torch.no_grad():
        scores = task.eval().validate()
    assert scores["score"] > 0
    assert scores["strain"] > 0
    assert "registration" not in scores


def test_the_loss_is_the_weighted_sum_of_its_parts(heart):
    info = methods()["lamod"]
    tiny = ["width=8", "latent=4", "denoiser_width=8", "denoiser_blocks=1", "decoder_width=8", "shooting=1"]
    recipe = load_recipe(info, "small", [f"network.{one}" for one in tiny])
    given = [Given("a", heart.series, heart.motion), Given("b", heart.series, heart.motion)]
    loss = ClipLoss(motion=2, registration=3, energy=5, diffusion=7)
    task = clip_task(info.network()(recipe.network), DATA, loss, 0, given)
    total, parts = task(task.batch(0))
    expected = 2 * parts["motion"] + 3 * parts["registration"] + 5 * parts["energy"] + 7 * parts["diffusion"]
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    with torch.no_grad():
        scores = task.eval().validate()
    assert {"score", "strain", "registration", "registration_strain"} == set(scores)


def test_people_without_known_motion_or_labels_are_refused_by_name(heart):
    network = methods()["strainnet"].network()
    built = network(network.Config(width=2, levels=2))
    series, motion = ring()
    with pytest.raises(CardiacMotionError, match=r"^b: .* learns from motion .*; this series has no motion and labels"):
        clip_task(built, DATA, ClipLoss(), 0, [Given("a", heart.series, heart.motion), Given("b", heart.series)])
    with pytest.raises(CardiacMotionError, match=r"^a: .* labels of 1 of \d+ frames"):
        clip_task(built, DATA, ClipLoss(), 0, [Given("a", series, motion), Given("b", series, motion)])


def test_prepared_clips_are_kept_and_read_back(heart, tmp_path):
    network = methods()["strainnet"].network()
    built = network(network.Config(width=2, levels=2))
    given = [Given("a", heart.series, heart.motion), Given("b", heart.series, heart.motion)]
    heard: list[int] = []
    store = tmp_path / "people.pt"

    def task(data):
        return clip_task(built, data, ClipLoss(), 0, given, lambda done, _: heard.append(done), store)

    first, again = task(DATA), task(replace(DATA, batch=3))
    assert heard == [1, 2]
    assert torch.equal(first.people[1].truth, again.people[1].truth)
    task(replace(DATA, size=44))
    assert heard == [1, 2, 1, 2]


def test_synthetic_people_are_those_of_the_seeds():
    data = ClipData(frames=3, slices=1, size=56, subjects=2, held_out=1)
    network = methods()["strainnet"].network()
    task = clip_task(network(network.Config(width=2, levels=2)), data, ClipLoss(), 0)
    assert len(task.people) == 2
    assert len(task.held_out) == 1
    assert task.card["license"] == "Apache-2.0"
    motion = task.people[0].truth[:, task.people[0].wall].norm(dim=-1).mean(1)
    assert motion[1:].max() > 0.3

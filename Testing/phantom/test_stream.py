"""Streams of training data: exact, repeatable, the same in any worker."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from CardiacMotionLib import CardiacMotionError, fields, phantom
from CardiacMotionLib.metrics import dice
from CardiacMotionLib.phantom import KINDS, tissues
from CardiacMotionLib.phantom.cine import Options, cine_at
from CardiacMotionLib.phantom.stream import HELD_OUT, RANDOMIZED, PairStream, SeriesStream
from CardiacMotionLib.series import BACKGROUND, LV_CAVITY, MYOCARDIUM

SMALL = {"slices": 4, "rows": 48, "columns": 48, "pixel_mm": 3.0}
FINE = {"slices": 16, "rows": 80, "columns": 80, "thickness_mm": 5.0}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(
        same(one[k], other[k]) if isinstance(one[k], dict) else torch.equal(one[k], other[k]) for k in one
    )


@pytest.fixture(scope="module")
def fine_pair():
    return PairStream(1, 3, group="normal", noise=1.0, **FINE)[0]


def test_a_pair_has_the_promised_shapes_and_types():
    item = PairStream(2, 5, **SMALL)[1]
    volume = (4, 48, 48)
    assert {name: (tuple(t.shape), t.dtype) for name, t in item.items()} == {
        "fixed": ((1, *volume), torch.float32),
        "moving": ((1, *volume), torch.float32),
        "fixed_labels": (volume, torch.uint8),
        "moving_labels": (volume, torch.uint8),
        "displacement": ((*volume, 3), torch.float32),
        "spacing": ((3,), torch.float32),
        "seed": ((), torch.int64),
    }
    assert int(item["seed"]) == 6
    assert item["spacing"][:2].tolist() == [3.0, 3.0]
    assert set(item["fixed_labels"].unique().tolist()) == {0, 1, 2, 3}


def test_a_pair_is_the_cine_of_its_seed_at_end_diastole_and_end_systole():
    stream = PairStream(3, 20, group="any", normalized=False, **SMALL)
    item = stream[2]
    subject = phantom("cine", 22, frames=100, **stream.options(2))
    fixed, moving = stream.phases(2)
    volumes = subject.meta["truth"]["volumes_ml"]
    assert fixed == 0
    assert abs(moving - np.argmin(volumes) / 100) <= 0.01
    assert torch.equal(item["fixed_labels"], torch.from_numpy(subject.series.labels[0]))
    smallest = subject.kinematics.volume(subject.kinematics.state(moving))
    assert smallest == pytest.approx(
        min(subject.kinematics.volume(subject.kinematics.state(p / 500)) for p in range(500))
    )


def test_displacement_draws_moving_in_fixed(fine_pair):
    heart = fine_pair["fixed_labels"] > 0
    displacement = fine_pair["displacement"][None]
    warped = fields.warp(fine_pair["moving"][None], displacement)[0]
    before = (fine_pair["moving"] - fine_pair["fixed"])[0][heart].square().mean().sqrt()
    after = (warped - fine_pair["fixed"])[0][heart].square().mean().sqrt()
    assert after < 0.5 * before


def test_labels_follow_the_displacement(fine_pair):
    moving = fine_pair["moving_labels"]
    one_hot = torch.stack([(moving == label).float() for label in range(4)])[None]
    warped = fields.warp(one_hot, fine_pair["displacement"][None])[0].argmax(0).numpy()
    fixed = fine_pair["fixed_labels"].numpy()
    inner = slice(2, -2)  # the outer slices are left by what moves along the axis
    for label in (1, 2, 3):
        assert dice(warped[inner] == label, fixed[inner] == label) > 0.9
        assert dice(moving.numpy()[inner] == label, fixed[inner] == label) < 0.9


@pytest.mark.parametrize("group", ["average", "lbbb"])
def test_between_random_phases_the_displacement_is_that_of_the_map(group):
    stream = PairStream(4, 40, phases="random", group=group, slice_shift_mm=2.0, tilt=20.0, **SMALL)
    fixed, moving = stream.phases(3)
    assert fixed > 0
    subject = cine_at(43, Options(group=group, slice_shift_mm=2.0, tilt=20.0, **SMALL), np.array([0.0, fixed, moving]))
    points = subject.voxel_points()
    there = subject.position(subject.material(points, 1), 2)
    exact = (there - points) @ np.linalg.inv(subject.series.affine[:3, :3]).T
    item = stream[3]
    assert np.abs(exact).max() > 0.2
    np.testing.assert_allclose(item["displacement"].numpy(), exact, atol=2e-4)
    assert torch.equal(item["fixed_labels"], torch.from_numpy(subject.series.labels[1]))
    assert torch.equal(item["moving_labels"], torch.from_numpy(subject.series.labels[2]))


def test_a_series_has_every_frame_and_the_motion_of_the_phantom():
    stream = SeriesStream("cine", 2, 7, slices=1, rows=48, columns=40, frames=5)
    item = stream[1]
    subject = phantom("cine", 8, slices=1, rows=48, columns=40, frames=5)
    assert tuple(item["frames"].shape) == (5, 1, 1, 48, 40)
    assert tuple(item["displacement"].shape) == (5, 1, 48, 40, 3)
    assert item["labels"].dtype == torch.uint8
    assert int(item["seed"]) == 8
    np.testing.assert_array_equal(item["times"], subject.series.times)
    for frame in range(5):
        np.testing.assert_array_equal(item["labels"][frame], subject.series.labels[frame])
        np.testing.assert_array_equal(item["displacement"][frame], subject.motion.voxels(frame)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_examination_can_be_streamed(kind):
    stream = SeriesStream(kind, 1, 4, randomized=True, slices=1, rows=64, columns=64, pixel_mm=2.5)
    batch = next(iter(DataLoader(stream, batch_size=1)))
    frames = batch["frames"].shape[1]
    assert batch["frames"].shape == (1, frames, 1, 1, 64, 64)
    assert batch["labels"].shape == (1, frames, 1, 64, 64)
    assert batch["displacement"].shape == (1, frames, 1, 64, 64, 3)
    assert batch["frames"].min() >= 0
    assert batch["frames"].max() <= 1.3 + 1e-6
    subject = phantom(kind, 4, **stream.options(0))
    assert batch["maps"].keys() == subject.maps.keys()
    for name, values in subject.maps.items():
        np.testing.assert_array_equal(batch["maps"][name][0], values)


def test_intensities_are_normalized_unless_not_wanted():
    normalized, plain = (PairStream(1, 2, normalized=n, **SMALL)[0] for n in (True, False))
    low, high = np.percentile(torch.cat((plain["fixed"], plain["moving"])).numpy(), (1, 99))
    for name in ("fixed", "moving"):
        expected = ((plain[name] - low) / (high - low)).clamp(0, 1.3)
        np.testing.assert_allclose(normalized[name], expected, atol=1e-4)
    assert abs(high - 1) > 0.01


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_items_that_the_stream_gives(context):
    stream = PairStream(3, 30, phases="random", randomized=True, **SMALL)
    loader = DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context=context)
    for index, item in enumerate(loader):
        assert same(item, stream[index])
        assert int(item["seed"]) == 30 + index


def test_items_make_batches():
    loader = DataLoader(
        SeriesStream("cine", 2, slices=1, rows=64, columns=64, frames=3, randomized=True, pixel_mm=3.0), batch_size=2
    )
    batch = next(iter(loader))
    assert tuple(batch["frames"].shape) == (2, 3, 1, 1, 64, 64)
    assert batch["seed"].tolist() == [0, 1]


def test_an_item_depends_on_its_seed_alone():
    stream, later = PairStream(4, 10, randomized=True, **SMALL), PairStream(2, 12, randomized=True, **SMALL)
    assert same(stream[2], later[0])
    assert same(stream[2], pickle.loads(pickle.dumps(stream))[2])
    assert not torch.equal(stream[2]["fixed"], stream[3]["fixed"])


def test_tuples_are_drawn_in_their_range_and_one_does_not_change_another():
    many = PairStream(200, noise=(1.0, 5.0), group=("hcm", "dcm"), sliding=(False, True))
    drawn = [many.options(index) for index in range(200)]
    noise = [one["noise"] for one in drawn]
    assert min(noise) >= 1
    assert max(noise) <= 5
    assert np.mean(noise) == pytest.approx(3, abs=0.3)
    assert {one["group"] for one in drawn} == {"hcm", "dcm"}
    assert {one["sliding"] for one in drawn} == {False, True}
    assert PairStream(200, noise=(1.0, 5.0)).options(17)["noise"] == noise[17]


def test_whole_numbers_are_drawn_with_both_ends():
    stream = SeriesStream("cine", 60, frames=(2, 4))
    assert {stream.options(index)["frames"] for index in range(60)} == {2, 3, 4}


def test_randomized_leaves_what_is_given():
    stream = PairStream(20, randomized=True, group="hcm", noise=1.5)
    drawn = [stream.options(index) for index in range(20)]
    assert drawn[0].keys() == RANDOMIZED.keys()
    assert {one["group"] for one in drawn} == {"hcm"}
    assert {one["noise"] for one in drawn} == {1.5}
    assert {one["contrast"] for one in drawn} == {"random"}
    assert len({one["pixel_mm"] for one in drawn}) == 20


def test_a_stream_ends():
    stream = PairStream(2, **SMALL)
    assert len(stream) == 2
    for index in (2, -1):
        with pytest.raises(IndexError, match="stream of 2"):
            stream[index]


def test_training_does_not_run_into_held_out_seeds():
    PairStream(10, HELD_OUT - 10)
    PairStream(10, HELD_OUT)
    with pytest.raises(CardiacMotionError, match="held-out seeds, which begin at 1000000"):
        PairStream(11, HELD_OUT - 10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairStream(0), "count must be a whole number from 1, got 0"),
        (lambda: PairStream(3, -1), "seed must be a whole number from 0, got -1"),
        (lambda: PairStream(3, frames=4), "a pair has two frames"),
        (lambda: PairStream(3, phases="diastole"), "phases must be one of end_systole, random"),
        (lambda: PairStream(3, colour=1), "no option colour"),
        (lambda: PairStream(3, colour=(1, 2)), "no option colour"),
        (lambda: PairStream(3, noise=(0.0, 80.0)), "option noise must be from 0 to 50"),
        (lambda: PairStream(3, noise=(5.0, 1.0)), "noise is drawn between two numbers"),
        (lambda: PairStream(3, wall_mm=(None, 7.0)), "wall_mm is drawn between two numbers"),
        (lambda: PairStream(3, group=()), "option group is drawn from a tuple"),
        (lambda: PairStream(3, group=("hcm", "athlete")), "option group must be one of"),
        (lambda: SeriesStream("echo", 3), "unknown kind of phantom 'echo'"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(CardiacMotionError, match=message):
        make()


def test_the_subject_of_a_pair_is_the_pair_as_a_cine():
    stream = PairStream(2, 30, phases="random", normalized=False, **SMALL)
    item, subject = stream[1], stream.subject(1)
    series, motion = subject.series, subject.motion
    assert (len(series), motion.reference, sorted(series.labels)) == (2, 0, [0, 1])
    assert subject.meta["seed"] == 31
    for n, name in enumerate(("fixed", "moving")):
        np.testing.assert_array_equal(item[name][0], series.frames[n])
        np.testing.assert_array_equal(item[f"{name}_labels"], series.labels[n])
    assert torch.equal(item["displacement"], motion.voxels(1)[0])
    assert not motion.displacement[0].any()


def test_shares_of_a_tissue_are_of_the_labeled_end_diastole():
    stream = PairStream(2, 20, group="any", **SMALL)
    labels = stream.subject(1).series.labels[0]
    muscle, lung = (stream.share(1, tissue) for tissue in (tissues.MYOCARDIUM, tissues.LUNG))
    assert muscle.shape == labels.shape
    assert muscle[labels == MYOCARDIUM].mean() > 0.6
    assert muscle[labels == LV_CAVITY].mean() < 0.3
    assert lung[labels != BACKGROUND].max() < 0.5
    assert 0.1 < (lung > 0.5).mean() < 0.8


def test_a_pair_of_random_moments_has_no_strain():
    subject = PairStream(3, phases="random", **SMALL).subject(1)
    assert subject.states[0].beating
    with pytest.raises(CardiacMotionError, match="its first frame is not end-diastole"):
        subject.strain()


@pytest.mark.parametrize("kind", KINDS)
def test_the_subject_of_a_series_is_the_examination_of_its_seed(kind):
    stream = SeriesStream(kind, 2, 12, randomized=True, slices=1, rows=48, columns=48, pixel_mm=3.0)
    subject, same = stream.subject(1), phantom(kind, 13, **stream.options(1))
    np.testing.assert_array_equal(subject.series.frames, same.series.frames)
    np.testing.assert_array_equal(subject.motion.displacement, same.motion.displacement)
    assert subject.meta["seed"] == 13


@pytest.mark.parametrize(
    "stream", [PairStream(2, 5, **SMALL), SeriesStream("cine", 2, 5, **SMALL)], ids=["pair", "series"]
)
def test_there_is_no_subject_beyond_the_end(stream):
    for index in (-1, 2):
        with pytest.raises(IndexError, match="of a stream of 2"):
            stream.subject(index)

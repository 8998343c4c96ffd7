"""What networks for pairs are trained on: the truth stays the truth through resampling and cutting."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_people import Given, ring

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion, fields
from CardiacMotionLib.metrics import dice
from CardiacMotionLib.phantom.stream import HELD_OUT, PairStream
from CardiacMotionLib.training.data import (
    Data,
    make_pair,
    prepare,
    prepare_all,
    synthetic_subjects,
    window,
)

# ---------------------------------------------------------------------- one person, prepared


@pytest.mark.parametrize(
    ("shape", "spacing", "pixel_mm"),
    [
        ((1, 44, 40), (1.8, 1.8, 8.0), 1.8),
        ((1, 80, 70), (1.0, 1.0, 8.0), 2.0),
        ((1, 41, 57), (1.3, 2.0, 8.0), 1.6),
        ((3, 36, 33), (2.2, 2.4, 8.0), 1.5),
    ],
)
@pytest.mark.parametrize("dims", [2, 3])
def test_prepared_truth_draws_every_frame_in_the_first(shape, spacing, pixel_mm, dims):
    """In the wall, where there is something to see; and it is as long in mm as it was."""
    series, motion = ring(shape, spacing)
    person = prepare(series, motion, Data(pixel_mm=pixel_mm, size=32, slices=shape[0]), dims)
    assert person.frames.shape == person.labels.shape == (3, shape[0], 32, 32)
    assert person.displacement.shape == (3, shape[0], 32, 32, 3)
    wall = person.labels[0] == 2
    assert not person.displacement[0].any()
    for t in (1, 2):
        drawn = fields.warp(person.frames[t, None, None], person.displacement[t, None])[0, 0]
        before, after = ((image - person.frames[0])[wall].abs().mean() for image in (person.frames[t], drawn))
        assert after < 0.25 * before
    lengths = [round(n * mm / pixel_mm) for n, mm in zip(shape[:0:-1], spacing, strict=False)]
    pixel = torch.tensor([n * mm / m for n, mm, m in zip(shape[:0:-1], spacing, lengths, strict=False)])
    mm = (person.displacement[2][..., :2] * pixel).norm(dim=-1)[wall].mean()
    there = series.labels[0] == 2
    assert mm.item() == pytest.approx(np.linalg.norm(motion.displacement[2][there], axis=-1).mean(), rel=0.02)


@pytest.mark.parametrize("options", [{}, {"pixel_mm": 1.3, "rows": 110, "columns": 90}, {"pixel_mm": 2.7, "rows": 52}])
def test_of_synthetic_hearts_too(options):
    """Whose wall does not shorten through the slice, so that all motion is seen."""
    heart = PairStream(1, 4, slices=1, shortening=0.0, noise=0.0, papillary=False, **options).subject(0)
    person = prepare(heart.series, heart.motion, Data(size=56, pixel_mm=2.0), 2)
    pair = make_pair(person, 0, 1, 0, 2)
    there = pair["fixed_labels"] > 0
    drawn = fields.warp(pair["moving"][None], pair["displacement"][None])[0]
    before, after = ((image - pair["fixed"])[0][there].square().mean() for image in (pair["moving"], drawn))
    assert after < 0.2 * before
    for label in (2, 3):
        carried = fields.warp((pair["moving_labels"] == label).float()[None, None], pair["displacement"][None])[0, 0]
        assert dice((carried > 0.5).numpy(), (pair["fixed_labels"] == label).numpy()) > 0.9


def test_labels_lie_on_the_heart_after_resampling():
    """Areas and places in mm are kept; the ring is in the middle of the field of view, so of the window too."""
    series, motion = ring((1, 61, 50), (1.3, 1.1, 8.0))
    person = prepare(series, motion, Data(pixel_mm=2.3, size=24), 2)
    for label in (2, 3):
        there = (person.labels[0, 0] == label).nonzero().float()
        area = (series.labels[0] == label).sum() * 1.3 * 1.1
        assert len(there) * 2.3**2 == pytest.approx(area, rel=0.1)
        assert there.mean(0).tolist() == pytest.approx([11.5, 11.5], abs=1)
    assert person.labeled.tolist() == [True, False, False]
    assert not person.labels[1:].any()
    assert set(person.labels.unique().tolist()) <= {0, 2, 3}


def test_images_are_in_unit_range_of_the_window():
    series, motion = ring()
    series = series.replace(frames=500 * series.frames - 300)
    person = prepare(series, motion, Data(pixel_mm=1.8, size=32), 2)
    low, high = np.percentile(person.frames, (1, 99))
    assert (low, high) == pytest.approx((0, 1), abs=0.01)
    assert (person.frames.min(), person.frames.max()) >= (0, 1)
    assert person.frames.max() <= 1.3
    assert person.frames.dtype == torch.float32


@pytest.mark.parametrize("corner", [(0, 0), (30, 50), (55, 3)])
def test_window_follows_the_heart_and_stays_in_the_image(corner):
    frames = np.random.default_rng(0).random((2, 1, 60, 64))
    labels = np.zeros((1, 60, 64), np.uint8)
    j, i = corner
    labels[0, j : j + 5, i : i + 7] = 2
    series = ImageSeries(frames, np.diag([2.0, 2.0, 8.0, 1.0]), labels={1: labels})
    person = prepare(series, None, Data(pixel_mm=2.0, size=24), 2)
    assert (person.labels[1] == 2).sum() == 35
    j0, i0 = ((n if n > 0 else 0) for n in (min(max(j + 2 - 12, 0), 36), min(max(i + 3 - 12, 0), 40)))
    there = (person.labels[1, 0] == 2).nonzero().min(0).values
    assert (there - torch.tensor([j - j0, i - i0])).abs().max() <= 1


@pytest.mark.parametrize(
    ("center", "size", "length", "expected"),
    [
        (10.0, 4, 20, [8, 9, 10, 11]),
        (0.0, 4, 20, [0, 1, 2, 3]),
        (19.0, 4, 20, [16, 17, 18, 19]),
        (7.0, 4, 4, [0, 1, 2, 3]),
        (1.0, 6, 3, [0, 0, 1, 2, 2, 2]),
        (1.0, 5, 3, [0, 0, 1, 2, 2]),
        (0.0, 4, 1, [0, 0, 0, 0]),
    ],
)
def test_window(center, size, length, expected):
    assert window(center, size, length).tolist() == expected


def test_images_smaller_than_the_window_go_on_with_their_edge():
    series, motion = ring((1, 20, 44))
    person = prepare(series, motion, Data(pixel_mm=1.8, size=32), 2)
    assert person.frames.shape == (3, 1, 32, 32)
    rows = person.frames[1, 0]
    assert all(torch.equal(rows[n], rows[6]) for n in range(6))
    assert all(torch.equal(rows[n], rows[25]) for n in range(26, 32))
    assert not torch.equal(rows[6], rows[7])


def test_in_2d_only_slices_that_show_the_heart_are_kept():
    series, motion = ring((5, 30, 30))
    labels = series.labels[0].copy()
    labels[[0, 3, 4]] = 0
    person = prepare(series.replace(labels={0: labels}), motion, Data(pixel_mm=1.8, size=24), 2)
    assert person.frames.shape[1] == 2
    whole = prepare(series, motion, Data(pixel_mm=1.8, size=24), 2)
    torch.testing.assert_close(person.displacement, whole.displacement[:, 1:3])


@pytest.mark.parametrize(("slices", "kept"), [(5, [0, 1, 2, 3, 4]), (3, [1, 2, 3]), (8, [0, 0, 1, 2, 3, 4, 4, 4])])
def test_in_3d_a_stack_has_the_slices_that_are_asked_for(slices, kept):
    series, _ = ring((5, 30, 30))
    labels = series.labels[0].copy()
    labels[[0, 4]] = 0
    frames = series.frames + 0.1 * np.arange(5)[:, None, None]
    person = prepare(series.replace(labels={0: labels}, frames=frames), None, Data(size=24, slices=slices), 3)
    middles = person.frames[0].mean((1, 2))
    whole = prepare(series.replace(labels={0: labels}, frames=frames), None, Data(size=24, slices=5), 3)
    order = [int((whole.frames[0].mean((1, 2)) - value).abs().argmin()) for value in middles]
    assert order == kept
    assert torch.equal(person.labels[0], whole.labels[0][kept])


def test_without_labels_the_heart_is_where_images_change():
    series, _ = ring((1, 60, 60))
    off = np.pad(series.frames, [(0, 0), (0, 0), (40, 0), (0, 30)], mode="edge")
    still = Motion(np.zeros((*off.shape, 3)), series.affine)
    person = prepare(ImageSeries(off, series.affine), still, Data(pixel_mm=1.8, size=40), 2)
    labeled = np.pad(series.labels[0], [(0, 0), (40, 0), (0, 30)])
    same = prepare(ImageSeries(off, series.affine, labels={0: labeled}), still, Data(pixel_mm=1.8, size=40), 2)
    shift = torch.stack([(p.frames.std(0)[0] > 0.1).nonzero().float().mean(0) for p in (person, same)])
    assert (shift[0] - shift[1]).abs().max() < 4
    assert not person.labeled.any()
    assert not person.labels.any()


def test_the_series_stays_as_it_is():
    series, motion = ring()
    frames, labels, moves = series.frames.copy(), series.labels[0].copy(), motion.displacement.copy()
    person = prepare(series, motion, Data(pixel_mm=1.8, size=32), 2)
    person.frames.zero_(), person.labels.zero_(), person.displacement.zero_()
    assert np.array_equal(series.frames, frames)
    assert np.array_equal(series.labels[0], labels)
    assert np.array_equal(motion.displacement, moves)


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (ring()[0].replace(frames=ring()[0].frames[:1]), "ben: .*one frame"),
        (ImageSeries(np.ones((3, 1, 20, 20)), np.eye(4)), "ben: frame 0"),
    ],
    ids=["one frame", "constant"],
)
def test_who_cannot_be_learned_from_is_named(series, said):
    people = [Given("ada", *ring()), Given("ben", series)]
    with pytest.raises(CardiacMotionError, match=said):
        prepare_all(people, Data(size=24), 2)


def test_everybody_is_prepared_in_order_and_that_is_told():
    told = []
    people = [Given("ada", *ring()), Given("ben", ring()[0], None)]
    ready = prepare_all(people, Data(size=24), 2, lambda *done: told.append(done))
    assert [person.displacement is None for person in ready] == [False, True]
    assert told == [(1, 2), (2, 2)]


# ---------------------------------------------------------------------- synthetic people


@pytest.mark.parametrize("kind", ["pairs", "cine", "t1"])
def test_synthetic_people_have_images_and_motion(kind):
    data = Data(kind=kind, slices=1, frames=3, size=32, pixel_mm=3.0)
    (person,) = synthetic_subjects(data, 1, 7)
    series, motion = person.load()
    assert len(series) == {"pairs": 2, "cine": 3}.get(kind, len(series))
    assert series.frames.shape == motion.displacement.shape[:4]
    assert series.shape == (1, 48, 48)
    assert series.spacing[0] == pytest.approx(3.0)
    assert motion.reference == 0
    assert person.entry["seed"] == 7
    assert "phantom 7" in person.name


def test_people_to_train_on_and_to_validate_on_are_others():
    data = Data(subjects=3, held_out=2)
    seeds = [[one.entry["seed"] for one in synthetic_subjects(data, n, first)] for n, first in ((3, 0), (2, HELD_OUT))]
    assert seeds == [[0, 1, 2], [HELD_OUT, HELD_OUT + 1]]
    with pytest.raises(CardiacMotionError, match="held-out"):
        synthetic_subjects(data, 2, HELD_OUT - 1)


def test_prepared_people_are_kept_and_read_back_where_they_are_the_same(tmp_path):
    data = Data(subjects=1, slices=2, size=32)
    people, store, heard = synthetic_subjects(data, 1, 5), tmp_path / "people.pt", []

    def prepared(people, data):
        heard.clear()
        return prepare_all(people, data, 2, lambda done, total: heard.append(done), store)[0]

    made = prepared(people, data)
    assert heard == [1]
    again = prepared(people, dataclasses.replace(data, batch=7, augmented=False))
    assert not heard  # read: how pairs are drawn does not matter
    assert made.slice_pixels == again.slice_pixels == 5.0
    for name in ("frames", "labels", "labeled", "displacement"):
        assert torch.equal(getattr(made, name), getattr(again, name))
    prepared(synthetic_subjects(data, 1, 6), data)
    assert heard == [1]  # somebody else
    store.write_bytes(b"no such file")
    prepared(people, data)
    assert heard == [1]


def test_thickness_is_that_of_the_stack():
    person = prepare(*ring((4, 44, 40)), Data(pixel_mm=2.0, size=32, slices=4), 3)
    assert person.slice_pixels == pytest.approx(4.0)
    assert person.at(torch.arange(len(person.frames)) < 2).slice_pixels == person.slice_pixels

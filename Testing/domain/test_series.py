"""`ImageSeries`: what it keeps, and that it refuses what is no series in words that help."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, ImageSeries

AFFINE = np.diag([1.5, 1.5, 8.0, 1.0])


def frames(shape=(3, 4, 12, 10)):
    return np.random.default_rng(0).random(shape)


def affine(**entries):
    """The plain affine with some entries changed: ``affine(r0c1=0.5)``."""
    changed = AFFINE.copy()
    for name, value in entries.items():
        changed[int(name[1]), int(name[3])] = value
    return changed


# ---------------------------------------------------------------------- what it keeps


def test_types_and_geometry():
    series = ImageSeries(frames(), AFFINE.tolist(), times=[0, 30, 60], labels={1: np.ones((4, 12, 10), int)})
    assert series.frames.dtype == np.float32
    assert series.frames.flags.c_contiguous
    assert series.affine.dtype == np.float64
    assert series.shape == (4, 12, 10)
    assert len(series) == 3
    assert np.allclose(series.spacing, (1.5, 1.5, 8))
    assert series.times.tolist() == [0, 30, 60]
    assert series.timed
    assert not series.is_2d
    assert series.labels[1].dtype == np.uint8
    assert ImageSeries(frames((3, 1, 12, 10)), AFFINE).is_2d


def test_without_times_frames_are_numbered():
    series = ImageSeries(frames(), AFFINE)
    assert series.times.tolist() == [0, 1, 2]
    assert not series.timed
    assert not series.replace(meta={"name": "x"}).timed


def test_what_was_passed_in_stays_its_owners():
    source, meta = frames(), {"name": "a"}
    series = ImageSeries(source, AFFINE, meta=meta)
    meta["name"] = "b"
    assert series.meta["name"] == "a"
    with pytest.raises(AttributeError):
        series.frames = source


def test_replace_changes_one_thing_and_checks_it():
    series = ImageSeries(frames(), AFFINE, times=[0, 30, 60], labels={0: np.zeros((4, 12, 10))}, meta={"name": "a"})
    other = series.replace(frames=2 * series.frames)
    assert np.allclose(other.frames, 2 * series.frames)
    assert other.times.tolist() == [0, 30, 60]
    assert sorted(other.labels) == [0]
    assert other.meta == {"name": "a"}
    with pytest.raises(CardiacMotionError, match="times must have one entry in ms per frame"):
        series.replace(frames=series.frames[:2])


def test_labels_are_sorted_by_frame_and_take_numpy_integers():
    labels = np.zeros((4, 12, 10), bool)
    labels[0, 3, 3] = True
    series = ImageSeries(frames(), AFFINE, labels={np.int64(2): labels, 0: labels})
    assert list(series.labels) == [0, 2]
    assert series.labels[2][0, 3, 3] == 1


def test_crop_keeps_every_voxel_at_its_place_in_the_world():
    turned = np.eye(4)
    turned[:3, :3] = np.linalg.qr(np.random.default_rng(1).random((3, 3)))[0] * (1.4, 1.6, 7)
    turned[:3, 3] = (10, -20, 30)
    j, i = np.indices((12, 10))
    series = ImageSeries(frames(), turned, labels={0: np.broadcast_to((j + i) % 4, (4, 12, 10))})
    part = series.crop((slice(1, 3), slice(-8, None), slice(2, 9, None)))
    assert part.shape == (2, 8, 7)
    for voxel in [(0, 0, 0), (1, 7, 6), (1, 3, 2)]:
        k, j, i = voxel
        whole = (k + 1, j + 4, i + 2)
        assert part.frames[1][voxel] == series.frames[1][whole]
        assert part.labels[0][voxel] == series.labels[0][whole]
        here = part.affine @ (i, j, k, 1)
        assert np.allclose(here, series.affine @ (i + 2, j + 4, k + 1, 1))


# ---------------------------------------------------------------------- what it refuses


def with_value(value):
    bad = frames()
    bad[2, 1, 3, 4] = value
    return bad


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (frames((4, 12, 10)), r"shape \(T, K, J, I\), got \(4, 12, 10\); a single slice over time is \(T, 1, J, I\)"),
        (frames((1, 3, 4, 12, 10)), r"shape \(T, K, J, I\), got"),
        (frames((3, 0, 12, 10)), r"frames are empty: shape \(3, 0, 12, 10\)"),
        (with_value(np.nan), r"contain 1 NaN or infinite values \(first in frames \[2\]\)"),
        (with_value(np.inf), "NaN or infinite"),
        (frames() + 1j, "real numbers, got complex128; pass magnitude images"),
        (frames().astype(str), "frames must be real numbers"),
        (frames((96, 100, 8, 20)), r"look like \(I, J, K, T\).*array.transpose\(3, 2, 1, 0\)"),
    ],
    ids=["3d", "5d", "empty", "nan", "infinite", "complex", "text", "axis order"],
)
def test_bad_frames(bad, says):
    with pytest.raises(CardiacMotionError, match=says):
        ImageSeries(bad, AFFINE)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.eye(3), r"finite \(4, 4\) matrix.*got shape \(3, 3\)"),
        ([[1, 2], [3]], "affine must be an array of numbers"),
        (affine(r0c0=np.nan), "finite"),
        (affine(r3c0=1.0), r"last row of the affine must be \(0, 0, 0, 1\)"),
        (affine(r2c2=0.0), r"zero spacing: \[1.5, 1.5, 0.0\] mm"),
        (affine(r0c1=0.5), "sheared: its axes are not at right angles"),
        (np.diag([1, 1, 0, 1]) + np.outer([1, 0, 0, 0], [0, 0, 1, 0]), "sheared"),
    ],
    ids=["3x3", "ragged", "nan", "last row", "zero spacing", "sheared", "two axes alike"],
)
def test_bad_affines(bad, says):
    with pytest.raises(CardiacMotionError, match=says):
        ImageSeries(frames(), bad)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ([0, 30], r"one entry in ms per frame: shape \(3,\), got \(2,\)"),
        ([0, 30, 30], "increase from frame to frame"),
        ([0, 60, 30], "increase from frame to frame"),
        ([0, np.nan, 60], "must be finite"),
        (["a", "b", "c"], "times must be an array of numbers"),
    ],
    ids=["too few", "equal", "falling", "nan", "words"],
)
def test_bad_times(bad, says):
    with pytest.raises(CardiacMotionError, match=says):
        ImageSeries(frames(), AFFINE, times=bad)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (
            {0: np.zeros((4, 12, 11))},
            r"frame 0 have shape \(4, 12, 11\), the images \(4, 12, 10\).*resample the labels",
        ),
        ({0: np.full((4, 12, 10), 4)}, r"hold values \[4\]; expected 0 background, 1 RV, 2 LV myocardium, 3 LV cavity"),
        ({0: np.full((4, 12, 10), 0.5)}, r"hold values \[0.5\]"),
        ({0: np.full((4, 12, 10), np.nan)}, "hold values"),
        ({3: np.zeros((4, 12, 10))}, "labels are given for frame 3, but frames run from 0 to 2"),
        ({-1: np.zeros((4, 12, 10))}, "labels are given for frame -1"),
        ({"ED": np.zeros((4, 12, 10))}, "labels are given for frame 'ED'"),
        ({True: np.zeros((4, 12, 10))}, "labels are given for frame True"),
        ({0: np.zeros((4, 12, 10)), "ES": np.zeros((4, 12, 10))}, "labels are given for frame 'ES'"),
    ],
    ids=["shape", "value 4", "fraction", "nan", "frame 3", "frame -1", "name", "truth", "number and name"],
)
def test_bad_labels(bad, says):
    with pytest.raises(CardiacMotionError, match=says):
        ImageSeries(frames(), AFFINE, labels=bad)


def test_every_message_is_one_line():
    for arguments in ((frames((4, 12, 10)), AFFINE), (frames(), affine(r2c2=0.0)), (with_value(np.nan), AFFINE)):
        with pytest.raises(CardiacMotionError) as caught:
            ImageSeries(*arguments)
        assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------- what it must not refuse


@pytest.mark.parametrize("shape", [(60, 1, 32, 40), (30, 12, 20, 24), (2, 16, 16, 16), (1, 1, 4, 4), (16, 30, 24, 24)])
def test_usual_shapes_are_fine(shape):
    assert ImageSeries(frames(shape), AFFINE).frames.shape == shape


def test_left_handed_and_oblique_grids_are_fine():
    assert np.allclose(ImageSeries(frames(), np.diag([-1.5, 1.5, 8, 1])).spacing, (1.5, 1.5, 8))
    turn = np.linalg.qr(np.random.default_rng(2).random((3, 3)))[0]
    oblique = np.eye(4)
    oblique[:3, :3] = turn * (1.2, 1.3, 9)
    assert np.allclose(ImageSeries(frames(), oblique).spacing, (1.2, 1.3, 9))

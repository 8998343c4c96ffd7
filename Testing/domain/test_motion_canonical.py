"""`Motion` from a canonical space, and the same motion expressed in a frame, against maps that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion, evaluate, strain
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM, RV

SHAPE = (7, 30, 32)
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix() * (1.4, 1.6, 6.0)
OBLIQUE[:3, 3] = (30, -12, 80)
MATRICES = [
    np.array([[0.96, 0.04, 0.0], [-0.03, 1.03, 0.02], [0.02, 0.0, 1.0]]),
    np.array([[1.03, -0.02, 0.01], [0.03, 0.97, 0.0], [0.0, 0.02, 0.98]]),
    np.eye(3),
]
SHIFTS = np.array([[2.0, -1.0, 0.5], [-1.0, 2.0, 1.0], [0.5, 0.5, -1.0]])
MIDDLE = OBLIQUE[:3, :3] @ ((np.array(SHAPE)[::-1] - 1) / 2) + OBLIQUE[:3, 3]


def world():
    k, j, i = np.indices(SHAPE, dtype=float)
    return np.stack((i, j, k), -1) @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3]


def to_frame(points, frame):
    """The map of the canonical space to a frame."""
    return (points - MIDDLE) @ MATRICES[frame].T + MIDDLE + SHIFTS[frame]


def to_canonical(points, frame):
    return (points - MIDDLE - SHIFTS[frame]) @ np.linalg.inv(MATRICES[frame]).T + MIDDLE


@pytest.fixture
def motion():
    points = world()
    displacement = np.stack([to_frame(points, t) - points for t in range(3)])
    return Motion(displacement, OBLIQUE, None, [0, 40, 80], {"method": "test"})


def inside():
    voxels = np.random.default_rng(0).uniform((9, 9, 2), (22, 20, 4), (20, 3))
    return voxels @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3]


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_expressed_in_a_frame_it_goes_there_and_on(motion, frame):
    again = motion.expressed_in(frame)
    assert again.reference == again.provenance["reference"] == frame
    assert not again.displacement[frame].any()
    points = inside()
    expected = np.stack([to_frame(to_canonical(points, frame), t) for t in range(3)])
    np.testing.assert_allclose(again.track(points), expected, atol=0.02)
    assert motion.reference is None  # which stays as it was


def test_from_one_frame_to_another(motion):
    """The canonical space is forgotten: what is left is how the frames lie to each other."""
    direct, detour = motion.expressed_in(1), motion.expressed_in(0).expressed_in(1)
    np.testing.assert_allclose(direct.track(inside()), detour.track(inside()), atol=0.03)
    assert direct.expressed_in(1) is direct


@pytest.mark.parametrize("name", ["m.npz", "m.seq.nrrd"])
def test_files_know_that_it_starts_from_no_frame(motion, tmp_path, name):
    again = Motion.load(motion.save(tmp_path / name))
    assert again.reference is None
    np.testing.assert_allclose(again.displacement, motion.displacement, atol=1e-5)
    assert "canonical" in repr(again)


def hearts():
    """A series whose frames hold what the canonical space shows, moved, and its labels there."""
    points = world()

    def draw(at):
        ijk = (at - OBLIQUE[:3, 3]) @ np.linalg.inv(OBLIQUE[:3, :3]).T
        radius = np.hypot((ijk[..., 0] - 15) * 1.4, (ijk[..., 1] - 15) * 1.6)
        labels = np.where(radius < 7, LV_CAVITY, np.where(radius < 12, MYOCARDIUM, 0))
        labels[(radius >= 12) & (radius < 16) & (ijk[..., 0] < 15)] = RV
        return (100 * np.exp(-((radius / 9) ** 2)) + 5 * np.sin(ijk[..., 1])).astype(np.float32), labels

    seen = [draw(to_canonical(points, t)) for t in range(3)]
    series = ImageSeries(np.stack([one[0] for one in seen]), OBLIQUE, [0, 40, 80], {t: seen[t][1] for t in (1, 2)})
    return series, *draw(points)


def test_images_and_labels_are_drawn_in_the_canonical_space(motion):
    series, image, labels = hearts()
    middle = (slice(2, 5), slice(8, 22), slice(8, 22))
    for drawn in motion.warp(series):
        np.testing.assert_allclose(drawn[middle], image[middle], atol=2.0)
    drawn = motion.draw_labels(series.labels[1], 1)
    assert np.mean(drawn[2:5] == labels[2:5]) > 0.97
    assert np.mean(motion.warp_labels(labels, 1)[2:5] == series.labels[1][2:5]) > 0.97
    there = motion.reference_labels(series)
    assert there is not None
    assert np.mean(there[2:5] == labels[2:5]) > 0.97
    assert motion.reference_labels(series.replace(labels={})) is None


def test_it_is_scored_in_the_frame_of_the_labels(motion):
    series, _, _ = hearts()
    scores = evaluate(motion, series)
    overlap = scores[scores.metric == "Dice"]
    assert set(overlap.frame) == {1} or set(overlap.frame) == {2}  # the other of the two is where it starts
    assert overlap.value.min() > 0.9
    truth = motion.expressed_in(2)
    errors = evaluate(motion, series, truth=truth)
    assert errors[errors.metric == "EPE"].value.max() == 0
    same = evaluate(motion, series, truth=motion)  # a truth from a canonical space is expressed likewise
    assert same[same.metric == "EPE"].value.max() == 0


def test_strain_asks_for_a_frame(motion):
    series, _, labels = hearts()
    with pytest.raises(CardiacMotionError, match="expressed_in"):
        strain(motion, labels)
    found = strain(motion.expressed_in(2), series.labels[2])
    assert found.reference == 2


def test_nothing_is_asked_to_be_at_rest():
    with pytest.raises(CardiacMotionError, match="zero"):
        Motion(np.ones((2, 3, 4, 5, 3)), np.eye(4), 0)
    still = Motion(np.ones((2, 3, 4, 5, 3)), np.eye(4), None)
    np.testing.assert_allclose(still.jacobian()[:, 1, 1, 1], np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-6)

"""`Motion`: every public answer against motions that are known, on oblique and left-handed grids too."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion

SHAPE = (7, 24, 26)
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix() * (1.4, 1.6, 6.0)
OBLIQUE[:3, 3] = (30, -12, 80)
LEFT_HANDED = OBLIQUE.copy()
LEFT_HANDED[:3, 0] *= -1
AFFINES = {"plain": np.diag([1.5, 1.5, 8, 1]), "oblique": OBLIQUE, "left-handed": LEFT_HANDED}
MATRIX = np.array([[0.92, 0.06, -0.02], [-0.05, 1.08, 0.04], [0.03, -0.02, 0.95]])


def world(affine, shape=SHAPE):
    """(K, J, I, 3) RAS mm of the voxel centers."""
    k, j, i = np.indices(shape, dtype=float)
    return np.stack((i, j, k), -1) @ affine[:3, :3].T + affine[:3, 3]


def middle(affine, shape=SHAPE):
    return affine[:3, :3] @ ((np.array(shape)[::-1] - 1) / 2) + affine[:3, 3]


def linear(points, affine):
    """The world map of these tests: `MATRIX` about the middle of the grid, and a shift."""
    return (points - middle(affine)) @ MATRIX.T + middle(affine) + (1.0, -0.5, 0.7)


@pytest.fixture(params=AFFINES)
def affine(request):
    return AFFINES[request.param]


@pytest.fixture
def motion(affine):
    """Frame 1 is the reference; frame 0 goes by the linear map, frame 2 by a quarter of it."""
    points = world(affine)
    u = linear(points, affine) - points
    return Motion(np.stack((u, 0 * u, u / 4)), affine, reference=1, times=[0, 40, 80], provenance={"method": "test"})


def inside(affine):
    """(N, 3) RAS mm, points well inside the grid and off its voxels."""
    voxels = np.random.default_rng(0).uniform((6, 6, 2), (19, 17, 4), (20, 3))
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def image(points):
    """A smooth intensity of world points (..., 3)."""
    return np.sin(points[..., 0] / 9) + np.cos(points[..., 1] / 11) + np.sin(points[..., 2] / 20)


# ---------------------------------------------------------------------- points


def test_at_and_track_follow_the_map_between_voxels(motion, affine):
    points = inside(affine)
    assert np.allclose(motion.at(points, 0), linear(points, affine) - points, atol=1e-4)
    track = motion.track(points)
    assert track.shape == (3, 20, 3)
    assert np.allclose(track[0], linear(points, affine), atol=1e-4)
    assert np.array_equal(track[1], points)
    assert np.allclose(track[2] - points, (track[0] - points) / 4, atol=1e-4)
    assert np.allclose(motion.at(points[0], 0), motion.at(points, 0)[:1])


def test_points_outside_move_as_the_edge(motion, affine):
    corner = affine[:3, 3]
    far = corner - 50 * affine[:3, 0] - 40 * affine[:3, 2]
    assert np.allclose(motion.at(far, 0)[0], motion.displacement[0, 0, 0, 0], atol=1e-4)


@pytest.mark.parametrize("bad", [np.zeros((4, 2)), np.zeros((2, 2, 3)), np.full((1, 3), np.nan)])
def test_points_that_are_none_are_refused(bad):
    motion = Motion(np.zeros((2, *SHAPE, 3)), np.eye(4))
    with pytest.raises(CardiacMotionError, match="points must"):
        motion.at(bad, 1)


# ---------------------------------------------------------------------- images and labels


def test_warp_draws_every_frame_in_the_reference(motion, affine):
    """Frame t is painted so that the material at X has the brightness of X in the reference."""
    points = world(affine)
    back = np.linalg.inv(MATRIX)
    start = (points - middle(affine) - (1.0, -0.5, 0.7)) @ back.T + middle(affine)
    frames = np.stack([image(start), image(points), image(points)])
    drawn = motion.warp(ImageSeries(frames, affine))
    assert drawn.dtype == np.float32
    assert np.array_equal(drawn[1], frames[1].astype(np.float32))
    core = np.s_[2:-2, 5:-5, 5:-5]
    assert np.abs(drawn[0] - frames[1])[core].max() < 0.05
    assert np.abs(frames[0] - frames[1])[core].max() > 0.15


def test_warp_refuses_another_grid(motion, affine):
    frames = np.random.default_rng(0).random((3, *SHAPE))
    with pytest.raises(CardiacMotionError, match="is not on the grid of this motion"):
        motion.warp(ImageSeries(frames[:2], affine))
    elsewhere = affine.copy()
    elsewhere[0, 3] += 1
    with pytest.raises(CardiacMotionError, match="is not on the grid of this motion"):
        motion.warp(ImageSeries(frames, elsewhere))
    with pytest.raises(CardiacMotionError, match="warp needs an ImageSeries, got ndarray"):
        motion.warp(frames)


def ball(points, affine, radius=11.0):
    return (np.linalg.norm(points - middle(affine), axis=-1) < radius).astype(np.uint8)


def test_labels_are_carried_to_where_the_material_is(motion, affine):
    points = world(affine)
    labels = 2 * ball(points, affine) + ball(points, affine, 6.0)
    start = (points - middle(affine) - (1.0, -0.5, 0.7)) @ np.linalg.inv(MATRIX).T + middle(affine)
    expected = 2 * ball(start, affine) + ball(start, affine, 6.0)
    carried = motion.warp_labels(labels, 0)
    assert carried.dtype == np.uint8
    assert set(np.unique(carried)) <= {0, 2, 3}
    assert np.mean(carried != expected) < 0.01
    assert np.mean(labels != expected) > np.mean(carried != expected) + 0.01
    assert np.array_equal(motion.warp_labels(labels, 1), labels)


def test_labels_of_the_method_are_kept_and_taken_where_none_are_given(tmp_path):
    series = ImageSeries(np.random.default_rng(0).random((2, *SHAPE)), np.eye(4))
    labels = np.zeros(SHAPE, np.uint8)
    still = np.zeros((2, *SHAPE, 3))
    assert Motion(still, np.eye(4), 1, labels=labels).labeled(series) is series  # nothing was found
    labels[1:3, 4:9, 4:9] = 2
    motion = Motion(still, np.eye(4), 1, labels=labels)
    labeled = motion.labeled(series)
    assert list(labeled.labels) == [1]
    assert np.array_equal(labeled.labels[1], labels)
    assert motion.labeled(labeled) is labeled
    assert list(motion.labeled(series.replace(labels={0: labels})).labels) == [0, 1]
    assert np.array_equal(Motion.load(motion.save(tmp_path / "m.npz")).labels, labels)
    assert Motion.load(motion.save(tmp_path / "m.seq.nrrd")).labels is None
    with pytest.raises(CardiacMotionError, match=r"labels of frame 1 have shape \(2, 2, 2\)"):
        Motion(still, np.eye(4), 1, labels=np.zeros((2, 2, 2)))


def test_labels_move_by_whole_voxels_exactly():
    """+2 voxels along i and -1 along j: the carried labels are the shifted ones, not the other way."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 8:14, 7:12] = np.random.default_rng(0).integers(0, 4, (3, 6, 5))
    u = np.zeros((2, *SHAPE, 3))
    u[1] = AFFINES["oblique"][:3, :3] @ (2.0, -1.0, 0.0)
    carried = Motion(u, AFFINES["oblique"]).warp_labels(labels, 1)
    assert np.array_equal(carried, np.roll(labels, (-1, 2), axis=(1, 2)))


def test_labels_that_are_none_are_refused(motion):
    with pytest.raises(CardiacMotionError, match="hold values"):
        motion.warp_labels(np.full(SHAPE, 9), 0)
    with pytest.raises(CardiacMotionError, match="have shape"):
        motion.warp_labels(np.zeros((2, 2, 2)), 0)


# ---------------------------------------------------------------------- derivatives and inverse


def test_jacobian_is_the_matrix_of_the_map_in_the_world(motion):
    jacobian = motion.jacobian()
    assert jacobian.shape == (3, *SHAPE, 3, 3)
    assert np.allclose(jacobian[0], MATRIX, atol=2e-4)
    assert np.allclose(jacobian[1], np.eye(3), atol=1e-6)
    assert np.allclose(jacobian[2], np.eye(3) + (MATRIX - np.eye(3)) / 4, atol=2e-4)
    assert np.allclose(motion.jacobian_determinant()[0], np.linalg.det(MATRIX), atol=5e-4)
    assert np.allclose(motion.jacobian_determinant(), np.linalg.det(jacobian), atol=1e-4)


def test_inverse_takes_a_frame_back(motion, affine):
    back = motion.inverse(0)
    points = inside(affine)
    there = motion.track(points)[0]
    as_motion = Motion(np.stack((np.zeros_like(back), back)), affine)
    assert np.abs(there + as_motion.at(there, 1) - points).max() < 0.02
    assert not motion.inverse(1).any()


@pytest.mark.parametrize("double", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_goes_to_another_process_and_is_its_own_motion(motion, double):
    before = motion.inverse(0)
    other = double(motion)
    np.testing.assert_array_equal(other.inverse(0), before)
    assert other.provenance == motion.provenance
    other.displacement[2] = 0
    assert not other.inverse(2).any()
    assert motion.inverse(2).any()


def test_left_handed_grid_gives_the_same_world():
    """The same motion and image on a grid with i the other way round: every answer in the world is the same."""
    right, flip = AFFINES["oblique"], np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = SHAPE[2] - 1
    left = right @ flip
    points = world(right)
    u = linear(points, right) - points
    frames = np.stack([image(points), image(points - u)])
    labels = ball(points, right)
    straight, mirrored = Motion(np.stack((0 * u, u)), right), Motion(np.stack((0 * u, u))[..., ::-1, :], left)
    assert np.allclose(straight.track(inside(right)), mirrored.track(inside(right)), atol=1e-4)
    assert np.allclose(straight.jacobian(), mirrored.jacobian()[..., ::-1, :, :], atol=1e-4)
    assert np.allclose(straight.inverse(1), mirrored.inverse(1)[:, :, ::-1], atol=1e-2)
    assert np.array_equal(straight.warp_labels(labels, 1), mirrored.warp_labels(labels[..., ::-1], 1)[..., ::-1])
    drawn = straight.warp(ImageSeries(frames, right))
    assert np.allclose(drawn, mirrored.warp(ImageSeries(frames[..., ::-1], left))[..., ::-1], atol=1e-4)


# ---------------------------------------------------------------------- making, saving, refusing


def test_from_voxels_is_exactly_zero_in_the_reference():
    series = ImageSeries(np.random.default_rng(0).random((3, *SHAPE)), OBLIQUE, times=[5, 30, 60])
    voxels = torch.randn(3, *SHAPE, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    motion = Motion.from_voxels(voxels, series, reference=2, provenance={"a": 1})
    assert not motion.displacement[2].any()
    assert motion.displacement.dtype == np.float32
    assert np.allclose(motion.displacement[0], voxels[0].numpy() @ OBLIQUE[:3, :3].T, atol=1e-4)
    assert np.allclose(motion.voxels(0)[0], voxels[0], atol=1e-5)
    assert motion.times.tolist() == [5, 30, 60]
    assert motion.provenance == {"a": 1}


def test_geometry(motion, affine):
    assert motion.shape == SHAPE
    assert len(motion) == 3
    assert np.allclose(motion.spacing, np.linalg.norm(affine[:3, :3], axis=0))


@pytest.mark.parametrize("timed", [True, False])
def test_npz_keeps_everything(tmp_path, timed):
    u = np.random.default_rng(0).normal(size=(3, *SHAPE, 3)).astype(np.float32)
    u[1] = 0
    motion = Motion(u, OBLIQUE, 1, [0, 25.5, 60] if timed else None, {"method": "test", "options": {"a": 1.5}})
    loaded = Motion.load(motion.save(tmp_path / "motion.npz"))
    assert np.array_equal(loaded.displacement, u)
    assert np.array_equal(loaded.affine, OBLIQUE)
    assert loaded.reference == 1
    assert loaded.timed is timed
    assert np.array_equal(loaded.times, motion.times)
    assert loaded.provenance == json.loads(json.dumps(motion.provenance))


def test_saving_and_loading_what_cannot_be(tmp_path):
    motion = Motion(np.zeros((2, *SHAPE, 3)), np.eye(4))
    with pytest.raises(CardiacMotionError, match=r"cannot save a motion as 'motion.txt'; use a name ending in"):
        motion.save(tmp_path / "motion.txt")
    with pytest.raises(CardiacMotionError, match="cannot write"):
        motion.save(tmp_path / "nowhere" / "motion.npz")
    with pytest.raises(CardiacMotionError, match="no such file"):
        Motion.load(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("this is no motion")
    with pytest.raises(CardiacMotionError, match="is not a motion file"):
        Motion.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", displacement=np.zeros(3))
    with pytest.raises(CardiacMotionError, match="is not a motion file"):
        Motion.load(tmp_path / "other.npz")


def nonzero_reference():
    u = np.zeros((2, *SHAPE, 3))
    u[0, 1, 2, 3, 1] = 0.25
    return u


@pytest.mark.parametrize(
    ("displacement", "options", "says"),
    [
        (np.zeros((2, *SHAPE)), {}, r"must have shape \(T, K, J, I, 3\)"),
        (np.zeros((2, *SHAPE, 2)), {}, r"must have shape \(T, K, J, I, 3\)"),
        (np.full((2, *SHAPE, 3), np.nan), {}, "contains NaN"),
        (nonzero_reference(), {}, "of the reference frame 0 must be zero, its largest entry is 0.25 mm"),
        (np.zeros((2, *SHAPE, 3)), {"reference": 2}, "reference must be a frame number from 0 to 1, got 2"),
        (np.zeros((2, *SHAPE, 3)), {"reference": True}, "reference must be a frame number"),
        (np.zeros((2, *SHAPE, 3)), {"times": [0, 0]}, "times must be finite and increase"),
    ],
    ids=["4d", "two components", "nan", "moving reference", "reference 2", "truth", "times"],
)
def test_what_is_no_motion(displacement, options, says):
    with pytest.raises(CardiacMotionError, match=says):
        Motion(displacement, np.eye(4), **options)


@pytest.mark.parametrize("frame", [-1, 2, 0.5, "ES", None])
def test_frames_that_do_not_exist(frame):
    motion = Motion(np.zeros((2, *SHAPE, 3)), np.eye(4))
    for ask in (
        motion.inverse,
        motion.voxels,
        lambda f: motion.at(np.zeros(3), 1.5 if f == 0.5 else f),  # 0.5 is between frames
        lambda f: motion.warp_labels(np.zeros(SHAPE), f),
    ):
        with pytest.raises(CardiacMotionError, match="frame must be a frame number from 0 to 1"):
            ask(frame)


def test_one_slice():
    """A slice of one voxel in k: in-plane motion and its derivative, nothing through the plane."""
    shape = (1, 20, 22)
    points = world(AFFINES["plain"], shape)
    u = np.zeros((2, *shape, 3))
    u[1, ..., 0] = 0.1 * (points[..., 0] - points[..., 0].mean())
    motion = Motion(u, AFFINES["plain"])
    assert np.allclose(motion.jacobian()[1], np.diag([1.1, 1, 1]), atol=1e-4)
    assert motion.warp_labels(np.ones(shape), 1).shape == shape
    assert np.isfinite(motion.inverse(1)).all()

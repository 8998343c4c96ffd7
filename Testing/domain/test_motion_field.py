"""`Motion` with a continuous field: exact between voxels and frames, and the same motion on its grid."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from wave_fields import Waves, window_of

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion
from CardiacMotionLib.continuous import Clock

SHAPE = (6, 22, 26)
TIMES = np.array([20.0, 60, 150, 290, 410, 500, 640])
REFERENCE = 1
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix() * (1.8, 1.6, 8.0)
LEFT_HANDED = OBLIQUE @ np.diag([-1.0, 1, 1, 1])
AFFINES = {"plain": np.diag([1.8, 1.6, 8, 1]), "oblique": OBLIQUE, "left-handed": LEFT_HANDED}
MIDDLE = np.array([12.5, 10.5, 2.5])  # voxel (i, j, k)


def place(affine):
    """The affine with the middle of the grid at the center of the waves."""
    placed = affine.copy()
    placed[:3, 3] = Waves().center - affine[:3, :3] @ MIDDLE
    return placed


def make(affine, windowed=False, dtype=torch.float64, timed=True, waves=None):
    """(motion, the waves it is made of, their window)."""
    times = TIMES if timed else np.arange(len(TIMES), dtype=float)
    clock = Clock(times[REFERENCE], 1.2 * times[-1])
    waves = dataclasses.replace(waves or Waves(), clock=clock, reference_time=times[REFERENCE])
    window = window_of(affine, (4, 3, 0), (22, 19, 5), ((3, 3), (3, 3), (0, 2))) if windowed else None
    series = ImageSeries(np.zeros((len(times), *SHAPE)), affine, times if timed else None)
    return Motion.from_field(waves.network_field(dtype, window), series, REFERENCE, {"method": "waves"}), waves, window


@pytest.fixture(params=AFFINES)
def affine(request):
    return place(AFFINES[request.param])


@pytest.fixture
def plain():
    return make(place(AFFINES["plain"]))[:2]


def world(affine):
    k, j, i = np.indices(SHAPE).reshape(3, -1)
    return np.stack((i, j, k), -1) @ affine[:3, :3].T + affine[:3, 3]


def inside(affine, count=40):
    """(N, 3) RAS mm off the voxels of the grid."""
    voxels = np.random.default_rng(0).uniform((1, 1, 0), (24, 20, 5), (count, 3))
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def without_field(motion):
    return Motion(motion.displacement, motion.affine, motion.reference, motion.times if motion.timed else None)


# ---------------------------------------------------------------------- the grid


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_grid_holds_the_field_at_its_voxels(affine, dtype):
    motion, waves, window = make(affine, windowed=True, dtype=dtype)
    weight = window(torch.from_numpy(world(affine)))[0].numpy()
    expected = waves.displacement(world(affine), TIMES) * weight[:, None]
    assert motion.displacement.dtype == np.float32
    assert motion.displacement.shape == (7, *SHAPE, 3)
    np.testing.assert_allclose(motion.displacement.reshape(7, -1, 3), expected, atol=1e-4)
    assert np.abs(expected).max() > 1
    assert not motion.displacement[REFERENCE].any()
    outside = weight.reshape(SHAPE) == 0
    assert not motion.displacement[:, outside].any()
    assert outside[-1].all()
    assert not outside[0].all()
    assert motion.times.tolist() == TIMES.tolist()
    assert motion.provenance == {"method": "waves"}


def test_progress_goes_to_one_and_what_it_raises_ends_the_run(plain):
    motion, _ = plain
    series = ImageSeries(np.zeros((7, *SHAPE)), motion.affine, TIMES)
    heard = []
    Motion.from_field(motion.field, series, REFERENCE, progress=heard.append)
    assert heard[-1] == 1

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Motion.from_field(motion.field, series, REFERENCE, progress=stop)


def test_a_field_of_another_reference_is_refused(plain):
    motion, _ = plain
    with pytest.raises(CardiacMotionError, match="the field is zero at 60, the reference frame 0 is at 20"):
        Motion(np.zeros_like(motion.displacement), motion.affine, 0, TIMES, field=motion.field)


# ---------------------------------------------------------------------- between voxels and frames


def test_points_between_voxels_and_frames_are_exact(affine):
    motion, waves, _ = make(affine)
    points = inside(affine)
    np.testing.assert_allclose(motion.at(points, 3), waves.displacement(points, TIMES[3]), atol=1e-9)
    np.testing.assert_allclose(motion.at(points, 2.25), waves.displacement(points, 150 + 0.25 * 140), atol=1e-9)
    np.testing.assert_allclose(motion.at(points, time=333.0), waves.displacement(points, 333.0), atol=1e-9)
    np.testing.assert_allclose(motion.track(points), points + waves.displacement(points, TIMES), atol=1e-9)
    times = np.linspace(20, 640, 23)
    np.testing.assert_allclose(motion.track(points, times), points + waves.displacement(points, times), atol=1e-9)
    interpolated = np.abs(without_field(motion).at(points, 3) - waves.displacement(points, TIMES[3])).max()
    assert interpolated > 0.01  # what the voxels alone would say


def test_the_reference_is_exactly_at_rest(plain):
    motion, _ = plain
    points = inside(motion.affine)
    for at_rest in (motion.at(points, 1), motion.at(points, 1.0), motion.at(points, time=60.0)):
        assert not at_rest.any()
    assert np.array_equal(motion.track(points)[1], points)


def test_points_outside_the_grid_move_as_its_edge(affine):
    motion, waves, _ = make(affine)
    corner = affine[:3, 3]
    far = corner - 50 * affine[:3, 0] - 3 * affine[:3, 2]
    np.testing.assert_allclose(motion.at(far, 4)[0], waves.displacement(corner[None], TIMES[4])[0], atol=1e-9)


def test_frames_without_times_count(affine):
    """The clock then counts frames too, and 2.5 is halfway."""
    motion, waves, _ = make(affine, timed=False)
    points = inside(affine)
    assert not motion.timed
    np.testing.assert_allclose(motion.at(points, 4), waves.displacement(points, 4.0), atol=1e-9)
    np.testing.assert_allclose(motion.at(points, 2.5), waves.displacement(points, 2.5), atol=1e-9)
    for ask in (lambda: motion.at(points, time=2.0), lambda: motion.track(points, [1.0, 2.0])):
        with pytest.raises(CardiacMotionError, match="this motion has no times in ms; name a frame"):
            ask()


def test_without_a_field_frames_are_joined_by_straight_lines(affine):
    motion = without_field(make(affine)[0])
    points = inside(affine)
    first, second = motion.at(points, 2), motion.at(points, 3)
    np.testing.assert_allclose(motion.at(points, 2.25), 0.75 * first + 0.25 * second, atol=1e-6)
    np.testing.assert_allclose(motion.at(points, time=150 + 0.25 * 140), 0.75 * first + 0.25 * second, atol=1e-6)
    assert np.array_equal(motion.at(points, 3.0), second)
    assert np.array_equal(motion.at(points, np.float32(6)), motion.at(points, 6))
    track = motion.track(points, [20, 60, 105, 640])
    np.testing.assert_allclose(track[0], motion.track(points)[0], atol=1e-12)
    assert np.array_equal(track[1], points)
    np.testing.assert_allclose(track[2] - points, first / 2, atol=1e-6)
    assert np.array_equal(track[3], motion.track(points)[6])
    assert motion.track(points, []).shape == (0, len(points), 3)


@pytest.mark.parametrize("with_field", [True, False])
@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({}, "frame must be a frame number from 0 to 6, or time be given in ms instead; got neither"),
        ({"frame": 1, "time": 60.0}, "or time be given in ms instead; got both"),
        ({"frame": 6.01}, "frame must be a frame number from 0 to 6 or between two, got 6.01"),
        ({"frame": -0.5}, "frame must be a frame number from 0 to 6 or between two, got -0.5"),
        ({"frame": float("nan")}, "frame must be a frame number from 0 to 6 or between two, got nan"),
        ({"frame": 7}, "frame must be a frame number from 0 to 6, got 7"),
        ({"frame": True}, "frame must be a frame number from 0 to 6, got True"),
        ({"time": 19.0}, "time must be from 20 to 640 ms, got 19; beyond the frames nothing is known"),
        ({"time": 641}, "time must be from 20 to 640 ms, got 641"),
        ({"time": float("nan")}, "time must be from 20 to 640 ms, got nan"),
        ({"time": "ES"}, "time must be in ms, one number or a list of them, got 'ES'"),
        ({"time": [60, 70]}, "time must be in ms, one number or a list of them"),
    ],
)
def test_frames_and_times_that_do_not_exist(plain, question, says, with_field):
    motion = plain[0] if with_field else without_field(plain[0])
    with pytest.raises(CardiacMotionError, match=says):
        motion.at(Waves().center, **question)


def test_times_of_a_track_that_do_not_exist(plain):
    for times in ([60, 700], [60, np.nan], "all"):
        with pytest.raises(CardiacMotionError, match="time must be"):
            plain[0].track(Waves().center, times)


@pytest.mark.parametrize("bad", [np.zeros((4, 2)), np.zeros((2, 2, 3)), np.full((1, 3), np.nan)])
def test_points_that_are_none_are_refused(plain, bad):
    for ask in (lambda: plain[0].at(bad, 1), lambda: plain[0].track(bad)):
        with pytest.raises(CardiacMotionError, match="points must"):
            ask()


# ---------------------------------------------------------------------- Jacobian


def test_jacobian_is_exact(affine):
    motion, waves, _ = make(affine)
    F = motion.jacobian()
    truth = waves.gradient(world(affine), TIMES).reshape(F.shape)
    assert F.shape == (7, *SHAPE, 3, 3)
    assert F.dtype == np.float32
    np.testing.assert_allclose(F, truth, atol=1e-6)
    assert np.array_equal(F[REFERENCE], np.broadcast_to(np.eye(3), F[0].shape))
    assert np.abs(without_field(motion).jacobian() - truth).max() > 0.01  # differences over slices of 8 mm
    determinant = motion.jacobian_determinant()
    assert determinant.dtype == np.float32
    np.testing.assert_allclose(determinant, np.linalg.det(truth), atol=1e-6)
    assert (determinant[REFERENCE] == 1).all()


def test_jacobian_through_the_fade_is_that_of_points(affine):
    motion, _, window = make(affine, windowed=True)
    F, determinant = motion.jacobian(), motion.jacobian_determinant()
    centers = world(affine)
    outside = window(torch.from_numpy(centers))[0].numpy().reshape(SHAPE) == 0
    assert np.array_equal(F[3, outside], np.broadcast_to(np.eye(3), (outside.sum(), 3, 3)))
    assert (determinant[3, outside] == 1).all()
    core = np.s_[0, 1:-1, 1:-1, 1:-1]  # where `at` may step to either side
    for axis in range(3):
        step = 1e-4 * np.eye(3)[axis]
        difference = (motion.at(centers + step, 3) - motion.at(centers - step, 3)) / 2e-4
        np.testing.assert_allclose(
            F[3, ..., axis][core[1:]], (difference + np.eye(3)[axis]).reshape(*SHAPE, 3)[core[1:]], atol=1e-5
        )


@pytest.mark.parametrize("with_field", [True, False])
def test_jacobian_of_some_voxels(plain, with_field):
    motion = plain[0] if with_field else without_field(plain[0])
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 7:9, 3:20:3] = mask[4, 0, 25] = True
    np.testing.assert_allclose(motion.jacobian(mask), motion.jacobian()[:, mask], atol=1e-6)
    assert motion.jacobian(np.zeros(SHAPE, bool)).shape == (7, 0, 3, 3)
    for wrong in (mask.astype(np.uint8), mask[:2]):
        with pytest.raises(CardiacMotionError, match=r"mask must be bool of the shape \(K, J, I\) of the grid"):
            motion.jacobian(wrong)


def test_determinants_are_the_callers_own(plain):
    motion, _ = plain
    first = motion.jacobian_determinant()
    first[:] = 0
    assert motion.jacobian_determinant().min() > 0.5


# ---------------------------------------------------------------------- copies and files


def same_field(one, other):
    points = inside(one.affine)
    np.testing.assert_array_equal(one.at(points, 2.7), other.at(points, 2.7))
    np.testing.assert_array_equal(one.jacobian(), other.jacobian())
    assert other.field is not one.field


@pytest.mark.parametrize("double", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_has_its_own_field(plain, double):
    same_field(plain[0], double(plain[0]))


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("windowed", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_npz_keeps_every_bit_of_the_field(tmp_path, dtype, windowed, timed):
    motion = make(place(OBLIQUE), windowed, dtype, timed)[0]
    loaded = Motion.load(motion.save(tmp_path / "motion.npz"))
    np.testing.assert_array_equal(loaded.displacement, motion.displacement)
    assert (loaded.reference, loaded.timed, loaded.provenance) == (REFERENCE, timed, {"method": "waves"})
    assert loaded.field.dtype == dtype
    same_field(motion, loaded)


def test_npz_without_a_field_is_as_before(tmp_path, plain):
    path = without_field(plain[0]).save(tmp_path / "motion.npz")
    with np.load(path, allow_pickle=False) as data:
        assert sorted(data.files) == ["affine", "displacement", "provenance", "reference", "times"]
    assert Motion.load(path).field is None


def test_a_transform_sequence_holds_the_grid_alone(tmp_path, plain):
    loaded = Motion.load(plain[0].save(tmp_path / "motion.seq.nrrd"))
    np.testing.assert_array_equal(loaded.displacement, plain[0].displacement)
    assert loaded.field is None


def test_a_network_that_cannot_be_read_names_the_file(tmp_path, plain):
    path = plain[0].save(tmp_path / "motion.npz")
    with np.load(path) as data:
        rest = {name: data[name] for name in data.files if name != "field.omega"}
    np.savez(path, **rest)
    with pytest.raises(CardiacMotionError, match=r"motion\.npz: the network of this motion cannot be read"):
        Motion.load(path)


@pytest.mark.gpu
def test_a_field_on_a_gpu_answers_on_the_cpu(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    motion = make(place(OBLIQUE), windowed=True, dtype=torch.float32)[0]
    here = motion.jacobian()
    motion.field.to("cuda")
    np.testing.assert_allclose(motion.jacobian(), here, atol=1e-4)
    points = inside(motion.affine)
    assert isinstance(motion.at(points, 2.5), np.ndarray)
    assert Motion.load(motion.save(tmp_path / "motion.npz")).field.device.type == "cpu"

"""A subject's truth: points, gradients, strain and displacement tell of one motion, in world coordinates."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hearts import SMALL

from CardiacMotionLib import CardiacMotionError, phantom
from CardiacMotionLib.phantom import KINDS
from CardiacMotionLib.series import MYOCARDIUM


@pytest.fixture(scope="module", params=[False, True], ids=["sticking", "sliding"])
def tilted(request):
    """Somebody on a turned grid, with slices that the heart was elsewhere in."""
    return phantom(
        "cine", 3, group="ischemic", sliding=request.param, **{**SMALL, "frames": 3}, tilt=25.0, slice_shift_mm=3.0
    )


@pytest.fixture(scope="module")
def strain(heart):
    """Strain of the default cine by component."""
    return heart.strain()


def wall_points(subject, step=7):
    """(N, 3) RAS mm, points in the wall at end-diastole."""
    return subject.voxel_points()[subject.series.labels[0] == MYOCARDIUM][::step]


def test_forward_then_inverse(tilted):
    points = tilted.voxel_centers()[::2, ::3, ::3].reshape(-1, 3)
    for frame in (1, 2):
        assert np.abs(tilted.position(points, frame) - points).max() > 1
        assert np.abs(tilted.material(tilted.position(points, frame), frame) - points).max() < 1e-3
        assert np.abs(tilted.position(tilted.material(points, frame), frame) - points).max() < 1e-3


def test_motion_holds_the_map_at_the_voxels(tilted):
    points = tilted.voxel_points()
    for frame in range(3):
        off = np.abs(tilted.motion.displacement[frame] - (tilted.position(points, frame) - points)).max(-1)
        assert np.quantile(off, 0.999) < 1e-3  # on the pericardium a point may slide either way
    assert not tilted.motion.displacement[0].any()


def test_labels_are_those_of_the_material_at_the_voxels(tilted):
    points = tilted.voxel_points()
    for frame in range(3):
        heart = (tilted.material(points, frame) - tilted.from_heart[:3, 3]) @ tilted.from_heart[:3, :3]
        expected = tilted.anatomy.labels(tilted._to_heart(tilted.material(points, frame))).numpy()
        assert (tilted.series.labels[frame] != expected).mean() < 1e-3
        assert np.allclose(heart, tilted._to_heart(tilted.material(points, frame)).numpy())


def test_shifted_slices_show_another_part_of_the_heart(tilted):
    offset = tilted.voxel_centers() - tilted.voxel_points()
    assert np.allclose(offset, tilted.shifts[:, None, None])
    assert tilted.shifts.std(0).max() > 1
    straight = phantom("cine", 3, group="ischemic", **{**SMALL, "frames": 2}, tilt=25.0)
    assert not straight.shifts.any()
    assert straight.anatomy == tilted.anatomy
    assert np.allclose(straight.series.affine, tilted.series.affine)
    assert not np.array_equal(straight.series.labels[0], tilted.series.labels[0])


def test_the_gradient_is_the_derivative_of_the_position(tilted):
    points, step = wall_points(tilted, 31), 1e-4
    gradient = tilted.gradient_at(points, 1)
    for axis in range(3):
        offset = step * np.eye(3)[axis]
        difference = (tilted.position(points + offset, 1) - tilted.position(points - offset, 1)) / (2 * step)
        assert np.allclose(gradient[..., axis], difference, atol=1e-5)


def test_the_gradient_on_the_grid_is_that_at_the_points(tilted):
    gradient = tilted.deformation_gradient()
    wall = tilted.series.labels[0] == MYOCARDIUM
    assert gradient.shape == (*tilted.series.frames.shape, 3, 3)
    for frame in range(3):
        assert np.allclose(gradient[frame][wall], tilted.gradient_at(tilted.voxel_points()[wall], frame), atol=1e-5)
        corner = gradient[frame, :, 0, 0]
        assert np.allclose(corner, tilted.gradient_at(tilted.voxel_points()[:, 0, 0], frame), atol=1e-5)


def test_the_wall_keeps_its_volume(tilted):
    wall = tilted.series.labels[0] == MYOCARDIUM
    determinant = np.linalg.det(tilted.deformation_gradient()[:, wall])
    assert np.abs(determinant - 1).max() < 1e-3


def test_nothing_folds(tilted):
    assert np.linalg.det(tilted.deformation_gradient()).min() > 0.02


def test_axes_are_a_right_handed_frame_on_the_wall(tilted):
    axes = tilted.wall_axes()[tilted.series.labels[0] == MYOCARDIUM]
    assert np.allclose(axes @ np.swapaxes(axes, -1, -2), np.eye(3), atol=1e-6)
    assert np.allclose(np.linalg.det(axes), 1, atol=1e-6)


def test_strain_has_the_signs_of_a_heartbeat(heart, strain):
    wall = heart.series.labels[0] == MYOCARDIUM
    for component, sign in (("radial", 1), ("circumferential", -1), ("longitudinal", -1)):
        values = strain[component]
        assert np.isnan(values[:, ~wall]).all()
        assert np.abs(values[0, wall]).max() < 1e-6
        assert sign * values[6, wall].mean() > 0.1


def test_longitudinal_strain_follows_from_the_shortening(heart, strain):
    """Where the wall stands upright and near the equator, E_ll of the middle layers is near (lambda^2 - 1) / 2."""
    values = strain["longitudinal"][6]
    k = int(np.argmax([np.sum(plane == MYOCARDIUM) for plane in heart.series.labels[0]]))
    shortened = 1 - heart.meta["truth"]["shortening"]
    assert np.nanmedian(values[k]) == pytest.approx((shortened**2 - 1) / 2, abs=0.03)


def test_strain_is_that_of_the_displacement(heart):
    """The field's own differences come near it in the wall, within the stack."""
    wall = heart.series.labels[0] == MYOCARDIUM
    wall[:3] = wall[-3:] = False
    exact = heart.gradient_at(heart.voxel_points()[wall], 6)
    off = np.abs(heart.motion.jacobian()[6][wall] - exact)
    assert np.median(off) < 0.02
    assert np.quantile(off, 0.95) < 0.15


def test_frames_of_other_numbers_are_refused(small):
    for wrong in (4, -1, 1.5):
        with pytest.raises(CardiacMotionError, match="frame must be a frame number from 0 to 3"):
            small.position(np.zeros((1, 3)), wrong)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cine"])
def test_every_kind_of_examination_is_of_the_same_person(kind):
    """So that images of different kinds may be compared."""
    one, other = (phantom(k, 5, group="lbbb", slices=1, rows=24, columns=24, pixel_mm=5.0) for k in ("cine", kind))
    assert other.meta["kind"] == kind
    assert other.kinematics == one.kinematics
    assert other.meta["truth"]["end_diastolic_volume_ml"] == pytest.approx(one.meta["truth"]["end_diastolic_volume_ml"])
    assert np.allclose(other.from_heart, one.from_heart)


def test_end_systole_is_the_first_of_the_frames_with_the_smallest_volume():
    """Also where a late wall changes the shape while the volume rests."""
    for seed in range(4):
        subject = phantom("cine", seed, group="lbbb", frames=60, slices=1, rows=16, columns=16, pixel_mm=5.0)
        phase = subject.meta["truth"]["end_systole"] / 60
        assert 0 <= phase - subject.kinematics.timing.closure < 1 / 60


def test_meta_can_be_written_to_a_file(small):
    truth = small.meta["truth"]
    assert json.loads(json.dumps(small.motion.provenance))["options"] == small.motion.provenance["options"]
    assert len(json.loads(json.dumps(truth))["volumes_ml"]) == 4
    assert small.meta["kind"] == "cine"
    assert small.meta["seed"] == 3

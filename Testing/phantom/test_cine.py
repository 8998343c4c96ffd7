"""The cine phantom: its truth is exact, it is the heart that was asked for, and it says so when it cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from CardiacMotionLib import CardiacMotionError, phantom
from CardiacMotionLib.phantom.kinematics import PEAK, Kinematics, activation
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM, RV

SMALL = {"frames": 4, "rows": 72, "columns": 72, "pixel_mm": 2.2}


@pytest.fixture(scope="module")
def heart():
    return phantom("cine", 0)


@pytest.fixture(scope="module")
def small():
    return phantom("cine", 3, **SMALL)


def wall_points(subject, step=7):
    """(N, 3) RAS mm, points in the wall at end-diastole."""
    return subject.voxel_centers()[subject.series.labels[0] == MYOCARDIUM][::step]


def dice(a, b):
    return 2 * np.sum(a & b) / (np.sum(a) + np.sum(b))


# ---------------------------------------------------------------------- what was asked for


def test_default_is_the_agreed_heart(heart):
    assert heart.series.frames.shape == (16, 10, 112, 112)
    assert np.allclose(heart.series.spacing, (1.6, 1.6, 8.0))
    assert heart.motion.reference == 0
    assert np.allclose(heart.series.times, np.arange(16) * 900 / 16)
    assert sorted(heart.series.labels) == list(range(16))
    assert heart.meta["truth"]["end_systole"] == 6


def test_labels_lie_inside_the_stack(heart):
    labels = heart.series.labels[0]
    assert not labels[0].any()
    assert not labels[-1].any()
    assert not labels[:, [0, -1]].any()
    assert not labels[:, :, [0, -1]].any()
    assert {RV, MYOCARDIUM, LV_CAVITY} <= set(np.unique(labels))


@pytest.mark.parametrize("asked", [30.0, 57.0, 70.0])
def test_ejection_fraction_of_the_map(asked):
    """Volume of the cavity at peak by the volume form of the exact map, against what was asked."""
    subject = phantom("cine", 1, **SMALL, ejection_fraction=asked)
    anatomy, kinematics = subject.anatomy, subject.kinematics
    z = torch.linspace(anatomy.endo_apex, anatomy.length, 801, dtype=torch.float64)[:-1]
    edge = torch.stack((anatomy.endo_squared(z).clamp_min(0).sqrt(), torch.zeros_like(z), z), dim=-1)
    at_peak = kinematics.position(edge, 1.0)
    before = torch.trapezoid(edge[:, 0] ** 2, z)
    after = torch.trapezoid(at_peak[:, :2].square().sum(-1), at_peak[:, 2])
    assert float(1 - after / before) * 100 == pytest.approx(asked, abs=0.3)


def test_ejection_fraction_of_the_labels(heart):
    volumes = [np.sum(heart.series.labels[t] == LV_CAVITY) for t in range(16)]
    assert (1 - min(volumes) / volumes[0]) * 100 == pytest.approx(57, abs=2)
    assert int(np.argmin(volumes)) == heart.meta["truth"]["end_systole"]
    right = [np.sum(heart.series.labels[t] == RV) for t in range(16)]
    assert right[6] < 0.75 * right[0]


def test_wall_is_as_thick_as_asked(heart):
    labels = heart.series.labels[0][6]
    area = 1.6**2 * np.array([np.sum(labels == LV_CAVITY), np.sum(labels >= MYOCARDIUM)])
    inner, outer = np.sqrt(area / np.pi)
    assert outer - inner == pytest.approx(9, abs=0.4)


def test_shortening_and_twist(heart):
    """Basal and apical points on the axis and beside it move together by the shortening and the twist."""
    length = heart.anatomy.length
    points = torch.tensor([[1.0, 0, 0.01 * length], [1.0, 0, 0.999 * length]], dtype=torch.float64)
    apex, base = heart.kinematics.position(points, 1.0)
    assert float(1 - (base[2] - apex[2]) / (points[1, 2] - points[0, 2])) == pytest.approx(0.14, abs=1e-6)
    turn = torch.rad2deg(torch.atan2(base[1], base[0]) - torch.atan2(apex[1], apex[0]))
    assert float(turn) == pytest.approx(12 * 0.989, abs=1e-3)


def test_activation_is_smooth_and_cyclic():
    phases = np.linspace(0, 1, 2001)
    curve = np.array([activation(p) for p in phases])
    assert curve[0] == 0
    assert activation(1 - 1e-9) == pytest.approx(0, abs=1e-6)
    assert activation(PEAK) == pytest.approx(1)
    assert curve.max() <= 1
    assert np.abs(np.diff(curve)).max() < 4.5 * 5e-4  # no jump: never faster than 4.5 contractions a cycle


# ---------------------------------------------------------------------- the truth is exact


def test_forward_then_inverse(small):
    points = small.voxel_centers()[::2, ::3, ::3].reshape(-1, 3)
    for frame in (1, 2):
        assert np.abs(small.material(small.position(points, frame), frame) - points).max() < 1e-5
        assert np.abs(small.position(small.material(points, frame), frame) - points).max() < 1e-5


def test_wall_keeps_its_volume(small):
    for frame in (1, 2, 3):
        gradient = small.gradient_at(wall_points(small), frame)
        assert np.abs(np.linalg.det(gradient) - 1).max() < 1e-9


@pytest.mark.parametrize(
    "extreme",
    [
        {"ejection_fraction": 75.0, "shortening": 22.0, "twist": 25.0, "wall_mm": 16.0},
        {"ejection_fraction": 75.0, "shortening": 0.0, "twist": -25.0, "wall_mm": 5.0},
        {"ejection_fraction": 0.0, "shortening": 22.0, "twist": 0.0},
    ],
)
def test_strongest_motions_do_not_fold(extreme):
    subject = phantom("cine", 2, **{**SMALL, "rows": 40, "columns": 40, "pixel_mm": 4.5}, **extreme)
    assert np.linalg.det(subject.deformation_gradient()).min() > 0.02


def test_gradient_is_the_derivative_of_the_map(small):
    points, step = wall_points(small, 31), 1e-4
    gradient = small.gradient_at(points, 2)
    for axis in range(3):
        offset = step * np.eye(3)[axis]
        difference = (small.position(points + offset, 2) - small.position(points - offset, 2)) / (2 * step)
        assert np.allclose(gradient[..., axis], difference, atol=1e-6)


def test_motion_holds_the_map_at_the_voxels(small):
    points = small.voxel_centers()
    for frame in range(4):
        expected = small.position(points, frame) - points
        assert np.abs(small.motion.displacement[frame] - expected).max() < 1e-4
    assert not small.motion.displacement[0].any()


def test_strain_of_the_equator_is_the_closed_form(heart):
    """At the equator E_zz is that of shortening and twist, E_cc of the new radius, E_rr of the kept volume."""
    anatomy, kinematics = heart.anatomy, heart.kinematics
    z = anatomy.equator
    radius = torch.tensor([anatomy.endo_radius + 0.5, anatomy.endo_radius + anatomy.wall - 0.5], dtype=torch.float64)
    points = torch.stack((radius, torch.zeros(2).double(), torch.full((2,), z).double()), dim=-1)
    gradient = kinematics.gradient(points, 1.0)
    green = (gradient.transpose(-1, -2) @ gradient - torch.eye(3)) / 2
    emptying = 0.57 / (0.86 * kinematics._mean_taper)
    hoop = 1 / 0.86 - emptying * anatomy.endo_radius**2 / radius**2
    assert torch.allclose(green[:, 1, 1], (hoop - 1) / 2, atol=1e-9)
    turn = np.deg2rad(12) / anatomy.length  # d omega / dZ; g is flat at the equator
    assert torch.allclose(green[:, 2, 2], (0.86**2 + hoop * radius**2 * turn**2 - 1) / 2, atol=1e-9)
    assert torch.allclose(green[:, 0, 0], (1 / (0.86**2 * hoop) - 1) / 2, atol=1e-9)


def test_strain_has_the_signs_of_a_heartbeat(heart):
    strain = heart.strain()
    wall = heart.series.labels[0] == MYOCARDIUM
    for component, sign in (("radial", 1), ("circumferential", -1), ("longitudinal", -1)):
        values = strain[component]
        assert np.isnan(values[:, ~wall]).all()
        assert np.abs(values[0, wall]).max() < 1e-6
        assert sign * values[6, wall].mean() > 0.1


def test_axes_are_a_right_handed_frame_on_the_wall(small):
    axes = small.wall_axes()[small.series.labels[0] == MYOCARDIUM]
    assert np.allclose(axes @ np.swapaxes(axes, -1, -2), np.eye(3), atol=1e-6)
    assert np.allclose(np.linalg.det(axes), 1, atol=1e-6)


def test_carried_labels_agree_with_those_drawn(heart):
    reference = heart.series.labels[0]
    carried = heart.motion.warp_labels(reference, 6)
    for structure, least in ((RV, 0.94), (MYOCARDIUM, 0.95), (LV_CAVITY, 0.97)):
        assert dice(carried == structure, heart.series.labels[6] == structure) > least
        assert dice(reference == structure, heart.series.labels[6] == structure) < least - 0.1  # motion is what does it


def test_images_follow_the_motion():
    """Without noise, frame t drawn in the reference is the reference, but for partial volume."""
    subject = phantom("cine", 0, **SMALL, noise=0.0, texture=0.0, shortening=0.0, thickness_mm=4.0, slices=16)
    drawn = subject.motion.warp(subject.series)
    wall = np.isin(subject.series.labels[0], (MYOCARDIUM, LV_CAVITY))
    still = np.abs(subject.series.frames[2] - subject.series.frames[0])[wall].mean()
    moved = np.abs(drawn[2] - subject.series.frames[0])[wall].mean()
    assert moved < 0.25 * still


# ---------------------------------------------------------------------- seeds, options, geometry


def test_same_seed_same_subject(small):
    again = phantom("cine", 3, **SMALL)
    assert np.array_equal(again.series.frames, small.series.frames)
    assert np.array_equal(again.motion.displacement, small.motion.displacement)


def test_another_seed_is_another_subject(small):
    other = phantom("cine", 4, **SMALL)
    assert not np.array_equal(other.series.labels[0], small.series.labels[0])
    assert other.anatomy != small.anatomy


def test_noise_has_the_asked_strength():
    clean, noisy = (phantom("cine", 0, **{**SMALL, "frames": 2}, noise=n).series.frames for n in (0.0, 3.0))
    bright = clean > 0.9
    assert np.std((noisy - clean)[bright]) == pytest.approx(0.03, rel=0.05)
    assert noisy.min() >= 0


def test_texture_is_attached_to_the_wall():
    plain, textured = (phantom("cine", 0, **SMALL, noise=0.0, texture=t) for t in (0.0, 0.1))
    wall = plain.series.labels[0] == MYOCARDIUM
    pattern = textured.series.frames - plain.series.frames
    assert 0.02 < pattern[0][wall].std() < 0.1
    follows = plain.motion.warp(textured.series) - plain.motion.warp(plain.series)
    along = np.corrcoef(follows[2][wall], pattern[0][wall])[0, 1]
    assert along > 0.6
    assert along > np.corrcoef(pattern[2][wall], pattern[0][wall])[0, 1] + 0.1


def test_tilt_turns_the_world_and_nothing_else(small):
    tilted = phantom("cine", 3, **SMALL, tilt=35.0)
    assert np.array_equal(tilted.series.frames, small.series.frames)
    turn = tilted.series.affine[:3, :3] @ np.linalg.inv(small.series.affine[:3, :3])
    assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(35)
    assert np.allclose(tilted.motion.displacement, small.motion.displacement @ turn.T, atol=1e-4)
    points = tilted.voxel_centers()[4, 30:40, 30:40]
    inside = np.s_[2, 4, 30:40, 30:40]
    assert np.allclose(tilted.position(points, 2) - points, tilted.motion.displacement[inside], atol=1e-4)
    assert np.allclose(tilted.deformation_gradient()[2], turn @ small.deformation_gradient()[2] @ turn.T, atol=1e-5)
    for component, values in tilted.strain().items():
        assert np.allclose(values, small.strain()[component], atol=1e-5, equal_nan=True)


def test_shift_moves_the_heart():
    here, there = (phantom("cine", 0, **{**SMALL, "frames": 2}, shift_x_mm=x).series for x in (0.0, 11.0))
    assert np.array_equal(here.labels[0][..., :-5], there.labels[0][..., 5:])


def test_rv_insertions_lie_on_both_sides_of_the_septum(small):
    anterior, inferior = small.series.meta["rv_insertion"]
    assert anterior[1] > inferior[1]
    voxels = np.linalg.inv(small.series.affine) @ np.c_[small.series.meta["rv_insertion"], np.ones(2)].T
    i, j, k = np.rint(voxels[:3]).astype(int)
    for n in range(2):
        near = small.series.labels[0][k[n], j[n] - 2 : j[n] + 3, i[n] - 2 : i[n] + 3]
        assert {0, RV, MYOCARDIUM} <= set(np.unique(near))


def test_one_slice():
    subject = phantom("cine", 0, **{**SMALL, "frames": 3}, slices=1)
    assert subject.series.is_2d
    assert {RV, MYOCARDIUM, LV_CAVITY} <= set(np.unique(subject.series.labels[0]))


@pytest.mark.parametrize(
    ("kind", "seed", "options", "says"),
    [
        ("ct", 0, {}, "unknown kind of phantom 'ct'; there is cine"),
        ("cine", -1, {}, "seed must be a whole number from 0"),
        ("cine", 1.5, {}, "seed must be a whole number from 0"),
        ("cine", 0, {"frames": 1}, "option frames must be from 2 to 100"),
        ("cine", 0, {"wall_mm": 0.0}, "option wall_mm must be from 5 to 16 mm"),
        ("cine", 0, {"ejection_fraction": 99.0}, "option ejection_fraction must be from 0 to 75 %"),
        ("cine", 0, {"noise": "much"}, "option noise must be a number"),
        ("cine", 0, {"heart_rate": 60}, "no option heart_rate; its options are frames, "),
    ],
)
def test_what_cannot_be_made_is_refused(kind, seed, options, says):
    with pytest.raises(CardiacMotionError, match=says):
        phantom(kind, seed, **options)


def test_a_map_without_an_inverse_is_refused(small):
    impossible = Kinematics(small.anatomy, 0.57, 0.14, np.deg2rad(900))
    points = small.kinematics.position(torch.from_numpy(wall_points(small, 50)), 0.0)
    with pytest.raises(CardiacMotionError, match="has no inverse"):
        impossible.material(points * 1.5, 1.0)


def test_frames_of_other_numbers_are_refused(small):
    with pytest.raises(CardiacMotionError, match="frame must be a frame number from 0 to 3"):
        small.position(np.zeros((1, 3)), 4)

"""The cine phantom: the heart that was asked for, in images that follow its motion, or a word on why not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hearts import SMALL

from CardiacMotionLib import CardiacMotionError, phantom
from CardiacMotionLib.phantom import options_of
from CardiacMotionLib.phantom.cine import Options, cine_at, settled
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM, RV

TINY = {"frames": 2, "rows": 36, "columns": 36, "pixel_mm": 4.4, "slices": 4}


def dice(a, b):
    return 2 * np.sum(a & b) / (np.sum(a) + np.sum(b))


# ---------------------------------------------------------------------- what was asked for


def test_default_is_the_agreed_heart(heart):
    assert heart.series.frames.shape == (16, 10, 112, 112)
    assert np.allclose(heart.series.spacing, (1.6, 1.6, 8.0))
    assert heart.motion.reference == 0
    assert np.allclose(heart.series.times, np.arange(16) * 900 / 16)
    assert sorted(heart.series.labels) == list(range(16))
    truth = heart.meta["truth"]
    assert truth["group"] == "average"
    assert truth["end_systole"] == 6
    assert truth["ejection_fraction"] == pytest.approx(0.57, abs=2e-3)  # of the frame nearest to end-systole
    assert truth["shortening"] == pytest.approx(0.14, abs=0.005)
    assert truth["twist"] == pytest.approx(12, abs=0.4)
    assert 76 <= truth["end_diastolic_volume_ml"] <= 88


def test_labels_lie_inside_the_stack(heart):
    labels = heart.series.labels[0]
    assert not labels[0].any()
    assert not labels[-1].any()
    assert not labels[:, [0, -1]].any()
    assert not labels[:, :, [0, -1]].any()
    assert {RV, MYOCARDIUM, LV_CAVITY} <= set(np.unique(labels))


def test_volumes_of_the_labels_are_those_of_the_map(heart):
    counted = np.array([np.sum(heart.series.labels[t] == LV_CAVITY) for t in range(16)]) * 1.6 * 1.6 * 8.0 / 1000
    assert counted == pytest.approx(heart.meta["truth"]["volumes_ml"], abs=7)  # slices of 8 mm
    assert (1 - counted.min() / counted[0]) * 100 == pytest.approx(57, abs=2.5)
    assert int(np.argmin(counted)) in (6, 7)  # both while the volume rests
    right = [np.sum(heart.series.labels[t] == RV) for t in range(16)]
    assert right[6] < 0.75 * right[0]
    wall = [np.sum(heart.series.labels[t] == MYOCARDIUM) for t in range(16)]
    assert wall == pytest.approx([wall[0]] * 16, rel=0.1)


def test_wall_is_as_thick_as_asked(heart):
    labels = heart.series.labels[0][6]
    area = 1.6**2 * np.array([np.sum(labels == LV_CAVITY), np.sum(labels >= MYOCARDIUM)])
    inner, outer = np.sqrt(area / np.pi)
    assert outer - inner == pytest.approx(9, abs=0.6)


@pytest.mark.parametrize("name", ["normal", "hcm", "dcm", "ischemic", "lbbb", "any"])
def test_people_of_every_group(name):
    subject = phantom("cine", 5, group=name, **{**SMALL, "frames": 3})
    assert {RV, MYOCARDIUM, LV_CAVITY} <= set(np.unique(subject.series.labels[0]))
    options = subject.meta["options"]
    assert options["group"] == subject.meta["truth"]["group"] != "any"
    assert 80 <= options["end_diastolic_volume_ml"] <= 250
    assert 15 <= options["ejection_fraction"] <= 75
    blood = subject.series.frames[0][subject.series.labels[0] == LV_CAVITY]
    wall = subject.series.frames[0][subject.series.labels[0] == MYOCARDIUM]
    assert np.median(blood) > 1.5 * np.median(wall)


def test_the_blood_is_bright_and_the_lung_dark(heart):
    frame, labels = heart.series.frames[0], heart.series.labels[0]
    assert np.median(frame[labels == LV_CAVITY]) == pytest.approx(1, abs=0.15)
    assert 0.2 < np.median(frame[labels == MYOCARDIUM]) < 0.6
    assert frame.min() >= 0
    assert np.percentile(frame, 10) < 0.15


# ---------------------------------------------------------------------- images and motion


def test_carried_labels_agree_with_those_drawn(heart):
    reference = heart.series.labels[0]
    carried = heart.motion.warp_labels(reference, 6)
    for structure, least in ((RV, 0.9), (MYOCARDIUM, 0.94), (LV_CAVITY, 0.96)):
        assert dice(carried == structure, heart.series.labels[6] == structure) > least
        assert dice(reference == structure, heart.series.labels[6] == structure) < least - 0.1  # motion is what does it


@pytest.mark.parametrize("name", ["average", "lbbb"])
def test_images_follow_the_motion(name):
    """Without noise, frame t drawn in the reference is the reference, but for partial volume."""
    thin = {**SMALL, "frames": 3, "thickness_mm": 4.0, "slices": 20, "pixel_mm": 2.0}
    subject = phantom("cine", 0, group=name, **thin, noise=0.0, acquired=1.0, artefacts="none", papillary=False)
    drawn = subject.motion.warp(subject.series)
    heart = np.isin(subject.series.labels[0], (MYOCARDIUM, LV_CAVITY))
    heart[:3] = heart[-3:] = False
    still = np.abs(subject.series.frames[1] - subject.series.frames[0])[heart].mean()
    moved = np.abs(drawn[1] - subject.series.frames[0])[heart].mean()
    assert moved < 0.35 * still


def test_texture_is_attached_to_the_wall():
    clean = {"noise": 0.0, "acquired": 1.0, "thickness_mm": 3.0, "slices": 12}
    plain, textured = (phantom("cine", 0, **SMALL, **clean, texture=t) for t in (0.0, 0.1))
    wall = plain.series.labels[0] == MYOCARDIUM
    pattern = textured.series.frames - plain.series.frames
    assert 0.005 < pattern[0][wall].std() < 0.1
    follows = plain.motion.warp(textured.series) - plain.motion.warp(plain.series)
    along = np.corrcoef(follows[2][wall], pattern[0][wall])[0, 1]
    assert along > 0.5
    assert along > np.corrcoef(pattern[2][wall], pattern[0][wall])[0, 1] + 0.2


def test_papillary_muscles_are_in_the_images_and_not_in_the_motion():
    with_them, without = (phantom("cine", 3, **TINY, group="normal", papillary=p, noise=0.0) for p in (True, False))
    assert np.array_equal(with_them.motion.displacement, without.motion.displacement)
    assert np.array_equal(with_them.series.labels[0], without.series.labels[0])
    cavity = with_them.series.labels[0] == LV_CAVITY
    assert (without.series.frames[0] - with_them.series.frames[0])[cavity].max() > 0.1


def test_sliding_changes_the_motion_around_the_heart_only():
    sticks, slides = (phantom("cine", 0, **{**SMALL, "frames": 3}, sliding=s) for s in (False, True))
    ventricles = np.isin(sticks.series.labels[0], (MYOCARDIUM, LV_CAVITY))
    difference = np.abs(sticks.motion.displacement[1] - slides.motion.displacement[1]).max(-1)
    assert difference[ventricles].max() < 1e-3
    assert difference[~ventricles].max() > 2


# ---------------------------------------------------------------------- noise and artefacts


def test_noise_has_the_asked_strength():
    clean, noisy = (phantom("cine", 0, **{**SMALL, "frames": 2}, noise=n).series.frames for n in (0.0, 3.0))
    bright = clean > 0.8
    assert np.std((noisy - clean)[bright]) == pytest.approx(0.03, rel=0.05)
    assert noisy.min() >= 0


def test_artefacts_are_typical_for_people_and_none_for_the_average_heart():
    assert settled(Options(), 0).ghosting == settled(Options(), 0).shading == 0
    typical = settled(Options(group="normal"), 0)
    assert typical.artefacts == "typical"
    assert typical.shading > 0
    assert settled(Options(group="normal", shading=0.0), 0).shading == 0
    drawn = [settled(Options(artefacts="random"), seed).shading for seed in range(5)]
    assert len(set(drawn)) == 5


@pytest.mark.parametrize("asked", [{"shading": 0.5}, {"off_resonance_hz": 120.0}, {"ghosting": 0.4}, {"inflow": 0.3}])
def test_every_artefact_changes_the_images_and_not_the_truth(asked):
    plain, other = (phantom("cine", 3, **TINY, noise=0.0, **more) for more in ({}, asked))
    assert np.abs(plain.series.frames - other.series.frames).max() > 0.03
    assert np.array_equal(plain.motion.displacement, other.motion.displacement)
    assert all(np.array_equal(plain.series.labels[t], other.series.labels[t]) for t in range(2))


def test_random_contrast_changes_the_images_and_not_the_truth():
    plain, random = (phantom("cine", 3, **TINY, contrast=c) for c in ("bssfp", "random"))
    assert np.corrcoef(plain.series.frames.ravel(), random.series.frames.ravel())[0, 1] < 0.9
    assert np.array_equal(plain.motion.displacement, random.motion.displacement)


# ---------------------------------------------------------------------- seeds, options, geometry


def test_same_seed_same_subject(small):
    again = phantom("cine", 3, **SMALL)
    assert np.array_equal(again.series.frames, small.series.frames)
    assert np.array_equal(again.motion.displacement, small.motion.displacement)
    assert again.meta == small.meta


def test_another_seed_is_another_subject(small):
    other = phantom("cine", 4, **SMALL)
    assert not np.array_equal(other.series.labels[0], small.series.labels[0])
    assert other.anatomy != small.anatomy


def test_what_was_drawn_can_be_asked_for_again():
    """The options noted in meta make the same subject."""
    one = phantom("cine", 6, group="ischemic", artefacts="random", **TINY)
    again = phantom("cine", 6, **one.meta["options"])
    assert again.meta["options"]["group"] == one.meta["truth"]["group"]
    assert np.array_equal(one.series.labels[1], again.series.labels[1])
    assert np.allclose(one.motion.displacement, again.motion.displacement, atol=1e-4)
    assert np.allclose(one.series.frames, again.series.frames, atol=1e-3)


def test_frames_at_asked_phases():
    options = Options(**TINY)
    two = cine_at(3, options, np.array([0.0, 0.375]))
    assert np.allclose(two.series.times, [0.0, 0.375 * 900])
    assert two.meta["truth"]["end_systole"] == 1
    many = phantom("cine", 3, **{**TINY, "frames": 8})
    assert np.array_equal(two.series.labels[1], many.series.labels[3])
    assert np.allclose(two.motion.displacement[1], many.motion.displacement[3], atol=1e-4)


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
    voxels = np.linalg.inv(small.series.affine) @ np.c_[small.series.meta["rv_insertion"], np.ones(2)].T
    i, j, k = np.rint(voxels[:3]).astype(int)
    assert j[0] < j[1]  # anterior is up
    for n in range(2):
        near = small.series.labels[0][k[n], j[n] - 2 : j[n] + 3, i[n] - 2 : i[n] + 3]
        assert {0, RV, MYOCARDIUM} <= set(np.unique(near))
    assert anterior[1] > inferior[1]


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
        ("cine", True, {}, "seed must be a whole number from 0"),
        ("cine", 0, {"frames": 1}, "option frames must be from 2 to 100"),
        ("cine", 0, {"wall_mm": 0.0}, "option wall_mm must be from 5 to 16 mm"),
        ("cine", 0, {"ejection_fraction": 99.0}, "option ejection_fraction must be from 0 to 78 %"),
        ("cine", 0, {"noise": "much"}, "option noise must be a number"),
        ("cine", 0, {"group": "athlete"}, "option group must be one of average, normal, "),
        ("cine", 0, {"heart_rate": 60}, "no option heart_rate; its options are group, "),
        ("cine", 1, {"group": "lbbb", "ejection_fraction": 78.0}, "would empty parts of this ventricle"),
    ],
)
def test_what_cannot_be_made_is_refused(kind, seed, options, says):
    with pytest.raises(CardiacMotionError, match=says):
        phantom(kind, seed, **options)


def test_every_option_is_explained():
    for option in options_of("cine"):
        assert len(option.help) > 10
        assert option.default is None or option.check(option.default) == option.default


def test_a_device_that_does_not_work_is_refused():
    with pytest.raises(CardiacMotionError, match="unknown device 'gpu'"):
        phantom("cine", 0, device="gpu", **{**SMALL, "frames": 2})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_a_gpu_draws_the_same_heart():
    here, there = (phantom("cine", 3, group="normal", device=d, **SMALL) for d in ("cpu", "cuda"))
    assert np.abs(here.motion.displacement - there.motion.displacement).max() < 1e-3
    assert np.abs(here.series.frames - there.series.frames).mean() < 1e-3


def test_more_than_fits_is_refused_at_once():
    with pytest.raises(CardiacMotionError, match="million voxels, at most 200 million"):
        phantom("cine", 0, slices=64, rows=512, columns=512, frames=100)


def test_points_of_another_shape_are_refused():
    subject = phantom("cine", 0, **{**SMALL, "frames": 2})
    with pytest.raises(CardiacMotionError, match=r"points must have shape \(..., 3\) in RAS mm, got \(1, 2\)"):
        subject.position([[1.0, 2.0]], 0)

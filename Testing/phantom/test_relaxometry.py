"""Relaxometry phantoms: noiseless images refit to the maps, images and labels follow the motion, breathing is exact."""

import numpy as np
import pytest
import torch
from scipy.ndimage import minimum_filter
from scipy.optimize import curve_fit

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom import phantom
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM, RV

IMAGES = {"stone": 11, "molli": 8, "molli_432": 9, "molli_335": 11, "sasha": 11, "msasha": 30, "ir": 8, "t2prep": 3}
SMALL = {"rows": 56, "columns": 56, "pixel_mm": 2.0}
AT_REST = {"breathing_mm": 0.0, "drift_mm": 0.0, "cardiac_jitter": 0.0}
IDEAL = {"noise": 0.0, "texture": 0.0, "acquired": 1.0, "magnitude": False}


def pure_pixels(subject, count=3):
    """A few voxels (k, j, i) of nothing but one tissue, of wall, RV and cavity."""
    labels = subject.series.labels[0]
    for label in (MYOCARDIUM, RV, LV_CAVITY):
        found = np.argwhere((labels == label) & (subject.maps["purity"] > 1 - 1e-6))
        assert len(found) >= count
        yield from map(tuple, found[:: len(found) // count])


def recovery(times):
    """Three-parameter recovery at ``times``, which may be infinite."""

    def model(index, a, b, t1):
        return a - b * np.exp(-times[np.asarray(index, int)] / t1)

    return model


def fitted_t1(values, times, looks=False):
    (a, b, t1), _ = curve_fit(recovery(times), np.arange(float(len(times))), values, p0=(values.max(), 1.0, 900.0))
    return t1 * (b / a - 1) if looks else t1


def signal_of(subject, voxel):
    return subject.series.frames[(slice(None), *voxel)].astype(float)


@pytest.mark.parametrize("sequence", IMAGES)
def test_images_come_with_what_a_fit_needs(sequence):
    subject = phantom("t1", 2, sequence=sequence, **SMALL)
    series = subject.series
    assert series.frames.shape == (IMAGES[sequence], 1, 56, 56)
    assert (series.frames >= 0).all()
    assert series.timed
    assert sorted(series.labels) == list(range(IMAGES[sequence]))
    assert series.meta["model"] == sequence.split("_")[0]
    assert series.meta["sequence"] == sequence
    names = {"sasha": ["saturation_times"], "t2prep": ["echo_times"]}
    names["msasha"] = ["saturation_times", "echo_times", "delays"]
    for name in names.get(sequence, ["inversion_times"]):
        assert len(series.meta[name]) == IMAGES[sequence]
        assert subject.meta[name] == series.meta[name]


@pytest.mark.parametrize(("sequence", "field_tesla"), [("stone", 3.0), ("molli", 1.5), ("molli_432", 1.5), ("ir", 1.5)])
def test_inversion_recovery_refits_to_t1(sequence, field_tesla):
    subject = phantom(
        "t1", 4, group="ischemic", sequence=sequence, field_tesla=field_tesla, **SMALL, **AT_REST, **IDEAL
    )
    times = np.array(subject.meta["inversion_times"])
    for voxel in pure_pixels(subject):
        found = fitted_t1(signal_of(subject, voxel), times, looks=sequence.startswith("molli"))
        assert found == pytest.approx(subject.maps["T1"][voxel], rel=1e-3)


def test_t1_after_contrast_agent_is_short_and_refits():
    options = {**SMALL, **AT_REST, **IDEAL, "group": "ischemic"}
    after = phantom("t1", 4, sequence="molli_432", contrast_agent=True, **options)
    before = phantom("t1", 4, sequence="molli_432", **options)
    wall = (before.series.labels[0] == MYOCARDIUM) & (before.maps["purity"] == 1)
    assert (after.maps["T1"][wall] < 0.7 * before.maps["T1"][wall]).all()
    for voxel in pure_pixels(after):
        found = fitted_t1(signal_of(after, voxel), np.array(after.meta["inversion_times"]), looks=True)
        assert found == pytest.approx(after.maps["T1"][voxel], rel=1e-3)


def test_saturation_recovery_refits_to_t1():
    subject = phantom("t1", 1, sequence="sasha", **SMALL, **AT_REST, **IDEAL)
    for voxel in pure_pixels(subject):
        found = fitted_t1(signal_of(subject, voxel), np.array(subject.meta["saturation_times"]))
        assert found == pytest.approx(subject.maps["T1"][voxel], rel=1e-3)


def test_msasha_refits_to_t1_and_t2():
    subject = phantom("t1", 1, sequence="msasha", **SMALL, **AT_REST, **IDEAL)
    ts, te, td = (np.array(subject.meta[name]) for name in ("saturation_times", "echo_times", "delays"))

    def model(index, t1, t2, a):
        n = index.astype(int)
        return a * (1 - (1 - (1 - np.exp(-ts[n] / t1)) * np.exp(-te[n] / t2)) * np.exp(-td[n] / t1))

    for voxel in pure_pixels(subject):
        (t1, t2, _), _ = curve_fit(model, np.arange(30.0), signal_of(subject, voxel), p0=(1100, 80, 1))
        assert t1 == pytest.approx(subject.maps["T1"][voxel], rel=1e-3)
        assert t2 == pytest.approx(subject.maps["T2"][voxel], rel=1e-3)


def test_t2_prepared_images_refit_to_t2():
    subject = phantom("t1", 1, sequence="t2prep", **SMALL, **AT_REST, **IDEAL)
    echo_times = np.array(subject.meta["echo_times"])
    for voxel in pure_pixels(subject):
        values = signal_of(subject, voxel)
        (_, t2), _ = curve_fit(lambda t, a, t2: a * np.exp(-t / t2), echo_times, values, p0=(1, 80))
        assert t2 == pytest.approx(subject.maps["T2"][voxel], rel=1e-3)


def test_magnitude_images_are_the_size_of_the_signed_ones_and_their_polarity_can_be_restored():
    signed = phantom("t1", 3, sequence="molli", **SMALL, **AT_REST, **IDEAL)
    magnitude = phantom("t1", 3, sequence="molli", **SMALL, **AT_REST, **{**IDEAL, "magnitude": True})
    assert signed.series.frames.min() < -0.3
    assert np.array_equal(magnitude.series.frames, np.abs(signed.series.frames))
    times = np.array(magnitude.meta["inversion_times"])
    order = np.argsort(times)
    for voxel in pure_pixels(magnitude, 1):
        fits = []
        for negative in range(1, len(times)):
            values = signal_of(magnitude, voxel)
            values[order[:negative]] *= -1
            p0 = (values.max(), 1.5, 900.0)
            found, _ = curve_fit(recovery(times), np.arange(float(len(times))), values, p0=p0, maxfev=5000)
            fits.append((np.square(values - recovery(times)(np.arange(len(times)), *found)).sum(), found))
        a, b, t1 = min(fits, key=lambda fit: fit[0])[1]
        assert t1 * (b / a - 1) == pytest.approx(magnitude.maps["T1"][voxel], rel=1e-3)


def test_wall_and_blood_are_dark_at_their_own_times():
    subject = phantom("t1", 0, sequence="ir", **SMALL, **AT_REST, **{**IDEAL, "magnitude": True})
    times, labels = np.array(subject.meta["inversion_times"]), subject.series.labels[0]
    pure = subject.maps["purity"] > 1 - 1e-6
    for label in (MYOCARDIUM, LV_CAVITY):
        inside = pure & (labels == label)
        darkest = times[subject.series.frames[:, inside].mean(1).argmin()]
        null = np.log(2) * subject.maps["T1"][inside].mean()
        assert darkest == times[np.abs(np.exp(-times / null * np.log(2)) - 0.5).argmin()]
    assert subject.maps["T1"][labels == LV_CAVITY].max() > 1.3 * subject.maps["T1"][labels == MYOCARDIUM].min()


def test_images_move_as_the_motion_says():
    """Carried back by the motion, every contrast lies on the first image: deep in a tissue the fit finds T1."""
    moving = {"breathing_mm": 6.0, "cardiac_jitter": 0.03, "slices": 7, "thickness_mm": 3.0, "shading": 0.0}
    subject = phantom("t1", 3, **{**SMALL, "pixel_mm": 1.5}, **moving, **IDEAL)
    assert np.abs(subject.motion.displacement).max() > 3
    warped = subject.motion.warp(subject.series)
    deep = minimum_filter(subject.maps["purity"] > 1 - 1e-6, 3) & (np.arange(7) == 3)[:, None, None]
    labels = subject.series.labels[0]
    stayed, corrected = [], []
    for label in (MYOCARDIUM, LV_CAVITY):
        for voxel in map(tuple, np.argwhere(deep & (labels == label))[::30]):
            times, t1 = np.array(subject.meta["inversion_times"]), subject.maps["T1"][voxel]
            stayed.append(abs(fitted_t1(signal_of(subject, voxel), times) / t1 - 1))
            corrected.append(abs(fitted_t1(warped[(slice(None), *voxel)].astype(float), times) / t1 - 1))
    assert len(corrected) > 15
    assert np.median(corrected) < 1e-3
    assert np.mean(corrected) < 0.2 * np.mean(stayed)


def test_labels_are_those_of_the_material():
    subject = phantom("t1", 5, group="normal", slices=3, **SMALL)
    turn, shift = subject.from_heart[:3, :3], subject.from_heart[:3, 3]
    for frame in (0, 4, 10):
        material = (subject.material(subject.voxel_points(), frame) - shift) @ turn
        expected = subject.anatomy.labels(torch.from_numpy(material)).numpy()
        assert (subject.series.labels[frame] == expected).mean() > 0.999
    assert (subject.series.labels[0] != subject.series.labels[4]).any()


def test_breathing_goes_towards_the_feet_and_keeps_volumes():
    subject = phantom("t1", 6, sequence="ir", breathing_mm=12.0, cardiac_jitter=0.0, **SMALL)
    assert not subject.motion.displacement[0].any()
    wall = subject.series.labels[0] == MYOCARDIUM
    moved = subject.motion.displacement[:, wall].mean(1)
    assert np.ptp(moved[:, 2]) > 3
    assert (np.abs(moved[1:, 2]) > 2 * np.abs(moved[1:, :2]).max(1)).all()
    determinant = np.linalg.det(subject.deformation_gradient())
    assert np.abs(determinant[:, wall] - 1).max() < 1e-4
    normal = subject.series.affine[:3, 2] / subject.series.spacing[2]
    assert np.ptp(moved @ normal) > 1  # through the slice, and in it
    assert np.ptp(np.linalg.norm(moved - (moved @ normal)[:, None] * normal, axis=1)) > 1


def test_the_heartbeat_alone_keeps_the_volume_of_the_wall_too():
    subject = phantom("t1", 6, sequence="sasha", breathing_mm=0.0, drift_mm=0.0, cardiac_jitter=0.1, **SMALL)
    wall = subject.series.labels[0] == MYOCARDIUM
    assert np.abs(subject.motion.displacement[:, wall]).max() > 0.5
    assert np.abs(np.linalg.det(subject.deformation_gradient()[:, wall]) - 1).max() < 1e-3


def test_a_drift_is_what_was_asked_for():
    subject = phantom("t1", 0, breathing_mm=0.0, drift_mm=5.0, cardiac_jitter=0.0, **SMALL)
    times, wall = subject.series.times, subject.series.labels[0] == MYOCARDIUM
    down = -subject.motion.displacement[:, wall].mean(1)[:, 2]
    assert down == pytest.approx(down[-1] * (times - times[0]) / (times[-1] - times[0]), abs=1e-3)
    assert np.linalg.norm(subject.motion.displacement[-1][wall], axis=-1) == pytest.approx(5.1, abs=0.3)


def test_a_held_breath_moves_less_than_a_free_one():
    held, free = (phantom("t1", 1, sequence=s, **SMALL).meta["options"]["breathing_mm"] for s in ("molli", "msasha"))
    assert (held, free) == (1.5, 6.0)


def test_the_person_is_that_of_the_cine():
    place = {"slices": 1, "thickness_mm": 8.0, "group": "hcm", **SMALL}
    cine, mapping = phantom("cine", 7, frames=2, breathing_mm=0.0, **place), phantom("t1", 7, **place)
    assert cine.anatomy == mapping.anatomy
    assert np.array_equal(cine.series.affine, mapping.series.affine)
    assert np.array_equal(cine.series.labels[0], mapping.series.labels[0])


def test_a_scar_has_a_longer_t1_in_the_maps():
    subject = phantom("t1", 1, group="ischemic", **SMALL)
    pure = (subject.series.labels[0] == MYOCARDIUM) & (subject.maps["purity"] > 0.99)
    healthy, scar = np.unique(subject.maps["T1"][pure])
    assert scar > healthy + 40
    assert np.isnan(subject.maps["T1"]).sum() < 0.2 * subject.maps["T1"].size


def test_noise_is_that_of_the_signal_of_blood():
    options = {**SMALL, **AT_REST, **IDEAL, "sequence": "molli", "shading": 0.0}
    clean, noisy = phantom("t1", 0, **options), phantom("t1", 0, **{**options, "noise": 4.0})
    assert (noisy.series.frames - clean.series.frames).std() == pytest.approx(0.04, rel=0.05)
    blood = (clean.series.labels[0] == LV_CAVITY) & (clean.maps["purity"] > 1 - 1e-6)
    stone = phantom("t1", 0, **{**options, "sequence": "stone"})
    assert stone.series.frames[0][blood] == pytest.approx(1.0)  # without inversion


def test_the_seed_decides():
    first, same, other = (phantom("t1", seed, **SMALL) for seed in (1, 1, 2))
    assert np.array_equal(first.series.frames, same.series.frames)
    assert np.array_equal(first.motion.displacement, same.motion.displacement)
    assert not np.array_equal(first.motion.displacement, other.motion.displacement)
    assert np.nanmax(first.maps["T1"]) != np.nanmax(other.maps["T1"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence": "epi"}, "option sequence must be one of stone, molli, molli_432, molli_335, sasha"),
        ({"field_tesla": 2.0}, r"option field_tesla must be one of 1.5, 3.0, got 2.0"),
        ({"heart_rate": 300}, "option heart_rate must be from 40 to 150"),
        ({"frames": 3}, "phantom t1 has no option frames"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    with pytest.raises(CardiacMotionError, match=message):
        phantom("t1", 0, **options)

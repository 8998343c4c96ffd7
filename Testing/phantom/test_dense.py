import numpy as np
import pytest
from scipy.ndimage import binary_erosion, map_coordinates

import CardiacMotionLib as cm
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom.tissues import MYOCARDIUM as WALL
from CardiacMotionLib.phantom.tissues import relaxation_of
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM

SMALL = {"rows": 64, "columns": 64, "pixel_mm": 2.0, "frames": 5, "frame_ms": 90.0}
CLEAN = {"snr": 0.0, "texture": 0.0, "shading": 0.0}
AXES = ("x", "y", "z")


def decoded(subject, direction):
    """Displacement (T, K, J, I) mm of the wrapped phase, unwrapped to the turn that is nearest to the truth."""
    frequency = subject.series.meta["encoding_frequency"][direction]
    measured = subject.maps[f"phase_{direction}"].astype(float) / (2 * np.pi)
    truth = subject.maps[f"displacement_{direction}"].astype(float) * frequency
    return (measured + np.round(truth - measured)) / frequency


def interior(labels, label=MYOCARDIUM, steps=2):
    """Voxels (K, J, I) at least ``steps`` voxels from the border of a label in plane."""
    return np.stack([binary_erosion(one == label, iterations=steps) for one in labels])


@pytest.mark.parametrize(
    "options",
    [
        {"directions": 3, "encoding_frequency": 0.1, "slices": 2, "tilt": 30.0},
        {"directions": 2, "encoding_frequency": 0.05, "group": "ischemic"},
    ],
)
def test_decoding_gives_the_displacement(options):
    subject = cm.phantom("dense", 4, **SMALL, **CLEAN, **options)
    points, directions = subject.voxel_centers(), subject.series.affine[:3, :3] / subject.series.spacing
    assert set(subject.series.meta["encoding_frequency"]) == set(AXES[: options["directions"]])
    seen = subject.series.frames > 1e-4
    assert seen.mean() > 0.5
    for t in range(5):
        moved = (points - subject.material(points, t)) @ directions
        assert np.abs(moved).max() > 3 or t < 3
        for axis in range(options["directions"]):
            found = decoded(subject, AXES[axis])[t]
            np.testing.assert_allclose(found[seen[t]], moved[..., axis][seen[t]], atol=1e-3)
            np.testing.assert_allclose(subject.maps[f"displacement_{AXES[axis]}"][t], moved[..., axis], atol=1e-3)


def test_carried_points_find_their_motion_in_the_phase():
    subject = cm.phantom("dense", 0, shortening=0.0, wall_mm=13.0, **SMALL, **CLEAN)  # nothing leaves the plane
    j, i = np.nonzero(interior(subject.series.labels[0])[0])
    for t in range(1, 5):
        moved = subject.motion.displacement[t, 0, j, i] @ np.linalg.inv(subject.series.affine[:3, :3]).T  # in voxels
        assert np.abs(moved[:, 2]).max() < 1e-4
        for axis, name in enumerate("xy"):
            at = map_coordinates(decoded(subject, name)[t, 0], [j + moved[:, 1], i + moved[:, 0]], order=3)
            np.testing.assert_allclose(at, moved[:, axis] * 2.0, atol=0.03)


def test_phase_wraps_where_the_motion_is_large():
    phases = {}
    for frequency in (0.02, 0.1):
        subject = cm.phantom("dense", 0, ejection_fraction=65.0, encoding_frequency=frequency, **SMALL, **CLEAN)
        assert all(np.abs(subject.maps[f"phase_{n}"]).max() <= np.float32(np.pi) for n in "xy")
        turns = [
            np.round(subject.maps[f"displacement_{n}"] * frequency - subject.maps[f"phase_{n}"] / (2 * np.pi))
            for n in "xy"
        ]
        wall = np.stack([subject.series.labels[t] == MYOCARDIUM for t in range(5)])
        phases[frequency] = sum(int((n[wall] != 0).sum()) for n in turns)
    assert phases[0.02] == 0
    assert phases[0.1] > 20


@pytest.mark.parametrize("snr", [10.0, 40.0])
def test_noise_is_that_of_the_signal_to_noise_ratio(snr):
    subject = cm.phantom("dense", 1, **{**SMALL, "rows": 96, "columns": 96, "pixel_mm": 1.3}, **{**CLEAN, "snr": snr})
    wall = interior(subject.series.labels[0])
    phase = np.concatenate([subject.maps[f"phase_{n}"][0][wall] for n in "xy"])
    assert phase.std() == pytest.approx(1 / snr, rel=0.08)  # nothing has moved yet
    assert abs(phase.mean()) < 4 / snr / np.sqrt(len(phase))
    magnitude = subject.series.frames[0][wall]
    assert magnitude.mean() / magnitude.std() == pytest.approx(snr * np.sqrt(2), rel=0.1)  # two directions averaged


def test_wall_decays_and_blood_leaves():
    subject = cm.phantom("dense", 0, wall_mm=13.0, thickness_mm=0.5, **SMALL, **CLEAN)
    values = relaxation_of(0, 1.5)
    t1, density = float(values.t1[WALL]), float(values.proton_density[WALL])
    for t, time in enumerate(subject.series.times):
        expected = density / 2 * np.exp(-time / t1) * np.cos(np.radians(5.0)) ** (time / 8.5)
        np.testing.assert_allclose(subject.series.frames[t][interior(subject.series.labels[t])], expected, rtol=0.01)
    first, last = (subject.series.frames[t][interior(subject.series.labels[t], LV_CAVITY)].mean() for t in (0, 4))
    assert first > 0.45
    assert last < 0.05


def test_averaging_over_the_slice_mixes_phases():
    shared = {**SMALL, **CLEAN, "wall_mm": 13.0, "slice_averaging": True, "directions": 3, "misalignment": 20.0}
    thin, thick = (cm.phantom("dense", 0, thickness_mm=mm, **shared) for mm in (0.5, 16.0))
    middle = cm.phantom("dense", 0, thickness_mm=16.0, **{**shared, "slice_averaging": False})
    for t in range(1, 5):
        wall = interior(thin.series.labels[t])
        for name in AXES:
            turned = np.exp(1j * (thin.maps[f"phase_{name}"] - middle.maps[f"phase_{name}"])[t][wall])
            np.testing.assert_allclose(turned, 1, atol=0.02)
        assert (thick.series.frames[t][wall] <= middle.series.frames[t][wall] + 1e-5).all()
    wall = interior(thin.series.labels[3])
    assert (thick.series.frames[3][wall] < 0.97 * middle.series.frames[3][wall]).any()


def test_frames_come_as_asked_for():
    tiny = {"rows": 24, "columns": 24, "pixel_mm": 4.0}
    subject = cm.phantom("dense", 0, cycle_ms=400.0, **tiny)
    np.testing.assert_allclose(subject.series.times, np.arange(22) * 17.0)  # up to nine tenths of the cycle
    assert subject.series.shape == (1, 24, 24)
    assert len(cm.phantom("dense", 0, frames=3, **tiny).series) == 3
    with pytest.raises(CardiacMotionError, match=r"60 frames of 17 ms are longer than the cycle of 900 ms"):
        cm.phantom("dense", 0, frames=60, **tiny)
    with pytest.raises(CardiacMotionError, match="directions must be one of 2, 3"):
        cm.phantom("dense", 0, directions=1, **tiny)


def test_the_person_is_that_of_the_cine():
    heart = {"group": "dcm", "tilt": -15.0}
    dense = cm.phantom(
        "dense", 6, frames=4, frame_ms=100.0, cycle_ms=400.0, slices=3, rows=32, columns=32, pixel_mm=4.0, **heart
    )
    cine = cm.phantom("cine", 6, frames=4, cycle_ms=400.0, slices=3, rows=32, columns=32, pixel_mm=4.0, **heart)
    assert dense.meta["truth"] == cine.meta["truth"]
    points = dense.voxel_centers()
    for t in range(4):
        np.testing.assert_allclose(dense.material(points, t), cine.material(points, t), atol=1e-9)


def test_a_subject_is_a_function_of_seed_and_options():
    one, again, other = (cm.phantom("dense", seed, group="any", directions=3, **SMALL) for seed in (2, 2, 3))
    np.testing.assert_array_equal(one.series.frames, again.series.frames)
    for name, values in one.maps.items():
        assert values.shape == one.series.frames.shape
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, again.maps[name])
    assert np.abs(one.series.frames - other.series.frames).max() > 0.1

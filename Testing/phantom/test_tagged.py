import numpy as np
import pytest
from scipy.ndimage import binary_erosion, map_coordinates, spline_filter

import CardiacMotionLib as cm
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom.tissues import MYOCARDIUM as WALL
from CardiacMotionLib.phantom.tissues import relaxation_of
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM

IDEAL = {"noise": 0.0, "texture": 0.0, "acquired": 1.0, "shading": 0.0, "thickness_mm": 0.5}
SMALL = {
    "rows": 72,
    "columns": 72,
    "pixel_mm": 1.4,
    "slices": 1,
    "frames": 4,
    "wall_mm": 13.0,
    "ejection_fraction": 55.0,
}
FLIP, TR = np.radians(6.0), 5.0  # the default read-out


def interior(labels, label=MYOCARDIUM, steps=3):
    """Voxels (K, J, I) at least ``steps`` voxels from the border of a label in plane."""
    return np.stack([binary_erosion(one == label, iterations=steps) for one in labels])


def zero_crossings(image, mask, axis):
    """Points (N, 2) as (j, i) where a spline along an image axis is 0 between neighbors that are both in ``mask``."""
    ahead = mask & np.roll(mask, -1, axis) & (image * np.roll(image, -1, axis) < 0)
    start = np.argwhere(ahead).T.astype(float)
    step = np.array([[axis == 0], [axis == 1]])
    smooth = spline_filter(image, order=5)
    low, high = np.zeros(start.shape[1]), np.ones(start.shape[1])
    for _ in range(25):
        middle = (low + high) / 2
        same = map_coordinates(smooth, start + middle * step, order=5, prefilter=False) * image[ahead] > 0
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (start + low * step).T


def voxels_of(points, affine):
    """Coordinates i, j, k, each (...), of RAS points (..., 3)."""
    return np.moveaxis((points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T, -1, 0)


# ---------------------------------------------------------------------- the tags move with the tissue


@pytest.mark.parametrize(("angle", "axis"), [(0.0, 1), (90.0, 0), (20.0, 1)])
@pytest.mark.parametrize("frame", [1, 2, 3])
def test_lines_of_a_frame_are_the_carried_lines_of_the_first(angle, axis, frame):
    subject = cm.phantom(
        "tagged", 3, technique="cspamm", pattern="lines", angle=angle, period_mm=8.0, tilt=25.0, **SMALL, **IDEAL
    )
    first, now = (subject.series.frames[t, 0].astype(float) for t in (0, frame))
    found = zero_crossings(now, interior(subject.series.labels[frame])[0], axis)
    assert len(found) > 20
    affine = subject.series.affine
    origin = subject.material(found[:, ::-1] @ affine[:3, :2].T + affine[:3, 3], frame)
    i, j, _ = voxels_of(origin, subject.series.affine)
    assert np.hypot(i - found[:, 1], j - found[:, 0]).max() > 0.5  # it has moved

    def sampled(dj, di):
        return map_coordinates(first, [j + dj, i + di], order=5)

    slope = np.hypot(sampled(0.05, 0) - sampled(-0.05, 0), sampled(0, 0.05) - sampled(0, -0.05)) / 0.1
    assert np.abs(sampled(0, 0) / slope).max() <= 0.05


def test_the_phase_map_says_where_the_lines_are():
    subject = cm.phantom("tagged", 0, technique="cspamm", pattern="lines", angle=30.0, **SMALL, **IDEAL)
    inside = np.stack([interior(subject.series.labels[t]) for t in range(4)])
    phase = subject.maps["tag_phase_1"]
    assert set(subject.maps) == {"tag_phase_1"}
    assert phase.dtype == np.float32
    signal = (
        subject.series.frames
        / np.abs(subject.series.frames).max(axis=(1, 2, 3), where=inside, initial=0)[:, None, None, None]
    )
    np.testing.assert_allclose(signal[inside], -np.cos(phase[inside]), atol=0.01)


@pytest.mark.parametrize("angle", [0.0, 45.0, -70.0])
def test_period_and_direction_are_those_asked_for(angle):
    options = {**SMALL, "rows": 128, "columns": 128, "frames": 2}
    subject = cm.phantom("tagged", 1, technique="cspamm", pattern="lines", period_mm=6.0, angle=angle, **options)
    image = subject.series.frames[0, 0] * np.outer(np.hanning(128), np.hanning(128))
    spectrum = np.abs(np.fft.rfft2(image, (1024, 1024)))
    j, i = np.unravel_index(spectrum.argmax(), spectrum.shape)
    frequency = np.array([np.fft.rfftfreq(1024)[i], np.fft.fftfreq(1024)[j]]) / 1.4  # cycles/mm along i, j
    expected = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) / 6
    expected *= np.sign(expected @ frequency)
    np.testing.assert_allclose(frequency, expected, atol=1 / (2 * 128 * 1.4))


# ---------------------------------------------------------------------- the tags fade


def in_wall(subject):
    """Signal (T, N) of voxels that are wall in every frame, tag phases (D, T, N)."""
    inside = np.all([interior(subject.series.labels[t]) for t in range(len(subject.series))], axis=0)
    assert inside.sum() > 20
    return subject.series.frames[:, inside], np.stack([phase[:, inside] for phase in subject.maps.values()])


def grid_of(phases):
    return np.prod((1 - np.cos(phases)) / 2, axis=0)


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_fading_of_cspamm_is_the_closed_form(field):
    subject = cm.phantom("tagged", 0, technique="cspamm", field_tesla=field, **{**SMALL, "frames": 8}, **IDEAL)
    signal, phases = in_wall(subject)
    values = relaxation_of(0, field)
    t1, density = float(values.t1[WALL]), float(values.proton_density[WALL])
    times = subject.series.times[:, None]
    fade = density * np.exp(-times / t1) * np.cos(FLIP) ** (times / TR)
    np.testing.assert_allclose(signal, (2 * grid_of(phases) - 1) * fade, atol=0.004)


def test_spamm_fills_with_magnetization_that_has_no_tags():
    subject = cm.phantom("tagged", 0, cycle_ms=2500.0, **{**SMALL, "frames": 8}, **IDEAL)
    signal, phases = in_wall(subject)
    values = relaxation_of(0, 1.5)
    t1, density = float(values.t1[WALL]), float(values.proton_density[WALL])
    e1 = np.exp(-TR / t1)
    for t in range(8):
        longitudinal = density * grid_of(phases)[t]  # and then pulse by pulse
        for _ in range(round(subject.series.times[t] / TR)):
            longitudinal = longitudinal * np.cos(FLIP) * e1 + density * (1 - e1)
        np.testing.assert_allclose(signal[t], longitudinal, atol=0.006)
    assert signal[7].std() < 0.05 * signal[0].std()


def test_blood_loses_its_tags_first():
    subject = cm.phantom("tagged", 0, technique="cspamm", **{**SMALL, "frames": 8}, **IDEAL)
    spread = {}
    for label in (MYOCARDIUM, LV_CAVITY):
        inside = [interior(subject.series.labels[t], label, 2) for t in (0, 3)]
        spread[label] = [subject.series.frames[t][m].std() for t, m in zip((0, 3), inside, strict=True)]
    assert spread[MYOCARDIUM][1] > 0.3 * spread[MYOCARDIUM][0]
    assert spread[LV_CAVITY][1] < 0.01 * spread[LV_CAVITY][0]


def test_through_the_slice_tags_are_averaged():
    shared = {**SMALL, "technique": "cspamm", "pattern": "lines", "period_mm": 5.0, "misalignment": 25.0}
    thin, thick = (
        np.abs(in_wall(cm.phantom("tagged", 0, **shared, **{**IDEAL, "thickness_mm": mm}))[0]).max(1)
        for mm in (0.5, 8.0)
    )
    np.testing.assert_allclose(thick[0], thin[0], rtol=0.02)  # tag planes stand upright on the slice
    assert (thick[1:] < 0.999 * thin[1:]).any()  # and no longer do when they have moved


# ---------------------------------------------------------------------- examination


def test_the_person_is_that_of_the_cine():
    heart = {"group": "hcm", "frames": 4, "tilt": 20.0}
    size = {"rows": 48, "columns": 48, "pixel_mm": 3.0}
    tagged, cine = cm.phantom("tagged", 5, **heart, **size), cm.phantom("cine", 5, **heart, **size)
    assert tagged.meta["truth"] == cine.meta["truth"]
    directions = [s.series.affine[:3, :3] / s.series.spacing for s in (tagged, cine)]
    np.testing.assert_allclose(*directions, atol=1e-12)
    points = tagged.voxel_centers()
    for t in range(4):
        np.testing.assert_allclose(tagged.material(points, t), cine.material(points, t), atol=1e-9)
    i, j, k = (
        np.linalg.inv(cine.series.affine)[:3]
        @ np.concatenate((points, np.ones((*points.shape[:3], 1))), -1)[..., None].squeeze(-1).reshape(-1, 4).T
    )
    of_cine = map_coordinates(cine.series.labels[2], [k, j, i], order=0, mode="nearest").reshape(tagged.series.shape)
    assert (of_cine == tagged.series.labels[2])[tagged.series.labels[2] > 0].mean() > 0.8


def test_slices_lie_at_a_quarter_half_and_three_quarters():
    subject = cm.phantom("tagged", 0, frames=2, rows=32, columns=32)
    heights = (subject.voxel_centers() - subject.from_heart[:3, 3]) @ subject.from_heart[:3, 2]
    length = subject.anatomy.length
    np.testing.assert_allclose(heights.mean((1, 2)) / length, [0.25, 0.5, 0.75], atol=1e-9)
    assert subject.series.shape == (3, 32, 32)


def test_meta_tells_the_tags():
    subject = cm.phantom("tagged", 2, frames=2, slices=1, rows=32, columns=32, angle=10.0)
    tags = subject.series.meta["tags"]
    assert tags["technique"] == "spamm"
    assert tags["pattern"] == "grid"
    assert tags["angle"] == 10
    assert 5 <= tags["period_mm"] <= 8
    assert subject.meta["options"]["period_mm"] == tags["period_mm"]
    assert (
        tags["period_mm"]
        != cm.phantom("tagged", 3, frames=2, slices=1, rows=32, columns=32).meta["options"]["period_mm"]
    )


def test_a_subject_is_a_function_of_seed_and_options():
    options = {"group": "any", "frames": 3, "slices": 2, "rows": 40, "columns": 36, "pixel_mm": 2.0}
    one, again = (cm.phantom("tagged", 8, **options) for _ in range(2))
    np.testing.assert_array_equal(one.series.frames, again.series.frames)
    assert np.isfinite(one.series.frames).all()
    assert (one.series.frames >= 0).all()
    other = cm.phantom("tagged", 9, **options)
    assert np.abs(one.series.frames - other.series.frames).max() > 0.1


@pytest.mark.parametrize("acquired", [0.6, 1.0])
def test_noise_is_as_strong_as_asked_for(acquired):
    options = {**SMALL, "technique": "cspamm", "acquired": acquired}
    noisy, clean = (cm.phantom("tagged", 0, noise=noise, **options).series.frames for noise in (5.0, 0.0))
    assert (noisy - clean).std() == pytest.approx(0.05, rel=0.03)


def test_magnitude_of_cspamm_is_the_absolute_value():
    options = {**SMALL, "frames": 2, "technique": "cspamm", "noise": 0.0}
    signed, magnitude = (cm.phantom("tagged", 0, magnitude=m, **options).series.frames for m in (False, True))
    assert signed.min() < -0.3
    np.testing.assert_allclose(magnitude, np.abs(signed), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"technique": "spamm", "magnitude": True}, "magnitude is for technique cspamm"),
        ({"technique": "cspamm", "tag_flip": 30.0}, "tag_flip must be 45"),
        ({"period_mm": 3.0, "pixel_mm": 2.0}, "period_mm must be at least two voxels of 2 mm"),
        ({"pattern": "circles"}, "pattern must be one of grid, lines"),
    ],
)
def test_options_that_contradict_each_other(options, message):
    with pytest.raises(CardiacMotionError, match=message):
        cm.phantom("tagged", 0, **options)

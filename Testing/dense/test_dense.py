"""DENSE decoding: turns are undone, units and directions are right, and known motions come back."""

import numpy as np
import pytest

import CardiacMotionLib as cm
from CardiacMotionLib import CardiacMotionError, ImageSeries
from CardiacMotionLib.cli.main import run
from CardiacMotionLib.dense import decode_dense, remove_background, smooth_in_time, unwrap
from CardiacMotionLib.dense.unwrap import wrap
from CardiacMotionLib.io.datasets import Examination, find_cases
from CardiacMotionLib.io.dense import decode_examination, read_static
from CardiacMotionLib.io.write import write_volume
from CardiacMotionLib.scattered import fit_displacement

SHAPE = (44, 48)
CENTER = np.array([21.0, 24.0])  # (j, i)
SPACING = np.array([1.5, 2.0, 8.0])  # mm along i, j, k


def affine(turn_degrees=0.0):
    c, s = np.cos(np.radians(turn_degrees)), np.sin(np.radians(turn_degrees))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * SPACING
    return matrix


def ring(inner=14.0, outer=24.0):
    """Wall (J, I) bool between two radii in mm."""
    j, i = np.indices(SHAPE)
    radius = np.hypot((j - CENTER[0]) * SPACING[1], (i - CENTER[1]) * SPACING[0])
    return (radius >= inner) & (radius <= outer)


def moving_ring(stretches, shift=(0.0, 0.0), turn=0.0):
    """A wall stretched about its center and shifted by mm: series, and Eulerian displacement (T, 1, J, I, 3)."""
    j, i = np.indices(SHAPE)
    here = np.stack([(i - CENTER[1]) * SPACING[0], (j - CENTER[0]) * SPACING[1]], axis=-1)  # mm
    labels, displacement = {}, []
    for t, stretch in enumerate(stretches):
        moved = np.array(shift) * t / (len(stretches) - 1)
        source = (here - moved) / stretch
        radius = np.linalg.norm(source, axis=-1)
        labels[t] = (2 * ((radius >= 14) & (radius <= 24))).astype(np.uint8)[None]
        displacement.append(np.concatenate([here - source, np.zeros((*SHAPE, 1))], axis=-1)[None])
    frames = np.ones((len(stretches), 1, *SHAPE), np.float32)
    return ImageSeries(frames, affine(turn), np.arange(len(stretches)) * 30.0, labels), np.array(displacement)


def encoded(displacement, frequency, directions=((1, 0, 0), (0, 1, 0)), noise=0.0):
    """Wrapped phases of an Eulerian displacement (..., 3) mm."""
    rng = np.random.default_rng(0)
    phases = {}
    for name, direction in zip("xyz", directions, strict=False):
        phase = 2 * np.pi * frequency[name] * (displacement @ np.array(direction, float))
        phases[name] = wrap(phase + noise * rng.standard_normal(phase.shape))
    return phases


def error(decoded, stretch, shift=(0.0, 0.0), turn=0.0):
    """Largest distance in mm between the last frame's displacement in the wall and what it should be."""
    j, i = np.nonzero(decoded.motion.labels[0] == 2)
    here = np.stack([(i - CENTER[1]) * SPACING[0], (j - CENTER[0]) * SPACING[1], 0.0 * i], axis=-1)
    rotation = affine(turn)[:3, :3] / SPACING
    true = ((stretch - 1) * here + np.array([*shift, 0.0])) @ rotation.T
    return np.linalg.norm(decoded.motion.displacement[-1, 0, j, i] - true, axis=-1).max()


KE = {"x": 0.1, "y": 0.1}


def test_unwrapping_a_ramp_of_many_turns():
    j, i = np.indices(SHAPE)
    truth = 0.9 * (i - 24.0) + 0.4 * j
    found = unwrap(wrap(truth), ring(), expected=truth + 1.0)
    np.testing.assert_allclose(found[ring()], truth[ring()], atol=1e-9)
    assert np.isnan(found[~ring()]).all()
    assert np.ptp(truth[ring()]) > 4 * 2 * np.pi


def test_parts_apart_take_the_turn_that_is_expected():
    mask = np.zeros(SHAPE, bool)
    mask[5:12, 5:12] = mask[30:38, 30:38] = True
    truth = np.where(np.arange(SHAPE[1]) < 20, 9.0, -14.0) + np.zeros(SHAPE)
    np.testing.assert_allclose(unwrap(wrap(truth), mask, expected=truth + 2.5)[mask], truth[mask])
    assert np.abs(unwrap(wrap(truth), mask)[mask]).max() <= np.pi


@pytest.mark.parametrize(("stretches", "shift"), [((1.0, 0.95, 0.85, 0.75), (0, 0)), ((1.0,) * 4, (9.0, -7.0))])
def test_large_motion_comes_back(stretches, shift):
    """Up to 9 mm where a turn is 10 and naive phase ends at 5."""
    series, displacement = moving_ring(stretches, shift)
    phases = encoded(displacement, KE)
    wall = series.labels[3][0] == 2
    assert np.abs(displacement[3, 0][wall]).max() > 5
    decoded = decode_dense(series, phases, KE, smoothing=0.0)
    assert error(decoded, stretches[-1], shift) < 0.02
    np.testing.assert_allclose(decoded.eulerian[3, 0][wall], displacement[3, 0][wall], atol=1e-6)
    assert np.isnan(decoded.eulerian[3, 0][~wall]).all()
    assert not decoded.motion.displacement[0].any()


def test_frequency_sets_the_scale():
    series, displacement = moving_ring((1.0, 0.9, 0.8))
    other = {"x": 0.06, "y": 0.12}
    assert error(decode_dense(series, encoded(displacement, other), other, smoothing=0.0), 0.8) < 0.02
    phases = encoded(displacement / 4, KE)  # no turn, so that a wrong frequency is a wrong scale
    half = decode_dense(series, phases, {"x": 0.05, "y": 0.05}, smoothing=0.0).eulerian
    whole = decode_dense(series, phases, KE, smoothing=0.0).eulerian
    np.testing.assert_allclose(half, 2 * whole)


@pytest.mark.parametrize("turn", [0.0, 35.0])
def test_directions_other_than_the_axes(turn):
    """Encodings at 30 and 135 degrees in an image that is turned itself: world displacement is right."""
    series, displacement = moving_ring((1.0, 0.9, 0.8), (4.0, 2.0), turn)
    e = [(np.cos(a), np.sin(a), 0.0) for a in np.radians((30, 135))]
    phases = encoded(displacement, KE, e)
    decoded = decode_dense(series, phases, KE, directions=dict(zip("xy", e, strict=True)), smoothing=0.0)
    assert error(decoded, 0.8, (4.0, 2.0), turn) < 0.02


def test_noise_is_smoothed_and_holes_are_bridged():
    """Phase noise of 0.2 rad (0.3 mm), a gap in the wall in every frame but the first."""
    stretches = np.linspace(1.0, 0.75, 16)
    series, displacement = moving_ring(stretches)
    labels = {t: drawn.copy() for t, drawn in series.labels.items()}
    for t in range(1, 16):
        labels[t][0, 20:24, :12] = 0
        labels[t][0, :20, 22:25] = 0
    phases = encoded(displacement, KE, noise=0.2)
    decoded = decode_dense(series.replace(labels=labels), phases, KE)
    assert error(decoded, 0.75) < 0.6
    wall = labels[15][0] == 2
    raw = np.linalg.norm(decoded.eulerian[15, 0][wall] - displacement[15, 0][wall], axis=-1)
    assert raw.max() < 2  # no pixel is a turn away
    inside = decoded.motion.labels[0] == 2
    assert np.std(decoded.motion.displacement[15, 0][inside]) > 1


def test_frames_without_labels_follow_the_wall():
    series, displacement = moving_ring((1.0, 0.95, 0.88, 0.8))
    decoded = decode_dense(series.replace(labels={0: series.labels[0]}), encoded(displacement, KE), KE, smoothing=0.0)
    assert error(decoded, 0.8) < 0.02


def test_phase_that_is_unknown_outside_the_wall_does_not_matter():
    series, displacement = moving_ring((1.0, 0.9))
    phases = encoded(displacement, KE)
    masked = {
        name: np.where(np.any([d == 2 for d in series.labels.values()], axis=0), p, np.nan)
        for name, p in phases.items()
    }
    expected, found = (decode_dense(series, one, KE).motion.displacement for one in (phases, masked))
    np.testing.assert_array_equal(found, expected)


def test_what_was_drawn_beside_the_wall_stays():
    """The RV, and the cavity of a wall that is not closed."""
    series, displacement = moving_ring((1.0, 0.9))
    drawn = series.labels[0].copy()
    drawn[0, 22:30][drawn[0, 22:30] == 2] = 0  # a gap to either side
    drawn[0, 19:23, 22:27] = 3
    drawn[0, 15:25, 44:47] = 1
    labels = decode_dense(
        series.replace(labels={**series.labels, 0: drawn}), encoded(displacement, KE), KE
    ).motion.labels
    np.testing.assert_array_equal(labels, drawn)


def test_background_of_static_tissue_is_removed():
    series, displacement = moving_ring((1.0, 0.9, 0.8))
    j, i = np.indices(SHAPE)
    static = np.hypot((j - CENTER[0]) * 2, (i - CENTER[1]) * 1.5) > 30
    displacement[:, 0, static] = 0
    background = 0.5 + 0.06 * i - 0.04 * j
    assert np.ptp(background[static]) > np.pi
    phases = {n: wrap(p + background) for n, p in encoded(displacement, KE).items()}
    cleaned = remove_background(phases["x"], static[None])
    np.testing.assert_allclose(cleaned, encoded(displacement, KE)["x"], atol=1e-6)
    decoded = decode_dense(series, phases, KE, static=static[None], smoothing=0.0)
    assert error(decoded, 0.8) < 0.02
    assert error(decode_dense(series, phases, KE, smoothing=0.0), 0.8) > 1


def test_tissue_at_rest_is_read_from_any_labels(tmp_path):
    series, _ = moving_ring((1.0, 0.9))
    mask = np.zeros(series.shape, np.uint8)
    mask[:, :4] = 255
    path = tmp_path / "chest_wall.nrrd"
    write_volume(mask, series.affine, path)
    examination = Examination(series)
    assert np.array_equal(read_static(examination, path), mask > 0)
    write_volume(0 * mask, series.affine, path)
    with pytest.raises(CardiacMotionError, match=r"chest_wall.nrrd: no label; expected one on tissue that rests"):
        read_static(examination, path)


def test_an_encoding_before_the_first_image_is_a_frame_of_its_own():
    series, displacement = moving_ring((0.97, 0.9, 0.8))
    later = ImageSeries(series.frames, series.affine, series.times + 20, series.labels)
    decoded = decode_dense(later, encoded(displacement, KE), KE, wall=ring()[None], smoothing=0.0)
    assert len(decoded.motion) == len(decoded.series) == 4
    np.testing.assert_allclose(decoded.motion.times, (0, 20, 50, 80))
    np.testing.assert_array_equal(decoded.series.labels[1], series.labels[0])
    assert error(decoded, 0.8) < 0.02


def test_the_fit_is_linear_where_the_motion_is():
    rng = np.random.default_rng(1)
    points = rng.uniform(8, 36, (200, 2))
    values = points @ np.array([[0.1, 0.2, 0.0], [-0.3, 0.05, 0.0]]) + 1
    heart = np.zeros(SHAPE, bool)
    heart[10:34, 10:34] = True
    found = fit_displacement(points, values, heart, smoothing=10.0)
    expected = np.argwhere(heart) @ np.array([[0.1, 0.2, 0.0], [-0.3, 0.05, 0.0]]) + 1
    np.testing.assert_allclose(found[heart], expected, atol=1e-6)
    assert np.abs(found[0, 0]).max() < 0.01


def test_paths_of_a_low_degree_stay():
    times = np.linspace(10, 400, 20)
    path = np.stack([times, times**2 / 400, -(times**3) / 4e5], axis=-1)
    np.testing.assert_allclose(smooth_in_time(path, times, 3), path, atol=1e-8)
    noisy = path + np.random.default_rng(0).standard_normal(path.shape)
    assert np.abs(smooth_in_time(noisy, times, 3) - path).std() < 0.6


def test_synthetic_heart():
    """Endpoint error in the wall against the exact motion, with noise; strain can be computed from it."""
    subject = cm.phantom("dense", 3, rows=56, columns=56, pixel_mm=2.5, frames=6, frame_ms=60.0, shortening=0.0)
    phases = {n: subject.maps[f"phase_{n}"] for n in "xy"}
    decoded = decode_dense(subject.series, phases, subject.series.meta["encoding_frequency"])
    wall = subject.series.labels[0] == 2
    off = np.linalg.norm((decoded.motion.displacement - subject.motion.displacement)[:, wall], axis=-1)
    moved = np.linalg.norm(subject.motion.displacement[:, wall], axis=-1)
    assert off.mean(1).max() < 0.5
    assert moved.mean(1).max() > 4
    result = cm.strain(decoded.motion, decoded.motion.labels)
    truth = cm.strain(subject.motion, subject.series.labels[0])
    curves = [
        r.curves.query("component == 'circumferential' and region == 'global'")["green"].to_numpy()
        for r in (result, truth)
    ]
    np.testing.assert_allclose(curves[0], curves[1], atol=0.02)
    assert curves[1].min() < -0.08


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phases": {"x": np.zeros((3, 1, *SHAPE))}}, "do not span the image plane"),
        ({"encoding_frequency": {"x": 0.1, "y": 0.0}}, "the encoding frequency of y is 0.0"),
        ({"encoding_frequency": {"x": 0.1}}, "phase y has no encoding frequency"),
        ({"phases": {n: np.zeros((2, 1, *SHAPE)) for n in "xy"}}, r"phase x has shape \(2, 1, 44, 48\)"),
        ({"wall": np.zeros((1, *SHAPE), bool)}, "0 voxels; expected"),
        (
            {"phases": {n: np.full((3, 1, *SHAPE), np.nan) for n in "xy"}},
            "phase x has values in the wall that are not finite",
        ),
        ({"static": np.zeros((2, *SHAPE), bool)}, r"static has shape \(2, 44, 48\); expected \(1, 44, 48\)"),
        ({"degree": -1}, "degree must be 0"),
    ],
)
def test_bad_input_is_refused(change, message):
    series, displacement = moving_ring((1.0, 0.9, 0.8))
    given = {"phases": encoded(displacement, KE), "encoding_frequency": KE, **change}
    with pytest.raises(CardiacMotionError, match=message):
        decode_dense(series, **given)
    with pytest.raises(CardiacMotionError, match="first frame has no labels"):
        decode_dense(series.replace(labels={}), encoded(displacement, KE), KE)


def test_simulated_slice_from_the_command_line(shared_data, tmp_path):
    """DENSE_Sim's phantom at end-systole: its Green-Lagrange strain about the center of the wall."""
    case = next(c for c in find_cases(shared_data / "densesim") if c.name == "phantom_1")
    read = case.read()
    few = np.arange(0, 31, 10)
    thin = read.series.replace(
        frames=read.series.frames[few],
        times=read.series.times[few],
        labels={n: read.series.labels[t] for n, t in enumerate(few)},
    )
    maps = {name: m if m.ndim == 3 else m[few] for name, m in read.maps.items()}
    decoded = decode_examination(type(read)(thin, maps=maps))
    wall = maps["wall_ED"] > 0
    gradient = decoded.motion.jacobian(wall)[-1]
    green = (np.swapaxes(gradient, -1, -2) @ gradient - np.eye(3)) / 2
    j, i = np.nonzero(wall[0])
    around = np.arctan2(j - j.mean(), i - i.mean())
    tangent = np.stack([-np.sin(around), np.cos(around), 0 * around], axis=-1) @ (thin.affine[:3, :3] / thin.spacing).T
    found = np.einsum("na,nab,nb->n", tangent, green, tangent)
    truth = maps["Ecc"][-1][wall]
    assert abs(np.nanmean(found) - np.nanmean(truth)) < 0.01
    assert np.nanmean(truth) < -0.1
    assert run(["dense", str(shared_data / "densesim"), "-o", str(tmp_path / "motion.npz"), "--read", "nobody"]) == 2
    file = next(path for path in (shared_data / "densesim").iterdir() if path.name.startswith("phantom_1"))
    assert run(["dense", str(file), "-o", str(tmp_path / "motion.npz"), "--quiet"]) == 0
    assert (tmp_path / "motion.npz").is_file()
    assert run(["dense", str(shared_data / "README.md"), "-o", str(tmp_path / "none.npz")]) == 2

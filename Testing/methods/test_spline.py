"""The spline as a method: it finds motion that is known, the same one however the patient lies in the scanner."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from moving_images import centerd_affine, contracting_series, moving_series, shifted, wall_error
from quick_options import quick

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion, phantom, register
from CardiacMotionLib.metrics import dice

STILL = (0.0, 0.0, 0.0)
NO_STEPS = {"coarse_steps": 0, "fine_steps": 0}


def heart_of(series):
    return series.labels[0] > 0


def length(displacement):
    return np.linalg.norm(displacement, axis=-1)


# ---------------------------------------------------------------------- motion that is known


@pytest.mark.parametrize("shape", [(1, 40, 40), (5, 32, 32)])
def test_still_images_stay_still(shape):
    series = moving_series([shifted(STILL)] * 3, shape=shape)
    assert length(register(series, "spline").displacement[1:, heart_of(series)]).max() < 0.15
    noisy = series.frames + 0.01 * np.random.default_rng(0).standard_normal(series.frames.shape)
    found = register(series.replace(frames=noisy), "spline").displacement[1:, heart_of(series)]
    assert length(found[..., :2]).mean() < 0.3
    assert np.abs(found[..., 2]).mean() < 0.6


@pytest.mark.parametrize(("shape", "by"), [((1, 44, 40), (4, -3, 0)), ((6, 36, 36), (2, -3, 4))])
def test_a_translation_is_found(shape, by):
    series = moving_series([shifted(STILL), shifted(np.array(by) / 2), shifted(by)], shape=shape)
    motion = register(series, "spline", reference=0)
    for frame, share in ((1, 0.5), (2, 1.0)):
        found = motion.displacement[frame][heart_of(series)]
        assert np.allclose(found.mean(0), share * np.array(by), atol=0.2)
        assert found.std(0).max() < 0.5


@pytest.mark.parametrize("spacing", [(1.8, 1.8, 8.0), (1.4, 2.4, 8.0), (2.6, 1.3, 8.0)])
def test_a_contraction_is_found_whatever_the_pixels(spacing):
    series, truth = contracting_series(shape=(1, round(72 / spacing[1]), round(72 / spacing[0])), spacing=spacing)
    motion = register(series, "spline", reference=0)
    still = Motion(np.zeros_like(truth), series.affine)
    assert wall_error(still, truth, series) > 1.4
    assert wall_error(motion, truth, series) < 0.2


def test_without_labels_the_heart_is_found_by_its_motion():
    series, truth = contracting_series(labels=False)
    assert wall_error(register(series, "spline"), truth, series) < 0.2


def test_two_frames_are_enough(ring):
    series, truth = ring
    pair = ImageSeries(series.frames[[0, 2]], series.affine, labels=series.labels)
    assert wall_error(register(pair, "spline", reference=0), truth[[0, 2]], series) < 0.25


def test_intensities_may_have_any_scale_and_type(ring, ring_motion):
    series, _ = ring
    for frames in (
        np.round(series.frames * 1000).astype(np.int16),
        series.frames * np.float32(3e5),
        series.frames * 1e-6,
        series.frames * 500 - 2000,
    ):
        motion = register(series.replace(frames=frames), "spline", reference=0)
        assert np.abs(motion.displacement - ring_motion.displacement).max() < 0.15
        assert length(motion.displacement - ring_motion.displacement).mean() < 0.02


def test_blood_that_changes_its_brightness_does_not_matter_much(ring, ring_motion):
    """Inflow and coil change the gain from frame to frame; correlation in a window does not see it."""
    series, truth = ring
    gains = np.array([1.0, 0.85, 1.15], np.float32)[:, None, None, None]
    motion = register(series.replace(frames=series.frames * gains), "spline", reference=0)
    assert wall_error(motion, truth, series) < wall_error(ring_motion, truth, series) + 0.15


# ---------------------------------------------------------------------- what holds by construction


@pytest.mark.parametrize("reference", [0, 1, 2])
def test_the_reference_is_exactly_still(ring, reference):
    motion = register(ring[0], "spline", reference=reference, **quick("spline"))
    assert motion.reference == reference
    assert not motion.displacement[reference].any()
    assert all(motion.displacement[t].any() for t in range(3) if t != reference)


def test_any_reference_sees_the_same_motion(ring):
    """From the last frame to the first is the way back from the first to the last."""
    series, truth = ring
    motion = register(series.replace(labels={}), "spline", reference=2)
    points = np.argwhere(heart_of(series))[::17, ::-1] @ series.affine[:3, :3].T + series.affine[:3, 3]
    end = points + Motion(truth, series.affine).at(points, 2)
    assert length(end + motion.at(end, 0) - points).mean() < 0.25


def test_the_same_run_gives_the_same_bits(heart):
    first, second = (register(heart.series, "spline", seed=3, **quick("spline")) for _ in range(2))
    assert np.array_equal(first.displacement, second.displacement)
    assert first.displacement.any()


def test_one_slice_stays_in_its_plane(ring_motion):
    assert ring_motion.displacement[..., :2].any()
    assert not ring_motion.displacement[..., 2].any()


def test_no_steps_find_nothing(ring):
    motion = register(ring[0], "spline", coarse_steps=0, fine_steps=0)
    assert not motion.displacement.any()


def test_outside_its_region_the_image_is_still_and_nothing_folds_on_the_way():
    series = moving_series([shifted(STILL), shifted((5, 0, 0))], shape=(1, 80, 84))
    motion = register(series, "spline", reference=0, margin=15)
    j, i = np.nonzero(heart_of(series)[0])
    moved = motion.displacement[1, 0]
    near = slice(j.min(), j.max() + 1), slice(i.min(), i.max() + 1)
    assert np.allclose(moved[near][heart_of(series)[0][near]].mean(0), (5, 0, 0), atol=0.3)
    margin = math.ceil(15 / 1.8)
    outside = np.ones(moved.shape[:2], bool)
    outside[j.min() - margin : j.max() + margin + 1, i.min() - margin : i.max() + margin + 1] = False
    assert outside.any()
    assert not moved[outside].any()
    assert motion.jacobian_determinant().min() > 0


def test_the_smallest_margin_spares_the_heart():
    series = moving_series([shifted(STILL), shifted((3, 0, 0))], shape=(1, 70, 70))
    found = register(series, "spline", reference=0, margin=10).displacement[1][heart_of(series)]
    assert np.allclose(found[:, 0], 3, atol=0.6)


# ---------------------------------------------------------------------- the world does not turn with the voxels


def turn(degrees, axis):
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    generator = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    return torch.linalg.matrix_exp(math.radians(degrees) * generator).numpy()


def test_an_oblique_patient_has_the_same_motion_turned(heart, heart_motion):
    rotation = np.eye(4)
    rotation[:3, :3] = turn(50, (1, -2, 0.5))
    rotation[:3, 3] = 30, -20, 100
    motion = register(heart.series.replace(affine=rotation @ heart.series.affine), "spline", reference=0)
    expected = heart_motion.displacement @ rotation[:3, :3].T
    assert np.abs(motion.displacement - expected).max() < 0.05
    assert length(motion.displacement).max() > 4


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_a_mirrored_grid_has_the_same_motion_in_the_world(heart, heart_motion, axis):
    """Left-handed affines: the voxels run the other way along one axis, every voxel stays at its place in the world."""
    series, column = heart.series, 3 - axis
    affine = series.affine.copy()
    affine[:3, 3] += affine[:3, column] * (series.frames.shape[axis] - 1)
    affine[:3, column] *= -1
    mirrored = ImageSeries(
        np.flip(series.frames, axis), affine, labels={t: np.flip(a, axis - 1) for t, a in series.labels.items()}
    )
    assert np.linalg.det(mirrored.affine) * np.linalg.det(series.affine) < 0
    motion = register(mirrored, "spline", reference=0)
    wall = series.labels[0] == 2
    back = np.flip(motion.displacement, axis)
    difference = length(back - heart_motion.displacement)[1:, wall]
    assert difference.mean() < 0.45  # pooling and the lattice of the Jacobian start at the first voxel
    errors = [length(found - heart.motion.displacement)[1:, wall].mean() for found in (back, heart_motion.displacement)]
    assert errors[0] < 1.25 * errors[1]
    assert length(heart.motion.displacement)[1:, wall].mean() > 5 * difference.mean()


# ---------------------------------------------------------------------- a heart


def test_a_heart_is_followed_better_than_frame_by_frame(heart, heart_motion):
    frame = heart.meta["truth"]["end_systole"]
    wall = heart.series.labels[0] == 2

    def error(motion, axes=slice(None)):
        return length((motion.displacement - heart.motion.displacement)[frame, wall][:, axes]).mean()

    still = Motion(np.zeros_like(heart.motion.displacement), heart.series.affine)
    demons = register(heart.series, "demons", reference=0)
    assert error(heart_motion) < 0.6 * error(demons)
    assert error(heart_motion) < 0.25 * error(still)
    assert error(heart_motion, slice(2)) < 1.0
    carried = heart_motion.warp_labels(heart.series.labels[0], frame)
    for label in (1, 2, 3):
        assert dice(carried == label, heart.series.labels[frame] == label) > 0.9


def test_a_heart_does_not_fold_and_keeps_the_volume_of_its_wall(heart, heart_motion):
    determinant = heart_motion.jacobian_determinant()
    assert determinant[:, heart.series.labels[0] > 0].min() > 0
    wall = determinant[:, heart.series.labels[0] == 2]
    assert abs(wall.mean() - 1) < 0.05
    free = register(heart.series, "spline", reference=0, incompressibility=0).jacobian_determinant()
    assert np.abs(wall - 1).mean() < np.abs(free[:, heart.series.labels[0] == 2] - 1).mean()


def test_one_slice_of_a_heart():
    heart = phantom("cine", 1, frames=3, slices=1, rows=64, columns=64, pixel_mm=2.0, shortening=0)
    motion = register(heart.series, "spline", reference=0)
    wall = heart.series.labels[0] == 2
    error = length((motion.displacement - heart.motion.displacement)[1:, wall][..., :2])
    assert error.mean() < 0.5 * length(heart.motion.displacement[1:, wall][..., :2]).mean()


# ---------------------------------------------------------------------- a start from another motion


@pytest.mark.parametrize("reference", [0, 2])
def test_without_steps_it_is_the_motion_that_it_starts_from(heart, reference):
    """A motion of splines is one again, but for the rim of the region, where it fades once more."""
    series = heart.series
    start = register(series, "spline", reference=reference, coarse_steps=20, fine_steps=0)
    again = register(series, "spline", init=start, **NO_STEPS)
    there = series.labels[reference] > 0
    assert again.reference == reference
    assert not again.displacement[reference].any()
    moved = length(start.displacement[:, there]).mean()
    assert moved > 1
    assert length((again.displacement - start.displacement)[:, there]).mean() < 0.015 * moved
    assert again.provenance["init"] == "spline"


@pytest.mark.parametrize("shape", [(1, 40, 40), (1, 41, 37), (3, 30, 32)])
def test_any_smooth_motion_is_taken_over(shape):
    """Which the field cannot follow exactly, being of splines."""
    series, truth = contracting_series(shape=shape)
    motion = register(series, "spline", init=Motion(truth, series.affine, provenance={"method": "truth"}), **NO_STEPS)
    still = Motion(np.zeros_like(truth), series.affine)
    assert wall_error(motion, truth, series) < 0.06 * wall_error(still, truth, series)
    assert motion.provenance["init"] == "truth"


def test_a_start_that_stands_still_is_no_start(ring):
    series, truth = ring
    still = Motion(np.zeros_like(truth), series.affine, 1)
    with_it = register(series, "spline", reference=1, init=still, **quick("spline"))
    assert np.array_equal(with_it.displacement, register(series, "spline", reference=1, **quick("spline")).displacement)
    assert with_it.displacement.any()


def test_a_start_from_nearby_gets_there_in_fewer_steps(heart):
    truth = heart.motion
    start = Motion(0.7 * truth.displacement, truth.affine, 0, truth.times)
    wall = heart.series.labels[0] == 2
    few = {"coarse_steps": 10, "fine_steps": 5}
    from_there, from_nothing = (register(heart.series, "spline", init=i, reference=0, **few) for i in (start, None))
    errors = [length((m.displacement - truth.displacement)[1:, wall]).mean() for m in (from_there, start, from_nothing)]
    assert errors[0] < 0.7 * min(errors[1:])


def test_the_start_is_of_an_oblique_patient_too(heart):
    """Displacements are in the world, the field is along the voxels."""
    rotation = np.eye(4)
    rotation[:3, :3] = turn(50, (1, -2, 0.5))
    turned = heart.series.replace(affine=rotation @ heart.series.affine)
    start = Motion(heart.motion.displacement @ rotation[:3, :3].T.astype(np.float32), turned.affine, 0)
    upright = register(heart.series, "spline", init=heart.motion, **NO_STEPS).displacement @ rotation[:3, :3].T
    assert np.abs(register(turned, "spline", init=start, **NO_STEPS).displacement - upright).max() < 0.01


def test_what_is_no_start_is_refused(ring):
    series, truth = ring
    start = Motion(truth, series.affine, 0)
    with pytest.raises(CardiacMotionError, match="init starts from frame 0, the reference is 2; they must be the same"):
        register(series, "spline", init=start, reference=2)
    with pytest.raises(CardiacMotionError, match="or lies elsewhere; give a motion of the same series"):
        register(series, "spline", init=Motion(truth, centerd_affine(series.shape, (2.0, 1.8, 8.0))))
    with pytest.raises(CardiacMotionError, match=r"init is on a grid of \(2, 1, 40, 40\)"):
        register(series, "spline", init=Motion(truth[:2], series.affine))


# ---------------------------------------------------------------------- a GPU


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_a_gpu_finds_the_same_motion(heart, heart_motion):
    motion = register(heart.series, "spline", reference=0, device="cuda")
    difference = length(motion.displacement - heart_motion.displacement)[:, heart_of(heart.series)]
    assert motion.provenance["device"] == "cuda"
    assert difference.mean() < 0.05
    assert difference.max() < 0.5

"""Scores of groupwise registration, of motions whose score is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from CardiacMotionLib import Motion, fields, phantom
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM
from CardiacMotionLib.studies.papers.any2reg.scores import (
    drawn_labels,
    group_scores,
    landmark_error,
    motion_error,
    overlap,
    similarity,
)

IN_HEART = ("Dice (%)", "TRE (mm)", "error in heart (mm)", "D_PCA1", "D_PCA2", "SDlogJ", "folding heart (%)")


def still(subject):
    return Motion.still(subject.series, None)


@pytest.fixture(scope="module")
def subject():
    """A slice for a T1 map in which the heart moves and the images have no noise."""
    return phantom("t1", 3, rows=64, columns=64, pixel_mm=2.2, breathing_mm=8.0, noise=0.0)


@pytest.fixture(scope="module")
def exact(subject):
    """The exact motion, from the middle of all frames: no frame is its reference."""
    return in_the_middle(subject.motion)


def in_the_middle(motion):
    """Every point is named where it is on average."""
    middle = Motion(np.stack((np.zeros_like(motion.displacement[0]), motion.displacement.mean(0))), motion.affine)
    back = middle.inverse(1)
    start = np.stack((np.zeros_like(back), back))
    to_first = Motion(start, motion.affine).voxels(1)
    moved = [compose(to_first, motion, t) for t in range(len(motion))]
    return Motion(np.stack(moved), motion.affine, None)


def compose(to_first, motion, frame):
    both = fields.compose(to_first, motion.voxels(frame))
    return fields.voxel_to_world(both, torch.as_tensor(motion.affine))[0].numpy()


def test_the_exact_motion_has_the_best_scores(subject, exact):
    found, none = (group_scores(m, subject.series, subject=subject) for m in (exact, still(subject)))
    assert set(IN_HEART) <= set(found)
    assert found["Dice (%)"] > max(90, none["Dice (%)"] + 3)
    assert found["error in heart (mm)"] < 0.1 < 2 < none["error in heart (mm)"]
    assert found["TRE (mm)"] < 0.15 < 2 < none["TRE (mm)"]
    assert found["D_PCA1"] < 0.7 * none["D_PCA1"]
    assert found["D_PCA2"] < none["D_PCA2"]
    assert none["SDlogJ"] == none["folding heart (%)"] == found["folding heart (%)"] == 0
    assert 0 < found["SDlogJ"] < 0.2


def test_where_the_canonical_space_lies_makes_no_difference(subject, exact):
    """From frame 0 the same motion has the same errors, and a shift of the canonical space none at all."""
    from_first = group_scores(subject.motion, subject.series, subject=subject)
    assert from_first["error in heart (mm)"] == 0
    assert from_first["TRE (mm)"] < 0.15
    middle = group_scores(exact, subject.series, subject=subject)
    assert from_first["Dice (%)"] == pytest.approx(middle["Dice (%)"], abs=3)


def test_landmarks_and_motion_are_off_by_what_was_added(subject):
    """Every second frame 2.2 mm (a pixel) along i too far: of 55 pairs of 11 frames 30 are apart by that."""
    off = subject.motion.displacement.copy()
    along = subject.series.affine[:3, 0]
    off[1::2] += along
    motion = Motion(off, subject.series.affine)
    assert motion_error(motion, subject) == pytest.approx(2.2 * 5 / 10, abs=1e-3)
    assert landmark_error(motion, subject) == pytest.approx(2.2 * 30 / 55, abs=0.1)


def test_what_leads_out_of_the_slice_is_not_counted(subject):
    out = subject.motion.displacement.copy()
    out[1:] += subject.series.affine[:3, 2]
    assert motion_error(Motion(out, subject.series.affine), subject) < 1e-4


def test_overlap_is_the_mean_of_pairs_then_of_slices():
    drawn = np.zeros((3, 3, 1, 8), np.uint8)
    drawn[:, 0, 0, :4] = LV_CAVITY  # slice 0: the same in all
    drawn[0, 1, 0, :4] = drawn[1, 1, 0, :4] = LV_CAVITY  # slice 1: two alike, the third elsewhere
    drawn[2, 1, 0, 4:] = LV_CAVITY
    drawn[0, 2, 0, :2] = drawn[1, 2, 0, 1:3] = MYOCARDIUM  # slice 2: half, and none in the third
    scores = overlap(drawn)
    assert scores["Dice LV (%)"] == pytest.approx(100 * (1 + 1 / 3) / 2)
    assert scores["Dice myocardium (%)"] == pytest.approx(100 * 0.5 / 3)
    assert np.isnan(scores["Dice RV (%)"])
    assert scores["Dice (%)"] == pytest.approx(100 * (2 / 3 + 1 / 6) / 2)


def test_labels_are_drawn_where_the_images_are(subject, exact):
    drawn = drawn_labels(exact, subject.series)
    assert drawn.shape == subject.series.frames.shape
    share = (drawn == MYOCARDIUM).mean(0)
    assert (share[share > 0.5] > 0.95).mean() > 0.75, "the frames agree where the wall is"
    assert np.array_equal(drawn_labels(still(subject), subject.series)[4], subject.series.labels[4])


def test_images_of_one_signal_have_as_few_modes():
    rng = np.random.default_rng(0)
    modes = rng.standard_normal((2, 1, 20, 20))
    frames = np.einsum("tm,mkji->tkji", rng.standard_normal((6, 2)), modes)
    drawn = np.zeros((2, 1, 20, 20), np.uint8)
    drawn[0, :, 6:14, 6:14] = MYOCARDIUM
    spacing = np.array([2.0, 2.0, 8.0])
    assert similarity(frames, drawn, spacing, 2)["D_PCA1"] == pytest.approx(0, abs=0.1)
    assert similarity(frames, drawn, spacing, 1)["D_PCA1"] > 0.3
    frames[:, :, :3] = 100 * rng.standard_normal((6, 1, 3, 20))  # farther than 5 mm from what the first calls heart
    assert similarity(frames, drawn, spacing, 2)["D_PCA1"] == pytest.approx(0, abs=0.1)


def test_maps_of_aligned_images_are_nearer_the_truth(subject, exact):
    found, none = (group_scores(m, subject.series, subject=subject, model="stone") for m in (exact, still(subject)))
    assert found["survival (%)"] > none["survival (%)"]
    assert found["R2"] > none["R2"]
    assert found["T1 SD (ms)"] < none["T1 SD (ms)"]
    assert found["|T1 - true| (ms)"] < min(60, 0.9 * none["|T1 - true| (ms)"])


def test_without_the_person_there_is_no_error_to_tell(subject):
    scores = group_scores(still(subject), subject.series)
    assert "TRE (mm)" not in scores
    assert "survival (%)" not in scores
    assert {"Dice (%)", "D_PCA1", "SDlogJ"} <= set(scores)

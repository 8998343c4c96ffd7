"""Scores with known answers."""

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion, evaluate
from CardiacMotionLib.metrics import average_surface_distance, dice, hausdorff95, pca_dissimilarity, surface_distances

SPACING = np.array([1.5, 1.5, 8.0])
AFFINE = np.diag([*SPACING, 1.0])
SHAPE = (6, 40, 40)


def ball_labels(shift=0):
    """Concentric tubes around the middle, ``shift`` voxels along i, with an RV beside them."""
    _, j, i = np.indices(SHAPE)
    radius = np.hypot(i - 19.5 - shift, j - 19.5)
    labels = np.where(radius < 6, 3, np.where(radius < 10, 2, 0)).astype(np.uint8)
    labels[(radius >= 10) & (radius < 14) & (i > 19.5 + shift)] = 1
    labels[[0, -1]] = 0
    return labels


def image(shift=0.0):
    _, j, i = np.indices(SHAPE)
    return np.sin((i - shift) / 3) + np.cos(j / 4)


def shifted(voxels, frames=3):
    """Every frame but the first has moved by ``voxels`` along i."""
    displacement = np.zeros((frames, *SHAPE, 3))
    displacement[1:, ..., 0] = voxels * SPACING[0]
    return Motion(displacement, AFFINE, times=np.arange(frames) * 30.0)


def series(shift=2):
    frames = np.stack([image(), image(shift), image(shift)])
    return ImageSeries(frames, AFFINE, np.arange(3) * 30.0, labels={0: ball_labels(), 2: ball_labels(shift)})


def value(table, metric, structure, frame=None):
    rows = table[(table.metric == metric) & (table.structure == structure)]
    rows = rows[rows.frame.isna()] if frame is None else rows[rows.frame == frame]
    assert len(rows) == 1, (metric, structure, frame)
    return rows.value.iloc[0]


def test_the_right_motion_scores_full_marks():
    table = evaluate(shifted(2), series(2))
    assert list(table.columns) == ["metric", "structure", "frame", "value", "unit"]
    for structure in ("RV", "LV myocardium", "LV cavity"):
        assert value(table, "Dice", structure, 2) == 1
        assert value(table, "HD95", structure, 2) == 0
        assert value(table, "ASD", structure, 2) == 0
    assert not table.query("metric == 'Dice' and frame == 1").size  # no labels there
    mask = "heart and 5 mm"
    assert value(table, "RMSE", mask, 1) < 1e-6 < value(table, "RMSE before", mask, 1)
    assert value(table, "NCC", mask, 1) == pytest.approx(1, abs=1e-6)
    assert value(table, "NCC before", mask, 1) < 0.95
    assert value(table, "D_PCA1", mask) == pytest.approx(0, abs=1e-5)
    assert value(table, "D_PCA2", mask) == pytest.approx(3, abs=1e-5)
    assert value(table, "D_PCA1 before", mask) > 0.05
    assert value(table, "D_PCA2 before", mask) > 3.05
    assert table.query("metric == 'D_PCA1'").unit.tolist() == ["N = 3, L = 1"]


def test_no_motion_scores_the_distance_that_was_missed():
    table = evaluate(shifted(0), series(2))
    first, second = ball_labels(0) == 3, ball_labels(2) == 3
    assert value(table, "Dice", "LV cavity", 2) == pytest.approx(
        2 * (first & second).sum() / (first.sum() + second.sum())
    )
    assert value(table, "HD95", "LV cavity", 2) == pytest.approx(2 * SPACING[0])


def test_distances_between_plates_know_the_spacing():
    first, second, third = np.zeros((3, *SHAPE), bool)
    first[1, 10:30, 10:30] = True
    second[3, 10:30, 10:30] = True  # two slices of 8 mm on
    third[1, 10:30, 13:33] = True  # three voxels of 1.5 mm on
    assert hausdorff95(first, second, SPACING) == pytest.approx(16)
    assert average_surface_distance(first, second, SPACING) == pytest.approx(16)
    assert surface_distances(first, third, SPACING)[0].max() == pytest.approx(4.5)
    assert 0 < average_surface_distance(first, third, SPACING) < 4.5


def test_in_one_slice_the_surface_is_the_outline():
    first, second = np.zeros((2, 1, 40, 40), bool)
    first[0, 10:30, 10:30] = True
    second[0, 12:28, 12:28] = True  # an outline 2 voxels inside
    there, back = surface_distances(first, second, SPACING)
    assert len(there) == 4 * 19
    assert back.max() == pytest.approx(3)
    assert np.percentile(there, 50) == pytest.approx(3)


def test_scores_of_empty_masks():
    empty, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    assert dice(empty, full) == 0
    assert np.isnan(dice(empty, empty))
    assert np.isnan(hausdorff95(empty, full, SPACING))
    assert np.isnan(average_surface_distance(full, empty, SPACING))
    assert dice(full, full) == 1


def test_regularity_of_a_uniform_stretch_and_of_a_fold():
    displacement = np.zeros((3, *SHAPE, 3))
    i = np.arange(SHAPE[2])
    displacement[1, ..., 0] = 0.2 * SPACING[0] * i  # det F = 1.2 everywhere
    displacement[2, ..., 0] = np.where(i < 20, 0, -2 * SPACING[0] * (i - 20))  # folded on one side
    table = evaluate(Motion(displacement, AFFINE), series(0).replace(times=None))
    for structure in ("heart", "LV myocardium"):
        assert value(table, "|J-1|", structure, 1) == pytest.approx(0.2, abs=1e-5)
        assert value(table, "SDlogJ", structure, 1) == pytest.approx(0, abs=1e-5)
        assert value(table, "folding", structure, 1) == 0
    determinant = np.where(i < 20, 1, np.where(i == 20, 0, -1))
    expected = 100 * (determinant <= 0).mean()
    assert value(table, "folding", "whole", 2) == pytest.approx(expected)


def test_sd_log_jacobian_of_two_halves():
    displacement = np.zeros((2, *SHAPE, 3))
    i = np.arange(SHAPE[2])
    displacement[1, ..., 0] = SPACING[0] * np.where(i < 20, 0, 0.5 * (i - 20))
    log = np.log(np.where(i < 20, 1, np.where(i == 20, 1.25, 1.5)))
    one = ImageSeries(np.stack([image(), image()]), AFFINE)
    assert value(evaluate(Motion(displacement, AFFINE), one), "SDlogJ", "whole", 1) == pytest.approx(
        log.std(), abs=1e-5
    )


def test_pca_dissimilarity_of_known_frames():
    mask = np.ones((1, 8, 8), bool)
    base = np.sin(np.arange(64)).reshape(1, 8, 8)
    same = np.stack([base, 2 * base + 5, -base])  # brightness, contrast and even polarity do not matter
    assert pca_dissimilarity(same, mask) == pytest.approx((0, 3), abs=1e-9)
    waves = np.stack([np.cos(2 * np.pi * n * np.arange(64) / 64) for n in (1, 2, 3, 4)]).reshape(4, 1, 8, 8)
    assert pca_dissimilarity(waves, mask) == pytest.approx((3, 10), abs=1e-9)  # four equal eigenvalues
    assert pca_dissimilarity(waves, mask, modes=2)[0] == pytest.approx(2, abs=1e-9)


def test_error_against_truth():
    oblique = AFFINE.copy()
    turn = np.linalg.qr(np.array([[1.0, 0.3, 0.2], [-0.2, 1, 0.4], [0.1, -0.3, 1]]))[0]
    oblique[:3, :3] = turn @ AFFINE[:3, :3]
    data = series(0)
    data = ImageSeries(data.frames, oblique, data.times, data.labels)
    truth = Motion(np.zeros((3, *SHAPE, 3)), oblique, times=data.times)
    wrong = np.zeros((3, *SHAPE, 3))
    wrong[1] = turn @ [3.0, 4.0, 12.0]
    table = evaluate(Motion(wrong, oblique, times=data.times), data, truth=truth)
    for structure in ("whole", "LV myocardium"):
        assert value(table, "EPE", structure, 1) == pytest.approx(13, abs=1e-4)
        assert value(table, "EPE in plane", structure, 1) == pytest.approx(5, abs=1e-4)
        assert value(table, "EPE", structure, 2) == 0
    assert value(table, "|Ecc error|", "LV myocardium", 1) == pytest.approx(0, abs=1e-4)


def test_strain_error_of_a_uniform_expansion():
    """Against no motion, 10 % larger in plane everywhere is an error of 0.105 in Ecc and Err."""
    data = series(0)
    _, j, i = np.indices(SHAPE)
    larger = np.zeros((3, *SHAPE, 3))
    larger[1:] = 0.1 * np.stack([(i - 19.5) * 1.5, (j - 19.5) * 1.5, 0 * i], -1)
    motion, truth = Motion(larger, AFFINE, times=data.times), shifted(0)
    table = evaluate(motion, data, truth=truth)
    assert value(table, "|Ecc error|", "LV myocardium", 1) == pytest.approx(0.105, abs=1e-4)
    assert value(table, "|Err error|", "LV myocardium", 2) == pytest.approx(0.105, abs=1e-4)


def test_labels_may_be_given_and_may_be_absent():
    plain = series(2).replace(labels={})
    assert not (evaluate(shifted(2), plain).metric == "Dice").any()
    assert (evaluate(shifted(2), plain).structure == "whole").all()
    given = evaluate(shifted(2), plain, {0: ball_labels(), 1: ball_labels(2)})
    assert value(given, "Dice", "RV", 1) == 1
    replaced = evaluate(shifted(2), series(2), ball_labels(1))
    assert 0.5 < value(replaced, "Dice", "LV cavity", 2) < 1
    without_reference = evaluate(shifted(2), plain, {1: ball_labels(2)})
    assert not (without_reference.metric == "Dice").any()


def test_a_structure_drawn_in_one_frame_only_has_no_score():
    """Sunnybrook has the epicardium at end-diastole alone."""
    at_es = ball_labels(2)
    at_es[at_es != 3] = 0
    table = evaluate(shifted(2), series(2), {0: ball_labels(), 2: at_es})
    assert set(table[table.metric == "Dice"].structure) == {"LV cavity"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, s: (m, s.crop((slice(0, 5), slice(None), slice(None))), {}), "not on the grid of this motion"),
        (lambda m, s: (m, s, {"labels": "auto"}), "must be a dictionary"),
        (lambda m, s: (m, s, {"labels": {9: ball_labels()}}), "frame 9"),
        (lambda m, s: (m, s, {"truth": "exact"}), "truth must be a Motion, got str"),
        (
            lambda m, s: (m, s, {"truth": Motion(m.displacement[:2], AFFINE)}),
            "same grid and reference frame are needed",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    motion, data, options = change(shifted(2), series(2))
    with pytest.raises(CardiacMotionError, match=message):
        evaluate(motion, data, **options)


def test_what_is_no_motion_is_refused():
    with pytest.raises(CardiacMotionError, match="evaluate needs a Motion, got ImageSeries"):
        evaluate(ImageSeries(np.stack([image(), image(1)]), AFFINE), None)


def test_the_table_is_tidy():
    table = evaluate(shifted(2), series(2), truth=shifted(1))
    assert not table.duplicated(["metric", "structure", "frame"]).any()
    assert table.value.notna().all()
    assert isinstance(table.frame.dtype, pd.Int64Dtype)

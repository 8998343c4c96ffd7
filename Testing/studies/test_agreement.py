"""Agreement against the worked examples of the papers, and closed forms."""

import math

import numpy as np
import pytest

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.studies.agreement import (
    bland_altman,
    complete_rows,
    concordance,
    icc_agreement,
    icc_consistency,
    icc_one_way,
    repeatability,
)

# Shrout & Fleiss 1979, table 2: six targets, four judges.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)

# Bland & Altman 1986, table 1: peak expiratory flow, twice by the Wright meter and twice by the mini meter (L/min).
WRIGHT = np.array(
    [
        [494, 490], [395, 397], [516, 512], [434, 401], [476, 470], [557, 611], [413, 415], [442, 431], [650, 638],
        [433, 429], [417, 420], [656, 633], [267, 275], [478, 492], [178, 165], [423, 372], [427, 421],
    ],
    float,
)  # fmt: skip
MINI = np.array(
    [
        [512, 525], [430, 415], [520, 508], [428, 444], [500, 500], [600, 625], [364, 460], [380, 390], [658, 642],
        [445, 432], [432, 420], [626, 605], [260, 227], [477, 467], [259, 268], [350, 370], [451, 443],
    ],
    float,
)  # fmt: skip


@pytest.mark.parametrize(
    ("icc", "value", "low", "high", "f", "degrees"),
    [
        (icc_one_way, 0.17, -0.13, 0.72, 1.79, (5, 18)),
        (icc_agreement, 0.29, 0.02, 0.76, 11.03, (5, 15)),
        (icc_consistency, 0.71, 0.34, 0.95, 11.03, (5, 15)),
    ],
)
def test_iccs_of_shrout_and_fleiss(icc, value, low, high, f, degrees):
    found = icc(JUDGES)
    assert found.value == pytest.approx(value, abs=0.005)
    assert found.interval == pytest.approx((low, high), abs=0.005)
    assert found.f == pytest.approx(f, abs=0.01)
    assert found.degrees == degrees
    assert (found.subjects, found.raters) == (6, 4)
    assert found.p < (0.17 if icc is icc_one_way else 0.001)


def test_a_shift_of_one_rater_lowers_agreement_and_leaves_consistency():
    shifted = JUDGES + np.array([0, 0, 0, 5])
    assert icc_consistency(shifted).value == pytest.approx(icc_consistency(JUDGES).value)
    assert icc_agreement(shifted).value < icc_agreement(JUDGES).value


def test_raters_who_say_the_same_agree_fully():
    same = np.repeat(JUDGES[:, :1], 3, axis=1)
    for icc in (icc_one_way, icc_agreement, icc_consistency):
        found = icc(same)
        assert (found.value, found.interval, found.p) == (1, (1, 1), 0)


def test_raters_who_differ_by_rounding_agree_fully():
    near = np.stack([JUDGES[:, 0], JUDGES[:, 0] * (1 + 1e-15)], 1)
    assert icc_agreement(near).interval == (1, 1)
    assert icc_consistency(near).value == 1


def test_raters_who_differ_by_a_constant_agree_by_the_spread_of_subjects():
    """MSE = 0: ICC(2,1) = MSR / (MSR + k/n MSC), with two raters v / (v + d^2 / 2)."""
    subjects, shift = np.array([1.0, 2, 3, 4]), 0.5
    found = icc_agreement(np.stack([subjects, subjects + shift], 1))
    assert found.value == pytest.approx(subjects.var(ddof=1) / (subjects.var(ddof=1) + shift**2 / 2))
    assert found.interval.low < found.value < found.interval.high <= 1


def test_the_interval_of_an_icc_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth, people = 0.75, 12
    inside = 0
    for _ in range(400):
        ratings = math.sqrt(3) * rng.standard_normal((people, 1)) + rng.standard_normal((people, 2))
        low, high = icc_agreement(ratings).interval
        inside += low <= truth <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_limits_of_bland_and_altman():
    """First readings of the two meters; the paper takes 2 SD for the limits where we take 1.96."""
    found = bland_altman(MINI[:, 0], WRIGHT[:, 0])
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias - 2 * found.sd, found.bias + 2 * found.sd) == pytest.approx((-79.7, 75.5), abs=0.1)
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * found.sd)
    assert found.bias_interval == pytest.approx((-22.0, 17.8), abs=0.1)
    assert found.pairs == 17


def test_intervals_of_the_limits_are_exact():
    """Covered as often as said, and near Bland and Altman's approximate sqrt(3 / n) SD for many pairs."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(500):
        low, high = bland_altman(np.zeros(10), rng.standard_normal(10)).upper_interval
        inside += low <= 1.96 <= high
    assert 0.93 <= inside / 500 <= 0.97
    many = bland_altman(np.zeros(2000), rng.standard_normal(2000))
    half = 1.96 * math.sqrt(3 / 2000) * many.sd
    assert many.lower_interval == pytest.approx((many.lower - half, many.lower + half), abs=0.01)
    assert many.upper_interval == pytest.approx((many.upper - half, many.upper + half), abs=0.01)


def test_proportional_bias_is_found():
    truth = np.linspace(10, 20, 30)
    noise = 0.05 * np.random.default_rng(2).standard_normal(30)
    found = bland_altman(truth, 1.1 * truth + noise)
    assert found.slope == pytest.approx(0.1 / 1.05, abs=0.01)
    assert found.slope_p < 1e-6
    assert bland_altman(truth, truth + 3 + noise).slope == pytest.approx(0, abs=0.01)


def test_repeatability_of_the_meters():
    """Bland & Altman 1986: coefficients (2 SD of differences) of 43.2 and 56.4 L/min; 1999: wSD of 15.3 and 19.9."""
    large, small = repeatability(WRIGHT), repeatability(MINI)
    assert large.within_sd == pytest.approx(15.3, abs=0.05)
    assert small.within_sd == pytest.approx(19.9, abs=0.1)
    assert large.coefficient * 2 / 1.96 == pytest.approx(43.2, abs=0.2)
    assert small.coefficient * 2 / 1.96 == pytest.approx(56.4, abs=0.2)


def test_the_coefficient_of_variation_is_that_of_the_root_mean_square():
    """Two subjects whose SD is 3 % and 4 % of a negative mean: sqrt((9 + 16) / 2) %."""
    half = np.array([0.03 * 20, 0.04 * 10]) / math.sqrt(2)
    means = np.array([-20.0, -10.0])
    found = repeatability(np.stack([means - half, means + half], 1))
    assert found.cov_percent == pytest.approx(math.sqrt(12.5))


def test_concordance_of_a_shift_and_a_scale():
    """Lin 1989: the product of Pearson's and the bias correction 2 / (v + 1 / v + u^2)."""
    first = np.random.default_rng(3).standard_normal(50)
    second = 2 * first + 1
    found = concordance(first, second)
    u = (first.mean() - second.mean()) / math.sqrt(first.std() * second.std())
    assert found.pearson == pytest.approx(1)
    assert found.lin == pytest.approx(2 / (2 + 0.5 + u**2))
    assert found.lin_interval.low < found.lin < found.lin_interval.high
    assert concordance(first, first).lin == pytest.approx(1)


def test_the_intervals_of_concordance_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(4)
    truth = 2 * 0.8 / (1 + 1 + 0.25)
    inside = 0
    for _ in range(400):
        first = rng.standard_normal(60)
        second = 0.8 * first + 0.6 * rng.standard_normal(60) + 0.5
        low, high = concordance(first, second).lin_interval
        inside += low <= truth <= high
    assert 0.92 <= inside / 400 <= 0.98


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: icc_agreement([[1.0, 2.0]]), "at least 2"),
        (lambda: icc_agreement([[1.0], [2.0]]), "at least 2"),
        (lambda: icc_agreement([[1, 2], [np.nan, 3], [4, 5]]), "1 of 3 subjects lack a value"),
        (lambda: icc_agreement(np.ones((4, 2))), "subjects that differ"),
        (lambda: icc_agreement([[300, 375]] * 3), "subjects that differ; all have 300, 375"),
        (lambda: icc_consistency([[300, 375]] * 3), "subjects that differ"),
        (lambda: bland_altman([1, 2], [1, 2]), "at least 3 pairs"),
        (lambda: bland_altman([1, 2, 3], [1, 2]), "same length"),
        (lambda: bland_altman([1, 2, np.nan], [1, 2, 3]), "lack a value"),
        (lambda: repeatability([[1, -1], [2, 3]]), "mean is not 0"),
        (lambda: concordance([1, 1, 1, 1], [1, 2, 3, 4]), "values that differ"),
        (lambda: complete_rows([1.0, 2.0]), "shape"),
    ],
)
def test_what_is_wrong_is_said(call, words):
    with pytest.raises(CardiacMotionError, match=words):
        call()


def test_incomplete_subjects_are_left_out_on_request():
    ratings = np.vstack([JUDGES, [1, np.nan, 2, 3]])
    assert icc_agreement(complete_rows(ratings)) == icc_agreement(JUDGES)

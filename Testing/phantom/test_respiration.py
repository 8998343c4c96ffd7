"""The breathing trace: pauses after breathing out, breaths that differ, and the shifts that come of it."""

import numpy as np
import pytest

from CardiacMotionLib.phantom.respiration import DEEPEST, PERIOD_MS, breaths, furthest, respiratory_trace


def trace(seed=0, minutes=10.0):
    return respiratory_trace(np.arange(0.0, 60_000 * minutes, 50.0), np.random.default_rng(seed))


def test_breaths_come_about_every_four_seconds_and_differ():
    values = trace()
    tops = values[1:-1][(values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:]) & (values[1:-1] > 0.3)]
    assert len(tops) == pytest.approx(600_000 / PERIOD_MS, rel=0.05)
    assert tops.mean() == pytest.approx(1, abs=0.06)
    assert tops.std() == pytest.approx(0.2, abs=0.05)
    assert tops.max() <= DEEPEST


def test_the_pause_is_after_breathing_out():
    values = trace(1)
    assert values.min() == pytest.approx(0, abs=1e-3)
    assert (values < 0.1).mean() > 0.35
    assert (values > 0.9).mean() < 0.2


@pytest.mark.parametrize("seed", range(5))
def test_shifts_are_from_the_first_image_and_no_further_than_promised(seed):
    times = np.sort(np.random.default_rng(seed).uniform(0, 60_000, 40))
    shifts = np.array(breaths(times, 6.0, -4.0, np.random.default_rng(seed)))
    assert shifts[0] == pytest.approx((0, 0))
    assert np.abs(shifts[:, 0]).max() <= furthest(6.0, -4.0)
    assert np.ptp(shifts[:, 0]) > 4
    assert shifts[:, 1] == pytest.approx(0.2 * shifts[:, 0])


def test_nothing_moves_where_nobody_breathes():
    assert not np.array(breaths(np.arange(5.0), 0.0, 0.0, np.random.default_rng(0))).any()

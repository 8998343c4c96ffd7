"""The time course: closed over the cycle, with isovolumic phases, and each part of it when it should be."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacMotionLib.phantom.timing import Timing

PHASES = np.linspace(0, 1, 2001)
TIMINGS = [Timing(), Timing(0.08, 0.42, 0.5, 0.7, 0.82, 0.38)]
COURSES = ["ejected", "shortened", "twisted"]


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("course", COURSES)
def test_the_cycle_is_closed_and_smooth(timing, course):
    curve = getattr(timing, course)
    values = np.array([curve(phase) for phase in PHASES])
    assert values[0] == values[-1] == 0
    assert curve(1 - 1e-6) == pytest.approx(0, abs=1e-6)
    assert curve(1.3) == pytest.approx(curve(0.3), abs=1e-12)
    assert 1 - 1e-6 < values.max() <= 1 + 1e-12
    assert np.abs(np.diff(values)).max() < 12 * 5e-4  # no jump
    assert np.abs(np.diff(values, 2)).max() < 320 * 5e-4**2 * 2  # nor a corner


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_volume_rests_in_the_isovolumic_phases_only(timing):
    contraction = [timing.ejected(p) for p in np.linspace(0, timing.opening, 20)]
    relaxation = [timing.ejected(p) for p in np.linspace(timing.closure, timing.filling, 20)]
    assert not np.any(contraction)
    assert np.allclose(relaxation, 1, atol=1e-12)
    ejection = np.array([timing.ejected(p) for p in np.linspace(timing.opening, timing.closure, 50)])
    filling = np.array([timing.ejected(p) for p in np.linspace(timing.filling, timing.diastasis, 50)])
    assert np.all(np.diff(ejection) > 0)
    assert np.all(np.diff(filling) < 0)


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_atrium_fills_its_share(timing):
    middle = [timing.ejected(p) for p in np.linspace(timing.diastasis, timing.atrial, 10)]
    assert np.allclose(middle, timing.atrial_share, atol=1e-12)


@pytest.mark.parametrize("timing", TIMINGS)
def test_twist_goes_the_other_way_first_and_is_nearly_half_gone_before_filling(timing):
    first = min(timing.twisted(p) for p in np.linspace(0, timing.opening * 2, 50))
    assert first == pytest.approx(-0.12, abs=0.02)
    assert timing.twisted(timing.closure) == pytest.approx(1)
    assert timing.twisted(timing.filling) == pytest.approx(0.55)
    assert timing.twisted(timing.diastasis) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_base_descends_before_the_valve_opens_and_a_little_after_it_closes(timing):
    assert timing.shortened(timing.opening) > 0
    assert timing.shortened(timing.closure) < 1
    late = timing.closure + 0.3 * (timing.filling - timing.closure)
    assert timing.shortened(late) == pytest.approx(1)

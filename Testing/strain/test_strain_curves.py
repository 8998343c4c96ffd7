"""Curves, peaks, end-systole and the reference that need not be frame 0."""

import numpy as np
import pandas as pd
import pytest
from analytic_hearts import Contraction, Grid, cylinder_labels

from CardiacMotionLib import strain
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.strain import engineering_from_green, green_from_engineering
from CardiacMotionLib.strain.curves import correct_drift, rate_table, regional_curves
from CardiacMotionLib.strain.cycle import unroll
from CardiacMotionLib.strain.summary import dyssynchrony, summarize_curve, summary_table

GRID = Grid(shape=(3, 60, 60))
LABELS = cylinder_labels(GRID)


def beat(order=range(8)):
    """Make a cycle whose cavity is smallest at phase 3 of 8, its frames in the given order of phases."""
    depth = np.array([0, 0.4, 0.8, 1, 0.7, 0.4, 0.2, 0.1])
    maps = [Contraction(1 - 0.1 * depth[p], -200 * depth[p], hinge=20).move for p in order]
    return [None if p == 0 else move for p, move in zip(order, maps, strict=True)]


@pytest.mark.parametrize(("engineering", "green"), [(-0.17, -0.15555), (0.35, 0.41125), (0.0, 0.0), (-1.0, -0.5)])
def test_engineering_and_green(engineering, green):
    assert engineering_from_green(np.array(green)) == pytest.approx(engineering, abs=1e-12)
    assert green_from_engineering(np.array(engineering)) == pytest.approx(green, abs=1e-12)


def test_every_row_of_the_curves_holds_both_measures():
    result = strain(GRID.motion(beat()), LABELS)
    curves = result.curves
    np.testing.assert_allclose(curves.green, curves.engineering + curves.engineering**2 / 2, atol=1e-9)
    assert list(curves.columns) == ["component", "region", "frame", "time_ms", "green", "engineering"]
    lengthened = np.sqrt(1 + 2 * result.radial[3]) - 1
    np.testing.assert_allclose(result.engineering("radial")[3], lengthened, atol=1e-6)


def test_end_systole_is_the_smallest_cavity_unless_given():
    motion = GRID.motion(beat(), times=np.arange(8) * 100.0)
    found = strain(motion, LABELS)
    assert found.end_systole == 3
    assert any("End-systole is frame 3 (the smallest LV cavity volume)" in note for note in found.notes)
    given = strain(motion, LABELS, end_systole=2)
    assert given.end_systole == 2
    assert any("End-systole is frame 2 (given by the user)" in note for note in given.notes)
    pick = {"component": "circumferential", "region": "global", "measure": "green"}
    rows = [r.summary[(r.summary[list(pick)] == pd.Series(pick)).all(axis=1)].iloc[0] for r in (found, given)]
    assert rows[0].post_systolic_index == 0
    assert rows[1].post_systolic_index > 10  # the peak of frame 3 is now after valve closure
    assert rows[0].time_to_peak_ms == rows[1].time_to_peak_ms == 300
    assert rows[1].peak_systolic == rows[1].end_systolic != rows[1].peak
    assert given.function["ESV_ml"] > found.function["ESV_ml"]


def test_a_reference_in_mid_series_gives_the_same_numbers():
    base = strain(GRID.motion(beat(), times=np.arange(8) * 100.0), LABELS)
    order = [5, 6, 7, 0, 1, 2, 3, 4]
    moved = strain(GRID.motion(beat(order), reference=3, times=np.arange(8) * 100.0), LABELS)
    assert (moved.reference, moved.end_systole) == (3, 6)
    pd.testing.assert_frame_equal(moved.summary, base.summary, rtol=1e-4, atol=1e-6)
    assert moved.function == pytest.approx(base.function, rel=1e-4, nan_ok=True)
    np.testing.assert_allclose(moved.circumferential[order.index(2)], base.circumferential[2], atol=1e-5)


def test_untimed_series_have_no_rates_and_no_times_to_peak():
    result = strain(GRID.motion(beat()), LABELS)
    assert not result.timed
    assert result.rates.rate_per_s.isna().all()
    assert result.summary.time_to_peak_ms.isna().all()
    assert any("no times" in note for note in result.notes)


def test_rate_of_a_known_curve():
    """E = -0.2 sin^2(pi t / T): its rate is -0.2 pi / T sin(2 pi t / T)."""
    times = np.arange(40) * 20.0
    phase = np.pi * times / 800
    cycle = unroll(times, 0, True)
    curves = {("circumferential", "global"): green_from_engineering(-0.2 * np.sin(phase) ** 2)}
    rate = rate_table(curves, times, cycle).rate_per_s.to_numpy()
    np.testing.assert_allclose(rate[1:-1], -0.2 * np.pi / 0.8 * np.sin(2 * phase[1:-1]), atol=0.004)


@pytest.mark.parametrize(("frames", "warned"), [(8, True), (30, False)])
def test_warning_about_the_rate_below_thirty_frames(frames, warned):
    motion = Motion(np.zeros((frames, *GRID.shape, 3)), GRID.affine, times=np.arange(frames) * 30.0)
    notes = strain(motion, LABELS).notes
    assert any("strain rate is unreliable below 30" in note for note in notes) == warned


def test_peaks_of_a_curve_with_a_late_peak():
    values = np.array([0, -0.05, -0.12, -0.10, -0.16, -0.08, -0.02])
    figures = summarize_curve(values, end_systole=3, shortens=True)
    assert figures["end_systolic"] == -0.10
    assert figures["peak_systolic"] == -0.12
    assert figures["peak"] == -0.16
    assert figures["peak_position"] == 4
    assert figures["post_systolic_index"] == pytest.approx(100 * 0.06 / 0.16)
    assert figures["end_cycle_residual"] == -0.02


def test_peaks_of_a_thickening_curve_and_of_a_stretched_segment():
    thickening = summarize_curve(np.array([0, 0.2, 0.4, 0.1]), end_systole=2, shortens=False)
    assert (thickening["peak"], thickening["post_systolic_index"]) == (0.4, 0.0)
    stretched = summarize_curve(np.array([0, 0.05, 0.1, 0.02]), end_systole=2, shortens=True)
    assert stretched["end_systolic"] == 0.1
    assert stretched["peak"] == 0  # it never shortens
    assert np.isnan(stretched["post_systolic_index"])


def test_drift_correction_ends_at_zero_and_is_reported():
    maps = beat()
    maps[-1] = Contraction(0.97, -60, hinge=20).move
    motion = GRID.motion(maps, times=np.arange(8) * 100.0)
    plain, corrected = strain(motion, LABELS), strain(motion, LABELS, drift_correction=True)
    assert abs(plain.summary.end_cycle_residual).max() > 0.01
    np.testing.assert_allclose(corrected.summary.end_cycle_residual, 0, atol=1e-9)
    assert any("Drift correction is on" in note for note in corrected.notes)
    assert any("Residual at the end of the cycle" in note for note in plain.notes)
    np.testing.assert_array_equal(corrected.circumferential, plain.circumferential)


def test_drift_is_not_corrected_in_a_series_that_ends_before_the_heart_has_filled():
    motion = GRID.motion(beat(range(5)), times=np.arange(5) * 100.0)
    plain, asked = strain(motion, LABELS), strain(motion, LABELS, drift_correction=True)
    assert not asked.drift_corrected
    assert plain.function["GCS_percent"] == asked.function["GCS_percent"] < -5
    (note,) = [note for note in asked.notes if note.startswith("Drift was not corrected")]
    assert "in frame 4, the cavity has filled by" in note
    assert not any(note.startswith("Drift was not corrected") for note in plain.notes)


def test_drift_correction_subtracts_a_line():
    cycle = unroll(np.arange(5) * 10.0, 0, True)
    line = {("radial", "global"): green_from_engineering(np.linspace(0, 0.2, 5))}
    np.testing.assert_allclose(correct_drift(line, cycle)[("radial", "global")], 0, atol=1e-12)


def test_regional_means():
    values = np.arange(12.0).reshape(2, 6)
    inside = np.array([True, True, False, False, False, True])
    curves = regional_curves({"radial": values}, {"some": inside, "none": np.zeros(6, bool)})
    assert list(curves) == [("radial", "some")]
    np.testing.assert_allclose(curves["radial", "some"], values[:, inside].mean(1))


def test_dyssynchrony_of_known_times_to_peak():
    """Half of the segments peak at 300 ms, half at 400 ms: SD 51.6 ms of 16 segments, 5.2 % of a second."""
    times = np.arange(10) * 100.0
    cycle = unroll(times, 0, True)
    assert cycle.period == 1000
    curves = {}
    for segment in range(1, 17):
        curve = np.zeros(10)
        curve[3 if segment % 2 else 4] = -0.15
        curves["circumferential", str(segment)] = curve
    spread = dyssynchrony(summary_table(curves, cycle, 3), cycle.period)
    assert spread["SDI_ms"] == pytest.approx(50 * np.sqrt(16 / 15))
    assert spread["SDI_percent"] == pytest.approx(5 * np.sqrt(16 / 15))


def test_a_reference_away_from_end_diastole_is_reported():
    order = [3, 0, 1, 2]
    depth = [0, 0.4, 0.8, 1]
    maps = [Contraction(1, 300 * (1 - depth[p]), hinge=20).move for p in order]  # expands from systole
    maps[0] = None
    result = strain(GRID.motion(maps), LABELS)
    assert any("The cavity is largest in frame 1, not in the reference frame 0" in note for note in result.notes)


def test_a_series_that_ends_at_end_systole_has_no_residual_to_report():
    notes = strain(GRID.motion(beat()[:4]), LABELS).notes
    assert any("the residual at the end of the cycle is not known" in note for note in notes)
    assert not any("Residual" in note for note in notes)


def test_a_single_frame_is_its_own_reference():
    result = strain(Motion(np.zeros((1, *GRID.shape, 3)), GRID.affine), LABELS)
    assert result.end_systole == 0
    assert not result.curves.green.any()


def test_a_segment_that_stretches_at_end_systole_has_no_post_systolic_index():
    curve = np.array([0, 0.01, 0.035, 0.02, -0.0035, 0.0])
    assert np.isnan(summarize_curve(curve, 2, shortens=True)["post_systolic_index"])
    assert summarize_curve(-curve, 2, shortens=True)["post_systolic_index"] == 0


def test_radial_strain_far_from_the_thickening_is_said():
    from CardiacMotionLib.strain.compute import _thickening_notes

    assert _thickening_notes({"GRS_percent": 35.0, "wall_thickening_percent": 30.0}) == []
    assert _thickening_notes({"GRS_percent": np.nan, "wall_thickening_percent": 30.0}) == []
    (note,) = _thickening_notes({"GRS_percent": 27.5, "wall_thickening_percent": 13.5})
    assert "27.5 %" in note
    assert "13.5 %" in note

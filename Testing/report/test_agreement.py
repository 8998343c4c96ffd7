"""Pictures of agreement: what is drawn is what was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib.report.agreement import Panel, draw_bland_altman, draw_conditions, plot_bland_altman
from CardiacMotionLib.studies.agreement import bland_altman


@pytest.fixture
def panel():
    first = np.linspace(-22, -10, 12)
    off = np.random.default_rng(0).standard_normal(12)
    groups = ["normal", "hcm", "dcm"] * 4
    return Panel(pd.DataFrame({"first": first, "second": first + off, "group": groups}), "GCS: noise")


def test_points_bias_and_limits_are_where_they_belong(panel):
    axis = draw_bland_altman([panel]).axes[0]
    points = np.concatenate([part.get_offsets() for part in axis.collections])
    first, second = panel.pairs["first"].to_numpy(), panel.pairs["second"].to_numpy()
    expected = np.stack([(first + second) / 2, second - first], 1)
    assert np.allclose(np.sort(points, axis=0), np.sort(expected, axis=0))
    assert {part.get_label() for part in axis.collections} == {"normal", "hcm", "dcm"}
    found = bland_altman(first, second)
    heights = [line.get_ydata()[0] for line in axis.lines]
    assert heights == pytest.approx([found.bias, found.lower, found.upper])
    low, high = axis.get_ylim()
    assert low < found.lower_interval.low
    assert high > found.upper_interval.high
    assert f"bias {found.bias:+.2f}" in axis.texts[0].get_text()
    assert axis.get_ylabel() == "difference (points)"


def test_two_pairs_are_points_alone(panel, tmp_path):
    few = Panel(panel.pairs.iloc[:2], "two")
    assert not draw_bland_altman([few, panel]).axes[0].lines
    assert plot_bland_altman([few], tmp_path / "few.png").stat().st_size > 1000


def test_conditions_show_icc_above_and_spread_below():
    rows = [
        (method, condition, measure, region, icc, icc - 0.2, icc + 0.05, cov, 3.0)
        for measure, region, cov in (("GCS", "global", 4.0), ("Ecc", "all segments", np.nan))
        for method, icc in (("spline", 0.9), ("demons", 0.7))
        for condition in ("noise", "crop")
    ]
    names = ["method", "condition", "measure", "region", "icc", "icc_low", "icc_high", "cov_percent", "rc"]
    figure = draw_conditions(pd.DataFrame(rows, columns=names), least_icc=0.9, most_cov=5.0)
    above, below = np.array(figure.axes[:4]).reshape(2, 2)
    assert [axis.get_title(loc="left") for axis in above] == ["GCS, global", "Ecc, all segments"]
    assert [axis.containers[0].lines[0].get_xdata().tolist() for axis in above] == [[0.9, 0.9]] * 2
    assert [axis.lines[0].get_xdata().tolist() for axis in below] == [[4.0, 4.0], [3.0, 3.0]]
    assert below[0].get_xlabel() == "within-subject CoV (%)"
    assert [label.get_text() for label in above[0].get_yticklabels()] == ["noise", "crop"]

"""Tables and the chart: the curves are those of the strain, and the marker is at the frame that is shown."""

import numpy as np
import pytest
from small_hearts import TIMES

from CardiacMotionLib.scene import remove_results


def test_tables_and_chart_hold_the_curves(scene, run_with_strain):
    import slicer

    results, _, _, strain = run_with_strain
    table = results.tables["curves:circumferential"]
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "Time (ms)"), TIMES)
    curve = strain.curves.query("component == 'circumferential' and region == 'global'").sort_values("frame")["green"]
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "Ecc global (%)"), 100 * curve, rtol=1e-6)
    frame = slicer.util.dataframeFromTable(results.tables["summary"])
    assert set(frame["measure"]) == {"green", "engineering"}
    assert len(frame) == len(strain.summary)
    function = slicer.util.dataframeFromTable(results.tables["function"]).set_index("quantity")["value"].astype(float)
    assert function["EF_percent"] == pytest.approx(strain.function["EF_percent"])
    names = [results.chart.GetNthPlotSeriesNode(n).GetName() for n in range(results.chart.GetNumberOfPlotSeriesNodes())]
    assert names == [*(f"{short} global (%)" for short in ("Ecc", "Err", "Ell")), "Current frame"]
    assert "Green-Lagrange" in results.chart.GetTitle()
    for number in range(results.chart.GetNumberOfPlotSeriesNodes()):
        series = results.chart.GetNthPlotSeriesNode(number)
        columns = [series.GetTableNode().GetColumnName(c) for c in range(series.GetTableNode().GetNumberOfColumns())]
        assert series.GetXColumnName() in columns
        assert series.GetYColumnName() in columns


def test_time_marker_follows_the_browser_until_the_run_is_removed(run_with_strain):
    import slicer

    results, *_ = run_with_strain
    marker = results.tables["time_marker"]
    for frame in (2, 1, 3):
        results.browser.SetSelectedItemNumber(frame)
        np.testing.assert_allclose(slicer.util.arrayFromTableColumn(marker, "Time (ms)"), TIMES[frame])
    browser = results.browser
    remove_results(results)
    browser.SetSelectedItemNumber(0)
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(marker, "Time (ms)"), TIMES[3])

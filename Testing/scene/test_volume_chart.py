"""The volume curve: what is counted, which frames are found on it, and the nodes that show it."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, TIMES, heart_labels, heart_series

from CardiacMotionLib.scene import add_series, add_volume_chart, load_scene, save_scene
from CardiacMotionLib.scene.volume_chart import (
    VOLUME,
    curve_of_labels,
    curve_of_table,
    find_volume_chart,
    remove_orphans,
    remove_volume_chart,
)


def beating(radii=(4.0, 6.0, 5.0, 3.0)):
    """A series whose cavity has another radius in every frame."""
    _, j, i = np.indices(SHAPE)
    radius = np.hypot(i - 15, j - 14)
    labels = {}
    for frame, inner in enumerate(radii):
        labels[frame] = heart_labels()
        labels[frame][radius < 9] = 2
        labels[frame][radius < inner] = 3
    return heart_series(AFFINES["oblique"]).replace(labels=labels)


def test_volumes_are_counted_and_the_extremes_found():
    series = beating()
    curve = curve_of_labels(series)
    assert curve.whole
    assert (curve.end_diastole, curve.end_systole) == (1, 3)
    voxel_ml = 1.5 * 1.5 * 8.0 / 1000
    counted = [np.count_nonzero(series.labels[t] == 3) * voxel_ml for t in range(4)]
    np.testing.assert_allclose(curve.volumes, counted)
    np.testing.assert_allclose(curve.times, TIMES)


def test_frames_without_a_cavity_are_left_out():
    series = beating()
    labels = {0: series.labels[0], 2: np.where(series.labels[2] == 3, 0, series.labels[2])}
    curve = curve_of_labels(series.replace(labels=labels))
    assert list(curve.frames) == [0]
    assert not curve.whole
    assert (curve.end_diastole, curve.end_systole) == (0, None)
    assert curve_of_labels(series.replace(labels={})).end_diastole is None


def test_no_end_systole_where_nothing_beats():
    assert curve_of_labels(beating((5.0, 5.0, 5.0, 5.0))).end_systole is None


def test_the_curve_of_a_motion():
    curve = curve_of_table([0, 1, 2], [0.0, 40.0, 80.0], [120.0, 60.0, 100.0], timed=True)
    assert (curve.end_diastole, curve.end_systole) == (0, 1)


@pytest.fixture
def cine(scene):
    return add_series(heart_series(AFFINES["oblique"]), "Cine")[0]


def plotted(chart):
    import slicer

    lines = {}
    for n in range(chart.GetNumberOfPlotSeriesNodes()):
        series = chart.GetNthPlotSeriesNode(n)
        table = series.GetTableNode()
        values = [slicer.util.arrayFromTableColumn(table, c()) for c in (series.GetXColumnName, series.GetYColumnName)]
        lines[series.GetName()] = np.transpose(values)
    return lines


def test_the_chart_shows_curve_and_chosen_frames(scene, cine):
    curve = curve_of_labels(beating())
    chart, table = add_volume_chart(curve, cine, 1, 3)
    lines = plotted(chart)
    assert list(lines) == [VOLUME, "End-diastole, frame 1", "End-systole, frame 3"]
    np.testing.assert_allclose(lines[VOLUME], np.transpose([curve.times, curve.volumes]))
    np.testing.assert_allclose(lines["End-systole, frame 3"], [[TIMES[3], curve.volumes[3]]])
    assert table.GetNumberOfRows() == 4


def test_a_new_chart_takes_the_place_of_the_old_one(scene, cine):
    curve = curve_of_labels(beating())
    before = scene.GetNumberOfNodes()
    add_volume_chart(curve, cine, 1, 3)
    count = scene.GetNumberOfNodes()
    chart, _ = add_volume_chart(curve, cine, 1, None)
    assert len(plotted(chart)) == 2
    assert scene.GetNumberOfNodes() == count - 2  # the mark and its table
    remove_volume_chart(cine)
    assert scene.GetNumberOfNodes() == before


def test_a_saved_chart_is_found_again(scene, cine, tmp_path):
    curve = curve_of_labels(beating())
    add_volume_chart(curve, cine, 1, 3)
    save_scene(tmp_path / "study.mrb")
    scene.Clear()
    load_scene(tmp_path / "study.mrb")
    cine = scene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    chart, table = find_volume_chart(cine)
    np.testing.assert_allclose(plotted(chart)[VOLUME][:, 1], curve.volumes)
    assert table.GetNumberOfRows() == 4


def test_the_chart_of_a_cine_that_is_gone_goes(scene, cine):
    other, _ = add_series(heart_series(AFFINES["oblique"]), "Other")
    curve = curve_of_labels(beating())
    add_volume_chart(curve, cine, 1, 3)
    add_volume_chart(curve, other, 1, 3)
    scene.RemoveNode(cine)
    remove_orphans()
    assert scene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 1
    assert find_volume_chart(other) is not None

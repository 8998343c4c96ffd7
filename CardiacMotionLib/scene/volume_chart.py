"""The volume of the left ventricle over the cycle as table and chart, and end-diastole and end-systole found on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import structures_of
from ..series import LV_CAVITY, ImageSeries
from .headless import headless_scene, import_slicer
from .plot_lines import line_series
from .run_nodes import remove_nodes

STUDY = "CardiacMotion.study"  # attribute of the nodes made here, which belong to a cine and to no run
CINE = "CardiacMotion.cine"  # reference from them to the cine's sequence node
VOLUME, END_DIASTOLE, END_SYSTOLE = "LV volume (mL)", "End-diastole", "End-systole"
COLORS = {VOLUME: (0.00, 0.45, 0.70), END_DIASTOLE: (0.00, 0.62, 0.45), END_SYSTOLE: (0.84, 0.37, 0.00)}
LEAST_CHANGE = 0.02  # of the largest volume, below which no end-systole is told from end-diastole


@dataclass(frozen=True, eq=False)
class VolumeCurve:
    """Volume of the LV cavity in some or all frames.

    Attributes
    ----------
    frames, times, volumes
        (N,) frame numbers, times in ms (frame numbers where the series has none) and mL.
    timed
        Whether times are ms.
    whole
        Whether every frame of the cine is in it.
    """

    frames: np.ndarray
    times: np.ndarray
    volumes: np.ndarray
    timed: bool
    whole: bool

    @property
    def end_diastole(self) -> int | None:
        """The frame with the largest volume; None without volumes."""
        return int(self.frames[self.volumes.argmax()]) if len(self.frames) else None

    @property
    def end_systole(self) -> int | None:
        """The frame with the smallest volume; None unless it is told from end-diastole."""
        if not len(self.frames) or np.ptp(self.volumes) < LEAST_CHANGE * self.volumes.max():
            return None
        return int(self.frames[self.volumes.argmin()])


def curve_of_labels(series: ImageSeries) -> VolumeCurve:
    """Volumes counted from the labels of a series, in the frames that have any LV cavity."""
    counted = {
        frame: next(s.volume_ml for s in structures_of(labels, series.affine) if s.label == LV_CAVITY)
        for frame, labels in series.labels.items()
    }
    return _curve(series.times, {frame: volume for frame, volume in counted.items() if volume}, series.timed)


def curve_of_table(frames: Any, times: Any, volumes: Any, *, timed: bool) -> VolumeCurve:
    """Volumes (T,) in mL that a motion gave, as in ``strain.volumes``; ``times`` (T,) as those of its series."""
    values = dict(zip((int(frame) for frame in frames), (float(volume) for volume in volumes), strict=True))
    return _curve(np.asarray(times, dtype=float), values, timed)


def _curve(times: np.ndarray, volumes: Mapping[int, float], timed: bool) -> VolumeCurve:
    frames = np.array(sorted(volumes), dtype=int)
    return VolumeCurve(
        frames, times[frames], np.array([volumes[frame] for frame in frames]), timed, len(frames) == len(times)
    )


def add_volume_chart(
    curve: VolumeCurve, cine_node: Any, end_diastole: int | None, end_systole: int | None
) -> tuple[Any, Any]:
    """Table and chart of a volume curve with the two chosen frames marked: (chart node, table node).

    They take the place of those that were made for the cine before. A frame without volume is not marked.
    """
    remove_volume_chart(cine_node)
    scene = headless_scene().scene
    time_title = "Time (ms)" if curve.timed else "Frame"
    name = f"{cine_node.GetName()} LV volume"
    table = _table(name, {"Frame number": curve.frames.astype(float), time_title: curve.times, VOLUME: curve.volumes})
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", name)
    made = [table, chart]
    line = line_series(table, VOLUME, time_title, VOLUME)
    line.SetColor(*COLORS[VOLUME])
    made.append(line)
    for title, frame in ((END_DIASTOLE, end_diastole), (END_SYSTOLE, end_systole)):
        place = np.flatnonzero(curve.frames == frame)
        if frame is None or not len(place):
            continue
        point = _table(f"{name} {title}", {time_title: curve.times[place], title: curve.volumes[place]})
        mark = line_series(point, title, time_title, f"{title}, frame {frame}")
        mark.SetColor(*COLORS[title])
        mark.SetMarkerStyle(mark.MarkerStyleDiamond)
        mark.SetMarkerSize(13)
        mark.SetLineStyle(mark.LineStyleNone)
        made += [point, mark]
    for node in made:
        if node.IsA("vtkMRMLPlotSeriesNode"):
            chart.AddAndObservePlotSeriesNodeID(node.GetID())
        node.SetAttribute(STUDY, "volume")
        node.SetNodeReferenceID(CINE, cine_node.GetID())
    chart.SetTitle("Volume of the left ventricle")
    chart.SetXAxisTitle(time_title)
    chart.SetYAxisTitle(VOLUME)
    chart.SetLegendVisibility(True)
    return chart, table


def find_volume_chart(cine_node: Any) -> tuple[Any, Any] | None:
    """(chart node, table node) that `add_volume_chart` made for a cine, also in a loaded scene, or None."""
    nodes = _nodes_of(cine_node)
    charts = [node for node in nodes if node.IsA("vtkMRMLPlotChartNode")]
    tables = [node for node in nodes if node.IsA("vtkMRMLTableNode") and VOLUME in _columns(node)]
    return (charts[0], tables[0]) if charts and tables else None


def remove_volume_chart(cine_node: Any) -> None:
    """Remove what `add_volume_chart` made for a cine."""
    remove_nodes(_nodes_of(cine_node))


def remove_orphans() -> None:
    """Remove the charts and tables of cines that were deleted."""
    remove_nodes([node for node in _nodes() if node.GetNodeReference(CINE) is None])


def _nodes_of(cine_node: Any) -> list[Any]:
    return [node for node in _nodes() if node.GetNodeReference(CINE) is cine_node]


def _nodes() -> list[Any]:
    scene = headless_scene().scene
    nodes = (scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes()))
    return [node for node in nodes if node.GetAttribute(STUDY)]


def _columns(table_node: Any) -> list[str]:
    return [table_node.GetColumnName(n) for n in range(table_node.GetNumberOfColumns())]


def _table(name: str, columns: Mapping[str, np.ndarray]) -> Any:
    """Table node of number columns; `tables.table_from_dataframe` needs pandas, which a fresh Slicer does not have."""
    table = headless_scene().scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    table.SetUseColumnTitleAsColumnHeader(True)
    import_slicer().util.updateTableFromArray(table, tuple(columns.values()), list(columns))
    return table

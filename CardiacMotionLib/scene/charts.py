"""Strain curves as plot series and charts, with a marker at the current frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .colors import SHORT_NAMES
from .headless import headless_scene, import_slicer
from .tables import MEASURES, region_title, table_from_dataframe, time_title

if TYPE_CHECKING:
    from ..strain import Strain

SERIES_COLORS = {  # apart for every common color blindness (Okabe and Ito 2008)
    "circumferential": (0.00, 0.45, 0.70),
    "radial": (0.84, 0.37, 0.00),
    "longitudinal": (0.00, 0.62, 0.45),
}


def add_chart(strain: Strain, tables: dict[str, Any], name: str, measure: str) -> tuple[Any, list[Any]]:
    """Chart of the global strain curves with a vertical line at the current frame: (chart node, series nodes)."""
    scene = headless_scene().scene
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"{name} strain")
    series = []
    for component in strain.components:
        column = region_title(component, "global")
        node = _line(tables[f"curves:{component}"], column, time_title(strain), column)
        node.SetColor(*SERIES_COLORS[component])
        series.append(node)
    marker = add_time_marker(strain, tables, name)
    series.append(marker)
    for node in series:
        chart.AddAndObservePlotSeriesNodeID(node.GetID())
    chart.SetTitle(f"Global strain ({MEASURES[measure]})")
    chart.SetXAxisTitle(time_title(strain))
    chart.SetYAxisTitle("Strain (%)")
    chart.SetLegendVisibility(True)
    return chart, series


def add_segment_chart(strain: Strain, tables: dict[str, Any], name: str, component: str) -> tuple[Any, list[Any]]:
    """Chart of one component in every AHA segment: (chart node, series nodes)."""
    scene = headless_scene().scene
    title = f"{SHORT_NAMES[component]} by segment"
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"{name} {title}")
    regions = [r for r in dict.fromkeys(strain.curves["region"]) if r.isdigit()]
    series = []
    for region in regions:
        column = region_title(component, region)
        node = _line(tables[f"curves:{component}"], column, time_title(strain), column)
        node.SetUniqueColor()
        series.append(node)
        chart.AddAndObservePlotSeriesNodeID(node.GetID())
    chart.SetTitle(title)
    chart.SetXAxisTitle(time_title(strain))
    chart.SetYAxisTitle("Strain (%)")
    return chart, series


def add_time_marker(strain: Strain, tables: dict[str, Any], name: str) -> Any:
    """Series drawn as a vertical line at one time; its table is added to ``tables`` as ``time_marker``."""
    curves = strain.curves[strain.curves["region"] == "global"]
    values = 100 * curves[["green", "engineering"]].to_numpy(float)
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (-1.0, 1.0)
    now = float(strain.times[0])
    frame = pd.DataFrame({time_title(strain): [now, now], "Current frame": [low, high]})
    tables["time_marker"] = table_from_dataframe(frame, f"{name} current frame")
    series = _line(tables["time_marker"], "Current frame", time_title(strain), "Current frame")
    series.SetColor(0.35, 0.35, 0.35)
    series.SetMarkerStyle(series.MarkerStyleNone)
    series.SetLineStyle(series.LineStyleDash)
    return series


def _line(table: Any, column: str, time_column: str, name: str) -> Any:
    series = headless_scene().scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(time_column)
    series.SetYColumnName(column)
    series.SetPlotType(series.PlotTypeScatter)
    series.SetMarkerStyle(series.MarkerStyleCircle)
    series.SetMarkerSize(4)
    series.SetLineWidth(2)
    return series


class TimeMarker:
    """Moves the marker line of a chart to the frame that a browser shows, from now until `stop`.

    ``table`` is the marker's, ``curves`` a table with the time of every frame in a column of the same name.
    """

    def __init__(self, browser: Any, table: Any, curves: Any):
        self._browser, self._table, self._column = browser, table, table.GetColumnName(0)
        self._times = import_slicer().util.arrayFromTableColumn(curves, self._column).copy()
        self._tag = browser.AddObserver("ModifiedEvent", self._update)
        self._update()

    def _update(self, _caller: Any = None, _event: Any = None) -> None:
        frame = self._browser.GetSelectedItemNumber()
        if 0 <= frame < len(self._times):
            util = import_slicer().util
            util.arrayFromTableColumn(self._table, self._column)[:] = self._times[frame]
            util.arrayFromTableColumnModified(self._table, self._column)

    def stop(self) -> None:
        """Stop following."""
        self._browser.RemoveObserver(self._tag)

"""A column of a table as a line of a chart."""

from __future__ import annotations

from typing import Any

from .headless import headless_scene


def line_series(table_node: Any, column: str, time_column: str, name: str) -> Any:
    """Plot series node of ``column`` over ``time_column``, a line with a small circle at every row."""
    series = headless_scene().scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
    series.SetAndObserveTableNodeID(table_node.GetID())
    series.SetXColumnName(time_column)
    series.SetYColumnName(column)
    series.SetPlotType(series.PlotTypeScatter)
    series.SetMarkerStyle(series.MarkerStyleCircle)
    series.SetMarkerSize(4)
    series.SetLineWidth(2)
    return series

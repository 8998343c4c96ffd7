"""Tables and charts: data frames as table nodes, curves as plot series with a marker at the current frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .colors import SHORT_NAMES
from .headless import headless_scene, import_slicer

if TYPE_CHECKING:
    from ..strain import Strain

MEASURES = {"green": "Green-Lagrange", "engineering": "engineering"}
SERIES_COLORS = {  # apart for every common color blindness (Okabe and Ito 2008)
    "circumferential": (0.00, 0.45, 0.70),
    "radial": (0.84, 0.37, 0.00),
    "longitudinal": (0.00, 0.62, 0.45),
}


def table_from_dataframe(frame: pd.DataFrame, name: str) -> Any:
    """Table node with one typed column per column of ``frame``: text, whole numbers or numbers."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    table = headless_scene().scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    table.SetUseColumnTitleAsColumnHeader(True)
    for column in frame.columns:
        values = frame[column]
        if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            array = vtk.vtkStringArray()
            array.SetNumberOfValues(len(values))
            for row, value in enumerate(values):
                array.SetValue(row, str(value))
        elif pd.api.types.is_integer_dtype(values):
            array = numpy_to_vtk(values.to_numpy(np.int32), deep=True)
        else:
            array = numpy_to_vtk(values.to_numpy(np.float64), deep=True)
        array.SetName(str(column))
        table.AddColumn(array)
    return table


def curve_table(strain: Strain, component: str, measure: str) -> pd.DataFrame:
    """One row a frame: time, then strain in percent of the whole wall, the AHA segments and the layers."""
    rows = strain.curves[strain.curves["component"] == component]
    wide = rows.pivot(index="frame", columns="region", values=measure)
    regions = list(dict.fromkeys(rows["region"]))
    table = pd.DataFrame({time_title(strain): np.asarray(strain.times, dtype=float)})
    for region in regions:
        table[region_title(component, region)] = 100 * wide[region].to_numpy(float)
    return table


def time_title(strain: Strain) -> str:
    """Header of the time column."""
    return "Time (ms)" if strain.timed else "Frame"


def region_title(component: str, region: str) -> str:
    """Header of a region's column, for example ``Ecc segment 7 (%)``."""
    return f"{SHORT_NAMES[component]} {'segment ' if region.isdigit() else ''}{region} (%)"


def add_strain_tables(strain: Strain, name: str, measure: str) -> dict[str, Any]:
    """Table nodes of a strain result by role: ``curves:<component>`` in percent, and its own tables by name."""
    tables = {
        f"curves:{component}": table_from_dataframe(
            curve_table(strain, component, measure), f"{name} {SHORT_NAMES[component]} curves ({MEASURES[measure]})"
        )
        for component in strain.components
    }
    function = pd.DataFrame(
        {"quantity": list(strain.function), "value": [float(value) for value in strain.function.values()]}
    )
    for role, frame in (
        ("summary", strain.summary),
        ("function", function),
        ("volumes", strain.volumes),
        ("rotation", strain.rotation),
        ("rates", strain.rates),
    ):
        tables[role] = table_from_dataframe(frame, f"{name} {role}")
    return tables


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


def move_time_marker(table: Any, time: float) -> None:
    """Put the marker line at a time."""
    slicer = import_slicer()
    column = table.GetColumnName(0)
    slicer.util.arrayFromTableColumn(table, column)[:] = time
    slicer.util.arrayFromTableColumnModified(table, column)


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

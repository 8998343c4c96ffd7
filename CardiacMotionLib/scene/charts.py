"""Strain curves as plot series and charts, with a marker at the current frame."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from .aha import level_of, segment_title, wall_color
from .colors import SHORT_NAMES
from .headless import headless_scene, import_slicer
from .plot_lines import line_series
from .tables import MEASURES, table_from_dataframe, time_title, vtk_table

if TYPE_CHECKING:
    from ..strain import Strain

SERIES_COLORS = {  # apart for every common color blindness (Okabe and Ito 2008)
    "circumferential": (0.00, 0.45, 0.70),
    "radial": (0.84, 0.37, 0.00),
    "longitudinal": (0.00, 0.62, 0.45),
}
_LAYER_COLORS = ((0.84, 0.37, 0.00), (0.35, 0.35, 0.35), (0.00, 0.45, 0.70), (0.90, 0.62, 0.00), (0.80, 0.47, 0.65))
_FADED = (0.75, 0.75, 0.75)
REGION, _COMPONENT = "CardiacMotion.region", "CardiacMotion.component"  # attributes of a series
_CHOSEN = "CardiacMotion.curves"  # attribute of a chart
RATE = "rate"
CURVE_MEASURES = (*MEASURES, RATE)
REGIONS = ("global", "basal", "mid", "apical", "segments", "layers")
ALL = "all"


@dataclass(frozen=True)
class Curves:
    """What a chart shows.

    Attributes
    ----------
    component
        A component of the strain, or ``all`` of them over the whole wall.
    measure
        ``green`` (Green-Lagrange) or ``engineering`` strain in percent, or ``rate`` of engineering strain in 1/s.
    regions
        ``global``, the AHA segments of one level (``basal``, ``mid``, ``apical``), all ``segments``, or ``layers``.
    """

    component: str = ALL
    measure: str = "green"
    regions: str = "global"

    def __post_init__(self) -> None:
        if self.measure not in CURVE_MEASURES or self.regions not in REGIONS:
            raise CardiacMotionError(
                f"no curves of measure {self.measure!r} in regions {self.regions!r}; use one of "
                f"{', '.join(CURVE_MEASURES)} in {', '.join(REGIONS)}"
            )

    @property
    def title(self) -> str:
        """What the chart shows, with the measure in words."""
        what = "Strain" if self.component == ALL else SHORT_NAMES[self.component]
        where = {"global": "whole wall", "segments": "AHA segments", "layers": "layers of the wall"}
        measure = "rate of engineering strain" if self.measure == RATE else f"{MEASURES[self.measure]} strain"
        return f"{what}, {where.get(self.regions, f'{self.regions} segments')} ({measure})"


def add_chart(strain: Strain, tables: dict[str, Any], name: str, measure: str) -> tuple[Any, list[Any]]:
    """Chart of the global strain curves with a vertical line at the current frame: (chart node, series nodes).

    Its tables are added to ``tables`` as ``chart`` and ``time_marker``.
    """
    scene = headless_scene().scene
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"{name} strain")
    chosen = Curves(measure=measure)
    curves = curves_frame(strain, chosen)
    tables["chart"] = table_from_dataframe(curves, f"{name} curves of the chart")
    tables["time_marker"] = table_from_dataframe(_marker_frame(curves), f"{name} current frame")
    series = _add_series(strain, chosen, curves, tables)
    for node in series:
        chart.AddAndObservePlotSeriesNodeID(node.GetID())
    chart.SetLegendVisibility(True)
    _entitle(chart, chosen, curves)
    return chart, series


def replace_curves(chart: Any, old: list[Any], tables: dict[str, Any], strain: Strain, chosen: Curves) -> list[Any]:
    """Let a chart of `add_chart` show other curves: its new series nodes, in place of ``old``, which are left alone.

    Series that are not among ``old`` stay in the chart. To be called inside `all_or_nothing`.
    """
    curves = curves_frame(strain, chosen)
    new_table, new_marker = vtk_table(curves), vtk_table(_marker_frame(curves))
    series = _add_series(strain, chosen, curves, tables)
    own = {node.GetID() for node in old}
    shown = [chart.GetNthPlotSeriesNodeID(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
    with import_slicer().util.NodeModify(chart):
        tables["chart"].SetAndObserveTable(new_table)
        tables["time_marker"].SetAndObserveTable(new_marker)
        chart.RemoveAllPlotSeriesNodeIDs()
        for identity in [*(node.GetID() for node in series), *(one for one in shown if one not in own)]:
            chart.AddAndObservePlotSeriesNodeID(identity)
        _entitle(chart, chosen, curves)
    return series


def shown_curves(chart: Any) -> Curves:
    """What a chart of `add_chart` shows."""
    return Curves(**json.loads(chart.GetAttribute(_CHOSEN)))


def highlight_curve(series: list[Any], segment: int | None) -> bool:
    """Draw the curve of a segment thick and the others thin and gray, or all alike for None.

    ``series`` of one chart. Answers whether one of them is of that segment; without one, nothing is faded.
    """
    curves = [(node.GetAttribute(REGION), node) for node in series if node.GetAttribute(REGION)]
    regions = [region for region, _ in curves]
    found = str(segment) in regions
    for region, node in curves:
        with import_slicer().util.NodeModify(node):
            _style(node, region, node.GetAttribute(_COMPONENT), regions)
            if found and region == str(segment):
                node.SetLineWidth(6)
            elif found:
                node.SetLineWidth(1)
                node.SetColor(*_FADED)
    return found


def curves_frame(strain: Strain, chosen: Curves) -> pd.DataFrame:
    """One row a frame: time, then a column a curve, in percent or 1/s.

    Raises
    ------
    CardiacMotionError
        for a component or regions that this strain does not have.
    """
    components = strain.components if chosen.component == ALL else (chosen.component,)
    if chosen.component not in (ALL, *strain.components):
        raise CardiacMotionError(
            f"this strain has no component {chosen.component!r}; it has {', '.join(strain.components)}"
        )
    regions = regions_of(strain, chosen.regions)
    if chosen.component == ALL and chosen.regions != "global":
        raise CardiacMotionError("all components are shown over the whole wall only; choose one of them")
    if not regions:
        raise CardiacMotionError(
            f"this strain has no {chosen.regions} curves; place the RV insertions, from which segments are counted"
        )
    table = strain.rates if chosen.measure == RATE else strain.curves
    column, factor = ("rate_per_s", 1.0) if chosen.measure == RATE else (chosen.measure, 100.0)
    frame = pd.DataFrame({time_title(strain): np.asarray(strain.times, dtype=float)})
    for component in components:
        for region in regions:
            rows = table[(table["component"] == component) & (table["region"] == region)]
            frame[curve_title(component, region, chosen.measure)] = factor * rows[column].to_numpy(float)
    return frame


def regions_of(strain: Strain, regions: str) -> list[str]:
    """Names in the tables of ``strain`` that ``regions`` stands for and that have wall."""
    present = list(dict.fromkeys(strain.curves["region"]))
    if regions == "global":
        return ["global"]
    if regions == "layers":
        return [region for region in present if region in strain.layer_names]
    segments = [region for region in present if region.isdigit()]
    return segments if regions == "segments" else [r for r in segments if level_name(int(r)) == regions]


def level_name(segment: int) -> str:
    """``basal``, ``mid`` or ``apical``."""
    return ("basal", "mid", "apical")[level_of(segment)]


def curve_title(component: str, region: str, measure: str) -> str:
    """Name of a curve, for example ``Ecc 7 mid anterior (%)``."""
    where = segment_title(int(region)) if region.isdigit() else region
    return f"{SHORT_NAMES[component]} {where} ({'1/s' if measure == RATE else '%'})"


# ---------------------------------------------------------------------- series


def _add_series(strain: Strain, chosen: Curves, curves: pd.DataFrame, tables: dict[str, Any]) -> list[Any]:
    """Series nodes of the columns of ``curves``, and the one of the marker."""
    time_column, series = str(curves.columns[0]), []
    regions = regions_of(strain, chosen.regions)
    components = strain.components if chosen.component == ALL else (chosen.component,)
    for component in components:
        for region in regions:
            column = curve_title(component, region, chosen.measure)
            node = line_series(tables["chart"], column, time_column, column)
            node.SetAttribute(REGION, region)
            node.SetAttribute(_COMPONENT, component)
            _style(node, region, component, regions)
            series.append(node)
    marker = line_series(tables["time_marker"], "Current frame", time_column, "Current frame")
    marker.SetColor(0.35, 0.35, 0.35)
    marker.SetMarkerStyle(marker.MarkerStyleNone)
    marker.SetLineStyle(marker.LineStyleDash)
    return [*series, marker]


def _style(node: Any, region: str, component: str, regions: list[str]) -> None:
    """Color by wall and line by level for segments, so that walls are told apart at every level and levels too."""
    node.SetLineWidth(2)
    node.SetLineStyle(node.LineStyleSolid)
    if region.isdigit():
        node.SetColor(*wall_color(int(region)))
        node.SetLineStyle((node.LineStyleSolid, node.LineStyleDash, node.LineStyleDot)[level_of(int(region))])
    elif region == "global":
        node.SetColor(*SERIES_COLORS[component])
    else:
        number = regions.index(region)
        node.SetColor(*_LAYER_COLORS[number % len(_LAYER_COLORS)])
        node.SetLineStyle(node.LineStyleSolid if number < len(_LAYER_COLORS) else node.LineStyleDash)


def _entitle(chart: Any, chosen: Curves, curves: pd.DataFrame) -> None:
    chart.SetAttribute(_CHOSEN, json.dumps(asdict(chosen)))
    chart.SetTitle(chosen.title)
    chart.SetXAxisTitle(str(curves.columns[0]))
    chart.SetYAxisTitle("Strain rate (1/s)" if chosen.measure == RATE else "Strain (%)")


def _marker_frame(curves: pd.DataFrame) -> pd.DataFrame:
    """Two points of a vertical line over the height of the curves, at the first frame."""
    values = curves.iloc[:, 1:].to_numpy(float)
    low, high = (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (-1.0, 1.0)
    now = curves.iloc[:, 0].to_numpy(float)[0]
    return pd.DataFrame({str(curves.columns[0]): [now, now], "Current frame": [low, high]})


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

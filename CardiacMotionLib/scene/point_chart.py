"""How probes and rulers look in the chart: their colors and marks, the chart itself, and the title of its axis."""

from __future__ import annotations

from typing import Any

from .headless import headless_scene
from .result_record import Results
from .run_folder import adopt
from .run_nodes import ROLE, all_or_nothing, nodes_of_run

# Apart from each other and from the curves of the chart for every common color blindness, and seen on an image, which
# is dark, as on a chart, which is white. The marks of the curves differ too.
COLORS = (
    (0.90, 0.62, 0.00),  # orange
    (0.34, 0.71, 0.91),  # sky blue
    (0.80, 0.47, 0.65),  # purple
    (0.63, 0.38, 0.18),  # brown
    (0.73, 0.80, 0.20),  # lime
    (1.00, 0.67, 0.73),  # pink
    (0.56, 0.36, 0.84),  # violet
    (0.20, 0.84, 0.88),  # cyan
)
MOST = len(COLORS)
MARKS = ("MarkerStyleSquare", "MarkerStyleDiamond", "MarkerStyleCross", "MarkerStylePlus")
_OWN_CHART = "points:chart"
_POINTS = ("probe:", "ruler:")  # what the roles of their series begin with
_AND = ", "


def chart_of_points(results: Results) -> Any:
    """The chart with the curves of probes and rulers: that of the strain, or their own; None where there is none."""
    if headless_scene().scene.IsNodePresent(results.chart):
        return results.chart
    return next((node for node in nodes_of_run(results.run) if node.GetAttribute(ROLE) == _OWN_CHART), None)


def new_chart_of_points(results: Results, time: str) -> Any:
    """A chart for a run that has no strain, and so no chart of its own; ``time`` is the title of its x axis."""
    with all_or_nothing(results.run):
        chart = headless_scene().scene.AddNewNodeByClass("vtkMRMLPlotChartNode", f"{results.name} points")
        chart.SetTitle("Probes and rulers")
        chart.SetXAxisTitle(time)
        chart.SetLegendVisibility(True)
        adopt(results, _OWN_CHART, chart)
    return chart


def name_axis(chart: Any) -> None:
    """Add the units of points to the title of the y axis, where it does not have them yet."""
    series = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
    columns = [one.GetYColumnName() for one in series if (one.GetAttribute(ROLE) or "").startswith(_POINTS)]
    own = (chart.GetYAxisTitle() or "").split(_AND)[0] if chart.GetAttribute(ROLE) != _OWN_CHART else ""
    added = [
        title
        for unit, title in (("(%)", "strain (%)"), ("(mm)", "length (mm)"))
        if unit not in own and any(column.endswith(unit) for column in columns)
    ]
    title = _AND.join([own, *added] if own else added)
    title = title[:1].upper() + title[1:]
    if (chart.GetYAxisTitle() or "") != title:
        chart.SetYAxisTitle(title)

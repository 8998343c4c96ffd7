"""The AHA 16-segment bullseye."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Wedge

from ..errors import CardiacMotionError
from ..scene.bullseye import segment_sector
from ..scene.colors import SHORT_NAMES
from ..scene.tables import MEASURES
from .figures import new_figure, save_figure
from .wording import COLOR_MAP, COLOR_RANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..strain import Strain


def plot_bullseye(strain: Strain, component: str | None, path: str | Path, *, measure: str = "engineering") -> Path:
    """Draw end-systolic strain of the 16 AHA segments, anterior at the top and the septum at the left (Cerqueira 2002).

    Parameters
    ----------
    strain
        The result of ``strain()``.
    component
        One of ``strain.components``, or None for all side by side.
    path
        File to write: .png, .svg or .pdf.
    measure
        ``"engineering"`` or ``"green"``; the color bar says which.

    Raises
    ------
    CardiacMotionError
        for a component that this strain does not have.
    """
    return save_figure(draw_bullseye(strain, (component,) if component else strain.components, measure), path)


def draw_bullseye(strain: Strain, components: tuple[str, ...], measure: str = "engineering") -> Figure:
    """One bullseye a component, side by side."""
    for component in components:
        if component not in strain.components:
            raise CardiacMotionError(
                f"this strain has no component {component!r}; it has {', '.join(strain.components)}"
            )
    figure = new_figure(4.4 * len(components), 3.9)
    for axis, component in zip(figure.subplots(1, len(components), squeeze=False)[0], components, strict=True):
        _draw_one(axis, segment_values(strain, component, measure), component)
        limit = COLOR_RANGE[component]
        colors = ScalarMappable(Normalize(-limit, limit), COLOR_MAP)
        bar = figure.colorbar(colors, ax=axis, shrink=0.8, pad=0.06, extend="both")
        bar.set_label(f"{SHORT_NAMES[component]} at ES (%), {MEASURES[measure]}")
    return figure


def segment_values(strain: Strain, component: str, measure: str) -> dict[str, float]:
    """End-systolic strain in % by region: ``"global"`` and ``"1"``..``"16"``; NaN for a segment without wall."""
    rows = strain.summary
    rows = rows[(rows["component"] == component) & (rows["measure"] == measure)]
    found = dict(zip(rows["region"].astype(str), 100 * rows["end_systolic"], strict=True))
    return {region: float(found.get(region, math.nan)) for region in ["global", *map(str, range(1, 17))]}


def _draw_one(axis: Axes, values: dict[str, float], component: str) -> None:
    limit = COLOR_RANGE[component]
    colors = matplotlib.colormaps[COLOR_MAP]
    for segment in range(1, 17):
        value, (inner, outer, start, end) = values[str(segment)], segment_sector(segment)
        empty = math.isnan(value)
        color = (0.9, 0.9, 0.9, 1.0) if empty else colors((value + limit) / (2 * limit))
        wedge = Wedge((0, 0), outer, start, end, width=outer - inner, facecolor=color, edgecolor="0.25", linewidth=1)
        axis.add_patch(wedge)
        middle, radius = math.radians((start + end) / 2), (inner + outer) / 2
        ink = "black" if 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 0.42 else "white"
        x, y = radius * math.cos(middle), radius * math.sin(middle)
        shown = "-" if empty else str(round(value))
        axis.text(x, y + 0.005, shown, ha="center", va="center", fontsize=11, color=ink)
        axis.text(x, y - 0.085, str(segment), ha="center", va="center", fontsize=6, color=ink)
    axis.text(0, 0, f"global\n{values['global']:.1f} %", ha="center", va="center", fontsize=8)
    for x, y, word, angle in (
        (0, 1.07, "anterior", 0),
        (-1.07, 0, "septal", 90),
        (0, -1.07, "inferior", 0),
        (1.07, 0, "lateral", 270),
    ):
        axis.text(x, y, word, ha="center", va="center", rotation=angle, fontsize=9)
    axis.set(xlim=(-1.16, 1.16), ylim=(-1.16, 1.16), aspect="equal", title=component.capitalize())
    axis.axis("off")

"""Strain over the cycle as curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from ..scene.colors import SHORT_NAMES
from ..scene.tables import MEASURES
from .figures import new_figure, save_figure
from .wording import LEVELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..strain import Strain

# Okabe and Ito's colors, told apart with every common color blindness
LEVEL_COLORS = {"basal": "#0072B2", "mid": "#E69F00", "apical": "#009E73"}
LAYER_COLORS = (
    "#882255",
    "#CC79A7",
    "#56B4E9",
    "#0072B2",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#999933",
    "#332288",
)  # endo first


def plot_curves(strain: Strain, path: str | Path, *, measure: str = "engineering") -> Path:
    """Draw every component over time: global and AHA segments above, wall layers below, end-systole marked.

    Parameters
    ----------
    strain
        The result of ``strain()``.
    path
        File to write: .png, .svg or .pdf.
    measure
        ``"engineering"`` or ``"green"``; the axis says which.
    """
    return save_figure(draw_curves(strain, measure), path)


def draw_curves(strain: Strain, measure: str = "engineering") -> Figure:
    """The figure of `plot_curves`."""
    components = strain.components
    figure = new_figure(3.9 * len(components) + 1.8, 6.4)
    axes = figure.subplots(2, len(components), sharex=True, squeeze=False)
    for column, component in enumerate(components):
        _draw_segments(axes[0, column], strain, component, measure)
        _draw_layers(axes[1, column], strain, component, measure)
        axes[0, column].set_title(f"{component.capitalize()} ({SHORT_NAMES[component]})")
        axes[1, column].set_xlabel("Time (ms)" if strain.timed else "Frame")
        for row in (0, 1):
            _finish(axes[row, column], strain, f"{MEASURES[measure]} strain (%)")
    upper, lower = (axes[row, 0].get_legend_handles_labels() for row in (0, 1))
    figure.legend(*upper, loc="outside right upper", fontsize=8, frameon=False)
    figure.legend(*lower, loc="outside right lower", fontsize=8, frameon=False)
    return figure


def curve(strain: Strain, component: str, region: str, measure: str) -> tuple[list[float], list[float]]:
    """Times (ms, or frames) and strain (%) of one region."""
    rows = strain.curves
    rows = rows[(rows["component"] == component) & (rows["region"] == region)].sort_values("frame")
    return rows["time_ms"].tolist(), (100 * rows[measure]).tolist()


def _draw_segments(axis: Axes, strain: Strain, component: str, measure: str) -> None:
    for level, segments in LEVELS.items():
        label: str | None = f"{level} segments {segments[0]}-{segments[-1]}"
        for segment in segments:
            times, values = curve(strain, component, str(segment), measure)
            if times:
                axis.plot(times, values, color=LEVEL_COLORS[level], linewidth=0.9, alpha=0.75, label=label)
                label = None
    axis.plot(*curve(strain, component, "global", measure), color="black", linewidth=2.6, label="global")


def _draw_layers(axis: Axes, strain: Strain, component: str, measure: str) -> None:
    for name, color in zip(strain.layer_names, LAYER_COLORS, strict=False):
        axis.plot(*curve(strain, component, name, measure), color=color, linewidth=1.8, label=name)
    times, values = curve(strain, component, "global", measure)
    axis.plot(times, values, color="black", linewidth=1.2, linestyle=":", label="global")


def _finish(axis: Axes, strain: Strain, label: str) -> None:
    end_systole = float(strain.times[strain.end_systole])
    name = f"end-systole, {end_systole:.0f} ms" if strain.timed else f"end-systole, frame {strain.end_systole}"
    axis.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    axis.axvline(end_systole, color="0.35", linewidth=1, linestyle="--", label=name, zorder=0)
    axis.set_ylabel(label)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.spines[["top", "right"]].set_visible(False)

"""Pictures of agreement: Bland-Altman plots, and ICC and spread by condition."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..studies.agreement import BlandAltman, bland_altman
from .figures import new_figure, save_figure
from .wording import RESEARCH_USE, difference_unit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors, told apart with every common color blindness, and a marker each besides.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
LETTERS = 75  # of a line of words above the plots, for each beside another


class Panel(NamedTuple):
    """A Bland-Altman plot: pairs with columns first, second and group, its title, and the unit of the values."""

    pairs: pd.DataFrame
    title: str
    unit: str = "%"


def style_of(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Color and marker of each name, by its place; no two share both."""
    return {
        name: (COLORS[n % len(COLORS)], MARKERS[(n + n // len(COLORS)) % len(MARKERS)]) for n, name in enumerate(names)
    }


def plot_bland_altman(panels: Sequence[Panel], path: str | Path, columns: int = 3) -> Path:
    """Draw into a .png, .svg or .pdf."""
    return save_figure(draw_bland_altman(panels, columns), path)


def draw_bland_altman(panels: Sequence[Panel], columns: int = 3) -> Figure:
    """Panels of differences (second - first) over means, with bias, 95 % limits and their confidence bands.

    Points are colored by group; a panel of fewer than three pairs has points alone.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.4 * columns, 3.3 * rows + 0.6)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    groups = list(dict.fromkeys(str(group) for panel in panels for group in panel.pairs["group"]))
    styles = style_of(groups)
    for axis, panel in zip(places, panels, strict=False):
        _draw_pairs(axis, panel, styles)
    for axis in places[len(panels) :]:
        axis.set_axis_off()
    if any(groups):
        handles, labels = _legend(list(places[: len(panels)]))
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 8), frameon=False, fontsize=8)
    words = f"Solid: bias; dashed: 95 % limits of agreement; shaded: their 95 % confidence intervals. {RESEARCH_USE}"
    figure.suptitle(
        textwrap.fill(words, LETTERS * columns),
        fontsize=8,
        x=0.01,
        ha="left",
    )
    return figure


def _draw_pairs(axis: Axes, panel: Panel, styles: Mapping[str, tuple[str, str]]) -> None:
    first, second = (panel.pairs[side].to_numpy(float) for side in ("first", "second"))
    middle, difference = (first + second) / 2, second - first
    groups = panel.pairs["group"].astype(str).to_numpy()
    for name, (color, marker) in styles.items():
        inside = groups == name
        if inside.any():
            size = 28 if len(first) < 60 else 12
            axis.scatter(
                middle[inside], difference[inside], size, color=color, marker=marker, alpha=0.75, lw=0, label=name
            )
    axis.set_title(panel.title, fontsize=9, loc="left")
    axis.set_xlabel(f"mean of the two ({panel.unit})", fontsize=8)
    axis.set_ylabel(f"difference ({difference_unit(panel.unit)})", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    if len(first) > 2:
        _draw_limits(axis, bland_altman(first, second), difference_unit(panel.unit))


def _draw_limits(axis: Axes, found: BlandAltman, unit: str) -> None:
    lines = (
        (found.bias, found.bias_interval, "-", "#444444"),
        (found.lower, found.lower_interval, "--", "#777777"),
        (found.upper, found.upper_interval, "--", "#777777"),
    )
    for value, interval, line, color in lines:
        axis.axhspan(*interval, color=color, alpha=0.13, lw=0)
        axis.axhline(value, color=color, linestyle=line, linewidth=1.1)
    low, high = found.lower_interval.low, found.upper_interval.high
    most = float(np.abs(axis.get_ylim()).max())
    reach = max(most, abs(low), abs(high)) * 1.12
    axis.set_ylim(-reach, reach)
    axis.text(
        0.98,
        0.02,
        f"bias {found.bias:+.2f}, limits {found.lower:+.2f} to {found.upper:+.2f} {unit}, n = {found.pairs}",
        transform=axis.transAxes,
        fontsize=7,
        ha="right",
        va="bottom",
    )


def plot_conditions(table: pd.DataFrame, path: str | Path, *, least_icc: float, most_cov: float) -> Path:
    """Draw `draw_conditions` into a .png, .svg or .pdf."""
    return save_figure(draw_conditions(table, least_icc=least_icc, most_cov=most_cov), path)


def draw_conditions(table: pd.DataFrame, *, least_icc: float, most_cov: float) -> Figure:
    """A column a measure: ICC with its interval above; below CoV (global) or repeatability coefficient (segments).

    ``table`` has columns method, condition, measure, region, icc, icc_low, icc_high, cov_percent and rc, and a row for
    each method, condition and measure.
    """
    measures, conditions = list(dict.fromkeys(table["measure"])), list(dict.fromkeys(table["condition"]))
    methods = list(dict.fromkeys(table["method"]))
    styles = style_of(methods)
    figure = new_figure(2.35 * len(measures) + 1.2, 0.36 * len(conditions) * (1 + 0.35 * len(methods)) * 2 + 2.2)
    places = figure.subplots(2, len(measures), squeeze=False, sharey=True)
    for column, measure in enumerate(measures):
        for number, method in enumerate(methods):
            rows = table[(table["measure"] == measure) & (table["method"] == method)].set_index("condition")
            heights = np.arange(len(conditions)) + 0.5 * (number - (len(methods) - 1) / 2) / max(len(methods), 1)
            _draw_method(list(places[:, column]), rows.reindex(conditions), heights, styles[method], method)
        region = str(table.loc[table["measure"] == measure, "region"].iloc[0])
        relative = bool(table.loc[table["measure"] == measure, "cov_percent"].notna().any())
        places[0, column].set_title(f"{measure}, {region}", fontsize=9, loc="left")
        places[0, column].axvline(least_icc, color="#777777", linestyle=":", linewidth=1)
        places[0, column].set_xlabel("ICC(2,1), 95 % interval", fontsize=8)
        if relative:
            places[1, column].axvline(most_cov, color="#777777", linestyle=":", linewidth=1)
        spread = "within-subject CoV (%)" if relative else "repeatability coefficient\n(percentage points)"
        places[1, column].set_xlabel(spread, fontsize=8)
    for axis in places.ravel():
        axis.set_yticks(range(len(conditions)), conditions, fontsize=8)
        axis.set_ylim(len(conditions) - 0.5, -0.5)
        axis.tick_params(axis="x", labelsize=7)
        axis.grid(axis="x", color="#E6E6E6", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    worst = float(np.nanmin([table["icc_low"].min(), table["icc"].min(), least_icc]))
    for above, below in places.T:
        above.set_xlim(max(worst - 0.05, -0.5), 1.02)
        below.set_xlim(left=0)
    handles, labels = _legend(list(places.ravel()))
    figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1), frameon=False, fontsize=8)
    figure.suptitle(
        f"End-systolic strain measured again. Dotted: what is asked. {RESEARCH_USE}", fontsize=8, x=0.01, ha="left"
    )
    return figure


def _draw_method(
    places: Sequence[Axes], rows: pd.DataFrame, heights: np.ndarray, style: tuple[str, str], name: str
) -> None:
    color, marker = style
    icc = rows["icc"].to_numpy(float)
    bars = np.abs(np.stack([icc - rows["icc_low"].to_numpy(float), rows["icc_high"].to_numpy(float) - icc]))
    looks: dict[str, Any] = {"color": color, "marker": marker, "markersize": 5, "linestyle": "none"}
    places[0].errorbar(icc, heights, xerr=bars, elinewidth=1.2, capsize=2, label=name, **looks)
    spread = rows["cov_percent"].where(rows["cov_percent"].notna(), rows["rc"]).to_numpy(float)
    places[1].plot(spread, heights, **looks)


def _legend(places: Sequence[Axes]) -> tuple[list, list[str]]:
    """Handles and names that any of the axes has, once each."""
    found: dict[str, Any] = {}
    for axis in places:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)

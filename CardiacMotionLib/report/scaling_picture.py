"""Curves of time and memory against the size of the images, on logarithmic axes, with names beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from .agreement import style_of
from .figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .scaling import Fits

FONT = 8.0  # pt
LINE = 1.25  # of text, in font sizes
PANEL, LEFT, RIGHT, BOTTOM, TOP, TITLE = (3.3, 2.3), 0.75, 1.65, 0.5, 0.35, 0.6  # inches
NAMES_AT = 1.05  # of a panel's width


def draw_scaling(table: pd.DataFrame, fits: Fits) -> Figure:
    """A row of panels an axis, time on the left and memory on the right; dots are runs, lines the fits."""
    from .scaling import TITLES, UNITS
    from .wording import RESEARCH_USE

    done = table[table["reason"] == ""]
    shown = [name for name in TITLES if (done["axis"] == name).any()]
    styles = style_of(list(dict.fromkeys(table["method"])))
    width, height = PANEL[0] + LEFT + RIGHT, PANEL[1] + BOTTOM + TOP
    whole = 2 * width, max(1, len(shown)) * height + TITLE
    figure = new_figure(*whole)
    figure.set_layout_engine("none")  # panels are where they are put: the names are spread by their height
    for row, name in enumerate(shown):
        rows = done[done["axis"] == name]
        for column, quantity in enumerate(UNITS):
            corner = column * width + LEFT, whole[1] - TITLE - (row + 1) * height + BOTTOM
            places = corner[0] / whole[0], corner[1] / whole[1], PANEL[0] / whole[0], PANEL[1] / whole[1]
            axis = figure.add_axes(places)
            _draw_panel(
                axis, rows, quantity, {m: law for (a, m, q), law in fits.items() if (a, q) == (name, quantity)}, styles
            )
            axis.set_xlabel(TITLES[name], fontsize=FONT + 1)
            axis.set_title(f"{UNITS[quantity]} against {TITLES[name]}", fontsize=FONT + 2, loc="left")
    told = "Lines: fitted c n^p, beside them p and its standard error. Dashed: in proportion (p = 1)."
    figure.text(LEFT / whole[0], 1 - 0.2 / whole[1], f"{told}\n{RESEARCH_USE}", fontsize=FONT + 1, va="top")
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, quantity: str, laws: dict, styles: dict[str, tuple[str, str]]) -> None:
    from .scaling import exponent

    kept = rows[rows[quantity] > 0].sort_values("number")
    axis.set(xscale="log", yscale="log")
    ends = []
    for method, mine in kept.groupby("method", sort=False):
        color, marker = styles[str(method)]
        n, values = mine["number"].to_numpy(float), mine[quantity].to_numpy(float)
        law = laws.get(method)
        axis.scatter(n, values, s=26, color=color, marker=marker, zorder=3)
        if law:
            axis.plot(n, law.factor * n**law.exponent, color=color, linewidth=1.4)
        ends.append((f"{method}  {exponent(law)}".strip(), color, n[-1], values[-1]))
    if ends:
        _scale(
            axis, kept["number"].to_numpy(float), kept[quantity].to_numpy(float), squares="pixels" in set(rows["axis"])
        )
        _name_ends(axis, ends)


def _scale(axis: Axes, numbers: np.ndarray, values: np.ndarray, squares: bool) -> None:
    """Limits, ticks at the sizes there are, and a line of what grows in proportion."""
    sizes = np.unique(numbers)
    axis.set_xlim(sizes[0] / 1.12, sizes[-1] * 1.12)
    axis.set_ylim(values.min() / 1.6, values.max() * 1.6)
    axis.xaxis.set_major_locator(FixedLocator(list(sizes)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{np.sqrt(n):.0f}²" if squares else f"{n:g}"))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    middle = np.sqrt(sizes[0] * sizes[-1]), np.sqrt(values.min() * values.max())
    axis.plot(sizes, middle[1] * sizes / middle[0], color="0.55", linewidth=0.9, linestyle="--", zorder=1)
    axis.tick_params(labelsize=FONT)
    axis.grid(alpha=0.2)
    axis.spines[["top", "right"]].set_visible(False)


def _name_ends(axis: Axes, ends: list[tuple[str, str, float, float]]) -> None:
    """Names on the right of a panel, as high as their curves end as far as they do not touch."""
    low, high = np.log(axis.get_ylim())
    wanted = np.array([(np.log(end[3]) - low) / (high - low) for end in ends])
    places = spread(wanted, FONT * LINE / (72 * PANEL[1]))
    for (text, color, n, value), place in zip(ends, places, strict=True):
        arrow = {"arrowstyle": "-", "linestyle": (0, (1, 1.5)), "color": color, "linewidth": 1, "relpos": (0, 0.5)}
        axis.annotate(
            text,
            (n, value),
            (NAMES_AT, place),
            textcoords="axes fraction",
            fontsize=FONT,
            va="center",
            color="0.15",
            arrowprops=arrow,
            annotation_clip=False,
        )


def spread(wanted: np.ndarray, gap: float) -> np.ndarray:
    """Places in 0..1 at least ``gap`` apart, in the order of the wanted ones and near them in least squares.

    Less a gap for each that is below, places must not fall: isotonic regression. Where they do not fit into 0..1, they
    go on above.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    level = isotonic_regression(wanted[order] - steps).x
    places = np.empty(len(wanted))
    places[order] = np.clip(level, 0, max(0.0, 1 - steps[-1])) + steps
    return places

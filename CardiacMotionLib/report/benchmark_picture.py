"""Accuracy of methods against their time, and cost against size, with names beside the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..studies.benchmark_scores import SCORES
from .figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PEER, UNMOVED = "#0072B2", "#D55E00", "#000000"  # of Okabe and Ito: told apart by color-blind readers
SHOWN = ("dice", "epe_in_plane_mm")
PLACES = [(r * np.cos(a), r * np.sin(a)) for r in (11, 20, 30, 42, 56) for a in np.arange(0, 2 * np.pi, np.pi / 6)]


def draw_benchmark(table: pd.DataFrame) -> Figure:
    """A panel a data set and score: mean accuracy against mean wall time of every method, better is up."""
    from .benchmark import NONE
    from .wording import RESEARCH_USE

    done = table[table["reason"] == ""]
    panels = [
        (data, score)
        for data in dict.fromkeys(done["data"])
        for score in SHOWN
        if done.loc[done["data"] == data, score].notna().any()
    ]
    figure = new_figure(6.2 * max(1, min(2, len(panels))), 4.6 * max(1, -(-len(panels) // 2)) + 0.5)
    grid = figure.subplots(max(1, -(-len(panels) // 2)), max(1, min(2, len(panels))), squeeze=False).ravel()
    for axis in grid[len(panels) :]:
        axis.set_axis_off()
    for axis, (data, score) in zip(grid, panels, strict=False):
        means = done[done["data"] == data].groupby("method", sort=False)[["seconds", score]].mean().dropna()
        title, more = SCORES[score]
        if NONE in means.index:
            axis.axhline(means.loc[NONE, score], color=UNMOVED, linewidth=1, linestyle=":", label="no registration")
        _draw_points(axis, means.drop(NONE, errors="ignore"), score)
        if not more:
            axis.invert_yaxis()
        axis.set(title=f"{data}: {title}, better is up", xlabel="wall time of a subject (s)", ylabel=title)
        axis.legend(frameon=False, fontsize=8, loc="best")
    figure.suptitle(f"Accuracy against time. {RESEARCH_USE}", fontsize=9, x=0.01, ha="left")
    figure.canvas.draw()
    figure.set_layout_engine("none")  # where things are now stays: the names are placed by it
    for axis, (data, score) in zip(grid, panels, strict=False):
        means = done[done["data"] == data].groupby("method", sort=False)[["seconds", score]].mean().dropna()
        shown = means.drop(NONE, errors="ignore")
        name_points(axis, list(shown.index), shown.to_numpy())
    return figure


def _draw_points(axis: Axes, means: pd.DataFrame, score: str) -> None:
    from .benchmark import DEFAULT, PEERS

    kinds = {
        "default of CardiacMotion": (means.index == DEFAULT, OURS, "*", 170),
        "other methods of CardiacMotion": (~means.index.isin([DEFAULT, *PEERS]), OURS, "o", 42),
        "classics and packages": (means.index.isin(PEERS), PEER, "s", 42),
    }
    for label, (which, color, marker, size) in kinds.items():
        if which.any():
            rows = means[which]
            axis.scatter(rows["seconds"], rows[score], s=size, c=color, marker=marker, label=label, zorder=3)
    if len(means):
        axis.set_xscale("log")
        axis.set_xlim(means["seconds"].min() / 2.2, means["seconds"].max() * 2.2)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(y=0.15)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def name_points(axis: Axes, names: Sequence[str], points: np.ndarray) -> None:
    """Write a name beside each point (N, 2) in data units, where it lies on no point, no other name and no legend."""
    from matplotlib.transforms import Bbox

    renderer = axis.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    places = axis.transData.transform(points)
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in places]
    legend = axis.get_legend()
    if legend is not None:
        taken.append(legend.get_window_extent(renderer))
    inside = axis.get_window_extent(renderer)
    pixels = axis.figure.dpi / 72
    for name, point in zip(names, points, strict=True):
        best, best_cost = None, np.inf
        for right, up in PLACES:
            text = axis.annotate(
                name,
                point,
                (right, up),
                textcoords="offset points",
                fontsize=8,
                ha="left" if right > 1 else "right" if right < -1 else "center",
                va="center",
            )
            box = text.get_window_extent(renderer).padded(1.5 * pixels)
            text.remove()
            cost = (
                sum(box.overlaps(other) for other in taken)
                + (not inside.contains(*box.min))
                + (not inside.contains(*box.max))
            )
            if cost < best_cost:
                best, best_cost = (right, up, box), cost
            if cost == 0:
                break
        assert best is not None
        right, up, box = best
        taken.append(box)
        far = np.hypot(right, up) > 15
        axis.annotate(
            name,
            point,
            (right, up),
            textcoords="offset points",
            fontsize=8,
            ha="left" if right > 1 else "right" if right < -1 else "center",
            va="center",
            arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkB": 3} if far else None,
            zorder=4,
        )

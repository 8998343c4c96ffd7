"""Synthetic cines beside real ones: the histograms as a picture, the statistics as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..phantom.realism import HISTOGRAMS, Measurement, pooled
from .figures import new_figure, save_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEADINGS = (
    "statistic",
    "real: mean (range)",
    "synthetic: mean (range)",
    "gap (SD)",
    "real from others",
    "synthetic from real",
    "ratio",
    "variety",
)
EXPLANATION = (
    "Gap: mean synthetic - mean real, in standard deviations of the real cines. Ratio: how far a synthetic cine lies "
    "from the real ones, over how far a real cine lies from the other real ones; 1 is as real as real cines are. "
    "Variety: how far a synthetic cine lies from the other synthetic ones, on the same scale; below 1 they are more "
    "alike than real ones."
)
DETAILS = (
    "Distances are in standard deviations of the real cines for numbers, and in the unit given for histograms, where "
    "they are to the pooled histogram of the (other) real cines. Field: 180 mm around the heart; heart: the left "
    "ventricle and 25 mm around it. Intensities are scaled by their 1st and 99th percentile, gradients and spectra are "
    "those of pixels of 1.4 mm."
)
REAL, SYNTHETIC = "#0072B2", "#D55E00"  # told apart with every common color blindness


def plot_realism(real: Sequence[Measurement], synthetic: Sequence[Measurement], path: str | Path) -> Path:
    """Draw every histogram, real and synthetic side by side, into a .png, .svg or .pdf."""
    return save_figure(draw_realism(real, synthetic), path)


def draw_realism(real: Sequence[Measurement], synthetic: Sequence[Measurement]) -> Figure:
    """The figure of `plot_realism`: a thin line a cine, a thick one for all."""
    shown = [key for key in HISTOGRAMS if pooled([*real, *synthetic], key) is not None]
    figure = new_figure(4.6 * math.ceil(len(shown) / 2), 6.6)
    axes = figure.subplots(2, math.ceil(len(shown) / 2), squeeze=False).ravel()
    for axis, key in zip(axes, shown, strict=False):
        for group, name, color in ((real, "real", REAL), (synthetic, "synthetic", SYNTHETIC)):
            _draw_group(axis, group, key, f"{name}, {len(group)} cines", color)
        title, unit = HISTOGRAMS[key]
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(unit)
        axis.set_ylabel("share (log scale)")
        axis.set_yscale("log")
        axis.set_ylim(bottom=1e-5)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _draw_group(axis: Axes, group: Sequence[Measurement], key: str, label: str, color: str) -> None:
    bins = Measurement.bins(key)
    middle = (bins[:-1] + bins[1:]) / 2
    for measurement in group:
        if key in measurement.histograms:
            axis.plot(middle, measurement.histograms[key], color=color, linewidth=0.6, alpha=0.4)
    together = pooled(group, key)
    if together is not None:
        axis.plot(middle, together, color=color, linewidth=2.2, label=label)


def realism_rows(table: pd.DataFrame) -> list[list[str]]:
    """The table of ``compare`` as text, one row a statistic, in the columns of `HEADINGS`."""
    return [
        [
            row["statistic"],
            *(_range(row, group) for group in ("real", "synthetic")),
            *(short_number(row[key]) for key in ("gap", "real_distance", "synthetic_distance", "ratio", "variety")),
        ]
        for _, row in table.iterrows()
    ]


def realism_summary(table: pd.DataFrame) -> str:
    """Median ratio and variety, and the statistics with the largest ratio, in one line."""
    worst = table.sort_values("ratio", ascending=False).head(3)
    names = "; ".join(f"{row['statistic']} ({short_number(row['ratio'])})" for _, row in worst.iterrows())
    variety = table["variety"].median()
    also = "" if math.isnan(variety) else f", variety {short_number(variety)}"
    return (
        f"Median over {len(table)} statistics: ratio {short_number(table['ratio'].median())}{also}. Largest: {names}."
    )


def realism_markdown(table: pd.DataFrame, how: str) -> str:
    """The page of the table; ``how`` says how it was made."""
    lines = [
        "# Synthetic cines beside real ones",
        "",
        how,
        "",
        EXPLANATION,
        "",
        DETAILS,
        "",
        realism_summary(table),
        "",
    ]
    rows = [list(HEADINGS), ["---"] * len(HEADINGS), *realism_rows(table)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


def _range(row: Any, group: str) -> str:
    mean, low, high = (short_number(row[f"{group}_{what}"]) for what in ("mean", "low", "high"))
    return f"{mean} ({low} to {high})"


def short_number(value: float) -> str:
    """Two digits behind the point, fewer for large numbers and more for small ones; nothing for NaN."""
    if math.isnan(value):
        return ""
    decimals = next((n for limit, n in ((100, 0), (10, 1), (0.1, 2)) if abs(value) >= limit), 3)
    return f"{value:.{decimals}f}"

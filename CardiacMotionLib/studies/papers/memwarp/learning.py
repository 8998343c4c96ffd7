"""How the networks of paper 002 came to their scores, and how far they could have come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ....report.figures import new_figure, save_figure
from ....report.wording import RESEARCH_USE
from ..looks import COLORS, MARKERS
from .rows import DICE, EXACT, KINDS, MEMWARP, POINTS, SEMI, U_NET, Runs

Curves = Mapping[str, Mapping[str, list[float]]]  # columns of validation.csv by row


def account(found: Runs, curves: Curves) -> list[str]:
    """Sentences on the points of Dice that are claimed: the room there is for them, and the way there."""
    mean = {row: found.values(row, DICE).mean() for row in (EXACT, U_NET, MEMWARP)}
    ours, theirs = curves[MEMWARP], curves[U_NET]
    leads = [100 * (a - b) for a, b in zip(ours["dice"], theirs["dice"], strict=True)]
    most = leads.index(max(leads))
    seconds = min(ours["seconds"][-1], theirs["seconds"][-1])
    at_time = 100 * (
        np.interp(seconds, ours["seconds"], ours["dice"]) - np.interp(seconds, theirs["seconds"], theirs["dice"])
    )
    return [
        f"MemWarp has {mean[MEMWARP] - mean[U_NET]:+.1f} points of Dice beside the semi-supervised LKU-Net, where "
        f"{POINTS:g} are claimed. Labels drawn by the exact motion, which loses some to voxels and to slices 8 to 10 "
        f"mm apart, have {mean[EXACT]:.1f} %: {mean[EXACT] - mean[U_NET]:+.1f} beside that LKU-Net.",
        f"On the people for validation MemWarp has {leads[most]:+.1f} points beside LKU-Net after "
        f"{ours['step'][most]:.0f} steps, when it is furthest ahead, and {leads[-1]:+.1f} after the last. A step takes "
        f"it {ours['seconds'][-1] / theirs['seconds'][-1]:.1f} times as long: after {seconds / 60:.0f} minutes of both "
        f"it has {at_time:+.1f}.",
        "Dice (%) of the people for validation, on the grid of the training, of labels that are sampled linearly; "
        "those who are tested have theirs drawn by signed distances.",
    ]


def steps(curves: Curves) -> pd.DataFrame:
    """A row for each network, a column for each validation."""
    return pd.DataFrame(
        {
            "method": row,
            **{f"{at:.0f} steps": f"{100 * dice:.1f}" for at, dice in zip(curve["step"], curve["dice"], strict=True)},
        }
        for row, curve in curves.items()
    ).fillna("")


def draw(curves: Curves, path: Path) -> None:
    """Dice on the people for validation over the steps, and over the time that they took, of the semi-supervised."""
    figure = new_figure(11, 4.5)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (column, unit, name) in zip(axes, (("step", 1, "step"), ("seconds", 60, "minutes")), strict=True):
        for row, color, marker in zip((row for row in KINDS[SEMI] if row in curves), COLORS, MARKERS, strict=False):
            along = [value / unit for value in curves[row][column]]
            dice = [100 * value for value in curves[row]["dice"]]
            axis.plot(along, dice, color=color, marker=marker, markersize=4, label=row)
        axis.set_xlabel(name)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("Dice (%) of people for validation")
    lines, names = axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside right center", frameon=False, fontsize=9)
    figure.suptitle(f"The average of the weights, as validated while training. {RESEARCH_USE}", fontsize=9, color="0.3")
    save_figure(figure, path)

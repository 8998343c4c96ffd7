"""Strain curves of the INR with and without its prior, against the exact motion, on held-out hearts of every group.

For each heart how smooth the curves are (mean absolute second difference of the global strain over the frames) and how
far from those of the exact motion, and the curves themselves.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch

from .... import Motion, register
from ....phantom import phantom
from ....phantom.stream import HELD_OUT
from ....prior import ROTATION
from ....report.figures import new_figure, save_figure
from ....report.markdown import made_by, markdown
from ....report.wording import RESEARCH_USE
from ....strain import strain
from ..paper import Order

COMPONENTS = ("circumferential", "radial")
LAYERS = {"endo": "#0072B2", "epi": "#D55E00"}
STARTS = {"prior": "tagged", "no prior": "none"}


def layer_curves(motion: Motion, labels: np.ndarray) -> pd.DataFrame:
    """Engineering strain in %, one row a frame, columns (component, region)."""
    table = strain(motion, labels).curves
    table = table[table["component"].isin(COMPONENTS) & table["region"].isin(["global", *LAYERS])]
    return 100 * table.pivot_table(index="frame", columns=["component", "region"], values="engineering")


def roughness(curve: pd.Series) -> float:
    """Mean absolute second difference, percentage points."""
    return float(np.abs(np.diff(curve.to_numpy(), 2)).mean())


def compare_curves(hearts: int, steps: int, order: Order) -> None:
    """Write inr_curves.md, .csv and .png."""
    rows, drawn = [], {}
    for seed in range(HELD_OUT, HELD_OUT + hearts):
        group = ROTATION[seed % len(ROTATION)]
        subject = phantom("cine", seed, group=group)
        labels, heart = subject.series.labels[0], f"{group} {seed}"
        drawn[heart] = {"exact motion": layer_curves(subject.motion, labels)}
        for name, prior in STARTS.items():
            started = time.perf_counter()
            motion = register(subject.series, "inr", reference=0, prior=prior, steps=steps, patience=0)
            motion.field = None  # strain by differences between voxels, as that of the exact motion
            order.told(f"curves of {heart}, {name}: {time.perf_counter() - started:.0f} s")
            drawn[heart][name] = layer_curves(motion, labels)
        for name, curves in drawn[heart].items():
            row: dict[str, object] = {"seed": seed, "group": group, "start": name}
            for component in COMPONENTS:
                error = curves[component, "global"] - drawn[heart]["exact motion"][component, "global"]
                row[f"{component} second difference (%)"] = roughness(curves[component, "global"])
                row[f"{component} error (%)"] = float(error.abs().mean())
            rows.append(row)
    write(pd.DataFrame(rows), drawn, order, steps)


def write(table: pd.DataFrame, drawn: dict[str, dict[str, pd.DataFrame]], order: Order, steps: int) -> None:
    """The table of all hearts and of their means, and the curves."""
    folder = order.output
    table.to_csv(folder / "inr_curves.csv", index=False, float_format="%.4f")
    means = table.drop(columns=["seed", "group"]).groupby("start", sort=False).mean().reset_index()
    lines = [
        "# Strain curves of the INR with and without its prior",
        "",
        made_by(order.command("inr"), f"{torch.get_num_threads()} threads")
        + f" Default options but for {steps} steps, seed 0, no stop rule; engineering strain in percent over the "
        "frames of a cycle, of all three by differences between voxels. The second difference says how rough a "
        "global curve is, the error "
        "how far it is from that of the exact motion.",
        "",
        RESEARCH_USE,
        "",
        *markdown(means),
        "",
        *markdown(table),
        "",
    ]
    (folder / "inr_curves.md").write_text("\n".join(lines), encoding="utf-8")
    figure = new_figure(3.2 * len(drawn), 5.2)
    axes = figure.subplots(2, len(drawn), squeeze=False, sharex=True)
    styles = {"exact motion": ("0.6", "-"), "prior": (None, "-"), "no prior": (None, ":")}
    for column, (heart, curves) in enumerate(drawn.items()):
        for axis, component in zip(axes[:, column], COMPONENTS, strict=True):
            for layer, color in LAYERS.items():
                for name, (gray, line) in styles.items():
                    values = curves[name][component, layer]
                    width = 3 if gray else 1.4
                    axis.plot(
                        values.index, values, line, color=gray or color, linewidth=width, label=f"{layer}, {name}"
                    )
            axis.set_title(f"{heart}, {component}", fontsize=9)
            axis.grid(alpha=0.3)
        axes[1, column].set_xlabel("frame")
    for row in axes:
        row[0].set_ylabel("strain (%)")
    axes[0, 0].legend(fontsize=6)
    figure.suptitle(f"Network with and without its prior, {steps} steps. {RESEARCH_USE}", fontsize=9)
    save_figure(figure, folder / "inr_curves.png")

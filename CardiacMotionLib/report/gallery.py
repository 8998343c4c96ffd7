"""A contact sheet of synthetic hearts: every group, every kind of examination, and the truth behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ..phantom import phantom
from ..phantom.population import AVERAGE, GROUPS

COLUMNS = 8
FIELD: dict[str, Any] = {"rows": 160, "columns": 160, "pixel_mm": 1.3}
CINE = {**FIELD, "frames": 12}
MIDDLE = {**CINE, "slices": 1}


class Panel(NamedTuple):
    """One picture: its title, pixels (J, I), limits and colors; ``over`` is drawn over it where it is finite."""

    title: str
    image: np.ndarray
    low: float | None = None
    high: float | None = None
    colors: str = "gray"
    over: np.ndarray | None = None


Row = tuple[str, list[Panel]]


def write_gallery(path: Path, seed: int = 0) -> None:
    """Draw the contact sheet of the people of ``seed`` and the next ones into a picture file."""
    rows = _rows(seed)
    size = 1.55
    figure = Figure(figsize=(COLUMNS * size + 1.1, len(rows) * (size + 0.18) + 0.5), dpi=110)
    left = 1.0 / figure.get_figwidth()
    grid = figure.subplots(len(rows), COLUMNS, squeeze=False)
    figure.subplots_adjust(left, 0.005, 0.997, 1 - 0.52 / figure.get_figheight(), 0.03, 0.13)
    for axes, (name, panels) in zip(grid, rows, strict=True):
        box = axes[0].get_position()
        figure.text(0.004, (box.y0 + box.y1) / 2, name, fontsize=8, va="center", wrap=True)
        for place in axes:
            place.set_axis_off()
        for place, panel in zip(axes, panels, strict=False):
            _draw(place, panel)
    figure.text(
        0.5,
        1 - 0.2 / figure.get_figheight(),
        f"Synthetic hearts, seed {seed} and on. Research use only: not a medical device.",
        ha="center",
        va="center",
        fontsize=9,
    )
    figure.savefig(path, facecolor="white")


def _rows(seed: int) -> list[Row]:
    parts = (_groups, _stack, _truth, _variety, _tags, _dense, _maps)
    return [row for part in parts for row in part(seed)]


def _draw(place: Any, panel: Panel) -> None:
    high = np.nanpercentile(panel.image, 99.7) if panel.high is None else panel.high
    place.imshow(panel.image, cmap=panel.colors, vmin=panel.low or 0.0, vmax=high, interpolation="bilinear")
    if panel.over is not None:
        place.imshow(panel.over, cmap="RdBu_r", vmin=-0.4, vmax=0.4, interpolation="nearest")
    place.set_title(panel.title, fontsize=6.5, pad=2)


def _groups(seed: int) -> list[Row]:
    """Every group at end-diastole and at end-systole, one slice."""
    diastole, systole = [], []
    for n, group in enumerate((*GROUPS, "any", "any")):
        subject = phantom("cine", seed + n, group=group, **MIDDLE)
        truth = subject.meta["truth"]
        name = truth["group"] if group != AVERAGE else "average"
        frame = truth["end_systole"]
        images = subject.series.frames[:, 0]
        high = float(np.percentile(images, 99.7))
        diastole.append(Panel(f"{name}, {truth['end_diastolic_volume_ml']:.0f} mL", images[0], high=high))
        systole.append(Panel(f"EF {100 * truth['ejection_fraction']:.0f} %", images[frame], high=high))
    return [("cine,\nend-diastole", diastole), ("cine,\nend-systole", systole)]


def _stack(seed: int) -> list[Row]:
    subject = phantom("cine", seed + 1, group="normal", slices=COLUMNS, **CINE)
    frames = subject.series.frames[0]
    high = float(np.percentile(frames, 99.7))
    title = ("apex", *("" for _ in range(COLUMNS - 2)), "base")
    return [("short-axis stack", [Panel(title[k], frames[k], high=high) for k in range(COLUMNS)])]


def _truth(seed: int) -> list[Row]:
    """Circumferential strain at end-systole in four groups, and motion with and without sliding."""
    panels = []
    for n, group in enumerate(("normal", "hcm", "ischemic", "lbbb")):
        subject = phantom("cine", seed + 1 + n, group=group, **{**MIDDLE, "frames": 12})
        strain = subject.strain()["circumferential"][subject.meta["truth"]["end_systole"], 0]
        panels.append(Panel(f"true Ecc, {group}", subject.series.frames[0, 0], over=strain))
    for sliding in (False, True):
        subject = phantom("cine", seed + 1, group="normal", sliding=sliding, **{**MIDDLE, "frames": 12})
        at_end_systole = subject.motion.displacement[subject.meta["truth"]["end_systole"], 0]
        moved = at_end_systole @ subject.from_heart[:3, :3]  # heart axes
        words = "sliding" if sliding else "no sliding"
        panels.append(Panel(f"moved along the axis, {words}", moved[..., 2], -14, 14, "RdBu_r"))
        panels.append(Panel(f"moved in plane, {words}", np.hypot(moved[..., 0], moved[..., 1]), 0, 12, "magma"))
    return [("exact motion,\nend-systole", panels)]


def _variety(seed: int) -> list[Row]:
    """Artefacts and random contrasts as in training."""
    panels = []
    for n in range(4):
        subject = phantom("cine", seed + 20 + n, group="any", artefacts="random", **{**MIDDLE, "frames": 2})
        panels.append(Panel("random artefacts", subject.series.frames[n % 2, 0]))
    for n in range(4):
        subject = phantom("cine", seed + 30 + n, group="any", contrast="random", **{**MIDDLE, "frames": 2})
        panels.append(Panel("random contrast", subject.series.frames[n % 2, 0]))
    return [("for training", panels)]


def _tags(seed: int) -> list[Row]:
    """Tagged grid and lines over the cycle."""
    rows = []
    for technique, pattern, group in (("spamm", "grid", "normal"), ("cspamm", "lines", "hcm")):
        subject = phantom("tagged", seed + 1, group=group, technique=technique, pattern=pattern, slices=1)
        frames, times = subject.series.frames[:, 0], subject.series.times
        panels = [_frame(frames, times, t) for t in _spread(len(frames), 0.62)]
        rows.append((f"tagged,\n{technique.upper()} {pattern}", panels))
    return rows


def _dense(seed: int) -> list[Row]:
    subject = phantom("dense", seed + 1, group="normal", **FIELD)
    times, frames = subject.series.times, subject.series.frames[:, 0]
    shown = np.linspace(0.12, 0.45, 4) * (len(times) - 1)
    panels = [_frame(frames, times, int(t)) for t in shown[:2]]
    for name in ("phase_x", "phase_y"):
        phase = subject.maps[name][:, 0]
        panels += [
            Panel(f"{name.replace('_', ' ')}, {times[int(t)]:.0f} ms", phase[int(t)], -np.pi, np.pi) for t in shown[1:]
        ]
    return [("DENSE", panels)]


def _maps(seed: int) -> list[Row]:
    """Relaxometry and perfusion: some images and the true map."""
    rows = []
    for sequence, group in (("stone", "ischemic"), ("molli", "normal"), ("msasha", "hcm")):
        subject = phantom("t1", seed + 3, sequence=sequence, group=group, **FIELD)
        frames = subject.series.frames[:, 0]
        panels = [Panel(f"image {n + 1}", frames[n]) for n in _spread(len(frames), 1.0, COLUMNS - 1)]
        panels.append(Panel("true T1, 0-2000 ms", subject.maps["T1"][0], 0, 2000, "turbo"))
        rows.append((f"{sequence.upper() if sequence != 'msasha' else 'mSASHA'}\n{len(frames)} images", panels))
    subject = phantom("asl", seed + 3, group="ischemic", **FIELD)
    frames = subject.series.frames[:, 0]
    panels = [Panel(f"image {n + 1}", frames[n]) for n in _spread(len(frames), 1.0, COLUMNS - 1)]
    panels.append(Panel("true perfusion, 0-1.5", subject.maps["perfusion"][0], 0, 1.5, "turbo"))
    return [*rows, (f"ASL\n{len(frames)} images", panels)]


def _spread(count: int, share: float, columns: int = COLUMNS) -> list[int]:
    """``columns`` frames over the first ``share`` of ``count``."""
    return [int(n) for n in np.linspace(0, share * (count - 1), columns).round()]


def _frame(frames: np.ndarray, times: np.ndarray, frame: int) -> Panel:
    low = min(0.0, float(np.percentile(frames[0], 0.3)))
    return Panel(f"{times[frame]:.0f} ms", frames[frame], low, float(np.percentile(frames[0], 99.7)))

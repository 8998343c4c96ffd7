"""What is kept of a training run: tables of numbers, TensorBoard where it is installed, and a picture of both."""

from __future__ import annotations

import csv
import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path

from ..whole_files import writing
from .task import SCORE

TRAINING, VALIDATION, PICTURE = "training.csv", "validation.csv", "learning_curve.png"
REDRAW_SECONDS = 60
NOTICE = "Research use only: not a medical device."


class Log:
    """Rows of numbers by step in two tables in a folder; those after ``step``, from before a stop, are taken away."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder = folder
        for name in (TRAINING, VALIDATION):
            _cut(folder / name, step)
        self.drawn = time.monotonic()
        self.board = None
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def training(self, step: int, values: Mapping[str, float]) -> None:
        """A row of means over the last steps."""
        self._row(TRAINING, step, values)

    def validation(self, step: int, values: Mapping[str, float]) -> None:
        """A row of scores; now and then the picture."""
        self._row(VALIDATION, step, values)
        if time.monotonic() - self.drawn > REDRAW_SECONDS:
            draw_learning_curve(self.folder)
            self.drawn = time.monotonic()

    def _row(self, name: str, step: int, values: Mapping[str, float]) -> None:
        path = self.folder / name
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["step", *values])
            if new:
                writer.writeheader()
            writer.writerow({"step": step, **values})
        if self.board is not None:
            for key, value in values.items():
                self.board.add_scalar(f"{path.stem}/{key}", value, step)

    def close(self) -> None:
        """Draw the picture; the tables are whole after every row."""
        if (self.folder / TRAINING).exists():
            draw_learning_curve(self.folder)
        if self.board is not None:
            self.board.close()


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a table by name; none where there is no such file."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return {name: [float(row[n]) for row in rows] for n, name in enumerate(header)}


def _cut(path: Path, step: int) -> None:
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if int(row.partition(",")[0]) <= step]
    if not kept:
        path.unlink()
        return
    with writing(path) as file:
        file.write_text("\n".join([header, *kept, ""]), encoding="utf-8")


def draw_learning_curve(folder: Path) -> Path:
    """Loss, validation score and learning rate over the steps, from the tables of a folder."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training, validation = (read_log(folder / name) for name in (TRAINING, VALIDATION))
    curves = (
        ("training loss", training, "loss", "#0072B2"),
        ("validation score (lower is better)", validation, SCORE, "#D55E00"),
        ("learning rate", training, "learning_rate", "#009E73"),
    )
    figure = Figure(figsize=(7, 7), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 1))
    for axis, (title, table, column, color) in zip(axes, curves, strict=True):
        if table:
            axis.plot(table["step"], table[column], color=color, marker="." if table is validation else "", linewidth=1)
        axis.set_title(title, fontsize=9, loc="left")
        axis.grid(alpha=0.3)
    if validation:
        best = min(range(len(validation["step"])), key=validation[SCORE].__getitem__)
        axes[1].plot(validation["step"][best], validation[SCORE][best], "o", color="black", fillstyle="none")
    if training and min(training["loss"]) > 0:
        axes[0].set_yscale("log")
    axes[2].set_xlabel(f"Step. {NOTICE}")
    path = folder / PICTURE
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=120)
    return path

"""Scores of hearts that were fitted from several starts, at checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

EQUAL_STEPS = 500  # at which groups and sizes of priors are compared
DIGITS = {"Dice": 3, "mm": 2, "%": 2, "": 3}
PICTURED = ("Dice", "HD95 in slice (mm)", "EPE 3D (mm)", "Ecc error")
CURVES = tuple(f"{name} curve {what}" for name in ("Ecc", "Err") for what in ("error", "second difference"))
MOTION = ("motion in heart (mm)", "motion outside (mm)")
NOT_ALIGNED = "different seeds"  # a prior whose fits began from different weights


def kind_of(start: str) -> dict[str, object]:
    """Row of a start by its name: siren and xavier are drawn, else it is a prior, ``prior 50`` of 50 subjects."""
    if start in ("siren", "xavier"):
        return {"start": start, "kind": "drawn", "subjects": 0}
    if start == NOT_ALIGNED:
        return {"start": start, "kind": "not aligned", "subjects": 0}
    return {"start": start, "kind": "prior", "subjects": int(start.removeprefix("prior "))}


@dataclass(frozen=True, eq=False)
class Study:
    """Rows of hearts, starts and checkpoints, and how they came about.

    Attributes
    ----------
    rows
        seed, group, start, steps (missing for references), fit (s) and scores; hearts that not every start has done
        are left out of everything.
    starts
        start, kind (drawn, prior, not aligned), subjects; in the order of the tables.
    command, options, workers
        What was run.
    """

    rows: pd.DataFrame
    starts: pd.DataFrame
    command: str
    options: dict[str, object]
    workers: int

    def __post_init__(self) -> None:
        done = self.rows.groupby("seed")["start"].nunique()
        complete = done.index[done == done.max()]
        object.__setattr__(self, "rows", self.rows[self.rows["seed"].isin(complete)])

    @property
    def steps(self) -> list[int]:
        """Checkpoints."""
        return sorted(int(step) for step in self.rows["steps"].dropna().unique())

    def named(self, kind: str) -> list[str]:
        """Starts of a kind."""
        return list(self.starts.loc[self.starts["kind"] == kind, "start"])

    def values(self, start: str, steps: int | None, score: str) -> pd.Series:
        """A score of every heart, by seed."""
        rows = self.rows[self.rows["start"] == start]
        rows = rows if steps is None else rows[rows["steps"] == steps]
        return rows.set_index("seed")[score].sort_index()

    def beside_exact(self, steps: int) -> list[tuple[str, pd.DataFrame]]:
        """Rows of the exact motion and of every start at a checkpoint."""
        rows = self.rows[self.rows["steps"].isna() | (self.rows["steps"] == steps)]
        return [(start, rows[rows["start"] == start]) for start in ("exact motion", *self.starts["start"])]


def equal_steps(study: Study) -> int:
    """`EQUAL_STEPS`, or the last checkpoint before it."""
    return max((step for step in study.steps if step <= EQUAL_STEPS), default=study.steps[0])


def style(mean: float, score: str) -> str:
    """Format of a score."""
    digits = next(digits for part, digits in DIGITS.items() if part in score)
    return f".{digits}f" if abs(mean) < 1000 else ".1e"


def of_table(path: Path) -> Study:
    """The study that a CSV is of; how it came about is in the Markdown beside it."""
    rows = pd.read_csv(path, dtype={"run": str})
    starts = [str(name) for name in rows.loc[rows["steps"].notna(), "start"].unique()]
    order = sorted(starts, key=lambda name: -int(str(kind_of(name)["subjects"])))
    return Study(rows, pd.DataFrame([kind_of(name) for name in order]), "", {}, 0)

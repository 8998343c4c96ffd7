"""Rows of the tables about RIIR, and the runs that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .. import claim_tables

NONE, HALF, EXACT = "no registration", "all half a pixel off", "exact motion"
METHODS = {"riir": "RIIR", "voxelmorph": "VoxelMorph", "gradirn": "GraDIRN"}
TASKS = {"msasha": "mSASHA", "cine": "cine"}
MAIN = {"msasha": "D_PCA1", "cine": "Dice"}  # by which the paper compares
OURS = ("D_PCA1 smoothed", "error in heart (mm)")  # which the paper has not
DIGITS = {
    "D_PCA1": 3,
    "D_PCA2": 2,
    "D_PCA1 smoothed": 3,
    "Dice": 3,
    "HD95 (mm)": 2,
    "SDlogJ": 3,
    "folding (%)": 3,
    "error in heart (mm)": 2,
}
ABLATIONS = {  # what is changed, its default, which a run of the main table has, and the others; on mSASHA
    "hidden": ("hidden states", "both", ("first", "second", "none")),
    "input": ("input", "gradient", ("explicit", "implicit")),
    "inner": ("inner loss", "ncc", ("mse", "nmi")),
    "T": ("T", "6", ("2", "4", "8")),
    "weighting": ("weighting", "exponential", ("uniform",)),
}
UNUSED = {"cine": ("sequence", "breathing_mm"), "t1": ("frames",)}  # settings of the data that are of other kinds
compare = partial(claim_tables.compare, "RIIR", DIGITS)


class Runs:
    """Runs and their scores, by task, method, share of the training people and variant."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.runs = {(run["task"], run["method"], run["share"], run["variant"]): run for run in results}
        self.scores = {key: pd.DataFrame(run["scores"]) for key, run in self.runs.items()}
        self.shares = sorted({share for _, _, share, _ in self.runs if share})

    def values(self, score: str, task: str, method: str, share: float, variant: str = "") -> np.ndarray:
        """A score of every held-out person, in order."""
        return self.scores[task, method, share, variant][score].to_numpy()

    def ablated(self, of: str) -> Iterator[tuple[float, dict[str, str]]]:
        """Shares at which something was changed, with the variant of every value, the default first."""
        _, default, others = ABLATIONS[of]
        for share in self.shares:
            variants = {other: f"{of} {other}" for other in others}
            if all(("msasha", "riir", share, variant) in self.runs for variant in variants.values()):
                yield share, {default: "", **variants}


def percent(share: float) -> str:
    """Of the people, in words."""
    return f"{100 * share:g} %"

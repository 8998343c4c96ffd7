"""What paper 004 says of RIIR, judged by the scores of runs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ..claim_tables import (
    FAILS,
    HOLDS,
    SAME,
)
from .rows import METHODS, TASKS, Runs, compare, percent

INNER = "NCC is a better inner loss than NMI"


def claims(found: Runs, scores: Mapping[str, str]) -> pd.DataFrame:
    """All comparisons by a score for each task; those of one claim have the same words."""
    rows: list[dict[str, str]] = []
    for task, score in scores.items():
        rows += [*_against(found, task, score, "voxelmorph"), _widens(found, task, score)]
    for task, score in scores.items():
        rows += _against(found, task, score, "gradirn")
    ablated = scores["msasha"]
    rows += _beside(found, "two hidden states beat one or none", ablated, "hidden")
    rows += _beside(found, "the gradient beats other inputs with few people", ablated, "input")
    rows += [row for row in _beside(found, INNER, ablated, "inner") if "nmi" in row["at"]]
    rows += _beside(found, "exponential weighting beats uniform", ablated, "weighting")
    rows += [
        row | {"verdict": HOLDS if row["verdict"] == SAME else FAILS}
        for row in _beside(found, "T = 6 is no different from T = 8", ablated, "T")
        if row["at"].endswith(" 8")
    ]
    return pd.DataFrame(rows)


def _against(found: Runs, task: str, score: str, other: str) -> list[dict[str, str]]:
    """RIIR and another method at every share."""
    claim = f"RIIR beats {METHODS[other]} with any number of people, {TASKS[task]}"
    return [
        compare(
            claim,
            percent(share),
            score,
            found.values(score, task, "riir", share),
            found.values(score, task, other, share),
            more=score == "Dice",
        )
        for share in found.shares
    ]


def _widens(found: Runs, task: str, score: str) -> dict[str, str]:
    """By how much RIIR is better than VoxelMorph, at the smallest and the largest share."""
    sign = 1 if score == "Dice" else -1
    few, many = found.shares[0], found.shares[-1]
    gaps = [
        sign * (found.values(score, task, "riir", share) - found.values(score, task, "voxelmorph", share))
        for share in (few, many)
    ]
    claim = f"the gap between RIIR and VoxelMorph widens as data shrinks, {TASKS[task]}"
    row = compare(claim, f"{percent(few)}, other: {percent(many)}", score, *gaps, more=True)
    return row | ({"verdict": FAILS} if row["verdict"] == HOLDS and gaps[0].mean() <= 0 else {})


def _beside(found: Runs, claim: str, score: str, of: str) -> list[dict[str, str]]:
    """The default and everything else of an ablation, on mSASHA."""
    return [
        compare(
            f"{claim}, {TASKS['msasha']}",
            f"{percent(share)}, other: {value}",
            score,
            found.values(score, "msasha", "riir", share),
            found.values(score, "msasha", "riir", share, variant),
            more=score == "Dice",
        )
        for share, variants in found.ablated(of)
        for value, variant in variants.items()
        if variant
    ]

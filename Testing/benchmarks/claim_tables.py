"""Claims judged by comparing runs person by person, and the tables that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from inr_tables import markdown
from scipy.stats import wilcoxon

SIGNIFICANT = 0.05
HOLDS, FAILS, SAME = "holds", "does not hold", "no difference"


def section(title: str, words: list[str], table: pd.DataFrame | None = None) -> list[str]:
    """Lines of a section."""
    return [f"## {title}", "", *words, *([""] if words else []), *([] if table is None else [*markdown(table), ""])]


def settings(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each part."""
    return [f"- {title}: {', '.join(f'{key} {value}' for key, value in part.items())}" for title, part in parts.items()]


# ---------------------------------------------------------------------- scores


def by_run(results: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a run, with mean and SD of every score."""
    rows = []
    for run in results:
        row = {name: value for name, value in run.items() if name not in ("scores", "about")}
        for score, values in pd.DataFrame(run["scores"]).items():
            row |= {str(score): values.mean(), f"{score} SD": values.std()}
        rows.append(row)
    return pd.DataFrame(rows)


def spread(scores: pd.DataFrame, digits: Mapping[str, int]) -> dict[str, str]:
    """Mean and SD of those scores that were taken."""
    known = scores.dropna(axis=1, how="all")
    return {s: f"{known[s].mean():z.{n}f} ± {known[s].std():.{n}f}" for s, n in digits.items() if s in known}


def cost(run: Mapping[str, Any]) -> dict[str, str]:
    """Of a training; nothing of a reference."""
    return {"training (s)": f"{run['seconds']:.0f}", "parameters": f"{run['parameters']:,}"} if run["share"] else {}


# ---------------------------------------------------------------------- claims


def rules(results: Iterable[Mapping[str, Any]], steps: int) -> list[str]:
    """How claims are judged, and how far that goes."""
    trained = [run for run in results if run["share"]]
    unfinished = sum(run["best_step"] == steps for run in trained)
    return [
        "A comparison shows a difference where a paired two-sided Wilcoxon test over the held-out people has p < "
        f"{SIGNIFICANT:g}; else it says no difference, which is no proof that there is none. A claim holds where it "
        "does in all of its comparisons. p is not corrected for their number. Several numbers are in the order of "
        "the table of every comparison.",
        "Every network was trained once, from one seed: p speaks of other people, not of other trainings.",
        f"Training was short: of {len(trained)} runs of {steps} steps, {unfinished} were best at the last validation "
        "and might have gained from more. The paper's images are those of people, ours are not.",
    ]


def p_value(differences: np.ndarray) -> float:
    """Of the Wilcoxon test on paired differences."""
    return float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0


def shown(p: float) -> str:
    """A p in three digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def compare(
    name: str,
    digits: Mapping[str, int],
    claim: str,
    at: str,
    score: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    more: bool,
    least: float = 0.0,
) -> dict[str, str]:
    """Row of a comparison by person.

    Parameters
    ----------
    name, digits
        Of the column of ours, and how many every score is shown with.
    more, least
        The claim is that ours are larger, else smaller, and in the mean by as much.
    """
    difference, p, style = float((ours - theirs).mean()), p_value(ours - theirs), f"z.{digits[score]}f"
    right = (difference > 0) == more and abs(difference) >= least
    return {
        "claim": claim,
        "at": at,
        "score": score,
        name: f"{ours.mean():{style}}",
        "other": f"{theirs.mean():{style}}",
        "difference": f"{difference:+{style}}",
        "p": shown(p),
        "verdict": SAME if p >= SIGNIFICANT else HOLDS if right else FAILS,
    }


def summary(comparisons: pd.DataFrame) -> pd.DataFrame:
    """One row a claim: it holds where all of its comparisons do, and makes no difference where none does."""
    rows = []
    for (claim, score), group in comparisons.groupby(["claim", "score"], sort=False):
        counts = group["verdict"].value_counts()
        verdict = str(counts.index[0]) if len(counts) == 1 else FAILS
        of = ", ".join(f"{name} in {counts[name]}" for name in (HOLDS, SAME, FAILS) if name in counts)
        differences = ", ".join(group["difference"])
        p = ", ".join(group["p"])
        rows.append({"claim": claim, "score": score, "verdict": verdict, "by": of, "differences": differences, "p": p})
    return pd.DataFrame(rows)

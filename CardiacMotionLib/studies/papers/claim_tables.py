"""Claims judged by comparing runs person by person, and the tables that say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t, wilcoxon

from ...errors import CardiacMotionError

SIGNIFICANT = 0.05
HOLDS, FAILS, SAME, OPEN, UNKNOWN = "holds", "does not hold", "no difference", "not decided", "not measured"
EVERY = "Every comparison"  # heading of a table
BAR = r"(?<!\\)\|"  # between its cells


def settings(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each part."""
    return [f"- {title}: {', '.join(f'{key} {value}' for key, value in part.items())}" for title, part in parts.items()]


# ---------------------------------------------------------------------- scores


def by_run(results: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a run, with mean and SD of every score, and of how many people where some have none."""
    rows = []
    for run in results:
        row = {name: value for name, value in run.items() if name not in ("scores", "about")}
        for score, values in pd.DataFrame(run["scores"]).items():
            row |= {str(score): values.mean(), f"{score} SD": values.std()}
            if 0 < values.count() < len(values):
                row[f"{score} of people"] = values.count()
        rows.append(row)
    return pd.DataFrame(rows)


def spread(scores: pd.DataFrame, digits: Mapping[str, int]) -> dict[str, str]:
    """Mean and SD of those scores that were taken, and of how many people where some have none."""
    known = scores.dropna(axis=1, how="all")
    return {
        s: f"{known[s].mean():z.{n}f} ± {known[s].std():.{n}f}{_fewer(known[s].count(), len(known))}"
        for s, n in digits.items()
        if s in known
    }


def _fewer(count: int, people: int) -> str:
    """Remark that a score is that of fewer people."""
    return "" if count == people else f" ({count} of {people} people)"


def half_interval(values: pd.DataFrame) -> pd.Series[float]:
    """Half of the 95 % interval of the mean of every column, by Student's t."""
    return values.sem() * t.ppf(0.975, values.count() - 1)


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
        f"{SIGNIFICANT:g}; else it says no difference, which is no proof that there is none. Where a claim names a "
        "least gain or an allowed loss, the differences are shifted by it before the test, but not in the tables: p is "
        f"against it, not against 0, and where p is not < {SIGNIFICANT:g} the claim is not decided. A claim holds "
        "where it does in all of its comparisons. p is not corrected for their number. Several numbers are in the "
        "order of the table of every comparison.",
        "Who lacks a score (a structure that vanished has no distance) is left out of its means and comparisons, "
        "which favors what lost it; where they are not of all people it says of how many. A comparison for which "
        "nobody is left is not measured.",
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
    least: float | np.ndarray = 0.0,
) -> dict[str, str]:
    """Row of a comparison by person, of those who have the score in both.

    Parameters
    ----------
    name, digits
        Of the column of ours, and how many every score is shown with.
    more, least
        The claim is that ours are larger, else smaller, and by more than so much, which may be of every person; less
        than 0: not worse by as much. The test is of the differences beyond that.
    """
    row, style = {"claim": claim, "at": at, "score": score}, f"z.{digits[score]}f"
    there = ~(np.isnan(ours) | np.isnan(theirs))
    if not there.any():
        return row | {name: "", "other": "", "difference": "none", "p": "none", "verdict": UNKNOWN}
    beyond = ((ours - theirs if more else theirs - ours) - least)[there]
    ours, theirs, p = ours[there], theirs[there], p_value(beyond)
    return row | {
        name: f"{ours.mean():{style}}",
        "other": f"{theirs.mean():{style}}",
        "difference": f"{(ours - theirs).mean():+{style}}",
        "p": shown(p) + _fewer(len(beyond), len(there)),
        "verdict": (OPEN if np.any(least) else SAME) if p >= SIGNIFICANT else HOLDS if beyond.mean() > 0 else FAILS,
    }


def comparisons_of(page: Path) -> pd.DataFrame:
    """What the table of every comparison on a page says, all text: the tests were made when the page was.

    Raises
    ------
    CardiacMotionError
        for a page that is not there, or without such a table.
    """
    if not page.is_file():
        raise CardiacMotionError(f"{page} is not there, which has the tests; name another folder")
    text = page.read_text(encoding="utf-8").partition(f"## {EVERY}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    if len(rows) < 3:
        raise CardiacMotionError(f"{page} has no table under the heading {EVERY}; make it again")
    head, _, *rest = [[cell.strip().replace("\\|", "|") for cell in re.split(BAR, row)[1:-1]] for row in rows]
    table = pd.DataFrame(rest, columns=head)
    return table.rename(columns={head[3]: "ours"})


def verdict_of(verdicts: Iterable[str]) -> tuple[str, str]:
    """Of a claim by those of its comparisons, and how many have which.

    It holds where all of them do, and makes no difference where none does. What was not measured is judged by the rest,
    but for a claim that would hold by it: that is not measured, either.
    """
    counts = pd.Series(list(verdicts), dtype=str).value_counts()
    known = [str(name) for name in counts.index if name != UNKNOWN]
    verdict = known[0] if len(known) == 1 else FAILS if known else UNKNOWN
    verdict = UNKNOWN if verdict == HOLDS and UNKNOWN in counts else verdict
    named = (HOLDS, SAME, OPEN, FAILS, UNKNOWN)
    return verdict, ", ".join(f"{name} in {counts[name]}" for name in named if name in counts)


def summary(comparisons: pd.DataFrame) -> pd.DataFrame:
    """One row a claim and score, see `verdict_of`."""
    rows = []
    for (claim, score), group in comparisons.groupby(["claim", "score"], sort=False):
        verdict, of = verdict_of(group["verdict"])
        differences = ", ".join(group["difference"])
        p = ", ".join(group["p"])
        rows.append({"claim": claim, "score": score, "verdict": verdict, "by": of, "differences": differences, "p": p})
    return pd.DataFrame(rows)

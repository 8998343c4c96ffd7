"""What the measurements of LaMoD say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....phantom.stream import TESTED
from ....report.figures import new_figure, save_figure
from ....report.markdown import made_by, section
from ....report.wording import RESEARCH_USE
from .. import claim_tables
from ..claim_tables import spread, summary
from ..looks import COLORS
from ..paper import ELSEWHERE, Found, Order, save_verdicts

OURS, ALONE = "LaMoD", "registration network alone"
SPLINES = IMAGES, WALLS = "spline, of the images", "spline, of the walls"
ONE, WHOLE, NONE = "LaMoD, one sample", "LaMoD, one sample, whole chain", "LaMoD without diffusion"
CARRIED = "LaMoD, one sample, walls carried by spline"
PEERS = ("StrainNet-like", "UNETR-like")
EPE, SEGMENTS = "EPE in plane (mm)", "Ecc error of segments (%)"
COVERAGE = "in the 90 % interval (%)"
DIGITS = {
    EPE: 2,
    SEGMENTS: 2,
    "Ecc error of voxels (%)": 2,
    "Ecc error, global (%)": 2,
    COVERAGE: 0,
    "seconds": 1,
}
GAIN, LOSS = 0.3, 0.05  # asked for, and allowed
compare = partial(claim_tables.compare, "ours", DIGITS)


class Scores:
    """Scores by examination and row, a line a person."""

    def __init__(self, everything: pd.DataFrame) -> None:
        self.scores = {
            (str(name), str(row)): part
            for (name, row), part in everything.groupby(["examination", "method"], sort=False)
        }
        self.examinations = list(dict.fromkeys(name for name, _ in self.scores))
        self.rows = list(dict.fromkeys(row for _, row in self.scores))

    def rows_of(self, examination: str) -> list[str]:
        """Rows of an examination."""
        return [row for row in self.rows if (examination, row) in self.scores]

    def values(self, examination: str, row: str, score: str) -> np.ndarray:
        """A score of everybody, in order; NaN of a row that was not measured."""
        found = self.scores.get((examination, row))
        return np.full(people(self), np.nan) if found is None else found[score].to_numpy(float)


def write_report(results: list[dict[str, Any]], order: Order) -> None:
    """Write lamod_claims.csv, .md and .png, and what the page is made of."""
    everything, folder = pd.DataFrame(results), order.output
    everything.to_csv(folder / "lamod_claims.csv", index=False, float_format="%.5g")
    found = Scores(everything)
    comparisons = claims(found)
    lines = [
        "# What paper 001 says of LaMoD, measured on synthetic hearts",
        "",
        made_by(order.command("lamod"), f"{order.workers} threads"),
        f"Mean ± SD over {people(found)} synthetic people of all groups on whom no network was trained or chosen, "
        "three slices each. Errors are those at end-systole. Networks see the wall, drawn in every frame but in the "
        "row that says otherwise; spline sees the images, of which those of DENSE mislead, since its blood loses its "
        "signal, or the walls. LaMoD is the mean of eight samples of ten leaps each, of one draw of the noise for all "
        "people; its interval of 90 % is the strain of that mean and 1.64 standard deviations to either side, in every "
        "voxel of the wall. Seconds are of a whole examination, carrying of the wall included where there is any, "
        "whatever else the machine did.",
        RESEARCH_USE,
        "",
        "![Errors of every method](lamod_claims.png)",
        "",
        *section(
            "Claims",
            [
                f"By a paired two-sided Wilcoxon test over people, p < {claim_tables.SIGNIFICANT:g}, not corrected for "
                "the number of comparisons. Every network was trained once, from one seed."
            ],
            summary(comparisons),
        ),
    ]
    for name in found.examinations:
        lines += section(name, [], table(found, name))
    lines += section("By group", ["Ecc error of segments (%)."], by_group(everything))
    lines += section("Every comparison", [], comparisons)
    (folder / "lamod_claims.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    picture(found, folder / "lamod_claims.png")
    save_verdicts(order, "lamod", comparisons, facts(found))


def people(found: Scores) -> int:
    """How many."""
    return len(next(iter(found.scores.values())))


def facts(found: Scores) -> dict[str, str]:
    """How it was measured, as far as the scores say it."""
    return {
        "people": f"{people(found)}, DENSE and a cine of each, on whom no network was trained or chosen",
        "seeds": f"of the people from {TESTED}",
    }


def table(found: Scores, examination: str) -> pd.DataFrame:
    """Rows of one examination."""
    rows = []
    for row in found.rows_of(examination):
        scores = found.scores[examination, row]
        digits = {name: n for name, n in DIGITS.items() if name in scores and scores[name].notna().any()}
        rows.append({"method": row, **spread(scores[list(digits)], digits)})
    return pd.DataFrame(rows).fillna("")


def by_group(everything: pd.DataFrame) -> pd.DataFrame:
    """Mean segmental error of every group."""
    means = everything.pivot_table(SEGMENTS, ["examination", "method"], "group", sort=False)
    return means.map("{:.1f}".format).reset_index()


def claims(found: Scores) -> pd.DataFrame:
    """Every comparison that a claim is judged by."""
    asked: list[tuple[str, str, str, float]] = [
        *((f"LaMoD is better than {other}", OURS, other, 0.0) for other in (*PEERS, *SPLINES)),
        ("LaMoD with carried walls is better than spline", CARRIED, IMAGES, 0.0),
        ("LaMoD has 30 % less error than its registration network", OURS, ALONE, GAIN),
        ("diffusion helps: LaMoD is better than without", OURS, NONE, 0.0),
        ("the mean of eight samples is better than one", OURS, ONE, 0.0),
        ("ten leaps are at most 5 % worse than the whole chain", ONE, WHOLE, -LOSS),
    ]
    rows = [
        compare(
            claim,
            examination,
            score,
            found.values(examination, ours, score),
            found.values(examination, other, score),
            more=False,
            least=least * found.values(examination, other, score) if least else 0.0,
        )
        for claim, ours, other, least in asked
        for examination in found.examinations
        if ours != CARRIED or ours in found.rows_of(examination)  # there is none of DENSE
        for score in (EPE, SEGMENTS)
    ]
    return pd.DataFrame(rows, columns=["claim", "at", "score", "ours", "other", "difference", "p", "verdict"])


def picture(found: Scores, path: Path) -> None:
    """Errors of every method in every examination, a dot a person and a line at the mean."""
    from matplotlib.ticker import LogLocator, NullLocator

    figure = new_figure(4.6 * len(found.examinations), 7.5)
    axes = figure.subplots(2, len(found.examinations), squeeze=False)
    for column, examination in enumerate(found.examinations):
        rows = found.rows_of(examination)
        for axis, score in zip(axes[:, column], (EPE, SEGMENTS), strict=True):
            for place, row in enumerate(rows):
                values = found.values(examination, row, score)
                color = COLORS[place % len(COLORS)]
                axis.scatter(np.full(len(values), place), values, s=10, alpha=0.6, color=color)
                axis.hlines(np.nanmean(values), place - 0.3, place + 0.3, color=color)
            axis.set_xticks(range(len(rows)), rows, rotation=60, ha="right", fontsize=7)
            axis.set_ylabel(score if column == 0 else "")
            axis.set_yscale("log")  # images of DENSE are ten times as far off
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_locator(NullLocator())
            axis.set_title(examination, fontsize=9)
    save_figure(figure, path)


# ---------------------------------------------------------------------- tables that are there


def read(folder: Path) -> Found:
    """What lamod_claims.csv says, which has the scores of every person."""
    found = Scores(pd.read_csv(folder / "lamod_claims.csv"))
    return Found(claims(found), {**facts(found), ELSEWHERE: "in the full table"})

"""What the measurements of Any2Reg say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....report.figures import new_figure, save_figure
from ....report.markdown import made_by, section
from ....report.wording import RESEARCH_USE
from ....training.recipe import Recipe
from .. import claim_tables
from ..claim_tables import settings, spread, summary
from ..looks import COLORS
from ..paper import ELSEWHERE, Found, Order, save_verdicts
from ..training_runs import TEST_SEED

NONE, ELASTIX, ONE_SHOT = "none", "elastix, PCA2", "one-shot (GroupRegNet)"
STACKED, MEAN, OURS, REFINED = "channel-stacked U-Net", "Any2Reg, mean", "Any2Reg", "Any2Reg, refined"
REGIONS, REGIONS_REFINED = "Any2Reg with regions", "Any2Reg with regions, refined"
DICE, TRE, ERROR = "Dice (%)", "TRE (mm)", "error in heart (mm)"
D_PCA1, SDLOGJ, FOLDING = "D_PCA1", "SDlogJ", "folding heart (%)"
ALIGNMENT = (DICE, "Dice LV (%)", "Dice myocardium (%)", "Dice RV (%)", TRE, ERROR, D_PCA1, "D_PCA2", SDLOGJ, FOLDING)
MAPS = ("T1 SD (ms)", "R2", "survival (%)", "|T1 - true| (ms)", "|perfusion - true| (mL/g/min)")
DIGITS = {
    **dict.fromkeys((DICE, "Dice LV (%)", "Dice myocardium (%)", "Dice RV (%)"), 1),
    **dict.fromkeys((TRE, ERROR, D_PCA1, "D_PCA2"), 2),
    **dict.fromkeys((SDLOGJ, FOLDING), 3),
    **dict.fromkeys(("T1 SD (ms)", "survival (%)", "|T1 - true| (ms)"), 1),
    **dict.fromkeys(("R2", "|perfusion - true| (mL/g/min)"), 3),
}
# Table 1: Dice (%) and TRE (mm), of images of people; only without its features it is like ours.
PAPER: dict[str, dict[str, tuple[float, ...]]] = {
    "STONE": {
        NONE: (78.8, 4.19),
        ELASTIX: (85.0, 3.46),
        ONE_SHOT: (83.0, 3.60),
        STACKED: (80.6, 4.01),
        OURS: (84.2, 3.65),
        REGIONS: (86.9, 3.18),
        REGIONS_REFINED: (86.9, 3.14),
    },
    "MOLLI": {
        NONE: (78.6, 3.16),
        ELASTIX: (79.2, 3.10),
        ONE_SHOT: (79.7, 3.09),
        STACKED: (78.2, 3.13),
        OURS: (78.9, 3.17),
        REGIONS: (84.8, 2.96),
        REGIONS_REFINED: (84.9, 2.98),
    },
    "ASL": {
        NONE: (76.7,),
        ELASTIX: (79.4,),
        ONE_SHOT: (78.6,),
        OURS: (79.0,),
        REGIONS: (80.5,),
        REGIONS_REFINED: (80.6,),
    },
    "cine": {
        NONE: (79.1,),
        ELASTIX: (86.8,),
        ONE_SHOT: (80.5,),
        OURS: (89.5,),
        REGIONS: (89.8,),
        REGIONS_REFINED: (90.9,),
    },
}
BETTER = {DICE: True, TRE: False, ERROR: False, D_PCA1: False}  # by which methods are compared: whether more is better
BETTER_MAPS = {"survival (%)": True, "R2": True, "T1 SD (ms)": False}
ENOUGH = 6  # people without which no test can show a difference
compare = partial(claim_tables.compare, "ours", DIGITS)


class Scores:
    """Scores by examination and row."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.scores = {
            (one["examination"], one["method"]): pd.DataFrame(one["scores"]) for one in results if one["scores"]
        }
        self.examinations = list(dict.fromkeys(name for name, _ in self.scores))
        self.rows = list(dict.fromkeys(one["method"] for one in results))

    def values(self, examination: str, row: str, score: str) -> np.ndarray:
        """A score of everybody, in order; NaN of whom the method could not take."""
        everybody = self.scores[examination, NONE]["person"]
        return self.scores[examination, row].set_index("person")[score].reindex(everybody).to_numpy()

    def has(self, examination: str, row: str, score: str) -> bool:
        """Whether it was taken."""
        return (examination, row) in self.scores and score in self.scores[examination, row]


def write_report(results: list[dict[str, Any]], recipe: Recipe, order: Order) -> None:
    """Write any2reg_claims.csv, .md and .png, and what the page is made of.

    ``results`` are mappings with examination, method and scores (one mapping a person, in order); none where a method
    takes no such series.
    """
    found, folder = Scores(results), order.output
    everything = pd.concat(
        [scores.assign(examination=name, method=row) for (name, row), scores in found.scores.items()]
    )
    first = ["examination", "method", "person"]
    everything = everything[first + [name for name in everything if name not in first]]
    everything.to_csv(folder / "any2reg_claims.csv", index=False, float_format="%.5g")
    comparisons = claims(found)
    counts = ", ".join(f"{len(found.scores[name, NONE])} of {name}" for name in found.examinations)
    lines = [
        "# What paper 003 says of Any2Reg, measured on synthetic hearts",
        "",
        made_by(order.command("any2reg"), f"{order.workers} threads"),
        f"Mean ± SD over synthetic people on whom no network was trained or chosen: {counts}, one slice each. The "
        "networks were trained on STONE with eleven images and on nothing else; MOLLI, ASL and cine they had never "
        "seen. Dice is that of the labels of all frames drawn in the canonical space, over all pairs of frames; TRE "
        "the distance there of the RV insertions, likewise. The error in heart is that of the motion from frame 0 "
        "to the others. All are in the plane of the slice: what breathes through it nobody finds. D_PCA1 leaves as "
        "many modes as the signal has parameters, and is comparable within a table only. Times: groupwise_speed.md.",
        RESEARCH_USE,
        "",
        "![Dice and error of every method](any2reg_claims.png)",
        "",
        *section(
            "Claims",
            [
                f"By a paired two-sided Wilcoxon test over people, p < {claim_tables.SIGNIFICANT:g}, not corrected for "
                "the number of comparisons; with fewer than six people no test can show a difference, so ASL is told "
                "but not judged. Every network was trained once, from one seed."
            ],
            summary(comparisons),
        ),
    ]
    for name in found.examinations:
        lines += section(name, [], table(found, name))
    lines += section("Every comparison", [], comparisons)
    sections = recipe.sections
    unused = ("kind", "template", "phases", "group", "frames")
    sections["data"] = {key: value for key, value in sections["data"].items() if key not in unused}
    lines += section("Settings", settings({name: sections[name] for name in ("network", "data", "loss", "training")}))
    (folder / "any2reg_claims.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    picture(found, folder / "any2reg_claims.png")
    save_verdicts(order, "any2reg", comparisons, {**facts(found), "steps": recipe.training.steps})


def facts(found: Scores) -> dict[str, str]:
    """How it was measured, as far as the scores say it."""
    counts = ", ".join(f"{len(found.scores[name, NONE])} of {name}" for name in found.examinations)
    return {"people": f"{counts}, on whom no network was trained or chosen", "seeds": f"of the people from {TEST_SEED}"}


def from_table(everything: pd.DataFrame) -> list[dict[str, Any]]:
    """Results as `write_report` has them, of the rows of any2reg_claims.csv."""
    return [
        {"examination": name, "method": row, "scores": part.dropna(axis=1, how="all").to_dict("records")}
        for (name, row), part in everything.groupby(["examination", "method"], sort=False)
    ]


def table(found: Scores, examination: str) -> pd.DataFrame:
    """Rows of one examination."""
    rows = []
    for row in found.rows:
        if (examination, row) not in found.scores:
            rows.append({"method": row, DICE: "takes eleven images only"})
            continue
        scores = found.scores[examination, row]
        digits = {name: DIGITS[name] for name in (*ALIGNMENT, *MAPS) if name in scores}
        published = dict(zip((f"paper: {DICE}", f"paper: {TRE}"), PAPER[examination].get(row, ()), strict=False))
        rows.append(
            {
                "method": row + _of(len(scores), len(found.scores[examination, NONE])),
                **spread(scores[list(digits)], digits),
            }
            | {name: f"{value:g}" for name, value in published.items()}
        )
    return pd.DataFrame(rows).fillna("")


def _of(count: int, everybody: int) -> str:
    """Said of a row that could not take everybody's series."""
    return "" if count == everybody else f" ({count} of {everybody} people)"


def claims(found: Scores) -> pd.DataFrame:
    """Every comparison that a claim is judged by."""
    asked = [
        *(
            (f"Any2Reg is better than {other}", OURS, other, BETTER)
            for other in (NONE, ELASTIX, ONE_SHOT, STACKED)
            if other in found.rows
        ),
        ("the correlation is better than the mean", OURS, MEAN, BETTER),
        ("refining helps", REFINED, OURS, BETTER),
        ("the second stream, of regions, helps", REGIONS, OURS, BETTER),
        ("refining helps with it, too", REGIONS_REFINED, REGIONS, BETTER),
        *((f"maps of Any2Reg are better than those of {other}", OURS, other, BETTER_MAPS) for other in (NONE, ELASTIX)),
    ]
    rows = [
        compare(
            claim,
            examination,
            score,
            found.values(examination, ours, score),
            found.values(examination, other, score),
            more=more,
        )
        for claim, ours, other, scores in asked
        for examination in found.examinations
        if len(found.scores[examination, NONE]) >= ENOUGH
        for score, more in scores.items()
        if found.has(examination, ours, score) and found.has(examination, other, score)
    ]
    return pd.DataFrame(rows, columns=["claim", "at", "score", "ours", "other", "difference", "p", "verdict"])


def picture(found: Scores, path: Path) -> None:
    """Dice and error of every method in every examination, a dot a person and a line at the mean."""
    figure = new_figure(3.1 * len(found.examinations), 6.0)
    axes = figure.subplots(2, len(found.examinations), squeeze=False)
    for column, examination in enumerate(found.examinations):
        rows = [row for row in found.rows if (examination, row) in found.scores]
        for axis, score in zip(axes[:, column], (DICE, ERROR), strict=True):
            for place, row in enumerate(rows):
                values = found.values(examination, row, score)
                color = COLORS[found.rows.index(row) % len(COLORS)]
                axis.scatter(np.full(len(values), place), values, s=10, alpha=0.6, color=color)
                axis.hlines(values.mean(), place - 0.3, place + 0.3, color=color)
            axis.set_xticks(range(len(rows)), rows, rotation=60, ha="right", fontsize=7)
            axis.set_ylabel(score if column == 0 else "")
            axis.set_title(f"{examination}, N = {int(found.scores[examination, NONE]['images'].mean())}", fontsize=9)
    save_figure(figure, path)


# ---------------------------------------------------------------------- tables that are there


def read(folder: Path) -> Found:
    """What any2reg_claims.csv says, which has the scores of every person."""
    found = Scores(from_table(pd.read_csv(folder / "any2reg_claims.csv")))
    return Found(claims(found), {**facts(found), ELSEWHERE: "in the full table"})

"""What the measurements of any2reg_claims.py say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import claim_tables
import numpy as np
import pandas as pd
from claim_tables import section, settings, spread, summary
from inr_report import COLORS
from inr_tables import RESEARCH, made_by

from CardiacMotionLib.report.figures import new_figure, save_figure
from CardiacMotionLib.training.recipe import Recipe

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
PAPER = {  # table 1: Dice (%) and TRE (mm), of images of people; only without its features it is like ours
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
compare = partial(claim_tables.compare, "ours", DIGITS)


class Found:
    """Scores by examination and row."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.scores = {
            (one["examination"], one["method"]): pd.DataFrame(one["scores"]) for one in results if one["scores"]
        }
        self.examinations = list(dict.fromkeys(name for name, _ in self.scores))
        self.rows = list(dict.fromkeys(one["method"] for one in results))

    def values(self, examination: str, row: str, score: str) -> np.ndarray:
        """A score of everybody, in order."""
        return self.scores[examination, row][score].to_numpy()

    def has(self, examination: str, row: str, score: str) -> bool:
        """Whether it was taken."""
        return (examination, row) in self.scores and score in self.scores[examination, row]


def write_report(results: list[dict[str, Any]], recipe: Recipe, command: str, folder: Path) -> None:
    """Write any2reg_claims.csv, .md and .png.

    ``results`` are mappings with examination, method and scores (one mapping a person, in order); none where a method
    takes no such series.
    """
    found = Found(results)
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
        made_by(command, "two threads"),
        f"Mean ± SD over synthetic people on whom no network was trained or chosen: {counts}, one slice each. The "
        "networks were trained on STONE with eleven images and on nothing else; MOLLI, ASL and cine they had never "
        "seen. Dice is that of the labels of all frames drawn in the canonical space, over all pairs of frames; TRE "
        "the distance there of the RV insertions, likewise. The error in heart is that of the motion from frame 0 "
        "to the others. All are in the plane of the slice: what breathes through it nobody finds. D_PCA1 leaves as "
        "many modes as the signal has parameters, and is comparable within a table only. Times: groupwise_speed.md.",
        RESEARCH,
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


def table(found: Found, examination: str) -> pd.DataFrame:
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
            {"method": row, **spread(scores[list(digits)], digits)}
            | {name: f"{value:g}" for name, value in published.items()}
        )
    return pd.DataFrame(rows).fillna("")


def claims(found: Found) -> pd.DataFrame:
    """Every comparison that a claim is judged by."""
    rows = []
    asked = [
        *(
            (f"Any2Reg is better than {other}", OURS, other)
            for other in (NONE, ELASTIX, ONE_SHOT, STACKED)
            if other in found.rows
        ),
        ("the correlation is better than the mean", OURS, MEAN),
        ("refining helps", REFINED, OURS),
        ("the second stream, of regions, helps", REGIONS, OURS),
        ("refining helps with it, too", REGIONS_REFINED, REGIONS),
    ]
    for claim, ours, other in asked:
        for examination in found.examinations:
            if len(found.scores[examination, NONE]) < 6:
                continue
            for score, more in ((DICE, True), (TRE, False), (ERROR, False), (D_PCA1, False)):
                if found.has(examination, ours, score) and found.has(examination, other, score):
                    values = (found.values(examination, row, score) for row in (ours, other))
                    rows.append(compare(claim, examination, score, *values, more=more))
    columns = ["claim", "at", "score", "ours", "other", "difference", "p", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def picture(found: Found, path: Path) -> None:
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

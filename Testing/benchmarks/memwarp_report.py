"""What the measurements of memwarp_claims.py say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import claim_tables
import numpy as np
import pandas as pd
from claim_tables import by_run, cost, half_interval, rules, section, settings, spread, summary
from inr_report import COLORS, MARKERS
from inr_tables import RESEARCH, made_by
from memwarp_scores import EDGE_MM, MARGIN_MM, STEP_MM

from CardiacMotionLib.report.figures import new_figure, save_figure

NONE, EXACT, DEMONS, SPLINE = "no registration", "exact motion", "demons", "spline"  # references
VOXELMORPH, LKU, LAPWARP = "VoxelMorph", "LKU-Net", "LapWarp"
UNSUPERVISED, SEMI = "unsupervised", "semi-supervised"
NO_DICE, NO_PYRAMID, MEMWARP = "MemWarp without Dice loss", "MemWarp without pyramid", "MemWarp"
NO_REGIONS, TRUTH = "MemWarp without region loss", "MemWarp with known motion"
KINDS = {  # how a row comes about
    "reference": (NONE, EXACT),
    "traditional": (DEMONS, SPLINE),
    UNSUPERVISED: tuple(f"{name}, {UNSUPERVISED}" for name in (VOXELMORPH, LKU, LAPWARP)),
    SEMI: (*(f"{name}, {SEMI}" for name in (VOXELMORPH, LKU, LAPWARP)), NO_DICE, NO_PYRAMID, NO_REGIONS, MEMWARP),
    "known motion": (TRUTH,),
}
ABLATIONS = {  # number in the paper, and whether there are pyramid, Dice loss, memory and region loss
    f"{LKU}, {UNSUPERVISED}": ("#1", False, False, False, False),
    f"{LAPWARP}, {UNSUPERVISED}": ("#2", True, False, False, False),
    f"{LKU}, {SEMI}": ("#3", False, True, False, False),
    NO_DICE: ("#4", True, False, True, True),
    NO_PYRAMID: ("#5", False, True, True, True),
    MEMWARP: ("#6", True, True, True, True),
    f"{LAPWARP}, {SEMI}": ("", True, True, False, False),
    NO_REGIONS: ("", True, True, True, False),
}
PARTS = ("number", "pyramid", "Dice loss", "memory", "region loss")
PAPER = {  # tables 1 and 2: Dice (%), HD95 (mm), SDlogJ, segmentation Dice (%)
    NONE: (58.14, 11.95),
    DEMONS: (72.37, 11.46, 0.031),
    f"{VOXELMORPH}, {UNSUPERVISED}": (75.26, 9.33, 0.044),
    f"{LKU}, {UNSUPERVISED}": (76.53, 9.13, 0.049),
    f"{LAPWARP}, {UNSUPERVISED}": (77.25, 9.23, 0.074),
    f"{VOXELMORPH}, {SEMI}": (81.34, 6.87, 0.082),
    f"{LKU}, {SEMI}": (83.08, 6.43, 0.099),
    NO_DICE: (74.81, 9.26, 0.950, 89.06),
    NO_PYRAMID: (85.87, 5.32, 0.085, 87.76),
    MEMWARP: (89.61, 3.93, 0.149, 89.68),
}
DICE, HD95, SDLOGJ, SEGMENTATION = "Dice (%)", "HD95 (mm)", "SDlogJ", "segmentation Dice (%)"
EDGES, INSIDE = "SDlogJ boundaries", "SDlogJ inside the wall"
ERRORS = ("error in wall (mm)", "error in blood (mm)", "error around (mm)")
KEPT, JUMP_ERROR = ("jump kept", "jump kept in plane"), ("jump error (mm)", "jump error in plane (mm)")
OFF = tuple(f"|1 - {score}|" for score in KEPT)  # by which it is judged: more than all of it is no better than less
PUBLISHED = (DICE, HD95, SDLOGJ, SEGMENTATION)
REGISTRATION = (DICE, "Dice RV (%)", "Dice myocardium (%)", "Dice cavity (%)", HD95, SDLOGJ, "folding (%)")
REGULARITY = ("SDlogJ wall", INSIDE, EDGES)
DIGITS = {
    **dict.fromkeys((*REGISTRATION[:4], SEGMENTATION), 1),
    HD95: 2,
    **dict.fromkeys((SDLOGJ, *REGULARITY, "folding (%)"), 3),
    **dict.fromkeys((*ERRORS, *KEPT, *OFF, *JUMP_ERROR), 2),
}
POINTS = 5.0  # of Dice, by which MemWarp is to be better than a U-Net
ALLOWED = 0.1  # of the SDlogJ of a U-Net, how much more of it MemWarp may have where it is to have no more
WORTH = 85.0  # % Dice, from which on a segmentation is worth having
compare = partial(claim_tables.compare, "ours", DIGITS)


class Found:
    """Runs and their scores by row of the tables."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.runs = {run["variant"] or run["method"]: run for run in results}
        self.scores = {row: pd.DataFrame(run["scores"]) for row, run in self.runs.items()}
        for scores in self.scores.values():
            scores[list(OFF)] = (1 - scores[list(KEPT)]).abs()

    def values(self, row: str, score: str) -> np.ndarray:
        """A score of every held-out person, in order."""
        return self.scores[row][score].to_numpy()


def write_report(results: list[dict[str, Any]], about: dict[str, Any], command: str, folder: Path, tested: int) -> None:
    """Write memwarp_claims.csv, .md and .png.

    Parameters
    ----------
    results
        method, variant, share, seconds, parameters, best_step and scores (a mapping for every held-out person, the same
        in the same order) of every run; references have the share 0.
    about
        Settings of the training, of the data, and losses: a row for every training.
    command, tested
        What was run, and the number of held-out people.
    """
    found = Found(results)
    by_run(results).to_csv(folder / "memwarp_claims.csv", index=False, float_format="%.5g")
    of_paper, of_truth = claims(found), known_motion(found)
    jumps = [found.values(EXACT, f"true {name} (mm)").mean() for name in ("jump", "jump in plane")]
    lines = [
        "# What paper 002 says of MemWarp, measured on synthetic hearts",
        "",
        made_by(command, "every run on one thread"),
        f"Scores are mean ± SD over {tested} synthetic people on whom no network was trained or chosen, from "
        "end-diastole to end-systole, on the grids of their own scans. All of their hearts slide in the pericardium; "
        "of those to train on, about half do. Dice and HD95 are in 3D, of the labels of end-diastole carried to "
        "end-systole; the segmentation is that of the network at end-diastole. SDlogJ and folding are those of the "
        f"box of the heart and {MARGIN_MM:g} mm around it. Exact motion is the true one on the grid: the best that a "
        "field on this grid can do. All networks have as many steps and the same batches, and the default small "
        "size. Seconds are of the training, on a machine with other work.",
        RESEARCH,
        "",
        "![Scores of every row](memwarp_claims.png)",
        "",
        *section("Claims", rules(results, about["training"]["steps"]), summary(of_paper)),
        *section(
            "What known motion adds",
            ["MemWarp trained with the exact motion of the synthetic people too, against MemWarp; not in the paper."],
            summary(of_truth),
        ),
        *section(
            "Registration",
            [
                "The columns of the paper are those of 100 pairs of ACDC, of networks that were larger and trained for "
                "400 epochs in both directions: compare the order of the rows, not the numbers. Its SDlogJ is of "
                "another field of view."
            ],
            registration(found),
        ),
        *section(
            "Ablation",
            [
                "As table 2 of the paper; the rows without a number are not in it. Without region loss nothing tells "
                "the memory which of its regions is what structure: its segmentation means nothing."
            ],
            ablation(found),
        ),
        *section(
            "Endpoint error and sliding",
            [
                "Errors are lengths in 3D: in the LV wall, in the blood of both ventricles, and in the unlabeled "
                f"tissue within {MARGIN_MM:g} mm of the heart. The jump is the displacement {STEP_MM:g} mm outside the "
                f"pericardium less that {STEP_MM:g} mm inside; {jumps[0]:.1f} mm in truth (root mean square), in "
                f"plane {jumps[1]:.1f} mm. Kept is its projection on the true one: 1 all of it, 0 nothing, and more "
                "than 1 too much; claims are judged by how far from 1 it is. The error is the root mean square over "
                "the pericardium.",
            ],
            motion(found),
        ),
        *section(
            "Where the volume changes",
            [
                f"SDlogJ of the LV wall, of the part of it that is further than {EDGE_MM:g} mm from its outline, and "
                f"of what is within {EDGE_MM:g} mm of the outline of any structure, in the plane of the slice. Tissue "
                "keeps its volume, blood does not: the exact motion has much at the boundaries, little in the wall."
            ],
            table(found, found.runs, REGULARITY),
        ),
        *section("Every comparison", [], pd.concat([of_paper, of_truth])),
        *section(
            "Settings", settings({part: about[part] for part in ("training", "data")}), pd.DataFrame(about["losses"])
        ),
    ]
    (folder / "memwarp_claims.md").write_text("\n".join(lines))
    draw(found, folder / "memwarp_claims.png")


# ---------------------------------------------------------------------- tables


def table(found: Found, rows: Mapping[str, Any], scores: tuple[str, ...]) -> pd.DataFrame:
    """Mean and SD of scores."""
    digits = {score: DIGITS[score] for score in scores}
    return pd.DataFrame({"method": row, **spread(found.scores[row], digits)} for row in rows).fillna("")


def registration(found: Found) -> pd.DataFrame:
    """Table 1: everything but the ablations, beside what is published."""
    rows = {row: found.runs[row] for row in found.runs if row not in (NO_DICE, NO_PYRAMID, NO_REGIONS)}
    costs = pd.DataFrame(cost(run) for run in rows.values())
    return pd.concat([table(found, rows, REGISTRATION), costs, published(rows, 3)], axis=1).fillna("")


def ablation(found: Found) -> pd.DataFrame:
    """Table 2, and what tells the memory from its region loss."""
    marks = [(number, *map(_mark, there)) for number, *there in ABLATIONS.values()]
    parts = pd.DataFrame(marks, columns=list(PARTS))
    return pd.concat([parts, table(found, ABLATIONS, PUBLISHED), published(ABLATIONS, 4)], axis=1)


def motion(found: Found) -> pd.DataFrame:
    """Table 3: errors and the jump."""
    return table(found, found.runs, (*ERRORS, KEPT[0], JUMP_ERROR[0], KEPT[1], JUMP_ERROR[1]))


def published(rows: Mapping[str, Any], count: int) -> pd.DataFrame:
    """The first scores of the paper, as text."""
    digits = (2, 2, 3, 2)
    return pd.DataFrame(
        {
            f"paper: {score}": f"{value:.{n}f}"
            for score, n, value in zip(PUBLISHED[:count], digits, PAPER.get(row, ()), strict=False)
        }
        for row in rows
    ).fillna("")


def _mark(there: bool) -> str:
    return "✓" if there else "✗"


# ---------------------------------------------------------------------- claims


def claims(found: Found) -> pd.DataFrame:
    """All comparisons of the paper; those of one claim have the same words."""
    u_net, lapwarp = f"{LKU}, {SEMI}", f"{LAPWARP}, {SEMI}"
    unsupervised = f"{LAPWARP}, {UNSUPERVISED}", f"{LKU}, {UNSUPERVISED}"
    rows = [
        _beside(
            found,
            f"MemWarp has at least {POINTS:g} points more Dice than LKU-Net, both with Dice loss",
            DICE,
            MEMWARP,
            u_net,
            more=True,
            least=POINTS,
        ),
        _beside(found, "MemWarp has a lower HD95 than LKU-Net, both with Dice loss", HD95, MEMWARP, u_net, more=False),
        _beside(found, "the pyramid helps", DICE, *unsupervised, more=True),
        _beside(found, "the pyramid helps", DICE, MEMWARP, NO_PYRAMID, more=True),
        _beside(found, "the memory helps", DICE, NO_REGIONS, lapwarp, more=True),
        _beside(found, "the region loss helps", DICE, MEMWARP, NO_REGIONS, more=True),
        _beside(found, "the Dice loss helps", DICE, MEMWARP, NO_DICE, more=True),
        _segmentation(found),
        _beside(found, "MemWarp has more SDlogJ at the boundaries than LKU-Net", EDGES, MEMWARP, u_net, more=True),
        _beside(
            found,
            f"MemWarp has at most {100 * ALLOWED:g} % more SDlogJ inside the wall than LKU-Net",
            INSIDE,
            MEMWARP,
            u_net,
            more=False,
            least=-ALLOWED * found.values(u_net, INSIDE),
        ),
    ]
    for scores, better in ((OFF, "keeps the jump better"), (JUMP_ERROR, "has a smaller error of the jump")):
        claim = f"MemWarp {better} than U-Nets with Dice loss"
        for score in scores:
            rows += [
                _beside(found, claim, score, MEMWARP, f"{other}, {SEMI}", more=False) for other in (LKU, VOXELMORPH)
            ]
    return pd.DataFrame(rows)


def known_motion(found: Found) -> pd.DataFrame:
    """What it adds to train with the truth."""
    return pd.DataFrame(
        _beside(found, "known motion helps", score, TRUTH, MEMWARP, more=score == DICE)
        for score in (DICE, *OFF, *ERRORS, *JUMP_ERROR)
    )


def _beside(
    found: Found,
    claim: str,
    score: str,
    ours: str,
    theirs: str,
    *,
    more: bool,
    least: float | np.ndarray = 0.0,
) -> dict[str, str]:
    at = f"{ours}; other: {theirs}"
    both = found.values(ours, score), found.values(theirs, score)
    return compare(claim, at, score, *both, more=more, least=least)


def _segmentation(found: Found) -> dict[str, str]:
    """Whether what MemWarp tells is worth having, by Dice."""
    told = found.values(MEMWARP, SEGMENTATION)
    claim = f"MemWarp gives a segmentation worth having: more than {WORTH:g} %"
    return compare(claim, f"{MEMWARP}; other: {WORTH:g} %", SEGMENTATION, told, np.full_like(told, WORTH), more=True)


# ---------------------------------------------------------------------- picture


def draw(found: Found, path: Path) -> None:
    """Overlap, jump and error of every row: mean over people and its 95 % interval."""
    figure = new_figure(11, 5.5)
    titles = {DICE: "higher is better", KEPT[0]: "1 is all of it", ERRORS[0]: "lower is better"}
    axes = figure.subplots(1, len(titles), sharey=True)
    place = {row: -n for n, row in enumerate(row for rows in KINDS.values() for row in rows)}
    for axis, (score, meaning) in zip(axes, titles.items(), strict=True):
        for (kind, rows), color, marker in zip(KINDS.items(), COLORS, MARKERS, strict=False):
            values = pd.DataFrame({row: found.values(row, score) for row in rows})
            look: dict[str, Any] = {"color": color, "marker": marker, "linestyle": "", "markersize": 6, "capsize": 2}
            heights = [place[row] for row in rows]
            axis.errorbar(values.mean(), heights, xerr=half_interval(values), label=kind, **look)
        axis.set_title(f"{score}, {meaning}", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    axes[0].set_yticks(list(place.values()), list(place))
    lines, names = axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
    figure.suptitle(
        f"Synthetic hearts that slide: mean over people and its 95 % interval. {RESEARCH}", fontsize=9, color="0.3"
    )
    save_figure(figure, path)

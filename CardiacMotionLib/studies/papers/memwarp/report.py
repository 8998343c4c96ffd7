"""What the measurements of MemWarp say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ....report.figures import new_figure, save_figure
from ....report.markdown import made_by, section
from ....report.wording import RESEARCH_USE
from ..claim_tables import EVERY, by_run, comparisons_of, cost, half_interval, rules, settings, spread, summary
from ..looks import COLORS, MARKERS
from ..paper import Found, Order, save_verdicts
from ..training_runs import TEST_SEED, facts_of, tested_then
from . import learning
from .claims import claims
from .rows import (
    ABLATIONS,
    DICE,
    DIGITS,
    ERRORS,
    EXACT,
    JUMP_ERROR,
    KEPT,
    KINDS,
    NO_DICE,
    NO_PYRAMID,
    NO_REGIONS,
    OTHERWISE,
    PAPER,
    PARTS,
    POINTS,
    PUBLISHED,
    REGISTRATION,
    REGULARITY,
    Runs,
)
from .scores import EDGE_MM, MARGIN_MM, STEP_MM


def write_report(
    results: list[dict[str, Any]], curves: learning.Curves, about: dict[str, Any], order: Order, tested: int
) -> None:
    """Write memwarp_claims.csv, .md and .png, memwarp_validation.png, and what the page is made of.

    Parameters
    ----------
    results
        method, variant, share, seconds, parameters, best_step and scores (a mapping for every held-out person, the same
        in the same order) of every run; references have the share 0.
    curves
        Validation of every training, by row.
    about
        Settings of the training, of the data, and losses: a row for every training.
    order, tested
        What was asked for, and the number of held-out people.
    """
    found, folder = Runs(results), order.output
    by_run(results).to_csv(folder / "memwarp_claims.csv", index=False, float_format="%.5g")
    judged = claims(found)
    jumps = [found.values(EXACT, f"true {name} (mm)").mean() for name in ("jump", "jump in plane")]
    lines = [
        "# What paper 002 says of MemWarp, measured on synthetic hearts",
        "",
        made_by(order.command("memwarp"), "every run on one thread"),
        f"Scores are mean ± SD over {tested} synthetic people on whom no network was trained or chosen, from "
        "end-diastole to end-systole, on the grids of their own scans. All of their hearts slide in the pericardium; "
        "of those to train on, about half do. Dice and HD95 are in 3D and of the fixed image, as in the paper: of the "
        "labels of end-systole drawn at end-diastole by what a network finds. Carried are those of end-diastole "
        "carried to end-systole by its inverse, what other tables here score; backward are those of end-diastole drawn "
        "at end-systole by what is found with that as the reference, the other half of the paper's pairs, for which no "
        "network here was trained. The segmentation is that of the network at end-diastole. SDlogJ and folding are "
        f"those of the box of the heart and {MARGIN_MM:g} mm around it; a folded voxel counts in SDlogJ as one of the "
        "determinant 1e-9. Exact motion is the true one on the grid, to compare with: labels of voxels can be "
        "matched better than by it; its inverse, for what is carried or backward, is found on the grid.",
        "All networks have as many steps and the same batches; VoxelMorph has one convolution a level, as it was "
        "published, all others the backbone of the default small size. In the last "
        f"{about['training']['frozen']:.0%} of the steps those that normalize over the batch do it as in use. All are "
        "shown the field of their training about the labeled heart, so that some of the tissue within "
        f"{MARGIN_MM:g} mm lies where their motion fades to zero. Seconds are of the training, on a machine with other "
        "work.",
        "Carried labels alone were scored here until, by then with results, it was seen that the paper's are drawn.",
        RESEARCH_USE,
        "",
        "![Scores of every row](memwarp_claims.png)",
        "",
        *section("Claims", rules(results, about["training"]["steps"]), summary(judged)),
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
                "the memory which of its regions is what structure: its segmentation means nothing. Without pyramid "
                "there is one level, which alone has the region loss."
            ],
            ablation(found),
        ),
        *section(
            f"The {POINTS:g} points, and the way there",
            [*learning.account(found, curves), "", "![Dice while training](memwarp_validation.png)"],
            learning.steps(curves),
        ),
        *section(
            "Endpoint error and sliding",
            [
                "Errors are lengths in 3D: in the LV wall, in the blood of both ventricles, and in the lung and in all "
                f"unlabeled tissue within {MARGIN_MM:g} mm of the heart. The jump is the displacement {STEP_MM:g} mm "
                f"outside the pericardium less that {STEP_MM:g} mm inside; {jumps[0]:.1f} mm in truth (root mean "
                f"square), in plane {jumps[1]:.1f} mm. Part of it is not sliding but what any motion changes over that "
                "distance. Kept is its projection on the true one: 1 all of it, 0 nothing, and more than 1 too much; "
                "claims are judged by how far from 1 it is. The error is the root mean square over the pericardium.",
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
        *section(EVERY, [], judged),
        *section(
            "Settings", settings({part: about[part] for part in ("training", "data")}), pd.DataFrame(about["losses"])
        ),
    ]
    (folder / "memwarp_claims.md").write_text("\n".join(lines), encoding="utf-8")
    draw(found, folder / "memwarp_claims.png")
    learning.draw(curves, folder / "memwarp_validation.png")
    facts = {
        "people": f"{tested}, on whom no network was trained or chosen; {max(run['people'] for run in results)} to "
        "train on",
        "seeds": f"of the people from {TEST_SEED}, of every training {about['training']['seed']}",
        "steps": about["training"]["steps"],
    }
    save_verdicts(order, "memwarp", judged, facts)


# ---------------------------------------------------------------------- tables


def table(found: Runs, rows: Mapping[str, Any], scores: tuple[str, ...]) -> pd.DataFrame:
    """Mean and SD of scores."""
    digits = {score: DIGITS[score] for score in scores}
    return pd.DataFrame({"method": row, **spread(found.scores[row], digits)} for row in rows).fillna("")


def registration(found: Runs) -> pd.DataFrame:
    """Table 1: everything but the ablations, beside what is published."""
    rows = {row: found.runs[row] for row in found.runs if row not in (NO_DICE, NO_PYRAMID, NO_REGIONS)}
    costs = pd.DataFrame(cost(run) for run in rows.values())
    return pd.concat([table(found, rows, (*REGISTRATION, *OTHERWISE)), costs, published(rows, 3)], axis=1).fillna("")


def ablation(found: Runs) -> pd.DataFrame:
    """Table 2, and what tells the memory from its region loss."""
    marks = [(number, *map(_mark, there)) for number, *there in ABLATIONS.values()]
    parts = pd.DataFrame(marks, columns=list(PARTS))
    return pd.concat([parts, table(found, ABLATIONS, PUBLISHED), published(ABLATIONS, 4)], axis=1)


def motion(found: Runs) -> pd.DataFrame:
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


# ---------------------------------------------------------------------- picture


def draw(found: Runs, path: Path) -> None:
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
        f"Synthetic hearts that slide: mean over people and its 95 % interval. {RESEARCH_USE}", fontsize=9, color="0.3"
    )
    save_figure(figure, path)


# ---------------------------------------------------------------------- tables that are there


def read(folder: Path) -> Found:
    """What memwarp_claims.md says was tested: memwarp_claims.csv has means only."""
    page = folder / "memwarp_claims.md"
    return Found(comparisons_of(page), facts_of(folder / "memwarp_claims.csv"), (tested_then(page),))

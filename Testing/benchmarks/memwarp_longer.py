"""Train the two networks that the 5 points of Dice are about for longer than all networks of paper 002 are.

    python Testing/benchmarks/memwarp_longer.py --work FOLDER [--workers 2] [--quick]

LKU-Net and MemWarp, semi-supervised, with the people, losses and scores of `cardiac-motion reproduce memwarp`,
but 1500 steps of two pairs instead of 600 of one, the last of them normalized as in use. About an hour of one core,
kept in ``--work``: the same command goes on after a stop. Writes memwarp_longer.csv, .md and .png under
Testing/results. ``--quick`` does all of it with few people and steps, into ``--work``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from script_tables import ROOT, made_by

from CardiacMotionLib.report.figures import new_figure, save_figure
from CardiacMotionLib.report.markdown import section
from CardiacMotionLib.report.wording import RESEARCH_USE
from CardiacMotionLib.studies.papers.claim_tables import by_run, rules, settings
from CardiacMotionLib.studies.papers.looks import COLORS, MARKERS
from CardiacMotionLib.studies.papers.memwarp.measure import DATA, FULL, QUICK, SETTINGS, TASK, UNUSED, Claims
from CardiacMotionLib.studies.papers.memwarp.report import cost, table
from CardiacMotionLib.studies.papers.memwarp.rows import (
    DICE,
    ERRORS,
    EXACT,
    HD95,
    INSIDE,
    JUMP_ERROR,
    KEPT,
    LKU,
    MEMWARP,
    NONE,
    POINTS,
    REGISTRATION,
    SEGMENTATION,
    SEMI,
    Runs,
    compare,
)
from CardiacMotionLib.studies.papers.training_runs import TEST_SEED, perform_all
from CardiacMotionLib.training.log import VALIDATION, read_log

STEPS = 1500
U_NET = f"{LKU}, {SEMI}"
TRAINED = (U_NET, MEMWARP)
COMPARED = (  # what is claimed of MemWarp against LKU-Net: the score, whether more of it is better, the least gain
    (DICE, True, POINTS),
    (DICE, True, 0.0),
    (HD95, False, 0.0),
    (ERRORS[0], False, 0.0),
    (JUMP_ERROR[0], False, 0.0),
    (JUMP_ERROR[1], False, 0.0),
)
SCORED = (
    "Labels of end-diastole are carried to end-systole, by the inverse of what a network finds; in training it is "
    "validated by what it finds, at end-diastole."
)
SHOWN = (*REGISTRATION[:6], SEGMENTATION, *ERRORS, KEPT[0], JUMP_ERROR[0], JUMP_ERROR[1], INSIDE)


def protocol(work: Path, quick: bool) -> Claims:
    """That of paper 002, longer and in pairs of two."""
    base = QUICK if quick else FULL
    runs = tuple(run for run in base.runs if (run.variant or run.method) in (NONE, EXACT, *TRAINED))
    longer = replace(SETTINGS, steps=base.settings.steps if quick else STEPS, frozen=0.3)
    return replace(base, work=work, data={TASK: replace(base.data[TASK], batch=2)}, settings=longer, runs=runs)


def comparisons(found: Runs) -> pd.DataFrame:
    """MemWarp against LKU-Net."""
    return pd.DataFrame(
        compare(
            f"at least {least:g} points more" if least else f"{'more' if more else 'less'} of it",
            f"{MEMWARP}; other: {U_NET}",
            score,
            *(found.values(row, score) for row in (MEMWARP, U_NET)),
            more=more,
            least=least,
        )
        for score, more, least in COMPARED
    )


def validations(work: Path, chosen: Claims) -> dict[str, dict[str, list[float]]]:
    """Scores of the people for validation by network, in order of the steps."""
    names = {run.variant or run.method: run.name for run in chosen.runs}
    return {row: read_log(work / names[row] / VALIDATION) for row in TRAINED}


def draw(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Dice on the people for validation over the steps, and over the time that they took."""
    figure = new_figure(9, 4)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (column, unit, name) in zip(axes, (("step", 1, "step"), ("seconds", 60, "minutes")), strict=True):
        for (row, curve), color, marker in zip(curves.items(), COLORS, MARKERS, strict=False):
            along = [value / unit for value in curve[column]]
            axis.plot(along, [100 * value for value in curve["dice"]], color=color, marker=marker, label=row)
        axis.set_xlabel(name)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("Dice (%) of people for validation")
    axes[0].legend(frameon=False, fontsize=9)
    figure.suptitle(f"The average of the weights, as validated while training. {RESEARCH_USE}", fontsize=9, color="0.3")
    save_figure(figure, path)


def account(found: Runs, curves: dict[str, dict[str, list[float]]]) -> list[str]:
    """Sentences on the 5 points, by the means of the held-out people, and on the way there."""
    mean = {row: found.values(row, DICE).mean() for row in (EXACT, *TRAINED)}
    room = mean[EXACT] - mean[U_NET]
    ours, theirs = curves[MEMWARP], curves[U_NET]
    leads = [100 * (a - b) for a, b in zip(ours["dice"], theirs["dice"], strict=True)]
    most = leads.index(max(leads))
    slower = ours["seconds"][-1] / theirs["seconds"][-1]
    return [
        f"MemWarp has {mean[MEMWARP] - mean[U_NET]:+.1f} points of Dice beside the semi-supervised LKU-Net, where "
        f"{POINTS:g} are asked. Labels carried by the exact motion have {mean[EXACT]:.1f} %, since partial volume and "
        f"slices 8 to 10 mm apart lose some of them: {room:.1f} points more than that LKU-Net, all that better "
        "motion can win.",
        f"On the people for validation MemWarp is ahead of LKU-Net by {leads[most]:+.1f} points after "
        f"{ours['step'][most]:.0f} steps, when it is most, and by {leads[-1]:+.1f} after the last. A step takes it "
        f"{slower:.1f} times as long.",
    ]


def write(results: list[dict[str, Any]], chosen: Claims, folder: Path, command: str) -> None:
    """Write the tables and the picture."""
    found = Runs(results)
    curves = validations(chosen.work, chosen)
    by_run(results).to_csv(folder / "memwarp_longer.csv", index=False, float_format="%.5g")
    draw(curves, folder / "memwarp_longer.png")
    costs = pd.DataFrame(cost(run) for run in found.runs.values())
    steps = pd.DataFrame({"step": curves[MEMWARP]["step"]}).astype(int).astype(str)
    for row, curve in curves.items():
        steps[row] = [f"{100 * value:.1f}" for value in curve["dice"]]
    about = {
        "training": {"steps": chosen.settings.steps, **chosen.settings.decisive},
        "data": {key: value for key, value in vars(chosen.data[TASK]).items() if key not in UNUSED},
    }
    lines = [
        "# MemWarp beside its own U-Net, trained for longer",
        "",
        made_by(command, "every run on one thread"),
        f"Scores are mean ± SD over the {chosen.tested} synthetic people of memwarp_claims.md (seeds from {TEST_SEED}) "
        f"and mean what they do there. What differs: {chosen.settings.steps} steps of {chosen.data[TASK].batch} pairs, "
        f"not {SETTINGS.steps} of {DATA.batch}; in the last {chosen.settings.frozen:.0%} of the steps networks that "
        "normalize over the batch do it as in use; and networks are shown the field of their training, not more. "
        f"{SCORED} Seconds are of the training, on a machine with other work.",
        RESEARCH_USE,
        "",
        "![Dice while training](memwarp_longer.png)",
        "",
        *section("The 5 points", account(found, curves)),
        *section("Scores", [], pd.concat([table(found, found.runs, SHOWN), costs], axis=1).fillna("")),
        *section("MemWarp against LKU-Net", rules(results, chosen.settings.steps), comparisons(found)),
        *section("Dice (%) of the people for validation", [], steps),
        *section("Settings", settings(about)),
    ]
    (folder / "memwarp_longer.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Train, score and write what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder in which everything is kept")
    parser.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--quick", action="store_true", help="few people and steps")
    arguments = parser.parse_args()
    chosen = protocol(arguments.work, arguments.quick)
    results = perform_all(chosen, arguments.workers, lambda words: print(words, flush=True))
    folder = arguments.work if arguments.quick else ROOT / "Testing" / "results"
    given = f" --workers {arguments.workers}{' --quick' if arguments.quick else ''}"
    write(results, chosen, folder, f"memwarp_longer.py --work FOLDER{given}")


if __name__ == "__main__":
    main()

"""What the measurements of riir_claims.py say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import claim_tables
import numpy as np
import pandas as pd
from claim_tables import FAILS, HOLDS, SAME, by_run, cost, p_value, rules, section, shown, spread, summary
from inr_report import COLORS, MARKERS
from inr_tables import RESEARCH, made_by

from CardiacMotionLib.report.figures import new_figure, save_figure

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


class Found:
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


def write_report(results: list[dict[str, Any]], about: dict[str, Any], command: str, folder: Path, tested: int) -> None:
    """Write riir_claims.csv, .md and .png.

    Parameters
    ----------
    results
        task, method, share, variant, people, seconds, parameters, best_step and scores (a mapping for every held-out
        person, the same in the same order) of every run; references have the share 0.
    about
        Settings of the training, and data and loss of each task.
    command, tested
        What was run, and the number of held-out people.
    """
    found = Found(results)
    by_run(results).to_csv(folder / "riir_claims.csv", index=False, float_format="%.5g")
    of_paper, of_ours = claims(found, MAIN), [claims(found, dict.fromkeys(TASKS, score)) for score in OURS]
    lines = [
        "# What paper 004 says of RIIR, measured on synthetic hearts",
        "",
        made_by(command, "every run on one thread"),
        f"Scores are mean ± SD over {tested} synthetic people on whom no network was trained or chosen. D_PCA1 (L = 4 "
        "for mSASHA, 1 for cine) and D_PCA2 are of the drawn images within 70 % of the view; Dice and HD95 of the "
        "drawn labels, by frame, slice and structure; SDlogJ and folding of the whole view; the error is in plane, "
        "against the exact motion. Exact motion is the true one without its part across slices, which no method in "
        "plane can find. All half a pixel off is no registration either: it shows by how much D_PCA falls because "
        "drawing an image between pixels smooths its noise. D_PCA1 smoothed, of images after a Gaussian of 3 mm, "
        "hardly does so. All methods have as many steps, the same batches and the same outer loss. Seconds are of the "
        "training, on a machine with other work.",
        RESEARCH,
        "",
        "![Scores against the share of training people](riir_claims.png)",
        "",
        *section("Claims", rules(results, about["training"]["steps"]), summary(of_paper)),
        *section("The same by scores that the paper has not", [], summary(pd.concat(of_ours))),
        *(line for task, title in TASKS.items() for line in section(f"Scores, {title}", [], by_share(found, task))),
        *section(
            "Ablations of RIIR on mSASHA",
            ["The difference of D_PCA1, which is better when smaller, is to the default with as many people."],
            ablations(found),
        ),
        *section("Every comparison", [], pd.concat([of_paper, *of_ours])),
        *section("Settings", settings(about)),
    ]
    (folder / "riir_claims.md").write_text("\n".join(lines))
    draw(found, folder / "riir_claims.png")


def settings(about: Mapping[str, Any]) -> list[str]:
    """A line for the training, and for data and loss of each task."""
    parts = {"training": about["training"]}
    for task, title in TASKS.items():
        unused = UNUSED[about["data"][task]["kind"]]
        parts[f"data, {title}"] = {key: value for key, value in about["data"][task].items() if key not in unused}
        parts[f"loss, {title}"] = about["loss"][task]
    return claim_tables.settings(parts)


# ---------------------------------------------------------------------- tables


def _row(found: Found, key: tuple[str, str, float, str]) -> dict[str, str]:
    """Scores and cost of a run."""
    return spread(found.scores[key], DIGITS) | cost(found.runs[key])


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def by_share(found: Found, task: str) -> pd.DataFrame:
    """Scores of all methods by share of the training people, after those of the references."""
    keys = [(task, reference, 0.0, "") for reference in (NONE, HALF, EXACT)]
    keys += [(task, method, share, "") for share in found.shares for method in METHODS]
    return pd.DataFrame(
        {
            "training people": f"{found.runs[key]['people']} ({_percent(key[2])})" if key[2] else "",
            "method": METHODS.get(key[1], key[1]),
            **_row(found, key),
        }
        for key in keys
    ).fillna("")


def ablations(found: Found) -> pd.DataFrame:
    """Scores of every change beside those of the default."""
    rows = []
    for of, (what, *_) in ABLATIONS.items():
        for share, variants in found.ablated(of):
            for value, variant in variants.items():
                row = {"what": what, "training people": _percent(share), "value": value}
                if variant:
                    pair = [found.values("D_PCA1", "msasha", "riir", share, name) for name in (variant, "")]
                    difference = pair[0] - pair[1]
                    row |= {"difference": f"{difference.mean():+.3f}", "p": shown(p_value(difference))}
                else:
                    row |= {"difference": "default", "p": ""}
                rows.append(row | _row(found, ("msasha", "riir", share, variant)))
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------- claims


def claims(found: Found, scores: Mapping[str, str]) -> pd.DataFrame:
    """All comparisons by a score for each task; those of one claim have the same words."""
    rows: list[dict[str, str]] = []
    for task, score in scores.items():
        rows += [*_against(found, task, score, "voxelmorph"), _widens(found, task, score)]
    for task, score in scores.items():
        rows += _against(found, task, score, "gradirn")
    ablated = scores["msasha"]
    rows += _beside(found, "two hidden states beat one or none", ablated, "hidden")
    rows += _beside(found, "the gradient beats other inputs with few people", ablated, "input")
    rows += _beside(found, "exponential weighting beats uniform", ablated, "weighting")
    rows += [
        row | {"verdict": HOLDS if row["verdict"] == SAME else FAILS}
        for row in _beside(found, "T = 6 is no different from T = 8", ablated, "T")
        if row["at"].endswith(" 8")
    ]
    return pd.DataFrame(rows)


def _against(found: Found, task: str, score: str, other: str) -> list[dict[str, str]]:
    """RIIR and another method at every share."""
    claim = f"RIIR beats {METHODS[other]} with any number of people, {TASKS[task]}"
    return [
        compare(
            claim,
            _percent(share),
            score,
            found.values(score, task, "riir", share),
            found.values(score, task, other, share),
            more=score == "Dice",
        )
        for share in found.shares
    ]


def _widens(found: Found, task: str, score: str) -> dict[str, str]:
    """By how much RIIR is better than VoxelMorph, at the smallest and the largest share."""
    sign = 1 if score == "Dice" else -1
    few, many = found.shares[0], found.shares[-1]
    gaps = [
        sign * (found.values(score, task, "riir", share) - found.values(score, task, "voxelmorph", share))
        for share in (few, many)
    ]
    claim = f"the gap between RIIR and VoxelMorph widens as data shrinks, {TASKS[task]}"
    row = compare(claim, f"{_percent(few)}, other: {_percent(many)}", score, *gaps, more=True)
    return row | ({"verdict": FAILS} if row["verdict"] == HOLDS and gaps[0].mean() <= 0 else {})


def _beside(found: Found, claim: str, score: str, of: str) -> list[dict[str, str]]:
    """The default and everything else of an ablation, on mSASHA."""
    return [
        compare(
            f"{claim}, {TASKS['msasha']}",
            f"{_percent(share)}, other: {value}",
            score,
            found.values(score, "msasha", "riir", share),
            found.values(score, "msasha", "riir", share, variant),
            more=score == "Dice",
        )
        for share, variants in found.ablated(of)
        for value, variant in variants.items()
        if variant
    ]


# ---------------------------------------------------------------------- picture


def draw(found: Found, path: Path) -> None:
    """D_PCA1 and Dice against the share of training people: mean over people and its 95 % interval."""
    figure = new_figure(10, 7)
    percent = [100 * share for share in found.shares]
    for row, (task, title) in zip(figure.subplots(2, 2), TASKS.items(), strict=True):
        for axis, score in zip(row, ("D_PCA1", "Dice"), strict=True):
            for n, (method, name) in enumerate(METHODS.items()):
                values = pd.DataFrame({share: found.values(score, task, method, share) for share in found.shares})
                aside = [value * 1.05 ** (n - 1) for value in percent]  # so that intervals stand beside each other
                look: dict[str, Any] = {
                    "color": COLORS[n],
                    "marker": MARKERS[n],
                    "markersize": 5,
                    "capsize": 2,
                    "elinewidth": 1,
                }
                axis.errorbar(aside, values.mean(), 1.96 * values.sem(), label=name, **look)
            for reference, style in ((NONE, "--"), (HALF, "-."), (EXACT, ":")):
                level = found.values(score, task, reference, 0.0).mean()
                axis.axhline(level, color="0.3", linestyle=style, linewidth=1.2, label=reference)
            axis.set_xscale("log")
            axis.set_xticks(percent, [f"{value:g}" for value in percent])
            axis.minorticks_off()
            axis.set_xlabel("training people (%)")
            axis.set_title(f"{title}: {score}, {'higher' if score == 'Dice' else 'lower'} is better", fontsize=10)
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(axis="y", alpha=0.25)
    lines, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
    figure.suptitle(f"Synthetic hearts. {RESEARCH}", fontsize=9, color="0.3")
    save_figure(figure, path)

"""What the measurements of RIIR say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ....report.figures import new_figure, save_figure
from ....report.markdown import made_by, section
from ....report.wording import RESEARCH_USE
from .. import claim_tables
from ..claim_tables import (
    EVERY,
    OPEN,
    by_run,
    comparisons_of,
    cost,
    p_value,
    rules,
    shown,
    spread,
    summary,
)
from ..looks import COLORS, MARKERS
from ..paper import Found, Order, save_verdicts
from ..training_runs import TEST_SEED, facts_of, tested_then
from .claims import INNER, claims
from .rows import ABLATIONS, DIGITS, EXACT, HALF, MAIN, METHODS, NONE, OURS, TASKS, UNUSED, Runs, percent


def write_report(results: list[dict[str, Any]], about: dict[str, Any], order: Order, tested: int) -> None:
    """Write riir_claims.csv, .md and .png, and what the page is made of.

    Parameters
    ----------
    results
        task, method, share, variant, people, seconds, parameters, best_step and scores (a mapping for every held-out
        person, the same in the same order) of every run; references have the share 0.
    about
        Settings of the training, and data and loss of each task.
    order, tested
        What was asked for, and the number of held-out people.
    """
    found, folder = Runs(results), order.output
    by_run(results).to_csv(folder / "riir_claims.csv", index=False, float_format="%.5g")
    of_paper, of_ours = claims(found, MAIN), [claims(found, dict.fromkeys(TASKS, score)) for score in OURS]
    lines = [
        "# What paper 004 says of RIIR, measured on synthetic hearts",
        "",
        made_by(order.command("riir"), "every run on one thread"),
        f"Scores are mean ± SD over {tested} synthetic people on whom no network was trained or chosen. D_PCA1 (L = 4 "
        "for mSASHA, 1 for cine) and D_PCA2 are of the drawn images within 70 % of the view; Dice and HD95 of the "
        "drawn labels, by frame, slice and structure; SDlogJ and folding of the whole view; the error is in plane, "
        "against the exact motion. Exact motion is the true one without its part across slices, which no method in "
        "plane can find. All half a pixel off is no registration either: it shows by how much D_PCA falls because "
        "drawing an image between pixels smooths its noise. D_PCA1 smoothed, of images after a Gaussian of 3 mm, "
        "hardly does so. All methods have as many steps, the same batches and the same outer loss. Seconds are of the "
        "training, on a machine with other work.",
        RESEARCH_USE,
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
        *section(EVERY, [], pd.concat([of_paper, *of_ours])),
        *section("Settings", settings(about)),
    ]
    (folder / "riir_claims.md").write_text("\n".join(lines), encoding="utf-8")
    draw(found, folder / "riir_claims.png")
    facts = {
        "people": f"{tested}, on whom no network was trained or chosen; up to "
        f"{max(run['people'] for run in results)} to train on",
        "seeds": f"of the people from {TEST_SEED}, of every training {about['training']['seed']}",
        "steps": about["training"]["steps"],
    }
    save_verdicts(order, "riir", pd.concat([of_paper, *of_ours]), facts)


def settings(about: Mapping[str, Any]) -> list[str]:
    """A line for the training, and for data and loss of each task."""
    parts = {"training": about["training"]}
    for task, title in TASKS.items():
        unused = UNUSED[about["data"][task]["kind"]]
        parts[f"data, {title}"] = {key: value for key, value in about["data"][task].items() if key not in unused}
        parts[f"loss, {title}"] = about["loss"][task]
    return claim_tables.settings(parts)


# ---------------------------------------------------------------------- tables


def _row(found: Runs, key: tuple[str, str, float, str]) -> dict[str, str]:
    """Scores and cost of a run."""
    return spread(found.scores[key], DIGITS) | cost(found.runs[key])


def by_share(found: Runs, task: str) -> pd.DataFrame:
    """Scores of all methods by share of the training people, after those of the references."""
    keys = [(task, reference, 0.0, "") for reference in (NONE, HALF, EXACT)]
    keys += [(task, method, share, "") for share in found.shares for method in METHODS]
    return pd.DataFrame(
        {
            "training people": f"{found.runs[key]['people']} ({percent(key[2])})" if key[2] else "",
            "method": METHODS.get(key[1], key[1]),
            **_row(found, key),
        }
        for key in keys
    ).fillna("")


def ablations(found: Runs) -> pd.DataFrame:
    """Scores of every change beside those of the default."""
    rows = []
    for of, (what, *_) in ABLATIONS.items():
        for share, variants in found.ablated(of):
            for value, variant in variants.items():
                row = {"what": what, "training people": percent(share), "value": value}
                if variant:
                    pair = [found.values("D_PCA1", "msasha", "riir", share, name) for name in (variant, "")]
                    difference = pair[0] - pair[1]
                    row |= {"difference": f"{difference.mean():+.3f}", "p": shown(p_value(difference))}
                else:
                    row |= {"difference": "default", "p": ""}
                rows.append(row | _row(found, ("msasha", "riir", share, variant)))
    return pd.DataFrame(rows)


# ---------------------------------------------------------------------- picture


def draw(found: Runs, path: Path) -> None:
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
    figure.suptitle(f"Synthetic hearts. {RESEARCH_USE}", fontsize=9, color="0.3")
    save_figure(figure, path)


# ---------------------------------------------------------------------- tables that are there


def read(folder: Path) -> Found:
    """What riir_claims.md says was tested; of the rest riir_claims.csv has means, which decide nothing."""
    page, table = folder / "riir_claims.md", folder / "riir_claims.csv"
    tested = comparisons_of(page)
    if not tested["claim"].str.startswith(INNER).any():
        means = pd.read_csv(table).query("task == 'msasha' and method == 'riir' and share == 1")
        of = means.set_index(means["variant"].fillna(""))["D_PCA1"]
        row = {"claim": INNER, "at": "100 %, other: nmi", "score": "D_PCA1", "p": "", "verdict": OPEN}
        figures = {"ours": of[""], "other": of["inner nmi"], "difference": of[""] - of["inner nmi"]}
        row |= {name: f"{value:{'+' if name == 'difference' else ''}.3f}" for name, value in figures.items()}
        tested = pd.concat([tested, pd.DataFrame([row])], ignore_index=True)
    return Found(tested, facts_of(table), (tested_then(page),))

"""The page of the study of repeatability: verdicts, definitions, tables; and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..studies.repeatability_runs import EXACT, SEGMENTAL
from ..studies.repeatability_tables import (
    FEWEST,
    LEAST_ICC,
    MOST_COV,
    POOLED,
    WHOLE,
    Verdict,
    differences,
    pairs_of,
    verdicts,
)
from ..studies.repeatability_views import DIFFERS, NOISE_PERCENT
from .agreement import Panel, plot_bland_altman, plot_conditions
from .markdown import section
from .wording import RESEARCH_USE

if TYPE_CHECKING:
    from ..studies.repeatability import Repeats

SHOWN = {
    "icc": "ICC(2,1)",
    "interval": "95 % CI",
    "icc_consistency": "ICC(3,1)",
    "bias": "bias",
    "limits": "limits of agreement",
    "rc": "RC",
    "cov_percent": "CoV (%)",
    "spread": "SD of subjects",
    "n": "n",
}
DEFINITIONS = [
    "- Values are end-systolic engineering strain in %, GCS, GRS and GLS over the whole wall, Ecc, Err and Ell in AHA "
    "segments, each at the end-systole that the run found itself (the smallest cavity). Every method has its defaults. "
    "All views of a subject have the same end-diastolic labels; cropped with the images, and those of the new slices "
    "where the stack was moved.",
    "- ICC(2,1): absolute agreement of single measurements, two-way random effects (Shrout & Fleiss 1979; interval of "
    "McGraw & Wong 1996). ICC(3,1): consistency. Both depend on how much the subjects differ (SD of subjects): here "
    "they are of all groups, and among subjects who are more alike the same differences give a lower ICC.",
    f"- {POOLED}: each of the 16 segments of each subject counts as one. Segments of one heart are not independent, so "
    "that these intervals are too narrow.",
    "- Bias and limits of agreement: mean and 1.96 SD of the differences, changed minus unchanged, in percentage "
    "points (Bland & Altman 1986).",
    "- CoV: within-subject coefficient of variation by the root mean square method: root of the mean over the subjects "
    "of (SD / mean)^2. Of global strain alone: where a segment hardly moves, its mean is near 0 and a CoV means "
    "nothing.",
    "- RC: repeatability coefficient, 1.96 sqrt(2) times the within-subject SD, in percentage points.",
]
OF_REAL = (
    f"- A real cine cannot be taken again here: repeats of noise have Rician noise of {NOISE_PERCENT:g} % of the blood "
    "added to it, and its slices and artefacts stay as they are, since slices that are interpolated from others are no "
    "new scan."
)


def repeatability_markdown(found: Repeats, how: Sequence[str]) -> str:
    """The page of a study; ``how`` says how it was made."""
    conditions, methods = found.conditions, found.methods
    shown = [*_conditions(found.table), OF_REAL]
    lines = [
        "# Repeatability of strain, and agreement of methods",
        "",
        RESEARCH_USE,
        "",
        *[f"- {_words(verdict)}" for verdict in verdicts(conditions)],
        "",
        *section("How", [*how, "", *_people(found.table), "", *shown, "", *DEFINITIONS]),
    ]
    if len(conditions):
        lines += section("The same subject again", [], _figures(conditions, ["data", "method", "condition"]))
        lines += section(
            "Segment by segment", ["ICC(2,1) of each AHA segment over the subjects."], _segments(conditions)
        )
    if len(methods):
        words = [f"On the same images, second minus first. `{EXACT}` is the strain of the phantom by its formulae."]
        lines += section("Between methods", words, _figures(methods, ["data", "first", "second"]))
    few = _few(found.table)
    if len(few):
        words = [f"Data sets of fewer than {FEWEST} subjects, of which there is no ICC: changed minus unchanged."]
        lines += section("Differences", words, few)
    if found.failed:
        lines += section("Runs that failed", [], pd.DataFrame(found.failed))
    return "\n".join(lines).rstrip() + "\n"


def write_repeatability(found: Repeats, how: Sequence[str], folder: Path) -> list[Path]:
    """Write repeatability.md, .csv (every value), agreement.csv (every figure), repeatability.png, bland_altman.png.

    Pictures are made where a data set has enough subjects; the first one that has is shown.
    """
    conditions, methods = found.conditions, found.methods
    texts = {
        "repeatability.csv": found.table.to_csv(index=False),
        "agreement.csv": pd.concat([conditions, methods], ignore_index=True).to_csv(index=False),
        "repeatability.md": repeatability_markdown(found, how),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    files = [folder / name for name in texts]
    if len(conditions):
        first = conditions["data"].iloc[0]
        rows = conditions[(conditions["data"] == first) & conditions["region"].isin([WHOLE, POOLED])]
        files.append(plot_conditions(rows, folder / "repeatability.png", least_icc=LEAST_ICC, most_cov=MOST_COV))
        names = list(dict.fromkeys(rows["condition"]))
        panels = _panels(found.table[found.table["data"] == first], str(rows["method"].iloc[0]), names)
        files.append(plot_bland_altman(panels, folder / "bland_altman.png", columns=len(names)))
    return files


def _words(verdict: Verdict) -> str:
    answer = {True: "holds", False: "does not hold", None: "not measured"}[verdict.holds]
    return f"**{answer}**: {verdict.claim}: {verdict.figures}"


def _people(table: pd.DataFrame) -> list[str]:
    people = table.drop_duplicates(["data", "subject"])
    lines = []
    for data, rows in people.groupby("data", sort=False):
        groups = rows["group"][rows["group"] != ""].value_counts()
        names = ", ".join(f"{count} {group}" for group, count in groups.items())
        lines.append(f"Subjects of {data}: {len(rows)}{f' ({names})' if names else ''}.")
    return lines


def _conditions(table: pd.DataFrame) -> list[str]:
    return [f"- {name}: {DIFFERS[name]}." for name in table["condition"].unique() if name in DIFFERS]


def _figures(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    rows = table[table["region"].isin([WHOLE, POOLED])]
    interval = [f"{low:.3f} to {high:.3f}" for low, high in zip(rows["icc_low"], rows["icc_high"], strict=True)]
    limits = [f"{low:+.2f} to {high:+.2f}" for low, high in zip(rows["lower"], rows["upper"], strict=True)]
    shown = rows.assign(interval=interval, limits=limits)
    for name, digits in {"icc": 3, "icc_consistency": 3, "bias": 2, "rc": 2, "cov_percent": 2, "spread": 2}.items():
        shown[name] = ["" if np.isnan(value) else f"{value:.{digits}f}" for value in shown[name]]
    return shown[[*keys, "measure", "region", *SHOWN]].rename(columns=SHOWN)


def _segments(conditions: pd.DataFrame) -> pd.DataFrame:
    rows = conditions[~conditions["region"].isin([WHOLE, POOLED])]
    wide = rows.pivot_table(
        index=["data", "method", "condition", "measure"], columns="region", values="icc", sort=False
    )
    ordered = wide[[str(n) for n in range(1, 17) if str(n) in wide]]
    return ordered.map(lambda value: "" if np.isnan(value) else f"{value:.2f}").reset_index()


def _few(table: pd.DataFrame) -> pd.DataFrame:
    counts = table.groupby("data")["subject"].nunique()
    small = table[table["data"].isin(counts[counts < FEWEST].index) & (table["method"] != EXACT)]
    if not (small["condition"] != "base").any():
        return pd.DataFrame()
    names = {"rms": "root mean square (points)", "largest": "largest (points)"}
    return differences(small).round(2).rename(columns=names)


def _panels(table: pd.DataFrame, method: str, conditions: Sequence[str]) -> list[Panel]:
    return [
        Panel(pairs, f"{measure}{', segments' if measure in SEGMENTAL.values() else ''}: {condition}, {method}")
        for measure in ("GCS", "GRS", "GLS", "Ecc")
        for condition in conditions
        if len(pairs := pairs_of(table, method, condition, measure))
    ]

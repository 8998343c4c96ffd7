"""One page a paper: claim, the paper's figure, ours, verdict."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pandas as pd

from ... import __version__
from ...report.markdown import section
from ...report.wording import RESEARCH_USE
from ...whole_files import write_whole
from .claim_tables import UNKNOWN, verdict_of
from .paper import Claim, Found, Paper

MOST = 10  # comparisons that a cell names one by one


def write_page(paper: Paper, folder: Path, output: Path, command: str) -> Path:
    """Write the page of a paper, ``output``/NAME.md, by the tables that are in ``folder``.

    Raises `CardiacMotionError` where there are none.
    """
    path = output / f"{paper.name}.md"
    text = "\n".join(page(paper, paper.found(folder), links(paper, folder, output), command))
    output.mkdir(parents=True, exist_ok=True)
    write_whole({path: text.encode()})
    return path


def links(paper: Paper, folder: Path, output: Path) -> list[str]:
    """To the files with the full tables, as far as they are there."""
    places = [folder / f"{stem}.md" for stem in paper.tables]
    return [f"[{place.name}]({Path(os.path.relpath(place, output)).as_posix()})" for place in places if place.is_file()]


def page(paper: Paper, found: Found, full: list[str], command: str) -> list[str]:
    """Lines of the page."""
    facts = [f"- {key}: {value}" for key, value in found.facts.items()]
    if full:
        facts.append(f"- all tables, pictures and settings: {', '.join(full)}")
    return [
        f"# {paper.title}",
        "",
        f"Paper {paper.number}: {paper.citation}",
        "",
        f"What it claims, measured on synthetic hearts. Page made by `{command}` on {datetime.date.today()}, version "
        f"{__version__}.",
        RESEARCH_USE,
        "",
        *section("How it was measured", [paper.measured, "", *facts]),
        *section("Claims", list(found.notes), verdicts(paper.claims, found.comparisons)),
        *section("What differs from the paper", [paper.differs]),
    ]


def verdicts(claims: tuple[Claim, ...], comparisons: pd.DataFrame) -> pd.DataFrame:
    """One row a claim of the paper."""
    return pd.DataFrame(
        {
            "claim": claim.words,
            "paper": f"{claim.figure} ({claim.where})" if claim.figure else claim.where,
            **judged(claim, claim.of(comparisons)),
        }
        for claim in claims
    )


def judged(claim: Claim, comparisons: pd.DataFrame) -> dict[str, str]:
    """What we found, and the verdict."""
    if comparisons.empty:
        return {"ours": claim.why or "not in these tables", "verdict": UNKNOWN}
    verdict, of = verdict_of(comparisons["verdict"])
    if comparisons["verdict"].nunique() == 1:
        of = ""
    return {"ours": numbers(comparisons), "verdict": f"{verdict} ({of})" if of else verdict}


def numbers(comparisons: pd.DataFrame) -> str:
    """Ours against the other, by score; of several claims each is named."""
    parts, several = [], comparisons["claim"].nunique() > 1
    for score, group in comparisons.groupby("score", sort=False):
        first = group["claim"] != group["claim"].shift()
        each = [
            f"{row['claim']}: {_one(row)}" if several and new else _one(row)
            for (_, row), new in zip(group.iterrows(), first, strict=True)
        ]
        more = f"; and {len(each) - MOST} more" if len(each) > MOST else ""
        parts.append(f"{score}: {'; '.join(each[:MOST])}{more}")
    return "<br>".join(parts)


def _one(row: pd.Series[str]) -> str:
    """A comparison in a few words."""
    if row["verdict"] == UNKNOWN:
        return f"{row['at']}: {UNKNOWN}"
    told = row["difference"]
    if row["p"]:
        told = f"p {row['p'] if row['p'].startswith('<') else '= ' + row['p']}"
    return f"{row['ours']} against {row['other']} ({row['at']}: {told})"

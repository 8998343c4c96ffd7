"""Verdicts, and the page that is made of tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.report.markdown import section
from CardiacMotionLib.studies.papers import load_paper
from CardiacMotionLib.studies.papers.claim_tables import (
    EVERY,
    FAILS,
    HOLDS,
    OPEN,
    SAME,
    UNKNOWN,
    compare,
    comparisons_of,
    verdict_of,
)
from CardiacMotionLib.studies.papers.page import judged, page, verdicts, write_page
from CardiacMotionLib.studies.papers.paper import Claim, Order, save_verdicts

RESULTS = Path(__file__).resolve().parents[1] / "results"
WITH_TABLES = ("inr", "riir", "memwarp")
PEOPLE = np.linspace(0.7, 0.9, 16)


def compared(ours, theirs, *, claim="ours are better", at="100 %", more=True, least=0.0):
    return compare("ours", {"Dice": 3}, claim, at, "Dice", ours, theirs, more=more, least=least)


def test_a_difference_in_everybody_decides_and_none_does_not():
    assert compared(PEOPLE + 0.01, PEOPLE)["verdict"] == HOLDS
    assert compared(PEOPLE, PEOPLE + 0.01)["verdict"] == FAILS
    assert compared(PEOPLE, PEOPLE + 0.01, more=False)["verdict"] == HOLDS
    assert compared(PEOPLE, PEOPLE)["verdict"] == SAME
    assert compared(np.full(16, np.nan), PEOPLE)["verdict"] == UNKNOWN


def test_a_gain_that_is_named_must_be_reached():
    up_and_down = PEOPLE + 0.05 + 0.01 * (-1) ** np.arange(16)
    assert compared(up_and_down, PEOPLE, least=0.02)["verdict"] == HOLDS
    assert compared(up_and_down, PEOPLE, least=0.05)["verdict"] == OPEN
    assert compared(up_and_down, PEOPLE, least=0.08)["verdict"] == FAILS


@pytest.mark.parametrize(
    ("each", "verdict"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, SAME], FAILS),
        ([SAME, SAME], SAME),
        ([HOLDS, UNKNOWN], UNKNOWN),
        ([FAILS, UNKNOWN], FAILS),
        ([UNKNOWN], UNKNOWN),
    ],
)
def test_a_claim_is_what_its_comparisons_are(each, verdict):
    assert verdict_of(each)[0] == verdict


def test_comparisons_are_read_from_the_page_that_has_them(tmp_path):
    """With what was tested then; a bar in a name is none of the table."""
    rows = pd.DataFrame([compared(PEOPLE + 0.01, PEOPLE), compared(PEOPLE, PEOPLE, claim="|x| is less")])
    lines = [*section("Claims", []), *section(EVERY, [], rows), *section("Settings", ["- a"])]
    (tmp_path / "full.md").write_text("\n".join(lines))
    found = comparisons_of(tmp_path / "full.md")
    pd.testing.assert_frame_equal(found, rows.astype(found.dtypes.to_dict()))
    claim = Claim("better", "", "", ("ours",))
    assert judged(claim, claim.of(found))["verdict"] == HOLDS
    (tmp_path / "other.md").write_text("# Nothing")
    with pytest.raises(CardiacMotionError, match=r"other\.md has no table under the heading Every comparison"):
        comparisons_of(tmp_path / "other.md")
    with pytest.raises(CardiacMotionError, match=r"none\.md is not there"):
        comparisons_of(tmp_path / "none.md")


def test_claims_take_their_comparisons_by_words_score_and_place():
    rows = pd.DataFrame(
        [
            compared(PEOPLE + 0.01, PEOPLE),
            compared(PEOPLE, PEOPLE + 0.01, at="5 %"),
            compared(PEOPLE, PEOPLE, claim="x"),
        ]
    )
    claims = (
        Claim("at 100 %", "0.9", "table 1", ("ours are",), at=("100",)),
        Claim("all", "", "figure 2", ("ours are",)),
        Claim("other score", "", "", ("ours are",), scores=("HD95 (mm)",)),
        Claim("cannot", "1", "table 9", why="no patients here"),
    )
    table = verdicts(claims, rows).set_index("claim")
    assert table.loc["at 100 %", "verdict"] == HOLDS
    assert table.loc["at 100 %", "paper"] == "0.9 (table 1)"
    assert "p < 0.001" in table.loc["at 100 %", "ours"]
    assert table.loc["all", "verdict"] == f"{FAILS} (holds in 1, does not hold in 1)"
    assert table.loc["other score", "verdict"] == UNKNOWN
    assert table.loc["cannot", ["ours", "verdict"]].tolist() == ["no patients here", UNKNOWN]


def test_verdicts_that_a_run_wrote_make_the_page(tmp_path):
    """They, and not the means in the table beside them."""
    (tmp_path / "memwarp_claims.csv").write_text("nothing that could be read")
    row = compared(PEOPLE + 0.01, PEOPLE, claim="the pyramid helps")
    columns = ["claim", "at", "score", "ours", "other", "difference", "p", "verdict"]
    save_verdicts(Order(tmp_path, tmp_path), "memwarp", pd.DataFrame([row])[columns], {"people": 12, "steps": 7})
    text = write_page(load_paper("memwarp"), tmp_path, tmp_path / "pages", "make it").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "pyramid helps" in line)
    assert line.endswith("| holds |")
    assert "0.810 against 0.800 (100 %: p < 0.001)" in line
    assert "- people: 12" in text
    assert "- steps: 7" in text
    assert "- machine: " in text
    assert "Page made by `make it`" in text
    assert json.loads((tmp_path / "memwarp_facts.json").read_text())["command"].startswith("cardiac-motion reproduce")


@pytest.fixture(scope="module")
def committed():
    """What the committed tables say, by paper."""
    return {name: load_paper(name).found(RESULTS) for name in WITH_TABLES}


@pytest.mark.parametrize("name", WITH_TABLES)
def test_committed_tables_make_pages(name, committed):
    paper = load_paper(name)
    lines = page(paper, committed[name], [], "a command")
    rows = [line for line in lines if line.startswith("| ")][1:]
    assert len(rows) == len(paper.claims)
    assert not [row for row in rows if "not in these tables" in row], "every claim finds its comparisons"
    assert any(paper.citation in line for line in lines)


def test_scores_by_heart_give_the_verdicts_again(committed):
    """Of the INR's table, whose Markdown has them."""
    rows = committed["inr"].comparisons
    text = (RESULTS / "inr_claims.md").read_text(encoding="utf-8")
    at_once = rows[(rows["claim"] == "at 500 steps 3 points of Dice more") & (rows["at"] == "siren")].iloc[0]
    cells = [at_once[name] for name in ("claim", "at", "score", "ours", "other", "difference", "verdict")]
    assert f"| {' | '.join(cells)} |" in text


@pytest.mark.parametrize("name", WITH_TABLES)
def test_the_page_that_is_committed_is_of_the_committed_tables(name, committed):
    lines = page(load_paper(name), committed[name], [], "")
    text = (RESULTS / "papers" / f"{name}.md").read_text(encoding="utf-8")
    rows = [[line for line in every if line.startswith("| ")] for every in (lines, text.splitlines())]
    assert rows[0] == rows[1]


def test_names_that_are_no_papers_are_refused(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"'lama' is no paper.*inr, riir, memwarp, any2reg, lamod"):
        load_paper("lama")
    with pytest.raises(CardiacMotionError, match=r"neither inr_verdicts.csv nor inr_claims.csv"):
        load_paper("inr").found(tmp_path)

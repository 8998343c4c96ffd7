"""``cardiac-motion reproduce`` as a user runs it; measuring itself is tried in Testing/studies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

RESULTS = Path(__file__).resolve().parents[1] / "results"


def test_page_of_tables(cardiac_motion, tmp_path):
    answer = cardiac_motion("reproduce", "inr", "--from", RESULTS, "-o", tmp_path, "--json")
    assert answer.code == 0, answer.err
    page = tmp_path / "inr.md"
    assert answer.json["page"] == str(page)
    text = page.read_text(encoding="utf-8")
    assert "| claim | paper | ours | verdict |" in text
    assert "0.763 against 0.733 (table 1)" in text
    assert "Research use only: not a medical device." in text
    assert [path.name for path in tmp_path.iterdir()] == ["inr.md"], "nothing is measured"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["voxelmorph"], "'voxelmorph' is no paper that can be reproduced; those are inr"),
        (["any2reg", "--from", "EMPTY"], "has neither any2reg_verdicts.csv nor any2reg_claims.csv"),
        (["riir", "--people", "3"], "how many people riir is tried on is fixed"),
    ],
)
def test_what_cannot_be_done_is_refused(cardiac_motion, tmp_path, arguments, words):
    given = [tmp_path if one == "EMPTY" else one for one in arguments]
    answer = cardiac_motion("reproduce", *given, "-o", tmp_path / "out")
    assert answer.code == 2
    assert words in answer.err
    assert not (tmp_path / "out").exists()


def test_how_long_it_takes_is_said_and_a_stop_keeps_what_is_done(cardiac_motion, tmp_path, monkeypatch):
    from CardiacMotionLib.studies.papers.memwarp import measure

    def stopped(order):
        order.told("a run is done")
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "measure", stopped)
    answer = cardiac_motion("reproduce", "memwarp", "--workers", 2, "-o", tmp_path)
    assert answer.code == 130
    assert "About 2.8 hours where nothing else runs" in answer.err
    assert f"what is done stays in {tmp_path / 'memwarp_work'}" in answer.err
    assert not (tmp_path / "memwarp.md").exists()


def test_help_loads_no_paper(cardiac_motion):
    before = {name for name in sys.modules if ".studies.papers" in name}
    assert "riir" in cardiac_motion("reproduce", "--help").out
    assert {name for name in sys.modules if ".studies.papers" in name} == before

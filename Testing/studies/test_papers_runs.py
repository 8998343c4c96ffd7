"""Runs that are kept in a folder: found again by their names, performed where they are missing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.studies.papers import load_paper
from CardiacMotionLib.studies.papers.any2reg import measure as any2reg
from CardiacMotionLib.studies.papers.any2reg.report import DICE, ERROR, TRE, Scores
from CardiacMotionLib.studies.papers.lamod import measure as lamod
from CardiacMotionLib.studies.papers.lamod.report import COVERAGE, EPE, SEGMENTS
from CardiacMotionLib.studies.papers.page import write_page
from CardiacMotionLib.studies.papers.paper import Order
from CardiacMotionLib.studies.papers.riir import measure as riir
from CardiacMotionLib.studies.papers.training_runs import minutes_left, perform_all

SMALL = {"slices": 1, "rows": 40, "columns": 40, "pixel_mm": 4.0}


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_scores_of_any2reg_keep_their_file_names(tmp_path):
    """Those of runs that were done before the command was there."""
    names = {path.name for _, _, path in any2reg.files(any2reg.protocol(Order(tmp_path, tmp_path)))}
    assert {
        "STONE_none_6.json",
        "STONE_elastix-PCA2_6.json",
        "STONE_one-shot-(GroupRegNet)_6.json",
        "STONE_channel-stacked-U-Net_6.json",
        "MOLLI_Any2Reg-mean_6.json",
        "ASL_Any2Reg-with-regions-refined_3.json",
        "cine_Any2Reg-refined_6.json",
    } <= names
    assert len(names) == 36


def test_what_is_kept_is_read_and_makes_tables_and_page(tmp_path):
    """No person is made for it, nothing is trained."""
    order = Order(tmp_path / "work", tmp_path / "out", 1)
    (tmp_path / "work").mkdir()
    for number, (examination, row, path) in enumerate(any2reg.files(any2reg.protocol(order))):
        if row.images and examination.name != "STONE":
            scores = []
        else:
            better = 0.0 if row.name == "none" else 5.0 + number / 10
            people = 3 if examination.name == "ASL" else 6
            scores = [
                {"person": n, "images": 11, DICE: 70 + gain, TRE: 4 - gain / 10, ERROR: 3.0}
                for n in range(people)
                for gain in [better * (1 + n / 9)]
            ]
        of = any2reg.identity(examination, row, any2reg.protocol(order))
        path.write_text(json.dumps({"examination": examination.name, "method": row.name, "of": of, "scores": scores}))
    paper = load_paper("any2reg")
    assert paper.minutes(order) == pytest.approx(90), "the two networks, whose files are not there"
    paper.measure(order)
    page = write_page(paper, order.output, order.output, "x").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if "better aligned than none, trained" in line)
    assert "p = 0.031" in line
    assert "does not hold (holds in 2, no difference in 1)" in line, "the error is the same in all"
    written = {path.name for path in order.output.iterdir()}
    assert written >= {f"any2reg_{name}" for name in ("claims.csv", "claims.md", "claims.png", "verdicts.csv")}
    (order.output / "any2reg_verdicts.csv").unlink()
    of_table = write_page(paper, order.output, tmp_path, "x").read_text(encoding="utf-8")
    assert line in of_table, "the scores of every person are in the table"


def test_what_is_missing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(any2reg, "VIEW", SMALL)
    monkeypatch.setattr(any2reg, "ROWS", any2reg.ROWS[:1])
    monkeypatch.setattr(any2reg, "EXAMINATIONS", any2reg.EXAMINATIONS[:1])
    order = Order(tmp_path / "work", tmp_path, 1, people=1)
    any2reg.measure(order)
    kept = tmp_path / "work" / "STONE_none_1.json"
    scores = json.loads(kept.read_text())["scores"][0]
    assert scores["images"] == 11
    assert 0 < scores[DICE] < 100
    kept.write_text(kept.read_text().replace(f"{scores[DICE]}", "12.5"))
    any2reg.measure(order)
    assert "12.5" in (tmp_path / "any2reg_claims.csv").read_text(), "what is there is not done again"
    kept.write_text(kept.read_text().replace("rows", "lines"))
    any2reg.measure(order)
    assert json.loads(kept.read_text())["scores"][0] == scores, "what was made with something else is"


def test_people_whose_series_a_method_does_not_take_are_left_out_of_its_comparisons():
    everybody = {"examination": "MOLLI", "method": "none", "scores": [{"person": n, DICE: 80.0 + n} for n in range(3)]}
    few = {"examination": "MOLLI", "method": "few", "scores": [{"person": 2, DICE: 90.0}]}
    found = Scores([everybody, few])
    np.testing.assert_array_equal(found.values("MOLLI", "few", DICE), [np.nan, np.nan, 90.0])
    np.testing.assert_array_equal(found.values("MOLLI", "none", DICE), [80.0, 81.0, 82.0])


def test_lamod_is_compared_with_what_is_kept(tmp_path):
    """No person is made for it: errors that are known make verdicts that are."""
    order = Order(tmp_path / "work", tmp_path / "out", 1, people=8)
    (tmp_path / "work").mkdir()
    (tmp_path / "out").mkdir()
    worse = {"LaMoD": 1.0, "registration network alone": 2.0, "LaMoD, one sample": 1.02}
    for examination in lamod.EXAMINATIONS:
        for subject in lamod.subjects(examination, 8):
            scale = 1 + subject.seed % 8 / 20
            scores = {
                row.name: {
                    lamod.OF: lamod.identity(row, examination),
                    EPE: worse.get(row.name, 1.1) * scale,
                    SEGMENTS: worse.get(row.name, 1.1) * scale,
                }
                for row in lamod.rows_of(examination)
            }
            scores["LaMoD"][COVERAGE] = 80.0
            (tmp_path / "work" / f"{examination}_{subject.seed}.json").write_text(json.dumps(scores))
    paper = load_paper("lamod")
    assert paper.minutes(order) == 0
    paper.measure(order)
    page = write_page(paper, order.output, order.output, "x").read_text(encoding="utf-8")
    lines = {line.split(" | ")[0].strip("| "): line for line in page.splitlines() if line.startswith("| ")}
    alone = lines["better than a registration network alone (here: at least 30 % less error)"]
    assert "holds" in alone
    assert "does not" not in alone
    assert "not measured" in lines["better than 3D TransUNet"]
    text = (tmp_path / "out" / "lamod_claims.md").read_text(encoding="utf-8")
    assert "80 ± 0" in text
    (order.output / "lamod_verdicts.csv").unlink()
    assert alone in write_page(paper, order.output, tmp_path, "x").read_text(encoding="utf-8")
    scores = pd.read_csv(order.output / "lamod_claims.csv")
    scores[scores["method"] != "UNETR-like"].to_csv(order.output / "lamod_claims.csv", index=False)
    page = write_page(paper, order.output, tmp_path, "x").read_text(encoding="utf-8")
    both = next(line for line in page.splitlines() if line.startswith("| less error of segmental strain on cines"))
    assert "not measured" in both.rsplit(" | ", 1)[1]


def test_scores_of_lamod_that_were_made_with_something_else_are_made_again(tmp_path):
    path, rows = tmp_path / "a.json", lamod.rows_of("cine")
    path.write_text(json.dumps({row.name: {lamod.OF: lamod.identity(row, "cine")} for row in rows[1:]}))
    assert lamod.kept(path, "cine")[1] == rows[:1]
    path.write_text(path.read_text().replace("ddpm", "ddim"))
    assert [row.name for row in lamod.kept(path, "cine")[1]] == [rows[0].name, "LaMoD, one sample, whole chain"]
    assert lamod.kept(tmp_path / "none.json", "DENSE") == ({}, lamod.rows_of("DENSE"))


@pytest.fixture
def references(tmp_path):
    """What RIIR is compared with on small cines: no training."""
    data = {"cine": replace(riir.TASKS["cine"], subjects=1, held_out=1, frames=3, slices=1, size=32)}
    runs = tuple(run for run in riir.runs() if run.task == "cine" and not run.share)
    return replace(riir.FULL, work=tmp_path, data=data, tested=1, runs=runs)


def test_runs_are_kept_under_their_names_and_refused_with_other_settings(references, tmp_path, monkeypatch):
    told = []
    assert minutes_left(references, 1, {}) == 3
    results = perform_all(references, 1, told.append)
    assert [result["method"] for result in results] == ["no registration", "all half a pixel off", "exact motion"]
    still, _, exact = (result["scores"][0] for result in results)
    assert exact["Dice"] > still["Dice"]
    assert exact["error in heart (mm)"] == 0
    assert {path.name for path in tmp_path.glob("*.json")} == {
        "cine_no-registration.json",
        "cine_all-half-a-pixel-off.json",
        "cine_exact-motion.json",
    }
    assert minutes_left(references, 1, {}) == 0
    assert perform_all(references, 1, told.append) == results
    with pytest.raises(CardiacMotionError, match="3 runs failed"):
        perform_all(replace(references, tested=2), 1, told.append)
    monkeypatch.setattr(riir.Claims, "scored", riir.Claims.scored + 1)
    with pytest.raises(CardiacMotionError, match="3 runs failed"):
        perform_all(references, 1, told.append)

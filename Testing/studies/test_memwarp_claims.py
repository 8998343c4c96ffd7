"""Scores of paper 002: what they are of, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, Motion
from CardiacMotionLib.methods import methods
from CardiacMotionLib.metrics import dice, evaluate
from CardiacMotionLib.phantom.stream import TESTED, PairStream
from CardiacMotionLib.series import BACKGROUND, LABEL_NAMES, LV_CAVITY, MYOCARDIUM
from CardiacMotionLib.studies.papers import load_paper
from CardiacMotionLib.studies.papers.memwarp import learning, measure
from CardiacMotionLib.studies.papers.memwarp.measure import FULL, refer
from CardiacMotionLib.studies.papers.memwarp.report import write_report
from CardiacMotionLib.studies.papers.memwarp.rows import (
    BACK_DICE,
    CARRIED_DICE,
    DICE,
    DIGITS,
    ERRORS,
    EXACT,
    KEPT,
    MEMWARP,
    NONE,
    SEGMENTATION,
    Runs,
)
from CardiacMotionLib.studies.papers.memwarp.scores import Person, score
from CardiacMotionLib.studies.papers.page import write_page
from CardiacMotionLib.studies.papers.paper import Order
from CardiacMotionLib.studies.papers.training_runs import Run

STEPS = [150.0, 300.0, 450.0]


@pytest.fixture(scope="module")
def person():
    view = {"slices": 5, "rows": 72, "columns": 72, "pixel_mm": 2.5}
    return Person.of(PairStream(1, TESTED, group="normal", sliding=True, **view), 0)


@pytest.fixture(scope="module")
def motions(person):
    return {name: [refer(name, person.subject, t, lambda *_: True) for t in (0, 1)] for name in (NONE, EXACT)}


def raw(person, first, second):
    labels = person.subject.series.labels
    return 100 * np.mean([dice(labels[first] == label, labels[second] == label) for label in LABEL_NAMES])


def test_labels_are_drawn_carried_and_drawn_the_other_way_round(person, motions):
    exact, still = motions[EXACT], motions[NONE]
    without = raw(person, 0, 1)
    forward = score(person, exact[0], still[1])
    assert forward[DICE] > without + 10
    assert forward[CARRIED_DICE] > without + 10
    assert forward[BACK_DICE] == pytest.approx(without), "at end-systole nothing moved"
    assert score(person, still[0], exact[1])[BACK_DICE] > without + 10
    table = evaluate(exact[0], person.subject.series).set_index(["metric", "structure"])["value"]
    assert forward[CARRIED_DICE] == pytest.approx(100 * np.mean([table["Dice", name] for name in LABEL_NAMES.values()]))


def test_the_segmentation_is_that_of_the_fixed_image(person, motions):
    still, labels = motions[NONE], person.subject.series.labels
    assert np.isnan(score(person, *still)[SEGMENTATION])
    for frame, expected in ((0, 100.0), (1, raw(person, 0, 1))):
        told = Motion(still[0].displacement, still[0].affine, 0, labels=labels[frame])
        assert score(person, told, still[1])[SEGMENTATION] == pytest.approx(expected)


def test_errors_are_of_the_places_that_they_are_named_after(person, motions):
    exact, still = (score(person, *motions[name]) for name in (EXACT, NONE))
    for name in ERRORS:
        assert exact[name] == 0
        assert still[name] > 0
    true = np.linalg.norm(person.subject.motion.displacement[1], axis=-1)
    labels = person.subject.series.labels[0]
    assert still["error in wall (mm)"] == pytest.approx(true[labels == MYOCARDIUM].mean(), rel=1e-5)
    assert still["error in lung (mm)"] < still["error in wall (mm)"]
    assert exact[KEPT[0]] > 0.7
    assert still[KEPT[0]] == 0


def test_lung_is_outside_the_heart_and_dark_beside_blood(person):
    series = person.subject.series
    labels = series.labels[0]
    assert person.lung.sum() > 1000
    assert not person.lung[labels != BACKGROUND].any()
    assert series.frames[0][person.lung].mean() < 0.4 * series.frames[0][labels == LV_CAVITY].mean()


def test_both_directions_are_asked_of_references_and_networks(tmp_path, monkeypatch):
    view = {"slices": 4, "rows": 48, "columns": 48, "pixel_mm": 3.0}
    stream = PairStream(1, TESTED, group="normal", sliding=True, **view)
    monkeypatch.setattr(measure, "people", lambda *_: stream)
    without = raw(Person.of(stream, 0), 0, 1)
    (exact,) = FULL.scores(Run("cine", EXACT), None, lambda *_: True)
    assert min(exact[DICE], exact[CARRIED_DICE], exact[BACK_DICE]) > without + 5
    network_class = methods()["voxelmorph"].network()
    network = network_class(network_class.Config(dims=3)).eval()
    (untrained,) = FULL.scores(Run("cine", "voxelmorph", 1.0), network, lambda *_: True)
    assert untrained.keys() == exact.keys()
    assert untrained[BACK_DICE] == pytest.approx(without, abs=5), "it moves hardly anything"


def test_a_training_whose_log_is_gone_is_named(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"validation\.csv is not there.*delete cine_"):
        measure.validations(replace(FULL, work=tmp_path))


# ---------------------------------------------------------------------- what is made of scores


def made_up():
    """Results in which everybody is alike but MemWarp: ten points ahead of its U-Net when drawn, four when carried."""
    ahead = {MEMWARP: (10.0, 4.0), EXACT: (12.0, 12.0)}
    results, curves = [], {}
    for run in FULL.runs:
        row = run.variant or run.method
        drawn, carried = ahead.get(row, (0.0, 0.0))
        scores = [
            {
                **dict.fromkeys(DIGITS, 1.0 + person / 100),
                **dict.fromkeys(("true jump (mm)", "true jump in plane (mm)"), 1.0),
                DICE: 80.0 + drawn + person / 5,
                CARRIED_DICE: 78.0 + carried + person / 5,
            }
            for person in range(8)
        ]
        who = {"task": run.task, "method": run.method, "share": run.share, "variant": run.variant, "people": 100}
        results.append({**who, "seconds": 60.0, "parameters": 9, "best_step": 300, "scores": scores})
        if run.share:
            pace = 2.0 if row == MEMWARP else 1.0
            curves[row] = {
                "step": STEPS,
                "seconds": [pace * step for step in STEPS],
                "dice": [0.8, 0.88, 0.9] if row == MEMWARP else [0.7, 0.8, 0.85],
            }
    about = {"training": {"steps": 450, "seed": 0, "frozen": 0.3}, "data": {"batch": 2}, "losses": [{"loss of": "a"}]}
    return results, curves, about


def test_the_account_names_points_room_lead_and_time():
    results, curves, _ = made_up()
    points, way, _ = learning.account(Runs(results), curves)
    assert "+10.0 points" in points
    assert "have 92.7 %" in points
    assert "+12.0 beside that LKU-Net" in points
    assert "+10.0 points beside LKU-Net after 150 steps" in way
    assert "+5.0 after the last" in way
    assert "2.0 times as long: after 8 minutes" in way
    assert way.endswith("it has -1.0."), "its 225th step beside the 450th: half way from 80 to 88, beside 85"


def test_a_report_has_every_row_and_its_page_says_what_the_claims_are_judged_by(tmp_path):
    results, curves, about = made_up()
    write_report(results, curves, about, Order(tmp_path, tmp_path), 8)
    text = (tmp_path / "memwarp_claims.md").read_text(encoding="utf-8")
    assert all(f"| {row} | 8" in text or f"| {row} | 9" in text for row in Runs(results).runs)
    assert "| 150 steps | 300 steps | 450 steps |" in text
    assert (tmp_path / "memwarp_validation.png").stat().st_size > 1000
    (tmp_path / "memwarp_verdicts.csv").unlink()
    page = write_page(load_paper("memwarp"), tmp_path, tmp_path, "x").read_text(encoding="utf-8")
    lines = {line.split(" | ")[0].strip("| "): line for line in page.splitlines() if line.startswith("| ")}
    points = lines["at least 5 points more Dice than its own U-Net (LKU-Net) with the same loss of labels"]
    assert "90.7 against 80.7" in points
    assert points.endswith("| holds |"), "ten points when drawn, as in the paper"
    carried = lines["the same of labels carried the other way, by the inverse of what was found"]
    assert "82.7 against 78.7" in carried
    assert carried.endswith("| does not hold |"), "four when carried"

"""Methods side by side: what is run, that a process measures it, that nothing is done twice, and what the page says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib import CardiacMotionError, Motion
from CardiacMotionLib.methods import methods
from CardiacMotionLib.report.benchmark import markdown, means_table, verdict
from CardiacMotionLib.studies import benchmark, measured_run
from CardiacMotionLib.studies.benchmark_scores import SCORES, prepare, score
from CardiacMotionLib.studies.subjects import SampleSubject, synthetic_subjects

SMALL = {"frames": 3, "slices": 4, "rows": 40, "columns": 40, "pixel_mm": 3.5, "thickness_mm": 20.0}


@pytest.fixture(scope="module")
def people():
    return synthetic_subjects(2, **SMALL)


@pytest.fixture(scope="module")
def known(people):
    return prepare(people[0])


# ---------------------------------------------------------------------- scores


def test_the_exact_motion_has_no_error_and_none_has_all(known):
    exact = score(Motion(known.truth.displacement, known.truth.affine, 0), known)
    still = score(Motion.still(known.series, 0), known)
    assert set(exact) == set(SCORES) - {"landmark_mm"}
    assert exact["epe_mm"] == exact["epe_in_plane_mm"] == exact["ecc_error"] == 0
    assert exact["dice"] > still["dice"] + 0.1
    assert exact["ecc_segmental"] < 3 < still["ecc_segmental"]
    assert still["epe_mm"] > 2
    assert still["folding"] == still["sd_log_j"] == 0
    wanted = np.mean([abs(value) for region, value in known.strain.items() if region != "global"])
    assert still["ecc_segmental"] == pytest.approx(100 * wanted, rel=1e-3)


def test_landmarks_are_carried(known):
    points = np.repeat(known.series.affine[:3, 3] + np.array([[[20.0, 20, 20]]]), len(known.series), axis=0)
    points[known.end_systole] += (3.0, 4.0, 0.0)
    seen = benchmark_known(known, {"insertions": points})
    assert score(Motion.still(known.series, 0), seen)["landmark_mm"] == pytest.approx(5.0)


def benchmark_known(known, landmarks):
    import dataclasses

    return dataclasses.replace(known, landmarks=landmarks)


def test_the_patient_that_ships_is_known_at_end_systole():
    sample = prepare(SampleSubject())
    assert (sample.reference, sample.end_systole) == (0, 9)
    assert sample.truth is None
    assert not sample.strain


# ---------------------------------------------------------------------- what is run


def test_every_method_is_run_or_left_out_with_how_to_install_it(monkeypatch):
    names, missing = benchmark.methods_to_run()
    assert names[:2] == ["none", "auto"]
    assert {*names, *missing, "spline"} == {*methods(), "none", "auto"}
    assert all(how.startswith("pip install ") for how in missing.values())
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda package: None)
    assert benchmark.methods_to_run(["syn", "elastix"])[1] == {
        "syn": "pip install antspyx",
        "elastix": "pip install itk-elastix",
    }
    with pytest.raises(CardiacMotionError, match="no method is called deamons"):
        benchmark.methods_to_run(["deamons"])


def test_options_are_checked_before_anything_runs():
    benchmark.check_options({"demons": {"iterations": 5}}, ["demons"])
    with pytest.raises(CardiacMotionError, match="option iterations must be from 1"):
        benchmark.check_options({"demons": {"iterations": 0}}, ["demons"])
    with pytest.raises(CardiacMotionError, match="options for inr, which is not run"):
        benchmark.check_options({"inr": {"steps": 5}}, ["demons"])


def test_a_run_has_another_file_when_anything_that_it_depends_on_changes(people, tmp_path):
    def files(subjects=people, settings=benchmark.Settings()):  # noqa: B008
        return {run.file for run in benchmark.plan(subjects, ["none", "demons"], settings, tmp_path)}

    assert len(files()) == 4
    assert files() == files(synthetic_subjects(2, **SMALL))
    assert files() == files(settings=benchmark.Settings(limit_minutes=9))
    for other in (
        files(settings=benchmark.Settings(seed=1)),
        files(settings=benchmark.Settings(threads=1)),
        files(synthetic_subjects(2, **SMALL | {"frames": 4})),
    ):
        assert not files() & other
    changed = files(settings=benchmark.Settings({"demons": {"iterations": 3}}))
    assert len(files() & changed) == 2


# ---------------------------------------------------------------------- processes


def test_runs_are_measured_in_processes_and_not_done_again(people, tmp_path, monkeypatch):
    settings = benchmark.Settings({"demons": {"iterations": 3}}, threads=1)
    runs = benchmark.plan(people[:1], ["none", "demons"], settings, tmp_path)
    results = list(benchmark.execute(runs, settings))
    by_method = {run.method: result for run, result in results}
    assert not [result["reason"] for result in by_method.values() if "reason" in result]
    demons, none = by_method["demons"], by_method["none"]
    assert demons["scores"]["epe_mm"] < none["scores"]["epe_mm"]
    assert demons["seconds"] > 0
    assert demons["cpu_seconds"] > 0
    assert demons["peak_mib"] >= 0
    assert demons["shape"] == [3, 4, 40, 40]
    monkeypatch.setattr(benchmark, "run_apart", lambda *_: pytest.fail("done again"))
    monkeypatch.setattr(benchmark, "prepare", lambda *_: pytest.fail("read again"))
    again = {run.method: result["seconds"] for run, result in benchmark.execute(runs, settings)}
    assert again == {"none": none["seconds"], "demons": demons["seconds"]}
    assert json.loads(runs[1].file.read_text())["what"]["options"] == {"iterations": 3}


def test_what_goes_wrong_is_a_row_and_a_higher_limit_tries_again(people, tmp_path, monkeypatch):
    def fake(job, limit_seconds, tick):
        return {"reason": "longer than the limit", "limit_seconds": limit_seconds}

    monkeypatch.setattr(benchmark, "run_apart", fake)
    settings = benchmark.Settings(limit_minutes=1)
    (run,) = benchmark.plan(people[:1], ["demons"], settings, tmp_path)
    ((_, result),) = benchmark.execute([run], settings)
    assert result["reason"] == "longer than the limit"
    assert benchmark.result_of(run, benchmark.Settings(limit_minutes=0.5)) is not None
    assert benchmark.result_of(run, benchmark.Settings(limit_minutes=2)) is None
    row = benchmark.table_of([(run, result)]).iloc[0]
    assert (row["method"], row["reason"]) == ("demons", "longer than the limit")
    assert np.isnan(row["seconds"])


def test_what_failed_is_tried_again(people, tmp_path, monkeypatch):
    """What made it fail may be gone."""
    monkeypatch.setattr(benchmark, "run_apart", lambda *_: {"reason": "memory ran out"})
    settings = benchmark.Settings()
    (run,) = benchmark.plan(people[:1], ["demons"], settings, tmp_path)
    ((_, result),) = benchmark.execute([run], settings)
    assert result["reason"] == "memory ran out"
    assert run.file.is_file()
    assert benchmark.result_of(run, settings) is None


def test_a_process_is_given_up_at_the_limit_and_by_who_waits(known, tmp_path):
    import pickle

    file = tmp_path / "known.pickle"
    file.write_bytes(pickle.dumps(known))
    job = measured_run.Job(file, "demons")
    assert measured_run.run_apart(job, 0.0)["limit_seconds"] == 0.0

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured_run.run_apart(job, 60.0, stop)
    wrong = measured_run.Job(tmp_path / "nothing.pickle", "demons")
    assert "the process ended with status 1: FileNotFoundError" in measured_run.run_apart(wrong, 60.0)["reason"]


def test_a_subject_that_cannot_be_read_is_a_row_and_is_tried_again(tmp_path):
    wrong = synthetic_subjects(1, frames=3, thickness_mm=900.0)
    settings = benchmark.Settings()
    runs = benchmark.plan(wrong, ["none", "demons"], settings, tmp_path)
    for run, result in benchmark.execute(runs, settings):
        assert "could not be read: option thickness_mm" in result["reason"]
        assert not run.file.exists()


def test_memory_that_was_taken_is_seen():
    before = measured_run.resident_mib()
    measured_run.forget_peak()
    ones = np.ones(16 * 2**20)
    taken = measured_run.peak_mib() - before
    assert ones.sum() == 16 * 2**20
    assert 100 < taken < 400  # of 128 MiB


# ---------------------------------------------------------------------- the page


def scores_table(**dice):
    """One subject, by method: (Dice, seconds), or the reason of a failure."""
    rows = []
    for method, value in dice.items():
        row = dict.fromkeys([*benchmark.MEASURED, *SCORES], np.nan) | {"made_by": "", "weights": "", "options": ""}
        row |= {"data": "hearts", "subject": "a", "group": "", "method": method, "reason": "", "shape": ""}
        row |= {"reason": value} if isinstance(value, str) else {"dice": value[0], "seconds": value[1]}
        rows.append(row)
    return pd.DataFrame(rows)


def test_the_page_says_who_is_ahead_and_where_not():
    ahead = scores_table(none=(0.5, 0.0), auto=(0.9, 2.0), demons=(0.8, 4.0))
    assert "is ahead of every peer in every score of accuracy, and takes no longer than any" in verdict(ahead)
    behind = scores_table(none=(0.5, 0.0), auto=(0.9, 8.0), demons=(0.95, 4.0), syn=(0.7, 40.0))
    assert "is not ahead everywhere: demons has Dice 0.950 against 0.900" in verdict(behind)
    assert "takes longer than demons (2 times)" in verdict(behind)
    assert "nothing to compare" in verdict(scores_table(none=(0.5, 0.0), auto=(0.9, 2.0)))


def test_the_page_also_says_it_of_the_most_accurate_method():
    text = verdict(scores_table(none=(0.5, 0.0), auto=(0.9, 2.0), inr=(0.93, 9.0), demons=(0.92, 3.0)))
    assert "auto` is not ahead everywhere: demons has Dice 0.920 against 0.900, and takes no longer" in text
    assert "Of ours `inr` has the best Dice: it is ahead of every peer in every score" in text
    assert text.endswith("and takes longer than demons (3 times).")
    assert "Of ours" not in verdict(scores_table(none=(0.5, 0.0), auto=(0.9, 2.0), inr=(0.8, 9.0), demons=(0.7, 3.0)))


def test_a_table_has_the_best_in_bold_and_ratios_to_the_default():
    lines = means_table(scores_table(none=(0.95, 0.0), auto=(0.9, 2.0), demons=(0.8, 4.0), syn="too long"))
    cells = {line.split(" | ")[0].strip("| "): line for line in lines[2:]}
    assert "**0.900**" in cells["auto"]
    assert "**" not in cells["none"]
    assert "4.000 | 2 |" in cells["demons"]
    assert "0/1" in cells["syn"]


def test_who_lacks_a_subject_is_not_the_best():
    easy = scores_table(none=(0.7, 0.0), auto=(0.9, 2.0), inr=(0.95, 9.0), demons=(0.8, 4.0))
    hard = scores_table(none=(0.3, 0.0), auto=(0.6, 2.0), inr="too long", demons=(0.5, 4.0)).assign(subject="b")
    table = pd.concat([easy, hard])
    cells = {line.split(" | ")[0].strip("| "): line for line in means_table(table)[2:]}
    assert "**0.750**" in cells["auto"]
    assert "0.950" in cells["inr"]
    assert "**" not in cells["inr"]
    assert "Of ours" not in verdict(table)


def test_who_sees_what_is_drawn_is_not_the_best():
    table = scores_table(none=(0.5, 0.0), auto=(0.9, 2.0), lamod=(0.99, 1.0), demons=(0.8, 4.0))
    cells = {line.split(" | ")[0].strip("| "): line for line in means_table(table)[2:]}
    assert "**0.900**" in cells["auto"]
    assert "**" not in cells["lamod"]
    assert "`lamod` see the wall as drawn" in markdown(table, benchmark.Settings(), {})
    assert "Of ours" not in verdict(table)


def test_the_page_lists_what_failed_and_what_is_not_installed():
    table = scores_table(none=(0.5, 0.0), auto=(0.9, 2.0), bspline="longer than the limit")
    page = markdown(table, benchmark.Settings(threads=2), {"syn": "pip install antspyx"})
    assert "bspline on a: longer than the limit" in page
    assert "syn was left out: pip install antspyx" in page
    assert "2 threads" in page
    assert "not a medical device" in page


def test_names_in_the_picture_lie_on_no_other():
    from matplotlib.text import Text

    from CardiacMotionLib.report.benchmark_picture import draw_benchmark

    crowd = {name: (0.9 + 0.001 * n, 1.0 + 0.02 * n) for n, name in enumerate([*methods()])}
    figure = draw_benchmark(scores_table(none=(0.5, 0.0), auto=(0.9, 1.0), **crowd))
    (axis,) = (axis for axis in figure.axes if axis.get_title())
    renderer = figure.canvas.get_renderer()
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text, renderer) for text in axis.texts]  # without its arrow
    assert len(boxes) == len(crowd) + 1
    overlaps = [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]
    assert not overlaps


def test_a_method_that_was_given_up_is_not_tried_on_as_large_a_subject(tmp_path, monkeypatch):
    asked = []

    def too_slow(job, limit_seconds, tick):
        asked.append(job.method)
        return {"reason": "longer", "limit_seconds": limit_seconds}

    monkeypatch.setattr(benchmark, "run_apart", too_slow)
    size = {"frames": 3, "rows": 32, "columns": 32, "pixel_mm": 4.0}
    large, small = synthetic_subjects(1, slices=3, **size) * 2, synthetic_subjects(1, slices=2, **size)
    runs = benchmark.plan([*large, *small], ["spline"], benchmark.Settings(), tmp_path)
    results = [result for _, result in benchmark.execute(runs[:1], benchmark.Settings())]
    assert "limit_seconds" in results[0]
    asked.clear()
    runs = benchmark.plan([*small, *large], ["spline"], benchmark.Settings(seed=1), tmp_path)
    results = [result for _, result in benchmark.execute(runs, benchmark.Settings(seed=1))]
    assert asked == ["spline"]
    assert results[1]["reason"].startswith("not tried")

"""``cardiac-motion benchmark`` as a user calls it."""

from __future__ import annotations

import pickle

import pandas as pd
import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.cli.benchmark import parse_options, whom


def test_options_are_typed_as_the_method_has_them():
    assert parse_options(["inr.steps=150", "syn.metric=CC", "auto.coarse_steps=3"]) == {
        "inr": {"steps": 150},
        "syn": {"metric": "CC"},
        "auto": {"coarse_steps": 3},
    }
    for wrong in ("inr=150", "inr.steps", "steps=150", "inr.steps="):
        with pytest.raises(CardiacMotionError, match=r"write METHOD\.OPTION=VALUE"):
            parse_options([wrong])


def test_the_standard_run_is_five_people_of_five_groups_and_the_patient():
    people = whom(None, (), None, None, False)
    assert len({person.group for person in people[:5]}) == 5
    assert [person.data for person in people] == ["synthetic"] * 5 + ["sample patient"]
    assert len(whom(None, (), None, None, True)) == 2
    with pytest.raises(CardiacMotionError, match="no subjects"):
        whom(0, (), None, None, False)


def test_a_quick_run_writes_all_and_the_same_command_has_nothing_to_do(cardiac_motion, tmp_path):
    command = ["benchmark", "-o", tmp_path, "--quick", "--synthetic", 1, "--methods", "demons"]
    command += ["--set", "demons.iterations=3", "--set", "auto.coarse_steps=3", "--set", "auto.fine_steps=3"]
    done = cardiac_motion(*command, "--threads", 1, "--json")
    assert done.code == 0, done.err
    assert done.json["failed"] == []
    table = pd.read_csv(tmp_path / "benchmark.csv", keep_default_na=False, na_values=[""])
    assert table["method"].tolist() == ["none", "auto", "demons"]
    assert table["made_by"].tolist() == ["none", "spline", "demons"]
    assert (table["dice"] > 0.2).all()
    assert "| demons | 1/1 |" in (tmp_path / "benchmark.md").read_text()
    assert (tmp_path / "benchmark.png").stat().st_size > 10_000
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").iterdir()}
    assert cardiac_motion(*command, "--threads", 1, "--json").code == 0
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").iterdir()}


def test_what_is_wrong_is_said_before_anything_runs(cardiac_motion, tmp_path):
    for flags, said in (
        (["--methods", "deamons"], "no method is called deamons"),
        (["--set", "auto.coarse=3"], "has no option coarse"),
        (["--data", tmp_path / "nowhere"], "nowhere"),
    ):
        failed = cardiac_motion("benchmark", "-o", tmp_path / "out", *flags)
        assert failed.code == 2
        assert said in failed.err
    assert not (tmp_path / "out").exists()


def test_curves_of_time_and_memory_against_size(cardiac_motion, tmp_path, monkeypatch):
    from CardiacMotionLib.studies import scaling

    def in_proportion(job, limit_seconds, tick):
        images = pickle.loads(job.prepared.read_bytes()).series.frames
        return {"seconds": images.size / 1000, "peak_mib": images.nbytes / 1000, "cpu_seconds": 1.0}

    monkeypatch.setattr(scaling, "run_apart", in_proportion)
    command = ["benchmark", "--scaling", "--quick", "--methods", "demons,any2reg", "-o", tmp_path, "--json"]
    done = cardiac_motion(*command)
    assert done.code == 0, done.err
    assert done.json["failed"] == []
    fits = pd.read_csv(tmp_path / "scaling_fits.csv")
    assert len(fits) == 2 * (3 + 2)
    assert fits["exponent"].to_numpy() == pytest.approx(1)
    assert set(pd.read_csv(tmp_path / "scaling.csv")["method"]) == {"demons", "any2reg"}
    assert "## Pixels in plane" in (tmp_path / "scaling.md").read_text()
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
    monkeypatch.setattr(scaling, "run_apart", lambda *_: pytest.fail("done again"))
    assert cardiac_motion(*command).code == 0
    failed = cardiac_motion(*command, "--synthetic", 3)
    assert failed.code == 2
    assert "--scaling makes its own images" in failed.err


def test_what_is_of_a_folder_needs_one(cardiac_motion, tmp_path):
    for flag, value in (("--subjects", 2), ("--layout", "acdc")):
        done = cardiac_motion("benchmark", "-o", tmp_path / "out", flag, value)
        assert done.code == 2
        assert "are of --data FOLDER" in done.err

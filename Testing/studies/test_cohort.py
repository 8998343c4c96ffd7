"""Cohorts: everybody is done once, whatever is wrong with one, and the records make the tables."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from people import BROKEN, CRASH, KILLED, KILLED_ONCE, QUICK, TABLES, Person, small_cohort

from CardiacMotionLib import workers
from CardiacMotionLib.errors import Cancelled, CardiacMotionError
from CardiacMotionLib.studies.cohort import Member, MethodChoice, Settings, make_cohort, run_cohort, summarize
from CardiacMotionLib.studies.cohort.design import safe_name
from CardiacMotionLib.studies.cohort.records import FILE
from CardiacMotionLib.studies.subjects import SyntheticSubject


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def people(log, *names, **more):
    return [Person(name, log, **more) for name in names]


def run(cohort, tmp_path, **more):
    told = []
    finished = run_cohort(cohort, tmp_path / "out", workers=0, told=told.append, **more)
    return finished, told


def statuses(finished):
    return {record.subject: record.status for record in finished.records}


# ---------------------------------------------------------------------- what is done, and what not again


def test_everybody_has_a_folder_with_a_record(tmp_path, log):
    finished, told = run(small_cohort(people(log, "a", "bb")), tmp_path)
    assert statuses(finished) == {"a": "done", "bb": "done"}
    folder = tmp_path / "out" / "subjects" / "a" / "demons"
    assert {"record.json", "tables"} == {path.name for path in folder.iterdir()}
    assert (folder / "tables" / "function.csv").is_file()
    record = json.loads((folder / FILE).read_text())
    assert record["kind"] == "strain"
    assert {name for name, *_ in record["measures"]} >= {"EF", "GCS", "circumferential_end_systolic", "Dice", "EPE"}
    assert told[0].startswith("1 of 2: a (demons), ")


def test_a_second_run_does_nothing_again(tmp_path, log):
    cohort = small_cohort(people(log, "a", "bb"))
    run(cohort, tmp_path)
    files = [path for path in (tmp_path / "out" / "subjects").rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    finished, told = run(cohort, tmp_path)
    assert finished.before == 2
    assert [person.reads for person in people(log, "a", "bb")] == [1, 1]
    assert {path: path.stat().st_mtime_ns for path in files} == before
    assert told == [f"2 of 2 are done already, in {tmp_path / 'out' / 'subjects'}"]


@pytest.mark.parametrize(
    "change",
    [
        {"methods": [MethodChoice("demons", {"iterations": 2})]},
        {"settings": dataclasses.replace(TABLES, layers=2)},
        {"age": 2},
    ],
    ids=["options", "settings", "images"],
)
def test_what_changed_is_done_again(tmp_path, log, change):
    first, _ = run(small_cohort(people(log, "a")), tmp_path)
    age = {"age": change.pop("age")} if "age" in change else {}
    second, _ = run(small_cohort(people(log, "a", **age), **change), tmp_path)
    assert Person("a", log).reads == 2
    assert first.records[0].key != second.records[0].key
    assert len(summarize(tmp_path / "out").records) == 1


def test_other_weights_make_other_results(log, tmp_path, monkeypatch):
    """Also under the same name: those of a retraining."""
    monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path))
    file = tmp_path / "own.safetensors"
    methods = [MethodChoice("demons"), MethodChoice("voxelmorph"), MethodChoice("riir", {"weights": str(file)})]
    keys = []
    for digest in ("a", "b"):
        (tmp_path / "voxelmorph_cine_2d.safetensors").touch()
        (tmp_path / "voxelmorph_cine_2d.toml").write_text(f'method = "voxelmorph"\nsha256 = "{digest}"\n')
        file.write_text(digest)
        cohort = small_cohort(people(log, "a"), methods)
        keys.append([cohort.key(cohort.members[0], method) for method in methods])
    assert [before == now for before, now in zip(*keys, strict=True)] == [True, False, False]


def test_a_cohort_of_which_nothing_was_measured_has_empty_tables(tmp_path, log):
    run(small_cohort(people(log, "a", fault=BROKEN)), tmp_path)
    summary = summarize(tmp_path / "out")
    assert list(summary.left_out["reason"]) == ["slice 2 is missing"]
    assert summary.groups.empty
    assert "median" in summary.groups
    assert tmp_path / "out" / "groups.csv" in summary.write(tmp_path / "out")


def test_threads_and_device_change_no_results(tmp_path, log):
    run(small_cohort(people(log, "a")), tmp_path)
    settings = dataclasses.replace(TABLES, threads=2, device="auto")
    finished, _ = run(small_cohort(people(log, "a"), settings=settings), tmp_path)
    assert finished.before == 1


def test_what_was_half_written_is_not_taken_for_done(tmp_path, log):
    cohort = small_cohort(people(log, "a"))
    run(cohort, tmp_path)
    folder = tmp_path / "out" / "subjects" / "a"
    (folder / "demons" / FILE).write_text('{"key": ')
    left = folder / ".0123456789ab-demons"
    left.mkdir()
    others = folder / ".0123456789ab-spline"  # of another run into the same folder
    others.mkdir()
    finished, _ = run(cohort, tmp_path)
    assert finished.before == 0
    assert not left.exists()
    assert others.exists()
    assert json.loads((folder / "demons" / FILE).read_text())["status"] == "done"


def test_a_group_is_not_called_as_everybody_is(log):
    person = people(log, "a")[0]
    with pytest.raises(CardiacMotionError, match="a group is called 'all'"):
        make_cohort([Member(person, group="all")])


def test_a_cancelled_run_goes_on(tmp_path, log):
    cohort = small_cohort(people(log, "a", "bb", "ccc"))

    def progress(fraction, text):
        return fraction < 1 / 3

    with pytest.raises(Cancelled, match="after 1 of 3"):
        run(cohort, tmp_path, progress=progress)
    assert [r.status for _, r in summarize(tmp_path / "out").records if r] == ["done"]
    finished, _ = run(cohort, tmp_path)
    assert finished.before == 1
    assert Person("a", log).reads == 1


# ---------------------------------------------------------------------- what goes wrong


def test_one_bad_subject_never_stops_the_rest(tmp_path, log):
    bad = [Person("x", log, fault=BROKEN), Person("y", log, fault=CRASH)]
    cohort = small_cohort([bad[0], *people(log, "a"), bad[1]])
    finished, told = run(cohort, tmp_path)
    assert statuses(finished) == {"x": "failed", "a": "done", "y": "failed"}
    assert [record.reason for record in finished.failed] == [
        "slice 2 is missing",
        "ZeroDivisionError: division by zero",
    ]
    assert "1 of 3: x (demons) failed: slice 2 is missing" in told
    summarize(tmp_path / "out").write(tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables" / "failed.csv")
    assert list(zip(table["subject"], table["status"], strict=True)) == [("x", "failed"), ("y", "failed")]


def test_failures_are_tried_again_when_asked(tmp_path, log):
    cohort = small_cohort([Person("x", log, fault=BROKEN)])
    run(cohort, tmp_path)
    run(cohort, tmp_path)
    assert Person("x", log).reads == 1
    healed = small_cohort(people(log, "x"))
    finished, _ = run(healed, tmp_path, retry_failed=True)
    assert statuses(finished) == {"x": "done"}
    assert Person("x", log).reads == 2


def test_who_has_no_labels_is_done_and_said_to_have_no_strain(tmp_path, log):
    finished, _ = run(small_cohort([Person("a", log, labeled=False)]), tmp_path)
    assert finished.records[0].kind == "motion"
    (left_out,) = summarize(tmp_path / "out").left_out.to_dict("records")
    assert left_out["status"] == "no strain"
    assert "no segmentation" in left_out["reason"]


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_subject_tried_again_once(tmp_path, log):
    """A real cluster: one worker process is killed by the kernel, twice by one subject and once by another."""
    pytest.importorskip("dask.distributed")
    cohort = small_cohort([Person("k", log, fault=KILLED), Person("o", log, fault=KILLED_ONCE), *people(log, "a")])
    finished = run_cohort(cohort, tmp_path / "out", workers=1)
    assert statuses(finished) == {"k": "failed", "o": "done", "a": "done"}
    assert "the worker was killed, and again" in finished.failed[0].reason
    assert [Person(name, log).reads for name in "koa"] == [2, 2, 1]


def test_a_worker_that_dies_twice_within_seconds_is_not_given_up(monkeypatch):
    """By default the cluster looks after 15 s whether a lost worker is back, and hard-closes one that just died again.

    Then there is none any more, and the cohort waits for ever.
    """
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask.distributed")
    seen = []

    class Cluster:
        def __init__(self, **_):
            seen.append(dask.utils.parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout")))

        def close(self):
            pass

    monkeypatch.setattr("dask.distributed.LocalCluster", Cluster)
    with workers._local_cluster(1):
        seen.append(dask.utils.parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout")))
    assert min(seen) > 24 * 3600


def test_dask_is_asked_for_by_name(tmp_path, log, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(CardiacMotionError, match="pip install distributed"):
        run_cohort(small_cohort(people(log, "a")), tmp_path / "out", workers=1)


# ---------------------------------------------------------------------- mapping series


def test_a_mapping_series_becomes_maps(tmp_path):
    person = SyntheticSubject(1, "t1", {"rows": 32, "columns": 32, "pixel_mm": 4.0})
    finished, _ = run(make_cohort([Member(person)], [QUICK], TABLES), tmp_path)
    (record,) = finished.records
    assert (record.status, record.kind) == ("done", "maps")
    values = {(name, region): value for name, region, value, _ in record.measures}
    assert 900 < values["T1", "LV myocardium"] < 2500
    assert ("T1 before registration", "LV myocardium") in values
    folder = tmp_path / "out" / "subjects"
    assert list(folder.glob("*/demons/tables/maps.csv"))


# ---------------------------------------------------------------------- names


def test_folders_are_safe_and_unique(log):
    names = ["a/../b", "Ä b", "con", "x" * 300, "P1", "p1"]
    folders = [member.folder for member in small_cohort(people(log, *names)).members]
    assert folders[:3] == ["a-..-b", "b", "con_"]
    assert len(folders[3]) == 80
    assert folders[4].startswith("P1-")
    assert len({folder.lower() for folder in folders}) == 6
    assert all(folder == safe_name(folder) for folder in folders)


def test_data_sets_keep_their_subjects_apart(log):
    two = [Person("1", log, data="north"), Person("1", log, data="south")]
    assert [member.folder for member in small_cohort(two).members] == ["north_1", "south_1"]
    with pytest.raises(CardiacMotionError, match="subject '1' of small is there 2 times"):
        small_cohort([Person("1", log), Person("1", log, age=2)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MethodChoice("splin"), "unknown method 'splin'"),
        (lambda: MethodChoice("demons", {"iteration": 3}), "no option iteration"),
        (lambda: MethodChoice("auto", {"iterations": 3}), "auto takes no options"),
        (lambda: MethodChoice("demons", label="../up"), "no name for a folder"),
        (lambda: Settings(write=("reports",)), "write has 'reports'"),
        (lambda: Settings(layers=0), "layers must be from 1 to 9"),
        (lambda: make_cohort([]), "at least one subject"),
        (lambda: make_cohort([Member(SyntheticSubject(1))], [QUICK, QUICK]), "two methods are called 'demons'"),
    ],
)
def test_what_cannot_be_is_named(make, message):
    with pytest.raises(CardiacMotionError, match=message):
        make()


def test_a_folder_without_a_cohort_is_named(tmp_path):
    with pytest.raises(CardiacMotionError, match="output folder of a cohort"):
        summarize(Path(tmp_path))

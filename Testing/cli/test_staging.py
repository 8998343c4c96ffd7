import json

import pytest
import typer

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.cli.staging import staged_file, staged_folder
from CardiacMotionLib.cli.terminal import session


def everything_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "new" / "motion.npz"
    with staged_file(target) as path:
        path.write_text("done")
        assert not target.exists()
    assert target.read_text() == "done"
    assert everything_in(tmp_path) == ["new", "new/motion.npz"]


@pytest.mark.parametrize("failure", [CardiacMotionError("bad"), KeyboardInterrupt(), RuntimeError("broken")])
def test_nothing_is_left_of_a_failure(tmp_path, failure):
    def work():
        with staged_folder(tmp_path / "a" / "b") as folder:
            (folder / "half.csv").write_text("1")
            raise failure

    with pytest.raises(type(failure)):
        work()
    assert everything_in(tmp_path) == []


def test_an_older_result_survives_a_failure(tmp_path):
    (tmp_path / "motion.npz").write_text("old")

    def work():
        with staged_file(tmp_path / "motion.npz") as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert (tmp_path / "motion.npz").read_text() == "old"
    assert everything_in(tmp_path) == ["motion.npz"]


def test_a_folder_is_filled_over_older_files_and_others_stay(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "mine.txt").write_text("mine")
    (tmp_path / "report.html").write_text("old")
    with staged_folder(tmp_path) as folder:
        (folder / "report.html").write_text("new")
        (folder / "tables").mkdir()
        (folder / "tables" / "curves.csv").write_text("1")
    assert (tmp_path / "report.html").read_text() == "new"
    assert everything_in(tmp_path) == ["report.html", "tables", "tables/curves.csv", "tables/mine.txt"]


def test_what_cannot_be_moved_at_the_end_is_told(tmp_path):
    """A file where a folder is to be; what was there stays."""
    (tmp_path / "tables").write_text("mine")

    def work():
        with staged_folder(tmp_path) as folder:
            (folder / "tables").mkdir()
            (folder / "tables" / "curves.csv").write_text("1")

    with pytest.raises(CardiacMotionError, match=r"cannot write .*tables"):
        work()
    assert everything_in(tmp_path) == ["tables"]


def test_json_is_one_document_whatever_happens(capfd):
    def work():
        with session(as_json=True, quiet=True, verbose=False) as terminal:
            terminal.emit(files=["a"])
            raise CardiacMotionError("the disk is full")

    with pytest.raises(typer.Exit):
        work()
    assert json.loads(capfd.readouterr().out) == {"error": "Error: the disk is full", "exit_code": 2, "notes": []}


def test_bad_places_are_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    for manager in (
        staged_file(tmp_path / "motion.mat", (".seq.nrrd", ".npz")),
        staged_file(tmp_path),
        staged_file(tmp_path / "file" / "motion.npz"),
        staged_folder(tmp_path / "file"),
        staged_folder(tmp_path / "file" / "folder"),
    ):
        with pytest.raises(CardiacMotionError, match="cannot write"), manager:
            pytest.fail("the body must not run")

"""Folders that are replaced: out of the way while the new one is made, and back where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.whole_files import aside, check_replaceable


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "report.html").write_text("before")
    return tmp_path / "old"


def test_a_folder_goes_when_the_new_one_is_there(folder):
    with aside(folder):
        assert not folder.exists()
        folder.mkdir()
    assert [list(folder.iterdir()), list(folder.parent.iterdir())] == [[], [folder]]


def test_a_folder_comes_back_where_the_new_one_fails(folder):
    with pytest.raises(KeyError), aside(folder):
        raise KeyError
    assert (folder / "report.html").read_text() == "before"
    assert list(folder.parent.iterdir()) == [folder]


def test_there_need_not_be_one(tmp_path):
    with aside(tmp_path / "none"):
        (tmp_path / "none").mkdir()
    assert (tmp_path / "none").is_dir()
    check_replaceable(tmp_path / "neither")


def test_one_that_is_held_is_told_and_stays(folder, monkeypatch):
    """As Windows does with an open file in it."""
    check_replaceable(folder)
    assert (folder / "report.html").read_text() == "before"

    def refused(self, target):
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(CardiacMotionError, match=r"cannot replace .*old: Access is denied; is a file of it open"):
        check_replaceable(folder)
    assert (folder / "report.html").read_text() == "before"

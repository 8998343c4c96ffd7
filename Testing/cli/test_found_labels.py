"""Labels that a method finds: written, and taken where none are given."""

import numpy as np
import pytest
from tiny_learned import tiny_weights
from told_labels import tell

import CardiacMotionLib as cm
from CardiacMotionLib.weights import FOLDER

MEMWARP = ["--method", "memwarp", "--margin", "200"]


@pytest.fixture
def told(monkeypatch, tmp_path, a_subject_folder):
    """MemWarp finds the labels of the first frame of the subject, whose labels nobody is given."""
    tiny_weights("memwarp", tmp_path / "memwarp_told.safetensors", dims=3)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    labels = cm.read_series(a_subject_folder / "cine.nii.gz", a_subject_folder / "labels").labels[0]
    tell(monkeypatch, labels)
    return labels


def overlap(ours, theirs):
    return 2 * np.sum((ours == 2) & (theirs == 2)) / (np.sum(ours == 2) + np.sum(theirs == 2))


def test_labels_are_written_and_strain_takes_them(cardiac_motion, a_subject_folder, told, tmp_path):
    cine, motion, file = a_subject_folder / "cine.nii.gz", tmp_path / "m.npz", tmp_path / "found.nii.gz"
    done = cardiac_motion("register", cine, "-o", motion, *MEMWARP, "--found-labels", file)
    assert done.code == 0, done.err
    assert f"Wrote {motion}, {file}" in done.out
    assert "the one that the network found in it is used" in done.err
    found = cm.read_series(cine, {0: file}).labels[0]
    assert overlap(found, told) > 0.9
    assert np.array_equal(found, cm.Motion.load(motion).labels)
    done = cardiac_motion("strain", motion, "-o", tmp_path / "strain")
    assert done.code == 0, done.err
    assert (tmp_path / "strain" / "tables" / "strain_summary.csv").is_file()


def test_demo_needs_no_labels_with_it(cardiac_motion, a_subject_folder, told, tmp_path):
    cine = a_subject_folder / "cine.nii.gz"
    refused = cardiac_motion("demo", cine, "-o", tmp_path / "demo")
    assert refused.code == 2
    assert "--labels FILE, or --method memwarp, which finds it" in refused.err
    done = cardiac_motion("demo", cine, "-o", tmp_path / "demo", "--method", "memwarp")
    assert done.code == 0, done.err
    assert (tmp_path / "demo" / "report.html").is_file()


def test_methods_that_find_none_say_so_before_the_work(cardiac_motion, a_subject_folder, tmp_path):
    done = cardiac_motion(
        "register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "--method", "demons",
        "--found-labels", tmp_path / "l.nii.gz",
    )  # fmt: skip
    assert done.code == 2
    assert "--found-labels: demons finds the motion alone; methods that find a segmentation too are memwarp" in done.err
    assert not list(tmp_path.iterdir())


def test_the_method_says_what_it_finds(cardiac_motion):
    assert "Also finds labels of the reference frame." in cardiac_motion("methods", "memwarp").out
    assert cardiac_motion("methods", "memwarp", "--json").json["methods"][0]["gives"] == ["labels"]

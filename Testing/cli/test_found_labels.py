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
    whole = {"recipe": {"data": {"size": 200}}}  # pixels of 2 mm: it is shown all of the images
    tiny_weights("memwarp", tmp_path / "memwarp_told.safetensors", dims=3, card=whole)
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
    assert "has no place" not in done.err
    found = cm.read_series(cine, {0: file}).labels[0]
    assert overlap(found, told) > 0.9
    assert np.array_equal(found, cm.Motion.load(motion).labels)
    done = cardiac_motion("strain", motion, "-o", tmp_path / "strain")
    assert done.code == 0, done.err
    assert "is the one that was found with the motion" in done.err
    assert (tmp_path / "strain" / "tables" / "strain_summary.csv").is_file()


def test_demo_needs_no_labels_with_it(cardiac_motion, a_subject_folder, told, tmp_path):
    cine = a_subject_folder / "cine.nii.gz"
    refused = cardiac_motion("demo", cine, "-o", tmp_path / "demo")
    assert refused.code == 2
    assert "--labels FILE, or of a stack a --method that finds it (memwarp)" in refused.err
    done = cardiac_motion("demo", cine, "-o", tmp_path / "demo", "--method", "memwarp")
    assert done.code == 0, done.err
    assert (tmp_path / "demo" / "report.html").is_file()
    found = cm.read_series(cine, {0: tmp_path / "demo" / "labels.nii.gz"}).labels[0]
    assert overlap(found, told) > 0.9


def test_labels_that_would_be_lost_are_told_of(cardiac_motion, a_subject_folder, told, tmp_path):
    cine, motion = a_subject_folder / "cine.nii.gz", tmp_path / "m.seq.nrrd"
    done = cardiac_motion("register", cine, "-o", motion, *MEMWARP)
    assert done.code == 0, done.err
    assert "m.seq.nrrd has no place for the segmentation that was found; --found-labels FILE writes it" in done.err
    given = cardiac_motion("register", cine, "-o", motion, *MEMWARP, "--labels", a_subject_folder / "labels")
    assert "has no place" not in given.err


def test_what_cannot_be_written_is_refused_before_the_work(cardiac_motion, a_subject_folder, told, tmp_path):
    command = ["register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "--found-labels"]
    done = cardiac_motion(*command, tmp_path / "l.png", *MEMWARP)
    assert done.code == 2
    assert "cannot write 'l.png'" in done.err
    done = cardiac_motion(*command, tmp_path / "l.nii.gz", "--method", "memwrap")
    assert "unknown method 'memwrap'" in done.err
    assert not (tmp_path / "m.npz").exists()


def test_weights_that_tell_no_regions_keep_the_motion(cardiac_motion, a_subject_folder, tmp_path):
    weights = tiny_weights("memwarp", tmp_path / "lapwarp.safetensors", memory=False)
    motion, file = tmp_path / "m.npz", tmp_path / "l.nii.gz"
    command = ["register", a_subject_folder / "cine.nii.gz", "-o", motion, "--method", "memwarp", "--weights", weights]
    done = cardiac_motion(*command, "--found-labels", file)
    assert done.code == 2
    assert "the weights lapwarp tell no regions" in done.err
    assert motion.is_file()
    assert not file.exists()


def test_methods_that_find_none_say_so_before_the_work(cardiac_motion, a_subject_folder, tmp_path):
    done = cardiac_motion(
        "register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "--method", "demons",
        "--found-labels", tmp_path / "l.nii.gz",
    )  # fmt: skip
    assert done.code == 2
    assert "--found-labels: demons finds the motion alone; methods that find a segmentation too are memwarp" in done.err
    assert not list(tmp_path.iterdir())


def test_the_default_method_says_so_too(cardiac_motion, a_subject_folder, tmp_path):
    done = cardiac_motion(
        "register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "--found-labels", tmp_path / "l.nii.gz"
    )
    assert done.code == 2
    assert "--found-labels: spline finds the motion alone" in done.err
    assert not list(tmp_path.iterdir())


def test_the_method_says_what_it_finds(cardiac_motion):
    assert "Also finds labels of the reference frame." in cardiac_motion("methods", "memwarp").out
    assert cardiac_motion("methods", "memwarp", "--json").json["methods"][0]["gives"] == ["labels"]

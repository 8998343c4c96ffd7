import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import CardiacMotionLib as cm
from CardiacMotionLib.cli.phantom_realism import cines_in, labels_beside
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.phantom import KINDS, options_of

SMALL = {"frames": 4, "slices": 4, "rows": 48, "columns": 48, "pixel_mm": 3.0, "thickness_mm": 16.0}
FLAGS = [text for name, value in SMALL.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def words(text):
    return " ".join(text.replace("│", " ").split())


# ---------------------------------------------------------------------- one command a kind


def test_every_kind_is_a_command_with_its_own_flags(cardiac_motion, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    listed = cardiac_motion("phantom", "--help").out
    flags = {kind: {f"--{o.name.replace('_', '-')}" for o in options_of(kind)} for kind in KINDS}
    for kind in KINDS:
        assert f" {kind} " in listed
        text = set(words(cardiac_motion("phantom", kind, "--help").out).split())
        assert flags[kind] <= text
        assert not text & (set().union(*flags.values()) - flags[kind])


def test_other_commands_do_not_look_for_the_kinds():
    script = (
        "import sys, CardiacMotionLib.cli.main as m\n"
        "m.run(['--help']); m.run(['methods'])\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'CardiacMotionLib.phantom')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "phantom" in done.stdout


def test_options_are_passed_with_their_type(cardiac_motion, tmp_path):
    done = cardiac_motion("phantom", "cine", "-o", tmp_path / "a", "--seed", "3", "--wall-mm", "12", *FLAGS, "--json")
    assert done.code == 0, done.err
    assert (done.json["seed"], done.json["options"]["wall_mm"], done.json["options"]["frames"]) == (3, 12.0, 4)
    assert sorted(done.json["files"]) == sorted(str(p) for p in (tmp_path / "a").rglob("*") if p.is_file())
    expected = cm.phantom("cine", 3, wall_mm=12.0, **SMALL)
    written = cm.read_series(tmp_path / "a" / "cine.nii.gz")
    np.testing.assert_allclose(written.frames, expected.series.frames, atol=1e-4)


def test_maps_are_written_as_images(cardiac_motion, tmp_path, monkeypatch):
    subject = cm.phantom("cine", 0, **SMALL)
    rng = np.random.default_rng(0)
    maps = {
        "T1": rng.uniform(900, 1500, subject.series.shape),
        "phase_x": rng.uniform(-3, 3, (4, *subject.series.shape)),
    }
    monkeypatch.setattr(cm.phantom, "phantom", lambda *_, **__: dataclasses.replace(subject, maps=maps))
    done = cardiac_motion("phantom", "cine", "-o", tmp_path / "out", "-q")
    assert done.code == 0, done.err
    truth = json.loads((tmp_path / "out" / "truth.json").read_text())
    assert truth["maps"] == {"T1": "maps/T1.nii.gz", "phase_x": "maps/phase_x.nii.gz"}
    for name, file in truth["maps"].items():
        read = cm.read_series(tmp_path / "out" / file)
        np.testing.assert_allclose(read.frames.reshape(maps[name].shape), maps[name], rtol=1e-6)
        np.testing.assert_allclose(read.affine, subject.series.affine, atol=1e-4)
    np.testing.assert_allclose(cm.read_series(tmp_path / "out" / truth["maps"]["phase_x"]).times, subject.series.times)


def test_an_unknown_kind_is_told_from_those_there_are(cardiac_motion, tmp_path):
    done = cardiac_motion("phantom", "cime", "-o", tmp_path / "out")
    assert done.code == 2
    assert "No such command 'cime'" in done.err
    assert "cine" in done.err
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------------- realism


@pytest.fixture
def quick_phantom(monkeypatch):
    """The seeds that were asked for; the hearts are small ones."""
    seeds, make = [], cm.phantom.phantom

    def small(kind, seed, **options):
        seeds.append(seed)
        return make(kind, seed, **{**SMALL, **options})

    monkeypatch.setattr(cm.phantom, "phantom", small)
    return seeds


@pytest.fixture(scope="module")
def two_cines(tmp_path_factory, a_subject_folder):
    """A folder of data sets with two cines, one with a label file beside it."""
    folder = tmp_path_factory.mktemp("data")
    series = cm.read_series(a_subject_folder / "cine.nii.gz")
    for name, power in (("a", 1.0), ("b", 1.4)):
        (folder / name).mkdir()
        changed = series.replace(frames=series.frames.clip(0) ** power)
        cm.io.write_series(changed, folder / name / f"{name}_cine4d.nii.gz")
    shutil.copy(a_subject_folder / "labels" / "cine_seg_frame00.nii.gz", folder / "a" / "a_seg_frame00.nii.gz")
    (folder / "a" / "notes.txt").write_text("cine")
    return folder


def test_realism_compares_with_the_cines_of_a_folder(cardiac_motion, two_cines, tmp_path, quick_phantom):
    table, picture = tmp_path / "realism.csv", tmp_path / "realism.png"
    done = cardiac_motion(
        "phantom", "realism", "--data", two_cines, "--seeds", "2", "-o", table, "--picture", picture, "--json", "-q"
    )
    assert done.code == 0, done.err
    assert done.json["real"] == ["a_cine4d", "b_cine4d"]
    assert done.json["files"] == [str(table), str(picture)]
    assert picture.stat().st_size > 10_000
    written = pd.read_csv(table)
    assert list(written["statistic"]) == [row["statistic"] for row in done.json["statistics"]]
    assert {"gap", "ratio", "real_mean", "synthetic_mean"} <= set(written)
    assert quick_phantom == [0, 1]


def test_realism_prints_a_table_and_writes_a_page(cardiac_motion, two_cines, tmp_path, quick_phantom):
    cines = [two_cines / name / f"{name}_cine4d.nii.gz" for name in "ab"]
    done = cardiac_motion("phantom", "realism", *cines, "--seeds", "1", "-o", tmp_path / "realism.md")
    assert done.code == 0, done.err
    assert "heart power spectrum, slope" in done.out
    assert "Median over" in done.out
    page = (tmp_path / "realism.md").read_text()
    assert f"version {cm.__version__}" in page
    assert "seeds 0 to 0" in page
    assert "beside a_cine4d, b_cine4d" in page
    assert str(tmp_path) not in page


def test_labels_beside_a_cine_are_found(two_cines):
    assert labels_beside(two_cines / "a" / "a_cine4d.nii.gz") == [two_cines / "a" / "a_seg_frame00.nii.gz"]
    assert labels_beside(two_cines / "b" / "b_cine4d.nii.gz") == []


def test_the_real_cines_are_found_with_their_labels(shared_data):
    found = {path.name: len(labels_beside(path)) for path in cines_in(shared_data) if path.is_file()}
    assert {f"SC-HF-I-{n}_cine4d.nii.gz": 2 for n in (1, 2, 6)}.items() <= found.items()
    assert found["v1_cine_4d_crop.nii.gz"] == 1
    assert "cspamm_grid_sax_21frames.nii.gz" not in found
    assert "acdc_patient001" in [path.name for path in cines_in(shared_data) if path.is_dir()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "realism compares with real cines, at least two, got 0"),
        (["{data}/a/a_cine4d.nii.gz"], "at least two, got 1"),
        (["--data", "{data}/none"], "no such file or folder"),
        (["--data", "{data}/a/notes.txt"], "notes.txt is a file; give a folder"),
        (["--data", "{data}", "-o", "table.txt"], "use a name ending in .md or .csv"),
        (["--data", "{data}", "--picture", "table.txt"], "use a name ending in .png"),
    ],
)
def test_realism_says_what_it_needs(cardiac_motion, two_cines, quick_phantom, arguments, message):
    done = cardiac_motion("phantom", "realism", "-q", *(a.format(data=two_cines) for a in arguments))
    assert done.code == 2
    assert message in done.err
    assert quick_phantom == []


def test_an_examination_is_not_mixed_with_another(cardiac_motion, tmp_path):
    def make(kind):
        return cardiac_motion(
            "phantom", kind, "-o", tmp_path / "out", "--rows", 24, "--columns", 24, "--slices", 1, "-q"
        )

    assert make("cine").code == 0
    before = {f: f.read_bytes() for f in (tmp_path / "out").rglob("*") if f.is_file()}
    again = make("tagged")
    assert again.code == 2
    assert "already holds an examination" in again.err
    assert {f: f.read_bytes() for f in (tmp_path / "out").rglob("*") if f.is_file()} == before


def test_images_for_maps_are_known_as_such_when_they_come_back(cardiac_motion, tmp_path):
    """By their preparation times, which decide which weights of a network fit them."""
    options = ["--sequence", "msasha", "--slices", "1", "--rows", "32", "--columns", "32", "--pixel-mm", "4"]
    assert cardiac_motion("phantom", "t1", "-o", tmp_path / "maps", "-q", *options).code == 0
    series = find_cases(tmp_path)[0].read().series
    made = cm.phantom("t1", 0, sequence="msasha", slices=1, rows=32, columns=32, pixel_mm=4.0).series
    for name in ("saturation_times", "echo_times"):
        assert series.meta[name] == made.meta[name]
    assert "inversion_times" not in series.meta

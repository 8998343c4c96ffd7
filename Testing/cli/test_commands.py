import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from tiny_learned import tiny_weights

import CardiacMotionLib as cm

ONE_STEP = ["--method", "demons"]


def single_line(text):
    return len(text.strip().splitlines()) == 1


def test_phantom_writes_a_subject_that_reads_back(a_subject_folder):
    series = cm.read_series(a_subject_folder / "cine.nii.gz", a_subject_folder / "labels")
    motion = cm.Motion.load(a_subject_folder / "motion.seq.nrrd")
    truth = json.loads((a_subject_folder / "truth.json").read_text())
    assert series.frames.shape == (4, 4, 48, 48)
    assert sorted(series.labels) == [0, 1, 2, 3]
    assert truth["options"]["rows"] == 48
    result = cm.strain(motion, series.labels[0])
    assert result.function["EF_percent"] == pytest.approx(100 * truth["truth"]["ejection_fraction"], abs=6)


def test_register_writes_what_the_library_computes(cardiac_motion, a_subject_folder, tmp_path):
    out = tmp_path / "motion.npz"
    done = cardiac_motion(
        "register", a_subject_folder / "cine.nii.gz", "-o", out, *ONE_STEP, "--device", "cpu", "--json", "-q"
    )
    assert done.code == 0
    assert done.json["files"] == [str(out)]
    written = cm.Motion.load(out)
    expected = cm.register(cm.read_series(a_subject_folder / "cine.nii.gz"), "demons", device="cpu")
    np.testing.assert_array_equal(written.displacement, expected.displacement)
    assert done.json["provenance"]["method"] == "demons"


def test_register_with_a_network_names_its_weights(cardiac_motion, a_subject_folder, tmp_path):
    weights = tiny_weights("riir", tmp_path / "my_own.safetensors")
    command = ["register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "--method", "riir"]
    done = cardiac_motion(*command, "--weights", weights, "--steps", 2)
    assert done.code == 0, done.err
    assert "riir with my_own: 4 frames from frame 0" in done.out
    assert "The slices were registered one by one" in done.err
    made_by = cm.Motion.load(tmp_path / "m.npz").provenance
    assert (made_by["weights"], made_by["options"]["steps"]) == ("my_own", 2)
    refused = cardiac_motion(*command, "--weights", weights, "--steps", 4)
    assert refused.code == 2
    assert "option steps must be at most 3 with these weights, got 4" in refused.err
    refused = cardiac_motion(*command, "--weights", "none_such")
    assert refused.code == 2
    assert "'none_such': no such file, and the known names of riir are" in refused.err


def test_a_motion_is_refined_from_a_file(cardiac_motion, a_subject_folder, tmp_path):
    cine, exact = a_subject_folder / "cine.nii.gz", a_subject_folder / "motion.seq.nrrd"
    command = ["register", cine, "-o", tmp_path / "m.npz", "--init", exact, "--coarse-steps", 0, "--fine-steps", 0]
    done = cardiac_motion(*command, "--method", "spline", "--json", "-q")
    assert done.code == 0
    assert done.json["provenance"]["init"] == "phantom"
    heart = cm.read_series(cine, a_subject_folder / "labels").labels[0] > 0
    found, truth = (cm.Motion.load(path).displacement[:, heart] for path in (tmp_path / "m.npz", exact))
    assert np.linalg.norm(found - truth, axis=-1).mean() < 0.15 * np.linalg.norm(truth, axis=-1).mean()
    refused = cardiac_motion("register", cine, "-o", tmp_path / "n.npz", "--init", exact, "--method", "demons")
    assert refused.code == 2
    assert "method demons cannot start from another motion; inr, spline can" in refused.err


def test_register_writes_itk_fields(cardiac_motion, a_subject_folder, tmp_path):
    done = cardiac_motion(
        "register",
        a_subject_folder / "cine.nii.gz",
        "-o",
        tmp_path / "m.seq.nrrd",
        *ONE_STEP,
        "--itk",
        tmp_path / "itk",
        "-q",
    )
    assert done.code == 0
    assert len(list((tmp_path / "itk").glob("*.nii.gz"))) == 4


def test_strain_writes_tables_and_pictures(cardiac_motion, a_subject_folder, tmp_path):
    labels = a_subject_folder / "labels" / "cine_seg_frame00.nii.gz"
    done = cardiac_motion(
        "strain", a_subject_folder / "motion.seq.nrrd", "-l", labels, "-o", tmp_path / "s", "--json", "-q"
    )
    assert done.code == 0
    names = {path.relative_to(tmp_path / "s").as_posix() for path in (tmp_path / "s").rglob("*") if path.is_file()}
    assert {"curves.png", "bullseye.png", "tables/strain_summary.csv"} <= names
    assert {str(tmp_path / "s" / name) for name in names} == set(done.json["files"])
    summary = pd.read_csv(tmp_path / "s" / "tables" / "strain_summary.csv")
    row = summary.query("component == 'circumferential' and region == 'global' and measure == 'engineering'")
    assert row["end_systolic_percent"].item() == pytest.approx(done.json["numbers"]["GCS_percent"], abs=0.01)


def test_strain_takes_the_labels_of_the_reference_frame_only(cardiac_motion, a_subject_folder, tmp_path):
    labels = a_subject_folder / "labels" / "cine_seg_frame02.nii.gz"
    done = cardiac_motion("strain", a_subject_folder / "motion.seq.nrrd", "-l", labels, "-o", tmp_path / "s")
    assert done.code == 2
    assert "the labels are of frame 2, the motion starts from frame 0" in done.err
    assert not (tmp_path / "s").exists()


def test_evaluate_prints_the_table_of_the_library(cardiac_motion, a_subject_folder, tmp_path):
    motion, cine, labels = (a_subject_folder / name for name in ("motion.seq.nrrd", "cine.nii.gz", "labels"))
    done = cardiac_motion("evaluate", motion, cine, "-l", labels, "-o", tmp_path / "scores.csv", "--json", "-q")
    assert done.code == 0
    expected = cm.evaluate(cm.Motion.load(motion), cm.read_series(cine, labels))
    assert len(done.json["scores"]) == len(expected)
    np.testing.assert_allclose(pd.read_csv(tmp_path / "scores.csv")["value"], expected["value"])
    words = cardiac_motion("evaluate", motion, cine, "-l", labels, "-q")
    assert "dice" in words.out.lower()


def test_convert_keeps_images_and_times(cardiac_motion, a_subject_folder, tmp_path):
    done = cardiac_motion("convert", a_subject_folder / "cine.nii.gz", tmp_path / "cine.seq.nrrd", "--json")
    assert done.code == 0
    before, after = cm.read_series(a_subject_folder / "cine.nii.gz"), cm.read_series(tmp_path / "cine.seq.nrrd")
    np.testing.assert_allclose(before.frames, after.frames, atol=1e-3)
    np.testing.assert_allclose(before.times, after.times)
    assert done.json["files"] == [str(tmp_path / "cine.seq.nrrd")]


def test_methods_lists_every_method_with_its_options(cardiac_motion):
    listed = {entry["name"]: entry for entry in cardiac_motion("methods", "--json").json["methods"]}
    assert set(listed) == set(cm.methods())
    for info in cm.methods().values():
        assert info.name in cardiac_motion("methods").out
        for option in cm.methods.describe_options(info.Options):
            assert f"--{option.name.replace('_', '-')}" in cardiac_motion("methods", info.name).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["register", "none.nii.gz", "-o", "m.npz"], "no such file"),
        (["register", "{cine}", "-o", "m.mat"], "use a name ending in .seq.nrrd or .npz"),
        (["register", "{cine}", "-o", "m.npz", "--method", "magic"], "unknown method 'magic'"),
        (["register", "{cine}", "-o", "m.npz", "--reference", "99"], "reference must be a frame number from 0 to 3"),
        (["register", "{cine}", "-o", "m.npz", "--device", "abacus"], "unknown device 'abacus'"),
        (["register", "{cine}", "-o", "m.npz", "-l", "1=a.nii", "-l", "b.nii"], "FRAME=FILE"),
        (["register", "{cine}", "-o", "m.npz", "--label-map", "7"], "expected VALUE=LABEL"),
        (["register", "{cine}"], "Missing option"),
        (["strain", "{motion}", "-o", "out"], "--labels FILE"),
        (["strain", "{text}", "-l", "x.nii", "-o", "out"], "not a motion file"),
        (["phantom", "kidney", "-o", "out"], "No such command 'kidney'"),
        (["phantom", "cine", "-o", "out", "--noise", "900"], "option noise"),
        (["convert", "{text}", "x.nii.gz"], "not a motion file"),
        (["methods", "magic"], "unknown method"),
        (["demo", "{cine}", "-o", "out"], "without labels"),
        (["dance"], "No such command"),
    ],
)
def test_bad_input_is_answered_in_one_line(cardiac_motion, a_subject_folder, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.npz").write_text("this is no archive")
    names = {name: a_subject_folder / file for name, file in (("cine", "cine.nii.gz"), ("motion", "motion.seq.nrrd"))}
    names["text"] = "text.npz"
    done = cardiac_motion(*(argument.format_map(names) for argument in arguments))
    assert done.code == 2
    assert message in done.err
    assert single_line(done.err.replace("Registering ...\n", ""))
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["text.npz"]


def test_errors_are_json_too(cardiac_motion, tmp_path):
    done = cardiac_motion("register", tmp_path / "none.nii.gz", "-o", tmp_path / "m.npz", "--json")
    assert (done.code, done.json["exit_code"]) == (2, 2)
    assert "no such file" in done.json["error"]


def test_unexpected_errors_are_told_apart(cardiac_motion, a_subject_folder, tmp_path, monkeypatch):
    def break_down(*_, **__):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("CardiacMotionLib.cli.register.register", break_down)
    done = cardiac_motion("register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "-q")
    assert done.code == 1
    assert single_line(done.err)
    assert "ZeroDivisionError: of all things" in done.err
    assert (
        "break_down"
        in cardiac_motion("register", a_subject_folder / "cine.nii.gz", "-o", tmp_path / "m.npz", "-q", "-v").err
    )


def test_interrupting_leaves_nothing(a_subject_folder, tmp_path):
    cine = a_subject_folder / "cine.nii.gz"
    script = (
        "import signal, time, CardiacMotionLib.cli.register as r, CardiacMotionLib.cli.main as m\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "def endless(*_, **__):\n print('running', flush=True)\n time.sleep(60)\n"
        "r.register = endless\n"
        f"m.main(['register', {str(cine)!r}, '-o', {str(tmp_path / 'new' / 'm.npz')!r}, '-q'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "running\n"
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "Cancelled: nothing was written"
    assert list(tmp_path.iterdir()) == []


def test_version_and_help_are_quick_and_import_no_torch():
    started = time.perf_counter()
    script = "import sys, CardiacMotionLib.cli.main as m; m.run(['--version']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"cardiac-motion {cm.__version__}\n"
    assert time.perf_counter() - started < 20


def test_demo_takes_ones_own_cine_the_whole_way(cardiac_motion, a_subject_folder, tmp_path):
    pytest.importorskip("slicer", reason="the scene needs the slicer-core package")
    cine, labels, out = a_subject_folder / "cine.nii.gz", a_subject_folder / "labels", tmp_path / "out"
    done = cardiac_motion("demo", cine, "-l", labels, "-o", out, "-m", "demons", "--device", "cpu")
    assert done.code == 0, done.err
    for name in ("report.html", "overlay.png", "curves.png", "bullseye.png", "motion.seq.nrrd", "scene.mrb"):
        assert name in done.out
        assert (out / name).stat().st_size > 1000
    assert "Research use only: not a medical device." in done.out
    assert re.search(r"EF +\d", done.out)
    assert cm.Motion.load(out / "motion.seq.nrrd").provenance["method"] == "demons"


def test_demo_says_what_it_leaves_out_without_slicer(cardiac_motion, a_subject_folder, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "slicer" else find(name, *a))
    cine, labels, out = a_subject_folder / "cine.nii.gz", a_subject_folder / "labels", tmp_path / "out"
    done = cardiac_motion("demo", cine, "-l", labels, "-o", out, "-m", "demons", "--device", "cpu", "--json", "-q")
    assert done.code == 0, done.err
    assert any("scene.mrb and overlay.png left out" in note and "pip install" in note for note in done.json["notes"])
    assert not (out / "scene.mrb").exists()
    assert (out / "report.html").is_file()


def test_convert_says_what_the_reader_noticed(cardiac_motion, a_subject_folder, tmp_path):
    wall = tmp_path / "wall.nii.gz"
    shutil.copy(next((a_subject_folder / "labels").glob("*frame00.nii.gz")), wall)
    done = cardiac_motion("convert", a_subject_folder / "cine.nii.gz", tmp_path / "c.seq.nrrd", "-l", wall, "--json")
    assert any("wall.nii.gz names no frame" in note for note in done.json["notes"])


@pytest.mark.skipif(os.name == "nt", reason="no such pipes on Windows")
def test_results_are_kept_when_nobody_reads_the_output(a_subject_folder, tmp_path):
    labels = next((a_subject_folder / "labels").glob("*frame00.nii.gz"))
    program = "import sys; from CardiacMotionLib.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "strain", str(a_subject_folder / "motion.seq.nrrd"), "-l", str(labels)]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as done:
        done.stdout.close()
        assert done.stderr.read().count(b"Error") == 0
        assert done.wait(60) == 0
    assert (tmp_path / "out" / "tables" / "strain_summary.csv").is_file()

"""``cardiac-motion map``: from the images of a mapping sequence to maps, before and after registration."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import CardiacMotionLib as cm
from CardiacMotionLib import map_pipeline
from CardiacMotionLib.cli import map as map_command
from CardiacMotionLib.cli.main import run
from CardiacMotionLib.io import read_map, write_series
from CardiacMotionLib.io.datasets.dense_phase import any_radians
from CardiacMotionLib.mapping.acquisition import names_of
from CardiacMotionLib.mapping.fit import fit_map
from CardiacMotionLib.mapping.models import MODELS

SMALL = ["--rows", "48", "--columns", "48", "--pixel-mm", "4.4", "--sequence", "molli", "--breathing-mm", "9"]


@pytest.fixture(scope="session")
def mapping_folder(tmp_path_factory):
    """What ``cardiac-motion phantom t1`` writes."""
    folder = tmp_path_factory.mktemp("mapping") / "heart"
    assert run(["phantom", "t1", "-o", str(folder), "--quiet", *SMALL]) == 0
    return folder


@pytest.fixture
def images(mapping_folder):
    return mapping_folder / "t1.nii.gz"


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_maps_with_a_motion_and_labels(cardiac_motion, mapping_folder, images, tmp_path):
    pytest.importorskip("slicer")
    labels, motion = mapping_folder / "labels" / "t1_seg_frame00.nii.gz", mapping_folder / "motion.seq.nrrd"
    out = tmp_path / "maps"
    done = cardiac_motion("map", images, "-o", out, "--labels", f"0={labels}", "--motion", motion, "--json", "-q")
    assert done.code == 0, done.err
    names = names_in(out)
    assert {str(out / name) for name in names} == set(done.json["files"])
    wanted = {"maps.png", "report.html", "scene.mrb", "slice.png", "motion.seq.nrrd", "registered.seq.nrrd"}
    assert wanted <= names
    assert {"tables/maps.csv", "tables/scores.csv", "labels.nii.gz", "maps/T1.nrrd", "maps/T1_before.nrrd"} <= names

    series, truth = cm.read_series(images, {0: labels}), cm.Motion.load(motion)
    registered = cm.read_series(out / "registered.seq.nrrd")
    np.testing.assert_allclose(registered.frames, truth.warp(series), rtol=1e-6)
    assert registered.meta["inversion_times"] == series.meta["inversion_times"]
    found = read_map(out / "maps" / "T1.nrrd")
    every = np.ones(series.shape, bool)
    expected = fit_map(series.replace(frames=truth.warp(series)), mask=every)["T1"]
    assert (found.name, found.unit) == ("T1", "ms")
    before = read_map(out / "maps" / "T1_before.nrrd").values
    for written, fitted in ((found.values, expected), (before, fit_map(series, mask=every)["T1"])):
        known = np.isfinite(written)
        assert known[series.labels[0] > 0].mean() > 0.95
        np.testing.assert_allclose(written[known], fitted[known], rtol=1e-4)

    table = pd.read_csv(out / "tables" / "maps.csv")
    wall = table.query("parameter == 'T1' and region == 'LV myocardium' and registration == 'after registration'")
    assert wall["mean"].item() == pytest.approx(np.nanmean(found.values[series.labels[0] == 2]), rel=1e-4)
    assert set("789") <= set(table["region"].astype(str))
    scores = {(row["metric"], row["registration"]): row["value"] for row in done.json["scores"]}
    assert scores["D_PCA1", "after registration"] < scores["D_PCA1", "before registration"]
    assert done.json["model"] == "molli"


def test_the_scene_holds_the_maps(cardiac_motion, images, tmp_path):
    pytest.importorskip("slicer")
    from CardiacMotionLib import scene

    assert cardiac_motion("map", images, "-o", tmp_path / "m", "--method", "none", "-q").code == 0
    scene.headless_scene(fresh=True)
    scene.load_scene(tmp_path / "m" / "scene.mrb")
    (found,) = scene.find_maps()
    assert found.maps["T1"].GetVoxelValueUnits().GetCodeValue() == "ms"
    series = scene.series_from_nodes(found.series)
    assert series.meta["inversion_times"] == cm.read_series(images).meta["inversion_times"]


def test_a_method_registers_to_the_frame_that_was_asked_for(cardiac_motion, mapping_folder, images, tmp_path):
    out = tmp_path / "m"
    done = cardiac_motion(
        *("map", images, "-o", out, "--method", "demons", "--reference", 4, "--iterations", 10),
        *("--labels", mapping_folder / "labels" / "t1_seg_frame02.nii.gz"),
    )
    assert done.code == 0, done.err
    assert "demons: 8 frames from frame 4" in done.out
    assert "→" in done.out
    motion = cm.Motion.load(out / "motion.seq.nrrd")
    labels = cm.read_series(images, mapping_folder / "labels").labels[2]
    written = cm.read_series(images, {4: out / "labels.nii.gz"}).labels[4]
    np.testing.assert_array_equal(written, motion.draw_labels(labels, 2))


def test_a_wall_as_dark_as_air_is_fitted(cardiac_motion, mapping_folder, images, tmp_path):
    series = cm.read_series(images, mapping_folder / "labels")
    wall = series.labels[0] == 2
    frames = series.frames.copy()
    frames[:, wall] *= 0.05
    write_series(series.replace(frames=frames), tmp_path / "dark.nii.gz")
    command = ["map", tmp_path / "dark.nii.gz", "--method", "none", "-q", "-o"]
    assert cardiac_motion(*command, tmp_path / "a", "--json").code == 0
    done = cardiac_motion(*command, tmp_path / "b", "-l", mapping_folder / "labels", "--json")
    assert np.isfinite(t1_of(tmp_path / "a")[wall]).mean() < 0.5
    assert np.isfinite(t1_of(tmp_path / "b")[wall]).mean() > 0.95
    assert next(row["value"] for row in done.json["scores"] if row["metric"] == "survival") > 90


def test_pairs_are_registered_to_the_longest_time(images):
    series = cm.read_series(images)
    assert map_pipeline.clearest_frame(series) == int(np.argmax(series.meta["inversion_times"])) > 0
    labeled = series.replace(labels={1: np.full(series.shape, 3, np.uint8)}, meta={})
    assert map_pipeline.clearest_frame(labeled) == 1


def test_auto_takes_the_best_groupwise_method_that_is_there(cardiac_motion, images, tmp_path, monkeypatch):
    monkeypatch.setattr(map_pipeline, "PREFERRED", ("none such", "demons"))
    done = cardiac_motion("map", images, "-o", tmp_path / "m", "--json", "-q")
    assert done.json["method"] == "demons"
    monkeypatch.setattr(map_pipeline, "PREFERRED", ("none such",))
    done = cardiac_motion("map", images, "-o", tmp_path / "n", "--json", "-q")
    assert done.json["method"] == "none"
    assert any("Not registered" in note for note in done.json["notes"])
    assert not (tmp_path / "n" / "motion.seq.nrrd").exists()


def t1_of(folder):
    return read_map(folder / "maps" / "T1.nrrd").values


def test_flags_go_before_the_file_and_the_file_before_the_series(cardiac_motion, images, tmp_path):
    times = cm.read_series(images).meta["inversion_times"]
    slow = tmp_path / "slow.toml"
    slow.write_text(f"model = 'molli'\ninversion_times = {[2 * t for t in times]}\n", encoding="utf-8")
    command = ["map", images, "--method", "none", "-q", "-o"]
    assert cardiac_motion(*command, tmp_path / "a").code == 0
    assert cardiac_motion(*command, tmp_path / "b", "--acquisition", slow).code == 0
    text = ", ".join(map(str, times))
    assert cardiac_motion(*command, tmp_path / "c", "--acquisition", slow, "--inversion-times", text).code == 0
    first, second, third = (t1_of(tmp_path / name) for name in "abc")
    both = np.isfinite(first) & np.isfinite(second) & (first < 1500)
    assert np.median(second[both] / first[both]) == pytest.approx(2, abs=0.01)
    np.testing.assert_array_equal(first, third)


def test_flags_alone_tell_an_acquisition_of_tags(cardiac_motion, tmp_path):
    series = cm.phantom("asl", 0, rows=40, columns=40, pixel_mm=5.0).series
    write_series(series.replace(meta={}), tmp_path / "bare.nii.gz")
    flags = {"inversion_times": series.meta["inversion_times"], "is_tag": map(int, series.meta["is_tag"])}
    lists = [part for name, values in flags.items() for part in ("--" + name.replace("_", "-"), listed(values))]
    done = cardiac_motion(
        *("map", tmp_path / "bare.nii.gz", "-o", tmp_path / "m", "--model", "asl", "--method", "none", "-q", *lists),
        *("--t1-blood", 1800, "--partition", 0.9),
    )
    assert done.code == 0, done.err
    found = read_map(tmp_path / "m" / "maps" / "perfusion.nrrd").values
    np.testing.assert_allclose(found, fit_map(series, t1_blood=1800, partition=0.9)["perfusion"], rtol=1e-3)
    assert not np.allclose(found, fit_map(series)["perfusion"], rtol=1e-2, equal_nan=True)


def test_sasha_of_two_parameters(cardiac_motion, tmp_path):
    heart = cm.phantom("t1", 3, rows=40, columns=40, pixel_mm=5.0, sequence="sasha")
    write_series(heart.series, tmp_path / "series.nii.gz")
    command = ["map", tmp_path / "series.nii.gz", "--method", "none", "-q", "-o"]
    assert cardiac_motion(*command, tmp_path / "a").code == 0
    assert cardiac_motion(*command, tmp_path / "b", "--parameters", 2).code == 0
    assert (tmp_path / "a" / "maps" / "B.nrrd").is_file()
    assert not (tmp_path / "b" / "maps" / "B.nrrd").exists()


def test_flags_say_for_which_models_they_are():
    takes = {model: names_of(model) for model in MODELS}
    parameters = inspect.signature(map_command.map_series, eval_str=True).parameters
    for flag in {name for names in takes.values() for name in names}:
        (option,) = parameters[flag].annotation.__metadata__
        named = re.findall(r"[a-z0-9]+", option.help[option.help.rindex("(") :].split(";")[0])
        assert sorted(named) == sorted(model for model, names in takes.items() if flag in names), flag


def listed(values):
    return ",".join(map(str, values))


def test_phase_gives_the_sign(cardiac_motion, tmp_path):
    heart = cm.phantom("t1", 3, rows=48, columns=48, pixel_mm=4.4, sequence="molli", magnitude=False, noise=1.0)
    series = heart.series
    write_series(series.replace(frames=np.abs(series.frames)), tmp_path / "magnitude.nii.gz")
    angles = np.where(series.frames < 0, np.pi, 0).astype(np.float32)
    write_series(series.replace(frames=angles), tmp_path / "phase.nii.gz")
    command = ["map", tmp_path / "magnitude.nii.gz", "--method", "none", "-q", "-o"]
    done = cardiac_motion(*command, tmp_path / "p", "--phase", tmp_path / "phase.nii.gz")
    assert done.code == 0, done.err
    found, signed = t1_of(tmp_path / "p"), fit_map(series, polarity="signed")["T1"]
    both = np.isfinite(found) & np.isfinite(signed)  # where there is but noise the longest image may be below zero
    assert both.sum() > 0.8 * np.isfinite(found).sum()
    np.testing.assert_allclose(found[both], signed[both], rtol=1e-3)
    write_series(series.replace(frames=np.rint((angles + np.pi) * 4095 / (2 * np.pi))), tmp_path / "stored.nii.gz")
    told = [arg for arg in command if arg != "-q"]
    done = cardiac_motion(*told, tmp_path / "q", "--phase", tmp_path / "stored.nii.gz")
    assert done.code == 0
    assert "taken to be 0 to 4095 for a turn" in done.err
    np.testing.assert_allclose(t1_of(tmp_path / "q"), t1_of(tmp_path / "p"), rtol=1e-2)


@pytest.mark.parametrize(
    ("scale", "unit"), [(1.0, "radians"), (1000.0, "thousandths of a radian"), (4096 / np.pi, "4096 for half a turn")]
)
def test_phase_is_understood_as_scanners_give_it(scale, unit):
    """In radians, thousandths of them, and -4096 to 4094."""
    angles = np.linspace(-np.pi, np.pi, 4000, endpoint=False).reshape(2, 1, 40, 50)
    found, told = any_radians(Path("phase"), angles * scale)
    np.testing.assert_allclose(found, angles, atol=1e-9)
    assert told == unit


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model", "mollie"], "unknown mapping model 'mollie'; choose one of molli"),
        (["--model", "sasha"], "model sasha needs saturation_times"),
        (["--inversion-times", "100,200"], "one value for each of the 8 images, got 2"),
        (["--inversion-times", "100,early"], "cannot read inversion_times from '100,early'; expected ms"),
        (["--echo-times", "1,2,3,4,5,6,7,8"], "does not take 'echo_times'"),
        (["--method", "elastic"], "unknown method 'elastic'; choose one of auto, none,"),
        (["--method", "none", "--reference", "2"], "without registration there is none"),
        (["--method", "none", "--iterations", "2"], "given (--iterations), but the series is not registered; add --me"),
        (["--motion", "MOTION", "--refine", "30"], "options of a method were given (--refine), with --motion; leave"),
        (["--model", "asl", "--is-tag", "1,0,x"], "cannot read is_tag from '1,0,x'; expected 0 and 1"),
        (["--model", "asl", "--is-tag", "1,0,2,0,1,0,1,0"], "is_tag must be true (tag) or false"),
        (["--model", "sasha", "--parameters", "4"], "parameters of sasha must be 2 (A, T1) or 3 (A, B, T1), got 4"),
        (["--parameters", "2"], "model molli does not take 'parameters'"),
        (["--polarity", "positive"], "polarity must be one of"),
        (["--acquisition", "none.toml"], "cannot read the acquisition from none.toml"),
        (["--phase", "PHASE"], "phase images of shape"),
        (["--motion", "MOTION", "--method", "demons"], "give --motion or --method, not both"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(cardiac_motion, mapping_folder, images, tmp_path, flags, message):
    series = cm.read_series(images)
    write_series(series.replace(frames=series.frames[:3], times=None, meta={}), tmp_path / "short.nii.gz")
    files = {"PHASE": tmp_path / "short.nii.gz", "MOTION": mapping_folder / "motion.seq.nrrd"}
    done = cardiac_motion("map", images, "-o", tmp_path / "m", "-q", *(files.get(flag, flag) for flag in flags))
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_a_series_that_does_not_say_what_it_measures(cardiac_motion, images, tmp_path):
    series = cm.read_series(images)
    write_series(series.replace(meta={}), tmp_path / "bare.nii.gz")
    done = cardiac_motion("map", tmp_path / "bare.nii.gz", "-o", tmp_path / "m")
    assert (done.code, "give --model molli, stone" in done.err) == (2, True)
    other = tmp_path / "motion.npz"
    heart = cm.phantom("cine", 0, frames=3, slices=1, rows=48, columns=48)
    heart.motion.save(other)
    done = cardiac_motion("map", images, "-o", tmp_path / "m", "--motion", other)
    assert (done.code, "give a motion of this series" in done.err) == (2, True)


def test_json_of_an_error(cardiac_motion, images, tmp_path):
    done = cardiac_motion("map", images, "-o", tmp_path / "m", "--model", "x", "--json")
    assert done.json["exit_code"] == 2
    assert "unknown mapping model" in json.dumps(done.json)


def test_a_cancelled_run_leaves_nothing(cardiac_motion, images, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(map_command, "write_map_files", interrupted)
    done = cardiac_motion("map", images, "-o", tmp_path / "m", "--method", "none", "-q")
    assert done.code == 130
    assert "Cancelled: nothing was written" in done.err
    assert not (tmp_path / "m").exists()

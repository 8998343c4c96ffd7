"""Chosen kinds of files of finished work, in one folder that is complete or not there."""

import numpy as np
import pandas as pd
import pytest
from small_hearts import AFFINES, heart_motion, heart_series
from small_maps import small_maps

from CardiacMotionLib import CardiacMotionError, evaluate, strain
from CardiacMotionLib.errors import Cancelled
from CardiacMotionLib.io import read_map, read_motion_sequence, read_series
from CardiacMotionLib.report import MapRun, with_labels
from CardiacMotionLib.report.export import (
    Export,
    StoredMaps,
    map_steps,
    motion_steps,
    write_folder,
    written_files,
)

ALL = ("report", "tables", "pictures", "transforms", "volumes", "itk")


@pytest.fixture(scope="module")
def run():
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine), heart_motion(affine)
    overlay = np.where(series.labels[0] == 2, np.float32(-12.5), np.float32(np.nan))
    return Export(
        series,
        motion,
        strain(motion, series.labels[0]),
        evaluate(motion, series),
        {"circumferential": np.stack([overlay] * 4)},
    )


@pytest.fixture(scope="module")
def map_run():
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine), heart_motion(affine)
    registered = series.replace(frames=motion.warp(series))
    return with_labels(MapRun(series, small_maps(affine), motion, registered, small_maps(affine)), 0, series.labels[0])


def test_every_kind_of_a_motion_is_written_and_reads_back(run, tmp_path):
    plans = {"motion": motion_steps(run, ALL)}
    assert plans["motion"].left_out == ()
    folder = write_folder(plans, tmp_path / "out")
    names = {file.name: file for file in written_files(plans, folder)}
    assert {"report.html", "curves.png", "bullseye.png", "tables/strain_curves.csv", "tables/quality.csv"} <= set(names)
    assert all(file.size == (folder / file.name).stat().st_size > 0 for file in names.values())
    assert names["motion.seq.nrrd"].meaning
    for name, direction in (("motion", "modeling"), ("motion_to_reference", "resampling")):
        path = folder / f"{name}.seq.nrrd"
        np.testing.assert_allclose(read_motion_sequence(path).displacement, run.motion.displacement, atol=1e-5)
        assert f"displacement field type:={direction}".encode() in path.read_bytes()[:2000]
    labels = read_series(folder / "volumes/labels.seq.nrrd")
    np.testing.assert_array_equal(labels.frames[0], run.series.labels[0])
    assert (labels.frames[2] != labels.frames[0]).any()  # it moved
    registered = read_series(folder / "volumes/registered.seq.nrrd")
    np.testing.assert_allclose(registered.frames, run.motion.warp(run.series), atol=1e-4)
    np.testing.assert_allclose(registered.times, run.series.times)
    assert len(list((folder / "itk").glob("*.h5"))) == 4


def test_an_itk_field_is_the_displacement_in_lps(run, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    folder = write_folder({"motion": motion_steps(run, ["itk"])}, tmp_path / "out")
    transform = sitk.ReadTransform(str(folder / "itk" / "displacement_frame02.h5"))
    point = run.series.affine @ [20, 14, 2, 1]
    lps = np.array([-1, -1, 1])
    moved = np.array(transform.TransformPoint((lps * point[:3]).tolist())) * lps
    np.testing.assert_allclose(moved, run.motion.track(point[None, :3])[2, 0], atol=1e-3)


def test_overlays_are_nan_where_there_is_no_wall(run, tmp_path):
    import nrrd

    folder = write_folder({"motion": motion_steps(run, ["volumes"])}, tmp_path / "out")
    values, _ = nrrd.read(str(folder / "volumes/circumferential.seq.nrrd"))
    np.testing.assert_array_equal(values.transpose(3, 2, 1, 0), run.overlays["circumferential"])


def test_only_what_was_chosen_is_there(run, tmp_path):
    folder = write_folder({"motion": motion_steps(run, ["tables"])}, tmp_path / "out")
    assert [path.name for path in folder.iterdir()] == ["tables"]


def test_a_motion_without_strain_leaves_out_what_needs_it_and_says_so(run, tmp_path):
    plan = motion_steps(Export(run.series, run.motion, None, run.quality), ALL)
    (said,) = plan.left_out
    assert "report, pictures" in said
    assert "no strain" in said
    folder = write_folder({"motion": plan}, tmp_path / "out")
    assert not (folder / "report.html").exists()
    assert [path.name for path in (folder / "tables").iterdir()] == ["quality.csv"]


def test_every_kind_of_maps_is_written_and_reads_back(map_run, tmp_path):
    plans = {"maps": map_steps(map_run, ALL)}
    folder = write_folder(plans, tmp_path / "out")
    for name in ("report.html", "maps.png", "tables/scores.csv", "maps/T1_before.nrrd", "motion.seq.nrrd"):
        assert (folder / name).stat().st_size > 0, name
    t1 = read_map(folder / "maps/T1.nrrd")
    assert t1.unit == "ms"
    np.testing.assert_array_equal(t1.values, map_run.maps["T1"])
    assert pd.read_csv(folder / "tables/maps.csv")["registration"].nunique() == 2


def test_maps_from_a_scene_give_volumes_and_tables_and_say_what_they_cannot(map_run, tmp_path):
    plan = map_steps(StoredMaps(map_run.maps, map_run.labels_after, map_run.registered), ALL)
    (said,) = plan.left_out
    assert "report, pictures, transforms, itk" in said
    folder = write_folder({"maps": plan}, tmp_path / "out")
    assert (folder / "labels.seg.nrrd").is_file()
    assert (folder / "registered.seq.nrrd").is_file()
    table = pd.read_csv(folder / "tables/maps.csv")
    wall = table[(table["region"] == "LV myocardium") & (table["parameter"] == "T1")]
    assert wall["mean"].item() == pytest.approx(1000)


def test_two_results_go_into_a_subfolder_each(run, map_run, tmp_path):
    plans = {"motion": motion_steps(run, ["tables"]), "maps": map_steps(map_run, ["tables"])}
    folder = write_folder(plans, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["maps", "motion"]
    names = {file.name: file.meaning for file in written_files(plans, folder)}
    assert names["maps/tables/scores.csv"] == "good fits, likeness of the images, folding"


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_a_cancelled_export_leaves_nothing(run, tmp_path, at):
    plans = {"motion": motion_steps(run, ["tables", "transforms"])}
    with pytest.raises(Cancelled):
        write_folder(plans, tmp_path / "out", lambda fraction, text: fraction < at)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_in_the_last_step_leaves_nothing(run, tmp_path):
    broken = Export(run.series, run.motion, run.strain, run.quality, {"radial": np.zeros((1, 2, 3, 4))})
    with pytest.raises(CardiacMotionError, match="values have shape"):
        write_folder({"motion": motion_steps(broken, ["tables", "volumes"])}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").write_text("mine")
    with pytest.raises(CardiacMotionError, match="there already"):
        write_folder({"motion": motion_steps(run, ["report"])}, tmp_path / "out")
    assert (tmp_path / "out" / "report.html").read_text() == "mine"
    with pytest.raises(CardiacMotionError, match="no folder"):
        write_folder({"motion": motion_steps(run, ["tables"])}, tmp_path / "none" / "out")

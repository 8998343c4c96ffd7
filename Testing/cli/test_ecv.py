"""``cardiac-motion ecv``: two T1 maps in, extracellular volume out."""

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib.io import read_map, read_t1, write_map, write_volume

AFFINE = np.diag([2.0, 2.0, 8.0, 1.0])
PRE, POST = (700.0, 1500.0, 1000.0, 1600.0), (400.0, 300.0, 450.0, 290.0)  # background, RV, wall, cavity, ms
HEMATOCRIT = 0.42
WALL = 100 * (1 - HEMATOCRIT) * (1 / 450 - 1 / 1000) / (1 / 290 - 1 / 1600)


@pytest.fixture
def folders(tmp_path):
    """What ``map`` would have written before and after contrast agent, and the labels."""
    _, j, i = np.indices((1, 40, 40))
    radius = np.hypot(i - 22, j - 20)
    labels = np.zeros((1, 40, 40), np.uint8)
    labels[(np.hypot(i - 10, j - 20) < 8) & (radius >= 12)] = 1
    labels[radius < 12] = 2
    labels[radius < 7] = 3
    for name, values in (("pre", PRE), ("post", POST)):
        (tmp_path / name / "maps").mkdir(parents=True)
        t1 = np.asarray(values, np.float32)[labels]
        t1[0, 20, 32] = np.nan
        write_map(t1, AFFINE, tmp_path / name / "maps" / "T1.nrrd", "T1", "ms")
        write_map(np.full_like(t1, 20), AFFINE, tmp_path / name / "maps" / "T1_SD.nrrd", "T1_SD", "ms")
    write_volume(labels, AFFINE, tmp_path / "pre" / "labels.nii.gz")
    return tmp_path, labels


def test_folders_of_map_are_all_it_takes(cardiac_motion, folders):
    root, labels = folders
    command = ["ecv", root / "pre", root / "post", "-o", root / "out", "--hematocrit", HEMATOCRIT, "--json", "-q"]
    done = cardiac_motion(*command)
    assert done.code == 0, done.err
    found = read_map(root / "out" / "maps" / "ECV.nrrd")
    assert (found.name, found.unit) == ("ECV", "%")
    wall = (labels == 2) & np.isfinite(found.values)
    assert wall.sum() == (labels == 2).sum() - 1
    np.testing.assert_allclose(found.values[wall], WALL, rtol=1e-4)
    np.testing.assert_allclose(found.values[labels == 3], 58.0, rtol=1e-4)  # blood: 1 - hematocrit
    table = pd.read_csv(root / "out" / "tables" / "ecv.csv", dtype={"region": str})
    row = table.query("parameter == 'ECV' and region == 'LV myocardium'").iloc[0]
    assert row["mean"] == pytest.approx(WALL, rel=1e-3)
    assert {"7", "12"} <= set(table["region"])
    assert done.json["blood"] == {"blood_T1_pre": pytest.approx(1600), "blood_T1_post": pytest.approx(290)}
    assert any(path.endswith("scene.mrb") for path in done.json["files"]) == has_slicer()


def has_slicer():
    import importlib.util

    return importlib.util.find_spec("slicer") is not None


def test_maps_of_another_program_and_the_words(cardiac_motion, folders):
    root, _ = folders
    for name in ("pre", "post"):
        t1 = read_map(root / name / "maps" / "T1.nrrd").values
        assert np.isnan(t1).any()
        write_volume(np.nan_to_num(t1) if name == "pre" else t1, AFFINE, root / f"{name}.nii.gz")
    done = cardiac_motion(
        *("ecv", root / "pre.nii.gz", root / "post.nii.gz", "-o", root / "out", "--hematocrit", HEMATOCRIT, "-q"),
        *("--labels", root / "pre" / "labels.nii.gz"),
    )
    assert done.code == 0, done.err
    assert f"LV myocardium  {WALL:.1f} ± 0.0 %" in done.out
    assert "1600 → 290 ms" in done.out
    assert "Research use only" in done.out


def test_zero_is_no_t1_and_the_sd_comes_along(folders):
    root, labels = folders
    found = read_t1(root / "pre")
    assert found.fitted.sum() == labels.size - 1
    assert np.nanmax(found["T1_SD"]) == 20
    values = np.where(found.fitted, found["T1"], 0)
    write_map(values, AFFINE, root / "other.nrrd", "T1", "ms")
    assert read_t1(root / "other.nrrd").fitted.sum() == labels.size - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--hematocrit": 42}, "hematocrit must be a share between 0 and 1, like 0.42, got 42"),
        ({"post": "pre"}, "it must become shorter"),
        ({"post": "pre/maps/T1_SD.nrrd"}, "is a map of T1_SD (ms); expected T1 in ms"),
        ({"post": "seconds.nrrd"}, "look like seconds; give T1 in ms"),
        ({"pre": "post"}, "has no labels.nii.gz; give --labels FILE"),
        ({"post": "small.nrrd"}, "not on the same grid"),
        ({"post": "none"}, "none"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(cardiac_motion, folders, change, message):
    root, _ = folders
    t1 = read_map(root / "post" / "maps" / "T1.nrrd").values
    write_map(t1 / 1000, AFFINE, root / "seconds.nrrd", "T1", "ms")
    write_map(t1[:, :-4], AFFINE, root / "small.nrrd", "T1", "ms")
    given = {"pre": "pre", "post": "post", "--hematocrit": HEMATOCRIT, **change}
    done = cardiac_motion(
        *("ecv", root / given["pre"], root / given["post"], "--hematocrit", given["--hematocrit"]),
        *("-o", root / "out", "-q"),
    )
    assert done.code == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (root / "out").exists()

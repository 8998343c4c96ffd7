"""Motions from the canonical space of a groupwise registration, through every command that takes or makes them."""

import numpy as np
import pandas as pd
import pytest
from tiny_learned import tiny_weights

import CardiacMotionLib as cm
from CardiacMotionLib.cli.main import run

STRAIN = "tables/strain_summary.csv"
SMALL = ["--rows", "48", "--columns", "48", "--pixel-mm", "4.4", "--sequence", "stone", "--breathing-mm", "8"]


@pytest.fixture(scope="session")
def a_canonical_motion(a_subject_folder, tmp_path_factory):
    """The motion of the subject, from the mean shape of its frames."""
    known = cm.Motion.load(a_subject_folder / "motion.seq.nrrd")
    moved = known.displacement - known.displacement.mean(0)  # not quite the same motion, but one of those shapes
    path = tmp_path_factory.mktemp("canonical") / "motion.seq.nrrd"
    return cm.Motion(moved, known.affine, None, known.times, {"method": "groupwise"}).save(path)


@pytest.fixture
def labels(a_subject_folder):
    return a_subject_folder / "labels"


def summary(folder):
    return pd.read_csv(folder / STRAIN)


def test_strain_starts_from_the_frame_that_the_labels_name(cardiac_motion, a_canonical_motion, labels, tmp_path):
    file = labels / "cine_seg_frame00.nii.gz"
    for name, given in (("flag", f"0={file}"), ("file", file), ("folder", labels)):
        done = cardiac_motion("strain", a_canonical_motion, "-l", given, "-o", tmp_path / name)
        assert done.code == 0, done.err
    expected = cm.strain(
        cm.Motion.load(a_canonical_motion).expressed_in(0), cm.read_series(labels / file.name).frames[0]
    )
    gcs = "component == 'circumferential' and region == 'global' and measure == 'engineering'"
    found = summary(tmp_path / "file").query(gcs)["end_systolic_percent"].item()
    assert found == pytest.approx(expected.function["GCS_percent"], abs=0.01)
    for name in ("flag", "folder"):
        pd.testing.assert_frame_equal(summary(tmp_path / name), summary(tmp_path / "file"))


def test_strain_does_not_guess_the_frame(cardiac_motion, a_canonical_motion, labels, tmp_path):
    nameless = tmp_path / "wall.nii.gz"
    nameless.write_bytes((labels / "cine_seg_frame00.nii.gz").read_bytes())
    for given in ([], ["-l", nameless]):
        done = cardiac_motion("strain", a_canonical_motion, *given, "-o", tmp_path / "s")
        assert done.code == 2
        assert "not known of which frame the labels are: --labels FRAME=FILE or a file named ..._frameNN" in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_strain_with_the_cine_has_report_and_scene(
    cardiac_motion, a_canonical_motion, a_subject_folder, labels, tmp_path
):
    pytest.importorskip("slicer", reason="the scene needs the slicer-core package")
    cine = a_subject_folder / "cine.nii.gz"
    done = cardiac_motion("strain", a_canonical_motion, "-l", labels, "--cine", cine, "-o", tmp_path / "s")
    assert done.code == 0, done.err
    assert {"report.html", "overlay.png", "scene.mrb"} <= {path.name for path in (tmp_path / "s").iterdir()}


@pytest.mark.parametrize("suffix", [".nii.gz", ".h5"])
def test_convert_writes_itk_fields_from_the_canonical_space(cardiac_motion, a_canonical_motion, tmp_path, suffix):
    sitk = pytest.importorskip("SimpleITK")
    done = cardiac_motion("convert", a_canonical_motion, tmp_path / f"m{suffix}")
    assert done.code == 0, done.err
    motion = cm.Motion.load(a_canonical_motion)
    flip = np.array([-1, -1, 1])
    point = (motion.affine @ [24, 22, 1, 1.0])[:3]
    paths = sorted(tmp_path.iterdir())
    assert len(paths) == len(motion)
    for frame, path in enumerate(paths):
        if suffix == ".h5":
            transform = sitk.ReadTransform(str(path))
        else:
            transform = sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
        moved = flip * np.array(transform.TransformPoint((flip * point).tolist()))
        np.testing.assert_allclose(moved, motion.track(point)[frame, 0], atol=1e-4)
        assert np.linalg.norm(moved - point) > 0


@pytest.fixture(scope="session")
def mapping_folder(tmp_path_factory):
    """A slice for a T1 map, taken in free breathing."""
    folder = tmp_path_factory.mktemp("mapping") / "heart"
    assert run(["phantom", "t1", "-o", str(folder), "--quiet", *SMALL]) == 0
    return folder


@pytest.mark.parametrize("weights", ["own", pytest.param("shipped", marks=pytest.mark.slow)])
def test_maps_by_the_method_of_the_default(cardiac_motion, mapping_folder, tmp_path, weights):
    pytest.importorskip("slicer", reason="the scene needs the slicer-core package")
    from CardiacMotionLib import scene

    images, labels, out = mapping_folder / "t1.nii.gz", mapping_folder / "labels", tmp_path / "maps"
    own = ["--weights", tiny_weights("any2reg", tmp_path / "own.safetensors", task="mapping")]
    done = cardiac_motion(
        *("map", images, "-l", f"3={labels / 't1_seg_frame03.nii.gz'}", "-o", out, "--json", "-q"),
        *(own if weights == "own" else []),
    )
    assert done.code == 0, done.err
    assert done.json["method"] == "any2reg"
    assert {"report.html", "scene.mrb", "slice.png", "motion.seq.nrrd", "labels.nii.gz"} <= {
        path.name for path in out.iterdir()
    }

    motion = cm.Motion.load(out / "motion.seq.nrrd")
    assert motion.reference is None
    assert np.abs(motion.displacement).max() > 0.1
    series = cm.read_series(images, {3: labels / "t1_seg_frame03.nii.gz"})
    drawn = cm.read_series(images, {0: out / "labels.nii.gz"}).labels[0]
    np.testing.assert_array_equal(drawn, motion.draw_labels(series.labels[3], 3))
    registered = cm.read_series(out / "registered.seq.nrrd")
    np.testing.assert_allclose(registered.frames, motion.warp(series), rtol=1e-5, atol=1e-3)
    assert "the canonical space" in (out / "report.html").read_text(encoding="utf-8")

    scene.headless_scene(fresh=True)
    scene.load_scene(out / "scene.mrb")
    (after,) = scene.find_maps()
    assert after.before["T1"].GetAttribute("CardiacMotion.run") == after.run
    again = scene.series_from_nodes(after.registered, after.labels)
    assert again.meta["inversion_times"] == series.meta["inversion_times"]
    assert (again.labels[0] == 2).sum() == (drawn == 2).sum()
    assert after.maps["T1"].GetAttribute("CardiacMotion.reference") == "-1"

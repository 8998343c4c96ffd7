"""ACDC: a real patient, and the whole layout with small images."""

import numpy as np
import pytest
from small_files import AFFINE, cine, heart, save

from CardiacMotionLib import read_series
from CardiacMotionLib.io.datasets import find_cases


@pytest.fixture
def root(tmp_path):
    for part, number, group in (("training", 2, "NOR"), ("training", 10, "HCM"), ("testing", 101, None)):
        name = f"patient{number:03d}"
        folder = tmp_path / part / name
        save(folder / f"{name}_4d.nii.gz", cine(seed=number), 0.04, "sec")
        for frame, cavity in ((1, 6), (4, 3)):
            save(folder / f"{name}_frame{frame:02d}.nii.gz", cine(seed=number)[frame - 1])
            save(folder / f"{name}_frame{frame:02d}_gt.nii.gz", heart(cavity))
        lines = ["ED: 1", "ES: 4", *([f"Group: {group}"] if group else []), "Height: 184.0", "Weight: 95.0"]
        (folder / "Info.cfg").write_text("\n".join(lines))
    return tmp_path


def test_the_whole_data_set(root):
    cases = find_cases(root)
    assert [(c.name, c.facts.get("group"), c.facts["split"]) for c in cases] == [
        ("patient101", None, "testing"),
        ("patient002", "NOR", "training"),
        ("patient010", "HCM", "training"),
    ]
    assert all(case.facts["labeled"] == (0, 3) for case in cases)
    assert not any("95" in str(dict(case.facts)) for case in cases)


def test_one_patient(root):
    case = find_cases(root / "training" / "patient010")[0]
    series = case.read().series
    np.testing.assert_array_equal(series.frames, cine(seed=10))
    np.testing.assert_allclose(series.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(series.times, 40.0 * np.arange(5))
    assert list(series.labels) == [0, 3]
    np.testing.assert_array_equal(series.labels[3], heart(3))
    assert (series.meta["end_diastole"], series.meta["end_systole"]) == (0, 3)
    np.testing.assert_array_equal(read_series(case.path).frames, series.frames)


def test_what_names_a_frame_that_is_not_there_is_said(root):
    folder = root / "training" / "patient002"
    (folder / "patient002_4d.nii.gz").unlink()
    (folder / "patient002_frame04.nii.gz").unlink()
    series = find_cases(folder)[0].read().series
    assert (list(series.labels), series.meta.get("end_systole")) == ([0], None)
    notes = series.meta["notes"]
    assert "patient002_frame04_gt.nii.gz left aside: its frame is not in this folder." in notes
    assert "Info.cfg names frame 4, which is not in this folder." in notes


def test_the_real_patient(shared_data):
    folder = shared_data / "acdc_patient001"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    (case,) = find_cases(folder)
    assert (case.layout, case.facts["group"], case.facts["labeled"]) == ("acdc", "DCM", (0, 1))
    series = case.read().series
    assert series.frames.shape == (2, 10, 256, 216)
    np.testing.assert_allclose(series.spacing, (1.5625, 1.5625, 10))
    cavity = [int((series.labels[t] == 3).sum()) for t in (series.meta["end_diastole"], series.meta["end_systole"])]
    assert cavity[0] > cavity[1] > 0

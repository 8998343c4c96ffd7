"""M&Ms and M&Ms-2: the whole layouts with small images."""

import numpy as np
import pytest
from small_files import AFFINE, cine, heart, save, swapped

from CardiacMotionLib import CardiacMotionError, read_series
from CardiacMotionLib.io.datasets import find_cases

TABLE = "211230_M&Ms_Dataset_information_diagnosis_opendataset.csv"
HEADER = ",External code,VendorName,Vendor,Centre,ED,ES,Age,Pathology,Sex,Height,Weight\n"


def labels_of(frames: dict[int, int]) -> np.ndarray:
    """(T, K, J, I) in the values of the data set, empty but for the given {frame: columns of cavity}."""
    labels = np.zeros(cine().shape, np.uint8)
    for t, cavity in frames.items():
        labels[t] = swapped(heart(cavity))
    return labels


@pytest.fixture
def mnms(tmp_path):
    root = tmp_path / "OpenDataset"
    for place, code in (("Training/Labeled", "A0S9V9"), ("Training/Unlabeled", "B2C3D4"), ("Testing", "E9H1U4")):
        save(root / place / code / f"{code}_sa.nii.gz", cine(), 33.5, "msec")
        if place != "Training/Unlabeled":
            save(root / place / code / f"{code}_sa_gt.nii.gz", labels_of({0: 6, 3: 2}))
    rows = "0,A0S9V9,Siemens,A,1,0,3,55,HCM,F,,\n1,B2C3D4,GE,C,4,0,2,60,NOR,M,,\n2,E9H1U4,Canon,D,5,0,2,70,DCM,M,,\n"
    (root / TABLE).write_text(HEADER + rows)
    return root


def test_mnms_subjects_and_facts(mnms):
    cases = {case.name: case for case in find_cases(mnms)}
    assert set(cases) == {"A0S9V9", "B2C3D4", "E9H1U4"}
    facts = dict(cases["A0S9V9"].facts)
    assert (facts["group"], facts["vendor"], facts["center"], facts["split"]) == ("HCM", "Siemens", "1", "training")
    assert facts["labeled"] == (0, 3)
    assert cases["B2C3D4"].facts["labeled"] == ()
    assert cases["E9H1U4"].facts["split"] == "testing"


def test_mnms_labels_are_mapped_and_lie_on_ed_and_es(mnms):
    (case,) = find_cases(mnms / "Training" / "Labeled" / "A0S9V9")  # the table is found above
    series = case.read().series
    np.testing.assert_array_equal(series.frames, cine())
    np.testing.assert_allclose(series.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(series.times, 33.5 * np.arange(5), rtol=1e-6)
    assert list(series.labels) == [0, 3]
    np.testing.assert_array_equal(series.labels[0], heart(6))
    np.testing.assert_array_equal(series.labels[3], heart(2))
    assert (series.meta["end_diastole"], series.meta["end_systole"]) == (0, 3)
    assert series.meta["notes"] == []


def test_mnms_table_that_names_other_frames_is_noted(mnms):
    (case,) = find_cases(mnms / "Testing")
    (note,) = case.read().series.meta["notes"]
    assert "[0, 2] as ED and ES, but labels are on [0, 3]" in note


def test_mnms_table_that_names_a_frame_beyond_the_cine_is_noted(mnms):
    (mnms / TABLE).write_text(HEADER + "0,A0S9V9,Siemens,A,1,0,25,55,HCM,F,,\n")
    series = find_cases(mnms / "Training" / "Labeled")[0].read().series
    assert series.meta["end_diastole"] == 0
    assert "end_systole" not in series.meta
    assert "The table names frames [0, 25] as ED and ES of a cine of 5 frames." in series.meta["notes"]


def test_mnms_without_table_or_labels(mnms):
    (mnms / TABLE).unlink()
    cases = {case.name: case for case in find_cases(mnms)}
    assert cases["A0S9V9"].facts["labeled"] == ("ED", "ES")
    series = cases["B2C3D4"].read().series
    assert series.labels == {}
    assert "does not name the ED and ES frames" in series.meta["notes"][-1]


def test_one_mnms_folder_is_read_as_a_series(mnms):
    folder = mnms / "Training" / "Labeled" / "A0S9V9"
    series = read_series(folder)
    np.testing.assert_array_equal(series.labels[3], heart(2))
    other = read_series(folder, labels={1: heart(4)})
    assert list(other.labels) == [1]


def write_mnms2(folder, name, es_frame=2, cine_file=True):
    for view, seed in (("SA", 1), ("LA", 2)):
        whole = cine(seed=seed) if view == "SA" else cine(seed=seed)[:, :1]
        part = slice(None) if view == "SA" else slice(1)
        if cine_file:
            save(folder / f"{name}_{view}_CINE.nii.gz", whole, 0.03, "sec")
        for phase, t, cavity in (("ED", 0, 6), ("ES", es_frame, 3)):
            save(folder / f"{name}_{view}_{phase}.nii.gz", whole[t])
            save(folder / f"{name}_{view}_{phase}_gt.nii.gz", swapped(heart(cavity))[part])


@pytest.fixture
def mnms2(tmp_path):
    root = tmp_path / "MnM2"
    for name in ("007", "170", "301"):
        write_mnms2(root / "dataset" / name, name)
    (root / "dataset_information.csv").write_text(
        "SUBJECT_CODE,DISEASE,VENDOR,SCANNER,FIELD\n7,TRI,SIEMENS,Avanto,1.5\n170,NOR,GE MEDICAL SYSTEMS,x,1.5\n,,,,\n"
    )
    return root


def test_mnms2_subjects_and_facts(mnms2):
    cases = find_cases(mnms2)
    assert [(c.name, c.facts["split"], c.facts.get("group")) for c in cases] == [
        ("007", "training", "TRI"),
        ("170", "validation", "NOR"),
        ("301", "testing", None),
    ]
    assert cases[0].facts["vendor"] == "SIEMENS"
    assert cases[0].facts["labeled"] == ("ED", "ES")


def test_mnms2_phases_are_found_in_the_cine(mnms2):
    (case,) = find_cases(mnms2 / "dataset" / "007")
    examination = case.read()
    series = examination.series
    np.testing.assert_array_equal(series.frames, cine(seed=1))
    np.testing.assert_allclose(series.times, 30.0 * np.arange(5), rtol=1e-6)
    assert (series.meta["end_diastole"], series.meta["end_systole"]) == (0, 2)
    np.testing.assert_array_equal(series.labels[2], heart(3))
    long_axis = examination.companions["long_axis"]
    np.testing.assert_array_equal(long_axis.frames, cine(seed=2)[:, :1])
    np.testing.assert_array_equal(long_axis.labels[0], heart(6)[:1])
    assert read_series(case.path).meta["name"] == "007"


def test_mnms2_without_cine_is_ed_and_es(tmp_path):
    write_mnms2(tmp_path / "012", "012", cine_file=False)
    series = find_cases(tmp_path)[0].read().series
    np.testing.assert_array_equal(series.frames, cine(seed=1)[[0, 2]])
    assert not series.timed
    assert "ED and ES of the cycle" in series.meta["notes"][-1]
    np.testing.assert_array_equal(series.labels[1], heart(3))


def test_mnms2_phase_that_is_no_frame_of_the_cine_is_not_put_into_it(mnms2):
    folder = mnms2 / "dataset" / "170"
    save(folder / "170_SA_ES.nii.gz", cine(seed=99)[0])
    series = find_cases(folder)[0].read().series
    np.testing.assert_array_equal(series.frames[1], cine(seed=99)[0])
    assert len(series) == 2
    assert any("ES is no frame of the cine" in note for note in series.meta["notes"])


def test_mnms2_phases_on_two_grids_are_refused(tmp_path):
    write_mnms2(tmp_path / "012", "012", cine_file=False)
    moved = AFFINE.copy()
    moved[0, 3] += 5
    save(tmp_path / "012" / "012_SA_ES.nii.gz", cine()[0], affine=moved)
    with pytest.raises(CardiacMotionError, match="012: the ES image has another size or place than the ED image"):
        find_cases(tmp_path)[0].read()

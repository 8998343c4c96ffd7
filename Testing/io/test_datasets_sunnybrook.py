"""Sunnybrook: the real NIfTI copies, and real DICOM slices with real contours put into the data set's layouts."""

import json
import shutil

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, read_series
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.io.geometry import onto_grid


@pytest.fixture(scope="module")
def data(shared_data):
    if not ((shared_data / "sunnybrook").is_dir() and (shared_data / "sunnybrook_dicom").is_dir()):
        pytest.skip(f"no sunnybrook and sunnybrook_dicom in {shared_data}")
    return shared_data


def real_contours(data) -> dict[tuple[int, str], np.ndarray]:
    """{(image number, "i" or "o"): (N, 2) pixels of the whole image} of SC-HF-I-2, on the four slices there are."""
    told = json.loads((data / "sunnybrook" / "SC-HF-I-2_contours.json").read_text())
    sides = {"endo": "i", "epi": "o"}
    return {
        (c["instance"], sides[c["kind"]]): np.array(c["xy_crop"]) + told["crop_origin"]
        for c in told["contours"]
        if 81 <= c["instance"] <= 160
    }


def write_images(data, folder, series="0106"):
    folder.mkdir(parents=True)
    for file in (data / "sunnybrook_dicom").glob("*.dcm"):
        shutil.copy(file, folder / f"IM-{series}-{int(file.stem):04d}.dcm")


def write_contours(contours, folder):
    folder.mkdir(parents=True)
    for (number, side), points in contours.items():
        np.savetxt(folder / f"IM-0001-{number:04d}-{side}contour-manual.txt", points, fmt="%.2f")
    (folder / "IM-0001-0100-p1contour-manual.txt").write_text("1.00 1.00\n3.00 1.00\n3.00 3.00\n")


@pytest.fixture(scope="module")
def atlas(data, tmp_path_factory):
    """As the Cardiac Atlas Project hands it out: images under SCD numbers, contours apart, a table between them."""
    root = tmp_path_factory.mktemp("atlas")
    write_images(data, root / "SCD_IMAGES_01" / "SCD0000201" / "CINESAX_300", "0002")
    lax = root / "SCD_IMAGES_01" / "SCD0000201" / "CINELAX_301"
    lax.mkdir()
    shutil.copy(data / "sunnybrook_dicom" / "81.dcm", lax / "IM-0003-0001.dcm")
    write_contours(real_contours(data), root / "SCD_ManualContours" / "SC-HF-I-02" / "contours-manual" / "IRCCI-expert")
    (root / "scd_patientdata.csv").write_text(
        "\ufeffPatientID,OriginalID,Gender,Age,Pathology\nSCD0000201,SC-HF-I-2,Male,53,Heart failure with infarct\n"
    )
    return root


def test_the_atlas_layout_is_found(atlas):
    (case,) = find_cases(atlas)
    assert (case.layout, case.name, case.path.name) == ("sunnybrook", "SC-HF-I-2", "SCD0000201")
    assert dict(case.facts) == {"group": "heart failure with infarct", "labeled": ("ED", "ES")}


def test_contours_become_the_labels_of_the_copy(atlas, data):
    """The labels drawn from text files on DICOM are those of the NIfTI copy, at the same place and time."""
    series = find_cases(atlas)[0].read().series
    assert series.frames.shape == (20, 4, 256, 256)
    assert (series.meta["end_diastole"], series.meta["end_systole"]) == (19, 6)
    copy = next(c for c in find_cases(data / "sunnybrook", "sunnybrook") if c.name == "SC-HF-I-2").read().series
    assert list(series.labels) == list(copy.labels) == [6, 19]
    for t in (6, 19):
        whole = onto_grid(series.labels[t], series.affine, copy.shape, copy.affine, part=True, name="drawn")
        slices = whole.any(axis=(1, 2))
        assert slices.sum() == 4
        np.testing.assert_array_equal(whole[slices], copy.labels[t][slices])
    assert (series.labels[19] == 2).sum() > 1000
    assert not (series.labels[6] == 2).any()
    assert "The labels of frame 6 have the cavity but no wall." in series.meta["notes"]


def test_the_cavity_is_brighter_than_the_wall(atlas):
    """Contours lie on their image: blood is bright and muscle dark in every slice."""
    series = find_cases(atlas)[0].read().series
    image, labels = series.frames[19], series.labels[19]
    for k in range(4):
        assert image[k][labels[k] == 3].mean() > 1.5 * image[k][labels[k] == 2].mean()


def test_one_patients_folder_finds_its_contours(atlas):
    folder = atlas / "SCD_IMAGES_01" / "SCD0000201"
    assert [case.name for case in find_cases(folder)] == ["SC-HF-I-2"]
    series = read_series(folder)
    assert list(series.labels) == [6, 19]


def test_the_challenge_layout(data, tmp_path):
    """SC-HF-I-2 with all its series in one folder, of which the contours tell the short axis."""
    write_images(data, tmp_path / "challenge_training" / "SC-HF-I-2")
    shutil.copy(
        data / "sunnybrook_dicom" / "90.dcm", tmp_path / "challenge_training" / "SC-HF-I-2" / "IM-0101-0001.dcm"
    )
    place = tmp_path / "ContoursPart3" / "TrainingDataContours" / "SC-HF-I-2" / "contours-manual" / "IRCCI-expert"
    write_contours(real_contours(data), place)
    (case,) = find_cases(tmp_path)
    series = case.read().series
    assert series.frames.shape == (20, 4, 256, 256)
    assert list(series.labels) == [6, 19]


def test_without_contours_there_are_no_labels(data, tmp_path):
    write_images(data, tmp_path / "SC-N-9")
    (case,) = find_cases(tmp_path)
    assert dict(case.facts) == {"group": "normal", "labeled": ()}
    assert case.read().series.labels == {}


def test_a_contour_without_its_image_is_said(data, tmp_path):
    write_images(data, tmp_path / "SC-HF-I-2")
    contours = {**real_contours(data), (200, "i"): np.array([[1.0, 1], [9, 1], [9, 9]])}
    write_contours(contours, tmp_path / "SC-HF-I-02" / "contours-manual" / "IRCCI-expert")
    with pytest.raises(CardiacMotionError, match=r"the 9 images that have contours, found 0 .*IM-0106-0081\.dcm to"):
        find_cases(tmp_path)[0].read()


def test_a_displaced_epicardium_is_left_out_with_a_note(data, tmp_path):
    write_images(data, tmp_path / "SC-HF-I-2")
    contours = real_contours(data)
    contours[120, "o"] = contours[120, "o"] + 40.0
    write_contours(contours, tmp_path / "SC-HF-I-02" / "contours-manual" / "IRCCI-expert")
    series = find_cases(tmp_path)[0].read().series
    assert any("epicardial contour of image 120 does not enclose the cavity" in note for note in series.meta["notes"])
    assert sorted((series.labels[19] == 2).any(axis=(1, 2))) == [False, True, True, True]


def test_a_damaged_contour_is_named(data, tmp_path):
    write_images(data, tmp_path / "SC-HF-I-2")
    write_contours(real_contours(data), tmp_path / "SC-HF-I-02" / "contours-manual" / "IRCCI-expert")
    broken = next(tmp_path.rglob("IM-0001-0100-icontour-manual.txt"))
    broken.write_text("12.0 abc\n")
    with pytest.raises(CardiacMotionError, match="0100-icontour-manual"):
        find_cases(tmp_path)[0].read()
    broken.write_text("12.0 13.0\n")
    with pytest.raises(CardiacMotionError, match=r"0100-icontour-manual.*three or more lines"):
        find_cases(tmp_path)[0].read()


def test_the_real_copies(data):
    cases = find_cases(data / "sunnybrook")
    assert [(case.name, case.facts["labeled"]) for case in cases] == [
        ("SC-HF-I-1", (7, 18)),
        ("SC-HF-I-2", (6, 19)),
        ("SC-HF-I-6", (8, 18)),
    ]
    for case in cases:
        series = case.read().series
        assert series.timed
        assert 500 < series.times[-1] < 900
        assert (series.meta["end_systole"], series.meta["end_diastole"]) == case.facts["labeled"]
        cavity = {t: (labels == 3).sum() for t, labels in series.labels.items()}
        assert cavity[series.meta["end_diastole"]] > cavity[series.meta["end_systole"]]

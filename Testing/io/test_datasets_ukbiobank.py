"""UK Biobank style folders: small NIfTI as the segmentation pipeline writes them, DICOM as it is downloaded."""

import numpy as np
import pytest
from small_files import AFFINE, SHAPE, cine, heart, save, swapped

from CardiacMotionLib import CardiacMotionError, read_series
from CardiacMotionLib.io.datasets import find_cases

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid  # noqa: E402


def tagged_affine(k: int) -> np.ndarray:
    """Three tagged slices, 20 mm apart, on a grid of their own."""
    affine = AFFINE.copy()
    affine[:3, 3] += k * 2.5 * AFFINE[:3, 2]
    return affine


@pytest.fixture
def subject(tmp_path):
    folder = tmp_path / "1000012"
    save(folder / "sa.nii.gz", cine(), 0.0312)
    for phase, t, cavity in (("ED", 0, 6), ("ES", 3, 2)):
        save(folder / f"sa_{phase}.nii.gz", cine()[t])
        save(folder / f"label_sa_{phase}.nii.gz", swapped(heart(cavity)))
    for n in (1, 2, 3):
        save(folder / f"tag_{n}.nii.gz", cine(4, seed=n)[:, :1], 0.0405, affine=tagged_affine(n))
    save(folder / "la_4ch.nii.gz", cine(seed=9)[:, :1], 0.0312)
    return folder


def test_cine_labels_and_tagged_slices(subject):
    (case,) = find_cases(subject.parent)
    assert (case.layout, case.name, case.facts["labeled"]) == ("ukbiobank", "1000012", ("ED", "ES"))
    examination = case.read()
    series = examination.series
    np.testing.assert_array_equal(series.frames, cine())
    np.testing.assert_allclose(series.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(series.times, 31.2 * np.arange(5), rtol=1e-6)
    assert list(series.labels) == [0, 3]
    np.testing.assert_array_equal(series.labels[3], heart(2))
    assert (series.meta["end_diastole"], series.meta["end_systole"]) == (0, 3)
    assert set(examination.companions) == {"tagged_1", "tagged_2", "tagged_3", "long_axis_4ch"}
    tagged = examination.companions["tagged_3"]
    np.testing.assert_array_equal(tagged.frames, cine(4, seed=3)[:, :1])
    np.testing.assert_allclose(tagged.affine, tagged_affine(3), atol=1e-5)
    np.testing.assert_allclose(tagged.times, 40.5 * np.arange(4), rtol=1e-6)
    np.testing.assert_array_equal(read_series(subject).labels[0], heart(6))


def test_end_diastole_is_the_first_frame_and_an_end_systole_without_image_is_left_aside(subject):
    for phase in ("ED", "ES"):
        (subject / f"sa_{phase}.nii.gz").unlink()
    series = find_cases(subject)[0].read().series
    assert list(series.labels) == [0]
    assert any("label_sa_ES.nii.gz left aside" in note for note in series.meta["notes"])


def test_automatic_segmentations_of_every_frame_are_said_to_be_so(subject):
    for phase in ("ED", "ES"):
        (subject / f"label_sa_{phase}.nii.gz").unlink()
        (subject / f"sa_{phase}.nii.gz").unlink()
    save(subject / "seg_sa.nii.gz", np.stack([swapped(heart(c)) for c in (6, 4, 2, 3, 5)]), 0.0312)
    (case,) = find_cases(subject)
    assert case.facts["labeled"] == ("all",)
    series = case.read().series
    assert list(series.labels) == [0, 1, 2, 3, 4]
    assert (series.meta["end_diastole"], series.meta["end_systole"]) == (0, 2)
    assert any("drawn by a program" in note for note in series.meta["notes"])


def test_manual_labels_go_before_automatic_ones(subject):
    save(subject / "seg_sa.nii.gz", np.stack([swapped(heart(1))] * 5), 0.0312)
    series = find_cases(subject)[0].read().series
    assert list(series.labels) == [0, 3]
    np.testing.assert_array_equal(series.labels[0], heart(6))


def test_another_label_convention_is_refused(subject):
    save(subject / "label_sa_ED.nii.gz", np.where(heart(6) == 1, 4, heart(6)).astype(np.uint8))
    with pytest.raises(CardiacMotionError, match=r"label_sa_ED.*unexpected value 4"):
        find_cases(subject)[0].read()


def dicom(path, description: str, uid: str, pixels: np.ndarray, affine: np.ndarray, k: int, t: int) -> None:
    """One image of slice ``k`` of the grid, 30 ms a phase."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = MRImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.SeriesInstanceUID, data.SeriesDescription = uid, description
    data.PatientID = "1000012"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    data.PixelSpacing = [float(f"{v:.6f}") for v in spacing[[1, 0]]]
    data.SliceThickness = 8
    data.ImageOrientationPatient = [float(f"{v:.9f}") for v in (lps[:3, :2] / spacing[:2]).T.ravel()]
    data.ImagePositionPatient = [float(f"{v:.6f}") for v in lps[:3, 3] + k * lps[:3, 2]]
    data.TriggerTime = 30.0 * t
    data.PixelData = pixels.astype(np.uint16).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def write_dicom(folder_of) -> None:
    """Short axis of three slices with the scanner's inline result beside it, one long axis, three tagged slices."""
    for t, k in np.ndindex(5, SHAPE[0]):
        name = f"CINE_segmented_SAX_b{k + 1}"
        dicom(folder_of(20209, name) / f"sa{k}{t}.dcm", name, f"1.2.{k + 1}", cine()[t, k], AFFINE, k, t)
    name = "CINE_segmented_SAX_InlineVF"
    dicom(folder_of(20209, name) / "inline.dcm", name, "1.9", cine()[0, 0], AFFINE, 0, 0)
    for t in range(4):
        for n in (1, 2, 3):
            name = f"cine_tagging_3sl_SAX_b{n}s"
            image = cine(4, seed=n)[t, 0]
            dicom(folder_of(20211, name) / f"tag{n}{t}.dcm", name, f"1.3.{n}", image, tagged_affine(n), 0, t)
        name = "CINE_segmented_LAX_4Ch"
        dicom(folder_of(20208, name) / f"la{t}.dcm", name, "1.4", cine(4, seed=9)[t, 0], AFFINE, 0, t)


def check(case) -> None:
    examination = case.read()
    series = examination.series
    order = [int(np.abs(series.frames[0, k] - cine()[0]).sum(axis=(1, 2)).argmin()) for k in range(SHAPE[0])]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_array_equal(series.frames, cine()[:, order])
    for k, source in enumerate(order):  # the slices lie where the files say, whichever end they are counted from
        np.testing.assert_allclose(series.affine @ [2, 3, k, 1], AFFINE @ [2, 3, source, 1], atol=1e-4)
    np.testing.assert_allclose(series.times, 30.0 * np.arange(5))
    assert set(examination.companions) == {"tagged_1", "tagged_2", "tagged_3", "long_axis_4ch"}
    for n in (1, 2, 3):
        tagged = examination.companions[f"tagged_{n}"]
        np.testing.assert_array_equal(tagged.frames, cine(4, seed=n)[:, :1])
        np.testing.assert_allclose(tagged.affine @ [2, 3, 0, 1], tagged_affine(n) @ [2, 3, 0, 1], atol=1e-4)


def test_dicom_with_a_folder_a_field(tmp_path):
    write_dicom(lambda field, name: tmp_path / f"1000012_{field}_2_0")
    (tmp_path / "1000012_20209_2_0" / "manifest.csv").write_text("filename,patientid\n")
    (case,) = find_cases(tmp_path)
    assert (case.layout, case.name) == ("ukbiobank", "1000012")
    check(case)


def test_dicom_with_a_folder_a_series(tmp_path):
    write_dicom(lambda field, name: tmp_path / "1000012" / name)
    (case,) = find_cases(tmp_path)
    assert case.name == "1000012"
    check(case)
    assert len(read_series(tmp_path / "1000012")) == 5


def test_a_slice_that_was_taken_again_is_read_once(tmp_path):
    write_dicom(lambda field, name: tmp_path / "1000012" / name)
    name = "CINE_segmented_SAX_b2"
    for t in range(5):
        image = 7 + cine()[t, 1]
        dicom(tmp_path / "1000012" / name / f"again{t}.dcm", name, "1.2.99", image, AFFINE, 1, t)
    series = find_cases(tmp_path)[0].read().series
    assert series.frames.shape == (5, *SHAPE)
    np.testing.assert_array_equal(series.frames[:, 1], 7 + cine()[:, 1])
    assert f"{name} was taken 2 times; the last was read." in series.meta["notes"]


def test_all_slices_in_one_folder(tmp_path):
    """As some subjects come: one series folder without slice numbers."""
    name = "CINE_segmented_SAX"
    for t, k in np.ndindex(5, SHAPE[0]):
        dicom(tmp_path / "1000012" / name / f"sa{k}{t}.dcm", name, "1.2.1", cine()[t, k], AFFINE, k, t)
    (case,) = find_cases(tmp_path)
    assert (case.layout, case.name) == ("ukbiobank", "1000012")
    assert case.read().series.frames.shape == (5, *SHAPE)


def test_dicom_without_a_short_axis_is_said(tmp_path):
    write_dicom(lambda field, name: tmp_path / f"1000012_{field}_2_0")
    for file in (tmp_path / "1000012_20209_2_0").glob("sa*.dcm"):
        file.unlink()
    with pytest.raises(CardiacMotionError, match=r"no series CINE_segmented_SAX_b1.*CINE_segmented_SAX_InlineVF"):
        find_cases(tmp_path)[0].read()

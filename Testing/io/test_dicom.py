"""DICOM cine: a real series in arbitrary order, and what can be wrong with one."""

import shutil

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, read_series

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid  # noqa: E402

ROW, COLUMN = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.0, -1.0])
NORMAL = np.cross(ROW, COLUMN)
ORIGIN = np.array([-70.0, -120.0, 90.0])
GAP = 9.0


def image(k: int, t: int, series="1.2.3", **tags) -> Dataset:
    """One image of a small cine: value 100 k + t, trigger times a little different from slice to slice."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = MRImageStorage
    data.SOPInstanceUID = generate_uid()
    data.SeriesInstanceUID = series
    data.SeriesDescription = "sax cine"
    data.PatientName, data.PatientID = "Secret^Person", "S123"
    data.Rows, data.Columns, data.SamplesPerPixel = 6, 5, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PixelSpacing = [1.25, 1.5]
    data.SliceThickness = 8
    data.ImageOrientationPatient = [*ROW, *COLUMN]
    data.ImagePositionPatient = [float(v) for v in ORIGIN + k * GAP * NORMAL]
    data.SliceLocation = 3.0  # lies, as in real files
    data.TriggerTime = 40.0 * t + k
    data.InstanceNumber = 10 * k + t + 1
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    pixels = np.full((data.Rows, data.Columns), 100 * k + t, np.uint16)
    pixels[1, 2] += 50  # row 1, column 2
    data.PixelData = pixels.tobytes()
    return data


def write(folder, images) -> None:
    names = np.random.default_rng(0).permutation(len(images))
    for name, data in zip(names, images, strict=True):
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(folder / f"{name}.dcm", enforce_file_format=True)


def stack(**tags) -> list[Dataset]:
    return [image(k, t, **tags) for t in range(4) for k in range(3)]


def test_small_stack_pixels_place_and_times(tmp_path):
    write(tmp_path, stack(RescaleSlope=2, RescaleIntercept=-10))
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 300)
    (tmp_path / "readme.txt").write_text("hello")
    report = image(0, 0)
    del report.PixelData
    write_path = tmp_path / "sub"
    write_path.mkdir()
    write(write_path, [report])
    series = read_series(tmp_path)
    assert series.frames.shape == (4, 3, 6, 5)
    for t, k in np.ndindex(4, 3):
        assert series.frames[t, k, 0, 0] == 2 * (100 * k + t) - 10
        assert series.frames[t, k, 1, 2] == 2 * (100 * k + t + 50) - 10
    np.testing.assert_allclose(series.times, 40.0 * np.arange(4) + 1)  # median over the slices
    lps = ORIGIN + 2 * 1.5 * ROW + 1 * 1.25 * COLUMN + 2 * GAP * NORMAL
    np.testing.assert_allclose((series.affine @ [2, 1, 2, 1])[:3], lps * [-1, -1, 1], atol=1e-9)
    assert "Secret" not in str(series.meta)
    assert "S123" not in str(series.meta)


def test_real_series_in_arbitrary_order(shared_data, tmp_path):
    source = shared_data / "sunnybrook_dicom"
    series = read_series(source)
    assert series.frames.shape == (20, 4, 256, 256)
    np.testing.assert_allclose(series.spacing, (1.367188, 1.367188, 10), atol=1e-3)  # SliceLocation says 6.68
    assert (np.diff(series.times) > 30).all()
    assert "SCD" not in str(series.meta)
    names = np.random.default_rng(5).permutation(80)
    for name, file in zip(names, sorted(source.iterdir()), strict=True):
        shutil.copy(file, tmp_path / f"IM{name}")
    shuffled = read_series(tmp_path)
    np.testing.assert_array_equal(shuffled.frames, series.frames)
    np.testing.assert_array_equal(shuffled.affine, series.affine)
    one_file = read_series(next(tmp_path.iterdir()))
    np.testing.assert_array_equal(one_file.frames, series.frames)


def test_real_series_agrees_with_the_converted_one(shared_data):
    """The NIfTI of the same patient was made by somebody else: same intensities at the same place in the world."""
    dicom = read_series(shared_data / "sunnybrook_dicom")
    nifti = read_series(shared_data / "sunnybrook" / "SC-HF-I-2_cine4d.nii.gz")
    voxel = np.linalg.inv(nifti.affine) @ dicom.affine
    hits = 0
    for k in range(dicom.shape[0]):
        point = voxel @ [128, 128, k, 1]
        i, j, n = np.rint(point[:3]).astype(int)
        np.testing.assert_allclose(point[:3], (i, j, n), atol=0.05)
        if 0 <= n < nifti.shape[0]:
            np.testing.assert_array_equal(dicom.frames[:, k, 128, 128], nifti.frames[:, n, j, i])
            hits += 1
    assert hits == 4


@pytest.mark.parametrize("trigger_time", [None, 0.0])
def test_phases_without_trigger_times(tmp_path, trigger_time):
    write(tmp_path, stack(TriggerTime=trigger_time))
    series = read_series(tmp_path)
    assert not series.timed
    np.testing.assert_array_equal(series.frames[:, 1, 0, 0], 100 + np.arange(4))
    assert any("instance number" in note for note in series.meta["notes"])


def test_mixed_series_are_listed_and_chosen(tmp_path):
    other = stack(series="9.8.7", SeriesDescription="sax tagging")
    write(tmp_path, stack() + other)
    with pytest.raises(CardiacMotionError) as caught:
        read_series(tmp_path)
    for part in ("2 DICOM series", "1.2.3 (sax cine, 12 images)", "9.8.7 (sax tagging, 12 images)", "--series-uid"):
        assert part in str(caught.value)
    assert read_series(tmp_path, series_uid="9.8.7").meta["name"] == "sax tagging"
    with pytest.raises(CardiacMotionError, match=r"no series 5\.5"):
        read_series(tmp_path, series_uid="5.5")


def test_single_slice_series_of_one_stack_are_put_together(tmp_path):
    write(
        tmp_path,
        [image(k, t, series=f"1.2.{k}", SeriesDescription=f"cine sax {k}") for t in range(4) for k in range(3)],
    )
    series = read_series(tmp_path)
    assert series.frames.shape == (4, 3, 6, 5)
    assert any("3 series of one slice" in note for note in series.meta["notes"])
    chosen = read_series(tmp_path, series_uid=["1.2.0", "1.2.1"])
    assert chosen.frames.shape == (4, 2, 6, 5)


def test_missing_phase_says_where(tmp_path):
    write(tmp_path, [d for d in stack() if d.TriggerTime != 81])
    with pytest.raises(CardiacMotionError, match=r"slice 2 has 3, the others 4"):
        read_series(tmp_path)


def test_missing_slice_says_where(tmp_path):
    write(tmp_path, [image(k, t) for t in range(2) for k in (0, 1, 3, 4)])
    with pytest.raises(CardiacMotionError, match=r"18\.00 mm between slices 2 and 3 of 4, elsewhere 9\.00 mm"):
        read_series(tmp_path)


def test_copies_are_dropped_and_clashes_refused(tmp_path):
    images = stack()
    write(tmp_path, images)
    images[0].save_as(tmp_path / "copy.dcm", enforce_file_format=True)
    series = read_series(tmp_path)
    assert series.frames.shape == (4, 3, 6, 5)
    assert any("1 files are copies" in note for note in series.meta["notes"])
    phase = [image(k, t, ImageType=["ORIGINAL", "PRIMARY", "P"]) for t in range(4) for k in range(3)]
    folder = tmp_path / "both"
    folder.mkdir()
    write(folder, stack(ImageType=["ORIGINAL", "PRIMARY", "M"]) + phase)
    with pytest.raises(CardiacMotionError, match=r"2 images of slice 1 .*ORIGINAL.PRIMARY.M and .*ORIGINAL.PRIMARY.P"):
        read_series(folder)


@pytest.mark.parametrize("uid", ["", "1.2.3.4"])
def test_images_whose_uid_was_taken_away_are_no_copies(tmp_path, uid):
    """Some programs that remove names leave none, or one for all."""
    images = stack()
    write(tmp_path, images)
    for file in tmp_path.glob("*.dcm"):
        data = pydicom.dcmread(file)
        data.SOPInstanceUID = uid
        data.save_as(file)
    series = read_series(tmp_path)
    assert series.frames.shape == (4, 3, 6, 5)
    assert not any("copies" in note for note in series.meta["notes"])


def test_views_in_one_series_and_slices_out_of_line(tmp_path):
    write(tmp_path, [*stack(), image(5, 0, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])])
    with pytest.raises(CardiacMotionError, match="differ in size, pixel spacing or orientation"):
        read_series(tmp_path)
    folder = tmp_path / "shifted"
    folder.mkdir()
    away = [float(v) for v in ORIGIN + 2 * GAP * NORMAL + 6 * ROW]
    write(
        folder, [image(k, t, **({"ImagePositionPatient": away} if k == 2 else {})) for t in range(2) for k in range(3)]
    )
    with pytest.raises(CardiacMotionError, match=r"up to 6\.0 mm in plane"):
        read_series(folder)


def test_one_slice_over_time(tmp_path):
    write(tmp_path, [image(0, t) for t in range(4)])
    series = read_series(tmp_path)
    assert series.is_2d
    np.testing.assert_allclose(series.spacing, (1.5, 1.25, 8.0))


def test_cut_off_pixels(tmp_path):
    write(tmp_path, stack())
    path = tmp_path / "0.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CardiacMotionError, match=r"cannot read .*0\.dcm"):
        read_series(tmp_path)


def enhanced(frames: list[tuple[int, int]]) -> Dataset:
    """Return the same cine as one enhanced multi-frame file."""
    data = image(0, 0)
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "TriggerTime", "SliceThickness"):
        delattr(data, name)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = EnhancedMRImageStorage
    data.NumberOfFrames = len(frames)

    def item(**values):
        inner = Dataset()
        for name, value in values.items():
            setattr(inner, name, value)
        return [inner]

    shared, groups = Dataset(), []
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=[*ROW, *COLUMN])
    shared.PixelMeasuresSequence = item(PixelSpacing=[1.25, 1.5], SliceThickness=8)
    data.SharedFunctionalGroupsSequence = [shared]
    pixels = []
    for k, t in frames:
        one, group = image(k, t), Dataset()
        group.PlanePositionSequence = item(ImagePositionPatient=one.ImagePositionPatient)
        group.CardiacSynchronizationSequence = item(NominalCardiacTriggerDelayTime=float(one.TriggerTime))
        group.PixelValueTransformationSequence = item(RescaleSlope=3, RescaleIntercept=1)
        groups.append(group)
        pixels.append(one.PixelData)
    data.PerFrameFunctionalGroupsSequence = groups
    data.PixelData = b"".join(pixels)
    return data


def test_enhanced_multi_frame(tmp_path):
    order = [(k, t) for k in range(3) for t in range(4)]
    np.random.default_rng(7).shuffle(order)
    write(tmp_path, [enhanced(order)])
    series = read_series(tmp_path)
    assert series.frames.shape == (4, 3, 6, 5)
    for t, k in np.ndindex(4, 3):
        assert series.frames[t, k, 0, 0] == 3 * (100 * k + t) + 1
    np.testing.assert_allclose(series.times, 40.0 * np.arange(4) + 1)
    lps = ORIGIN + 2 * 1.5 * ROW + 1 * 1.25 * COLUMN + 2 * GAP * NORMAL
    np.testing.assert_allclose((series.affine @ [2, 1, 2, 1])[:3], lps * [-1, -1, 1], atol=1e-9)


def test_multi_frame_without_places(tmp_path):
    data = enhanced([(0, t) for t in range(4)])
    del data.PerFrameFunctionalGroupsSequence
    write(tmp_path, [data])
    with pytest.raises(CardiacMotionError, match="4 frames in one file without the place of each"):
        read_series(tmp_path)

"""Where the times of a sequence come from: its attributes, its index, the DICOM files behind it."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_hearts import AFFINES, heart_series

from CardiacMotionLib.scene import acquisition_of, add_series, series_from_nodes
from CardiacMotionLib.scene.map_sample import add_map_sample
from CardiacMotionLib.scene.sequences import data_nodes

TIMES = [100.0, 1100.0, 180.0, 260.0]


@pytest.fixture
def bare(scene):
    """A sequence that says nothing of its acquisition."""
    return add_series(heart_series(AFFINES["axial"]).replace(meta={}), "Images")[0]


def test_attributes_go_before_the_index(bare):
    assert acquisition_of(bare) == ({}, "", ())
    bare.SetIndexName("Inversion Time")
    assert acquisition_of(bare) == ({"inversion_times": [0.0, 33.1, 66.3, 99.4]}, "index", ())
    bare.SetAttribute("CardiacMotion.inversion_times", "100 1100 180 260")
    bare.SetAttribute("CardiacMotion.model", "molli")
    assert acquisition_of(bare) == ({"inversion_times": TIMES, "model": "molli"}, "attributes", ())


def test_a_model_alone_leaves_the_times_to_the_index(bare):
    bare.SetAttribute("CardiacMotion.model", "t2prep")
    bare.SetIndexName("EchoTime")
    found = acquisition_of(bare)
    assert (found.values["model"], found.source) == ("t2prep", "index")
    assert found.values["echo_times"] == [0.0, 33.1, 66.3, 99.4]


def write_images(folder, times):
    """DICOM images, one an inversion time, and {uid: file}."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    files = {}
    for number, time in enumerate(times):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, f"1.2.3.{number}"
        data.SeriesInstanceUID, data.Modality = "1.2.3", "MR"
        data.Rows = data.Columns = 4
        data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
        data.PixelSpacing, data.SliceThickness = [1, 1], 8
        data.SamplesPerPixel, data.BitsAllocated, data.BitsStored, data.HighBit = 1, 16, 16, 15
        data.PixelRepresentation, data.PhotometricInterpretation = 0, "MONOCHROME2"
        data.PixelData = np.zeros((4, 4), np.uint16).tobytes()
        if time is not None:
            data.InversionTime = time
        files[data.SOPInstanceUID] = folder / f"{number}.dcm"
        data.save_as(files[data.SOPInstanceUID], enforce_file_format=True)
    return files


@pytest.mark.parametrize("missing", [None, 2])
def test_times_come_from_the_dicom_files_that_slicer_loaded(bare, tmp_path, monkeypatch, missing):
    import slicer

    times = [None if number == missing else time for number, time in enumerate(TIMES)]
    files = write_images(tmp_path, times)
    for volume, uid in zip(data_nodes(bare), files, strict=True):
        volume.SetAttribute("DICOM.instanceUIDs", uid)
    database = SimpleNamespace(fileForInstance=lambda uid: str(files[uid]))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    found = acquisition_of(bare)
    if missing is None:
        assert found == ({"inversion_times": TIMES}, "DICOM", ())
        assert "inversion_times" not in series_from_nodes(bare).meta  # a cine would take seconds to look at
        next(iter(files.values())).unlink()
        assert acquisition_of(bare) == ({}, "", ())
    else:
        assert found.values == {}
        assert "no inversion time for frame 2" in found.notes[0]


def test_the_sample_can_be_mapped_as_it_is(scene):
    """Small images stand in for those of the phantom, which take seconds to make."""
    series = heart_series(AFFINES["axial"])
    series = series.replace(labels={0: series.labels[0]}, meta={"inversion_times": TIMES, "model": "molli"})
    sequence, _browser, segmentation = add_map_sample(series)
    found = series_from_nodes(sequence, segmentation)
    assert (found.meta["model"], found.meta["inversion_times"]) == ("molli", TIMES)
    assert list(found.labels) == [0]

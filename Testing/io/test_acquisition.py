"""Acquisition times of mapping series: from DICOM, NRRD and NIfTI files, and back."""

import json

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, ImageSeries, read_series
from CardiacMotionLib.io import write_series
from CardiacMotionLib.io.acquisition import acquisition_from_index, acquisition_from_keys, acquisition_keys

TIMES = [np.inf, 135.0, 1130.5, 2120.0]
META = {
    "inversion_times": TIMES,
    "echo_times": [0.0, 0.0, 25.0, 55.0],
    "is_tag": [False, True, False, True],
    "model": "stone",
}


@pytest.fixture
def a_series():
    frames = np.random.default_rng(0).integers(0, 900, (4, 1, 6, 7)).astype(np.float32)
    return ImageSeries(frames, np.diag([1.5, 1.5, 8.0, 1.0]), None, None, {"name": "t1", **META})


@pytest.mark.parametrize("name", ["t1.seq.nrrd", "t1.nii.gz"])
@pytest.mark.parametrize("timed", [True, False])
def test_written_series_reads_back_with_its_acquisition(a_series, tmp_path, name, timed):
    times = [0.0, 4000.0, 8100.0, 12000.0] if timed else None
    write_series(a_series.replace(times=times), tmp_path / name)
    series = read_series(tmp_path / name)
    assert {key: series.meta[key] for key in META} == META
    np.testing.assert_array_equal(series.frames, a_series.frames)
    if timed:
        np.testing.assert_array_equal(series.times, times)


def test_a_cine_has_no_acquisition(a_series, tmp_path):
    write_series(a_series.replace(meta={}), tmp_path / "cine.nii.gz")
    assert not set(META) & set(read_series(tmp_path / "cine.nii.gz").meta)
    assert acquisition_keys({"name": "cine", "model": 3}) == {}


def test_keys_of_another_number_of_frames_are_left_out():
    keys = acquisition_keys(META)
    assert keys["CardiacMotion.inversion_times"] == "inf 135.0 1130.5 2120.0"
    assert acquisition_from_keys(keys, 4) == META
    assert acquisition_from_keys(keys, 5) == {"model": "stone"}
    assert acquisition_from_keys({"CardiacMotion.echo_times": "a b"}, 2) == {}


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("InversionTime", "ms", {"inversion_times": [100.0, 1100.0, 180.0]}),
        ("Inversion Times", "s", {"inversion_times": [100e3, 1100e3, 180e3]}),
        ("echo_time", "", {"echo_times": [100.0, 1100.0, 180.0]}),
        ("time", "ms", {}),
        ("TriggerTime", "ms", {}),
        ("InversionTime", "mm", {}),
    ],
)
def test_an_index_that_is_no_time_of_the_heartbeat(name, unit, expected):
    assert acquisition_from_index(name, unit, ["100", "1100", "180"]) == expected


def test_a_slicer_sequence_over_inversion_time(a_series, tmp_path):
    """As Slicer's importers write it: the index has the inversion times, in whatever order."""
    write_series(a_series.replace(meta={}, times=[1, 2, 3, 4]), tmp_path / "t1.seq.nrrd")
    data = (tmp_path / "t1.seq.nrrd").read_bytes()
    data = data.replace(b'"time"', b'"InversionTime"').replace(b"1.0 2.0 3.0 4.0", b"100 1100 180 1180")
    (tmp_path / "t1.seq.nrrd").write_bytes(data)
    series = read_series(tmp_path / "t1.seq.nrrd")
    assert series.meta["inversion_times"] == [100, 1100, 180, 1180]
    assert not series.timed


def sidecar(folder, **content):
    (folder / "t1.json").write_text(json.dumps(content))


def test_sidecar_of_bids_is_in_seconds_and_goes_before_the_header(a_series, tmp_path):
    write_series(a_series, tmp_path / "t1.nii.gz")
    sidecar(tmp_path, InversionTime=[0.1, 0.2, 0.3, 1.5], EchoTime=0.0011)
    meta = read_series(tmp_path / "t1.nii.gz").meta
    assert meta["inversion_times"] == [100, 200, 300, 1500]
    assert meta["echo_times"] == META["echo_times"]
    sidecar(tmp_path, saturation_times=[float("inf"), 100, 200, 300], inversion_times=[1, 2, 3, 4], InversionTime=[9])
    meta = read_series(tmp_path / "t1.nii.gz").meta
    assert meta["saturation_times"] == [np.inf, 100, 200, 300]
    assert meta["inversion_times"] == [1, 2, 3, 4]


def test_one_inversion_time_of_many_frames_is_none(a_series, tmp_path):
    write_series(a_series.replace(meta={}), tmp_path / "t1.nii.gz")
    sidecar(tmp_path, InversionTime=0.9, EchoTime=0.0011)
    assert not set(META) & set(read_series(tmp_path / "t1.nii.gz").meta)


def test_files_of_one_frame_bring_a_time_each(a_series, tmp_path):
    for n, time in enumerate((0.1, 1.1, 0.18, 1.18)):
        write_series(a_series.replace(frames=a_series.frames[n : n + 1], meta={}), tmp_path / f"f{n}.nii.gz")
        (tmp_path / f"f{n}.json").write_text(json.dumps({"InversionTime": time, "EchoTime": 0.0011}))
    meta = read_series(tmp_path).meta
    assert meta["inversion_times"] == [100, 1100, 180, 1180]
    assert "echo_times" not in meta


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"InversionTime": [0.1, 0.2]}', "InversionTime has 2 values .* for each of the 4 frames"),
        ('{"inversion_times": [1, 2, 3, "late"]}', "inversion_times has 4 values"),
        ("{", "expected the JSON file that goes with the image"),
    ],
)
def test_bad_sidecar_is_named(a_series, tmp_path, text, message):
    write_series(a_series, tmp_path / "t1.nii.gz")
    (tmp_path / "t1.json").write_text(text)
    with pytest.raises(CardiacMotionError, match=message) as caught:
        read_series(tmp_path / "t1.nii.gz")
    assert "t1.json" in str(caught.value)

"""DICOM mapping series: one place, several contrasts, each with the times of its preparation."""

import numpy as np
import pytest

from CardiacMotionLib import read_series

pydicom = pytest.importorskip("pydicom")
from test_dicom import image, write  # noqa: E402

MOLLI = [100.0, 1090.0, 2070.0, 3050.0, 4060.0, 180.0, 1170.0, 2160.0]  # 5(3)3
CLOCK = ["115959.5", "120000.5", "120001.5", "120002.5", "120003.5", "120007.5", "120008.5", "120009.5"]


def molli(k=0, later=0.0, **tags):
    """Images of a slice in the order of acquisition; pixel values tell the order."""
    return [
        image(
            k,
            t,
            SeriesDescription="t1map_long_t1_5(3)3",
            TriggerTime=600.0 + (t % 2),
            AcquisitionTime=CLOCK[t],
            InversionTime=time + later,
            ScanningSequence=["GR", "IR"],
            **tags,
        )
        for t, time in enumerate(MOLLI)
    ]


def private(data, group, creator, **elements):
    block = data.private_block(group, creator, create=True)
    for element, (representation, value) in elements.items():
        block.add_new(int(element[1:], 16), representation, value)
    return data


def test_molli_is_read_in_the_order_of_acquisition_with_its_times(tmp_path):
    write(tmp_path, molli())
    series = read_series(tmp_path)
    np.testing.assert_array_equal(series.frames[:, 0, 0, 0], np.arange(8))
    assert series.meta["inversion_times"] == MOLLI
    np.testing.assert_allclose(series.times, [0, 1000, 2000, 3000, 4000, 8000, 9000, 10000])
    assert series.meta["notes"] == []
    assert "saturation_times" not in series.meta


def test_equal_clocks_leave_the_instance_number(tmp_path):
    images = molli()
    for data in images:
        data.AcquisitionTime = "120000"
    write(tmp_path, images)
    series = read_series(tmp_path)
    assert series.meta["inversion_times"] == MOLLI
    assert not series.timed
    assert any("ordered by instance number" in note for note in series.meta["notes"])


def test_slices_of_nearly_the_same_times_take_the_median(tmp_path):
    write(tmp_path, molli(0) + molli(1, 4.0) + molli(2, 6.0))
    np.testing.assert_allclose(read_series(tmp_path).meta["inversion_times"], np.array(MOLLI) + 4)


def test_slices_of_other_times_have_none_and_say_so(tmp_path):
    write(tmp_path, molli(0) + molli(1, 500.0))
    meta = read_series(tmp_path).meta
    assert "inversion_times" not in meta
    assert any("up to 500 ms apart" in note for note in meta["notes"])


def test_no_inversion_is_infinity_where_the_sequence_says_so(tmp_path):
    images = molli()
    images[0].ScanningSequence, images[0].InversionTime = "GR", 0
    write(tmp_path, images)
    assert read_series(tmp_path).meta["inversion_times"] == [np.inf, *MOLLI[1:]]


def test_an_inversion_time_that_is_not_said_is_not_invented(tmp_path):
    images = molli()
    del images[2].InversionTime
    write(tmp_path, images)
    meta = read_series(tmp_path).meta
    assert "inversion_times" not in meta
    assert any("no inversion time for frame 2" in note and "--inversion-times" in note for note in meta["notes"])


def test_a_cine_after_an_inversion_stays_a_cine(tmp_path):
    write(tmp_path, [image(0, t, InversionTime=300.0, EchoTime=1.1, ScanningSequence=["GR", "IR"]) for t in range(4)])
    series = read_series(tmp_path)
    np.testing.assert_allclose(series.times, 40.0 * np.arange(4))
    assert "inversion_times" not in series.meta


def test_echo_times_of_their_own_are_contrasts(tmp_path):
    echoes = [1.3, 4.1, 6.9, 9.7]
    write(tmp_path, [image(0, t, EchoTime=e, TriggerTime=0, AcquisitionTime="120000") for t, e in enumerate(echoes)])
    assert read_series(tmp_path).meta["echo_times"] == echoes


@pytest.mark.parametrize(
    ("comments", "name", "expected"),
    [
        (["TI 135 ms", "TI 1135 ms", "TI=2135"], "inversion_times", [135, 1135, 2135]),
        (["no saturation TS inf", "TS=100.5", "TS: 600 ms"], "saturation_times", [np.inf, 100.5, 600]),
        (["T2prep 0 ms", "T2 prep 25", "T2-prep TE = 55 ms"], "echo_times", [0, 25, 55]),
    ],
)
def test_text_of_the_comments_is_the_last_resort_and_told(tmp_path, comments, name, expected):
    clock = {"TriggerTime": 600.0}
    write(
        tmp_path,
        [image(0, t, ImageComments=c, AcquisitionTime=CLOCK[t], **clock) for t, c in enumerate(comments)],
    )
    meta = read_series(tmp_path).meta
    assert meta[name] == expected
    assert any("text of image comments" in note for note in meta["notes"])


@pytest.mark.parametrize(
    ("group", "creator", "elements", "name"),
    [
        (0x2001, "Philips Imaging DD 001", ("INV", "x1b"), "inversion_times"),
        (0x2001, "Philips Imaging DD 001", ("SAT", "x1b"), "saturation_times"),
        (0x700D, "CANON_MEC_MR3^10", (None, "x1b"), "saturation_times"),
    ],
)
def test_public_private_attributes(tmp_path, group, creator, elements, name):
    kind, delay = elements
    images = []
    for t, time in enumerate((100.0, 400.0, 700.0)):
        content = {delay: ("FL" if kind else "DS", time), **({"x1c": ("CS", kind)} if kind else {})}
        images.append(private(image(0, t, AcquisitionTime=CLOCK[t], TriggerTime=600.0), group, creator, **content))
    write(tmp_path, images)
    assert read_series(tmp_path).meta[name] == [100, 400, 700]


def test_enhanced_file_says_which_image_had_no_inversion_and_which_was_tagged(tmp_path):
    from pydicom.dataset import Dataset
    from pydicom.uid import EnhancedMRImageStorage

    def group(**macros):
        item = Dataset()
        for name, tags in macros.items():
            part = Dataset()
            for tag, value in tags.items():
                setattr(part, tag, value)
            setattr(item, name, [part])
        return item

    data = image(0, 0)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = EnhancedMRImageStorage
    place = list(data.ImagePositionPatient)
    del data.ImagePositionPatient, data.TriggerTime, data.InstanceNumber
    data.NumberOfFrames = 3
    data.PixelData = np.arange(3, dtype=np.uint16).repeat(30).tobytes()
    inversions = [
        {"InversionRecovery": "NO"},
        *({"InversionRecovery": "YES", "InversionTimes": [v]} for v in (135.0, 1135.0)),
    ]
    data.PerFrameFunctionalGroupsSequence = [
        group(
            PlanePositionSequence={"ImagePositionPatient": place},
            MRModifierSequence=inversion,
            MRArterialSpinLabelingSequence={"ASLContext": "LABEL" if n == 2 else "CONTROL"},
            FrameContentSequence={"FrameAcquisitionDateTime": f"2024010112000{n}.25"},
        )
        for n, inversion in enumerate(inversions)
    ]
    write(tmp_path, [data])
    series = read_series(tmp_path)
    assert series.meta["inversion_times"] == [np.inf, 135, 1135]
    assert series.meta["is_tag"] == [False, False, True]
    np.testing.assert_allclose(series.times, [0, 1000, 2000])

"""Cine DENSE as DICOM: series whose displacement is known, with the comments that the sequence writes."""

import numpy as np
import pytest
from test_datasets_dense import COLUMNS, FRAMES, KE, ROWS, SHIFT, decoded, stored
from test_dicom import image, write

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io.datasets import find_cases


def dense_image(kind, t, swap=0, flip="0/0/0", k=0, **tags):
    """One DICOM image of the magnitude (``overall``) or of phase x, y or z as the scanner stores it."""
    if kind == "overall":
        text, pixels = "DENSE overall mag - ", np.full((ROWS, COLUMNS), 100 + t)
    else:
        shown = {"x": "y", "y": "x", "z": "z"}[kind] if swap else kind  # the image direction that this phase is of
        sign = -1 if flip.split("/")["xyz".index(shown)] == "1" else 1
        text = f"DENSE {kind}-enc pha - Scale:1.000000 EncFreq:{KE[shown]:.2f} "
        pixels = stored(shown, sign)[:, :, t]
    comments = f"{text}Rep:0/1 Slc:0/1 Par:0/1 Phs:{t}/{FRAMES} RCswap:{swap} RCSflip:{flip}"
    data = image(
        k, t, series=f"1.2.{kind}".replace("overall", "0").replace("x", "1").replace("y", "2").replace("z", "3")
    )
    data.ImageComments = comments
    data.StudyInstanceUID = "1.2.9"
    if kind != "overall":
        data.RescaleSlope, data.RescaleIntercept = 2, -4096  # as Siemens writes it
    data.PixelData = pixels.astype(np.uint16).tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize(("swap", "flip"), [(0, "0/0/0"), (1, "0/1/0"), (1, "1/0/1")])
def test_dicom_series(tmp_path, flat, swap, flip):
    images = {kind: [dense_image(kind, t, swap, flip) for t in range(FRAMES)] for kind in ("overall", "x", "y", "z")}
    subject = tmp_path / "subject"
    subject.mkdir()
    if flat:
        write(subject, [one for series in images.values() for one in series])
    else:
        for kind, series in images.items():
            (subject / f"DENSE_{kind}").mkdir()
            write(subject / f"DENSE_{kind}", series)
    (case,) = find_cases(tmp_path, "dense")
    assert case.name == "subject"
    read = case.read()
    assert read.series.frames.shape == (FRAMES, 1, ROWS, COLUMNS)
    np.testing.assert_array_equal(read.series.frames[:, 0, 0, 0], 100 + np.arange(FRAMES))
    np.testing.assert_allclose(read.series.times, 40.0 * np.arange(FRAMES))
    for direction in "xyz":
        np.testing.assert_allclose(decoded(read, direction), SHIFT[direction], atol=0.01)
        assert read.series.meta["encoding_frequency"][direction] == KE[direction]
    assert "Secret" not in str(read.series.meta)
    assert len(find_cases(subject, "dense")) == 1


def test_dicom_slices_of_one_study_are_cases_of_their_own(tmp_path):
    images = [dense_image(kind, t, k=k) for k in (0, 2) for kind in ("overall", "x", "y") for t in range(FRAMES)]
    for data in images:
        data.SeriesInstanceUID = f"{data.SeriesInstanceUID}.{round(data.ImagePositionPatient[2]) % 100}"
    write(tmp_path, images)
    cases = find_cases(tmp_path, "dense")
    assert [case.name for case in cases] == [f"{tmp_path.name}_1", f"{tmp_path.name}_2"]
    series = [case.read().series for case in cases]
    assert [s.frames.shape for s in series] == [(FRAMES, 1, ROWS, COLUMNS)] * 2
    apart = series[1].affine[:3, 3] - series[0].affine[:3, 3]
    assert np.abs(apart).max() > 1


def test_dicom_cine_is_not_dense(tmp_path, shared_data):
    with pytest.raises(CardiacMotionError, match="no case of layout dense"):
        find_cases(shared_data / "sunnybrook_dicom", "dense")


def test_dicom_magnitude_alone_and_odd_comments(tmp_path):
    write(tmp_path, [dense_image("overall", t) for t in range(FRAMES)])
    with pytest.raises(CardiacMotionError, match="found only mag overall; expected DENSE magnitude and phase"):
        find_cases(tmp_path, "dense")[0].read()
    folder = tmp_path / "odd"
    folder.mkdir()
    write(folder, [dense_image("x", t, ImageComments="DENSE x-enc pha - EncFreq:0.10") for t in range(2)])
    with pytest.raises(CardiacMotionError, match="lack rcswap"):
        find_cases(folder, "dense")[0].read()

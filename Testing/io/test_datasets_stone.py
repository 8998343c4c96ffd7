"""T1 mapping: the real inversion-recovery series, and .mat files whose names and order of axes are not known before."""

import numpy as np
import pytest
from scipy.io import savemat

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io.datasets import find_cases

SLICES, TIMES, ROWS, COLUMNS = 5, 11, 24, 20
TI = np.array([9000.0, *range(300, 5300, 500)])


def test_real_series_recover_as_their_t1_says(shared_data):
    cases = {case.name: case for case in find_cases(shared_data / "t1net")}
    assert sorted(cases) == ["postcontrast_1", "postcontrast_2", "precontrast_1", "precontrast_2"]
    mean = {}
    for name, case in cases.items():
        read = case.read()
        series, t1 = read.series, read.maps["T1"]
        times = np.array(series.meta["inversion_times"])
        assert series.frames.shape == (len(times), 1, 128, 128)
        assert not series.timed
        assert sorted(series.labels) == list(range(len(times)))
        wall = series.labels[0] == 2
        assert t1.shape == wall.shape == (1, 128, 128)
        mean[name] = np.median(t1[wall])
        recovered = np.array([frame[wall].mean() for frame in series.frames])[np.argsort(times)]
        assert (np.diff(recovered[3:]) > 0).all()  # after the null point the signal comes back
    assert 1100 < mean["precontrast_1"] < 1400
    assert mean["postcontrast_1"] < 700


def test_real_phantoms(shared_data):
    cases = {case.name: case.read() for case in find_cases(shared_data / "tomato_t1")}
    digital, bottle = cases["digital_t1_phantom"], cases["shmolli_hcmr_phantom"]
    assert digital.series.frames.shape == (8, 1, 256, 208)
    assert digital.series.meta["inversion_times"][3:] == [1100, 260, 180, 100, 4100]
    assert set(np.unique(digital.maps["T1"])) == {0, 900, 1000, 1500, 1600}
    late, early = digital.series.frames[0, 0], digital.series.frames[6, 0]
    tissue = digital.maps["T1"][0] == 1000
    assert late[tissue].mean() > early[tissue].mean()
    assert bottle.series.frames.shape == (7, 1, 288, 384)
    np.testing.assert_allclose(bottle.series.spacing[:2], 0.9375)
    assert bottle.maps["phase"].shape == (7, 1, 288, 384)
    assert bottle.maps["T1"].max() > 1000


def square(first, last) -> np.ndarray:
    """Corners (x, y) counted from 1 around the pixels first..last counted from 0."""
    low, high = first + 0.6, last + 1.4
    return np.array([[low, low], [high, low], [high, high], [low, high]])


def cells(shape, make) -> np.ndarray:
    array = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        array[place] = make(*place)
    return array


def content(order="slices first", name="T1w", **changes):
    """Images with value 100 slice + time, contours that move one pixel with the time."""
    images = 100.0 * np.arange(SLICES)[:, None] + np.arange(TIMES)  # (slices, times)
    images = np.broadcast_to(images, (ROWS, COLUMNS, SLICES, TIMES)).copy()
    images[2, 3] += 0.5  # row 2, column 3
    return {
        name: images if order == "slices first" else images.swapaxes(2, 3),
        "TI": TI + np.arange(SLICES)[:, None],
        "T1map": np.broadcast_to(np.arange(SLICES) + 1000.0, (ROWS, COLUMNS, SLICES)),
        "epi_contour": cells((SLICES, TIMES), lambda k, t: square(4 + t % 2, 12 + t % 2)),
        "endo_contour": cells((SLICES, TIMES), lambda k, t: square(6 + t % 2, 10 + t % 2)),
        **changes,
    }


@pytest.mark.parametrize("order", ["slices first", "times first"])
def test_matlab_file(tmp_path, order):
    savemat(tmp_path / "patient17.mat", content(order))
    cases = find_cases(tmp_path, "stone")
    assert [case.name for case in cases] == [f"patient17_{k + 1}" for k in range(SLICES)]
    read = cases[2].read()
    series = read.series
    assert series.frames.shape == (TIMES, 1, ROWS, COLUMNS)
    np.testing.assert_array_equal(series.frames[:, 0, 0, 0], 200 + np.arange(TIMES))
    assert series.frames[4, 0, 2, 3] == 204.5
    np.testing.assert_allclose(series.meta["inversion_times"], TI + 2)
    assert series.meta["contrast"] == "inversion recovery"
    assert (read.maps["T1"] == 1002).all()
    assert sorted(series.labels) == list(range(TIMES))
    for frame in (0, 1):
        expected = np.zeros((ROWS, COLUMNS))
        expected[4 + frame : 13 + frame, 4 + frame : 13 + frame] = 2
        expected[6 + frame : 11 + frame, 6 + frame : 11 + frame] = 3
        np.testing.assert_array_equal(series.labels[frame][0], expected)
    assert any("images: T1w, inversion times: TI, T1: T1map" in note for note in series.meta["notes"])


def test_one_vector_of_times_in_seconds_and_one_contour_a_slice(tmp_path):
    drawn = {name: cells((SLICES, 1), lambda k, _: square(4 + k, 12 + k)) for name in ("LVepi", "LVendo")}
    changes = {"TI": TI[:, None] / 1000, "epi_contour": 0, "endo_contour": 0, **drawn}
    savemat(tmp_path / "a.mat", content(**changes))
    series = find_cases(tmp_path, "stone")[1].read().series
    np.testing.assert_allclose(series.meta["inversion_times"], TI)
    assert sorted(series.labels) == list(range(TIMES))
    assert (series.labels[7][0, 5:14, 5:14] == 3).all()
    notes = " ".join(series.meta["notes"])
    assert "taken as seconds" in notes
    assert "One drawing of the wall" in notes


def test_file_without_inversion_times(tmp_path):
    savemat(tmp_path / "a.mat", content(TI=0))
    series = find_cases(tmp_path, "stone")[0].read().series
    assert series.frames.shape[0] == TIMES
    assert "inversion_times" not in series.meta
    assert any("no inversion times" in note for note in series.meta["notes"])


def test_files_that_are_something_else(tmp_path):
    savemat(tmp_path / "a.mat", {"images": np.ones((ROWS, COLUMNS, 4, 7))})  # nothing says which axis is time
    savemat(tmp_path / "b.mat", content(other=np.ones((ROWS, COLUMNS, SLICES, TIMES))))  # two stacks of images
    savemat(tmp_path / "input.mat", {"input": np.ones((1, 48, 48, 11))})  # StrainNet
    with pytest.raises(CardiacMotionError, match="no case of layout stone"):
        find_cases(tmp_path, "stone")


def test_other_arrays_of_the_file_do_not_matter(tmp_path):
    images = np.arange(2 * 20 * 20 * 8.0).reshape(2, 20, 20, 8)
    np.savez(tmp_path / "a.npz", images=images, TI_ms=np.ones((2, 8)), field_strength=1.5)
    read = find_cases(tmp_path, "stone")[1].read()
    np.testing.assert_array_equal(read.series.frames[:, 0], images[1].transpose(2, 0, 1))


def test_times_and_images_that_do_not_fit(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.ones((2, 20, 20, 8)), TI_ms=np.ones((2, 7)))
    with pytest.raises(CardiacMotionError, match=r"a\.npz: 7 inversion times for 8 images"):
        find_cases(tmp_path, "stone")[0].read()


def test_v73(tmp_path):
    h5py = pytest.importorskip("h5py")
    values = content("times first")
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        for name in ("T1w", "TI", "T1map"):
            file[name] = values[name].transpose()
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        for name in ("epi_contour", "endo_contour"):
            references = np.empty((TIMES, SLICES), dtype=h5py.ref_dtype)
            for k, t in np.ndindex(SLICES, TIMES):
                item = file.create_dataset(f"#refs#/{name}{k}_{t}", data=values[name][k, t].T)
                item.attrs["MATLAB_class"] = np.bytes_("double")
                references[t, k] = item.ref
            file.create_dataset(name, data=references).attrs["MATLAB_class"] = np.bytes_("cell")
    read = find_cases(tmp_path, "stone")[3].read()
    savemat(tmp_path / "b.mat", values)
    other = find_cases(tmp_path, "stone")[8].read()
    np.testing.assert_array_equal(read.series.frames, other.series.frames)
    assert read.series.meta["inversion_times"] == other.series.meta["inversion_times"]
    np.testing.assert_array_equal(read.maps["T1"], other.maps["T1"])
    for frame in range(TIMES):
        np.testing.assert_array_equal(read.series.labels[frame], other.series.labels[frame])

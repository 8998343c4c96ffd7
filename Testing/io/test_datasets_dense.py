"""Cine DENSE: the real simulated slices, and workspaces whose displacement is known."""

import sys

import numpy as np
import pytest
from scipy.io import savemat
from scipy.ndimage import map_coordinates
from test_dicom import COLUMN, NORMAL, ORIGIN, ROW

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io.datasets import find_cases

SHIFT = {"x": 1.5, "y": -2.0, "z": 0.75}  # mm along columns, rows, slices in the last frame
KE = {"x": 0.1, "y": 0.08, "z": 0.06}  # cycles/mm
FRAMES, ROWS, COLUMNS = 4, 6, 5


def decoded(read, direction, frame=-1):
    """Displacement in mm at every pixel, for phases that do not wrap."""
    phase = read.maps[f"phase_{direction}"][frame]
    return phase / (2 * np.pi * read.series.meta["encoding_frequency"][direction])


@pytest.mark.parametrize(("name", "frames"), [("invivo_1", 62), ("phantom_1", 40)])
def test_real_simulated_slice(shared_data, name, frames):
    cases = {case.name: case for case in find_cases(shared_data / "densesim")}
    read = cases[name].read()
    series = read.series
    assert series.frames.shape == (frames, 1, 72, 72)
    np.testing.assert_allclose(series.spacing, (1.75, 1.75, 8))
    np.testing.assert_allclose(series.times[:3], (22.5, 37.5, 52.5))  # ms after the encoding, at 0
    assert series.meta["encoding_frequency"] == {"x": 0.1, "y": 0.1}
    mask = np.load(shared_data / "densesim" / f"{name}.npz")["mask"]  # its first image is of the encoding
    np.testing.assert_array_equal(read.maps["wall_ED"][0] == 2, mask[0])
    np.testing.assert_array_equal(series.labels[11][0] == 2, mask[12])
    for direction in "xy":
        phase = read.maps[f"phase_{direction}"]
        assert phase.shape == series.frames.shape
        assert -np.pi < phase.min() < -3
        assert 3 < phase.max() <= np.pi
    inside = []
    for frame in range(4, 14):  # the wall of frame t, taken back by the displacement, is the wall at the encoding
        j, i = np.nonzero(series.labels[frame][0] == 2)
        back = [j - decoded(read, "y", frame)[0, j, i] / 1.75, i - decoded(read, "x", frame)[0, j, i] / 1.75]
        inside.append((map_coordinates((read.maps["wall_ED"][0] > 0).astype(float), back, order=1) > 0.5).mean())
    assert np.mean(inside) > 0.94
    wall = read.maps["wall_ED"] > 0
    assert np.isfinite(read.maps["Ecc"][:, wall]).mean() > 0.95
    peak = np.nanmean(read.maps["Ecc"][:, wall], axis=1).min()
    assert -0.2 < peak < -0.04
    assert np.nanmean(read.maps["Err"][:, wall], axis=1).max() > 0.05


def stored(direction, sign=1) -> np.ndarray:
    """(rows, columns, frames) numbers 0..4095 of the phase of `SHIFT`, growing over the frames."""
    phase = 2 * np.pi * KE[direction] * sign * SHIFT[direction] * np.arange(FRAMES) / (FRAMES - 1)
    values = np.rint((phase + np.pi) / (2 * np.pi) * 4095)
    return np.broadcast_to(values, (ROWS, COLUMNS, FRAMES)).astype(np.uint16)


def cells(values, shape) -> np.ndarray:
    array = np.empty(shape, dtype=object)
    for place, value in zip(np.ndindex(*shape), values, strict=True):
        array[place] = value
    return array


def structures(records) -> np.ndarray:
    """A MATLAB array of structures (n, 1)."""
    array = np.empty((len(records), 1), dtype=[(name, object) for name in records[0]])
    for n, record in enumerate(records):
        array[n, 0] = tuple(record.values())
    return array


def workspace(swap=False, negate=(0, 0, 0), groups=1, contours=True):
    """The variables of a DENSEanalysis workspace; what it stores is such that the displacement is `SHIFT`."""
    source = {"x": "y", "y": "x", "z": "z"} if swap else {d: d for d in "xyz"}
    numbers = {source[d]: stored(d, -1 if n else 1) for d, n in zip("xyz", negate, strict=True)}
    frequency = {source[d]: KE[d] for d in "xyz"}
    magnitude = np.arange(ROWS * COLUMNS * FRAMES, dtype=np.uint16).reshape(ROWS, COLUMNS, FRAMES)
    header = {
        "PatientName": "Secret^Person",
        "PixelSpacing": np.array([[1.25], [1.5]]),
        "SliceThickness": 8.0,
        "ImagePositionPatient": ORIGIN[:, None],
        "ImageOrientationPatient": np.concatenate([ROW, COLUMN])[:, None],
        "TriggerTime": cells([10.0 + 17 * t for t in range(FRAMES)], (FRAMES, 1)),
        "TranslationRC": np.zeros((1, 2)),
    }
    group = {
        "Name": "mid",
        "UID": "1.2",
        "Type": "xyz",
        "MagIndex": np.array([[1.0, 1, 1]]),
        "PhaIndex": np.array([[2.0, 3, 4]]),
        "Number": float(FRAMES),
        "PixelSpacing": np.array([[1.25], [1.5]]),
        "Scale": np.array([[0.5, 0.5, 0.5]]),
        "EncFreq": 2 * np.array([[frequency[d] for d in "xyz"]]),
        "SwapFlag": swap,
        "NegFlag": np.array([negate], dtype=bool),
    }
    square = np.array([[1.2, 1.2], [4.8, 1.2], [4.8, 5.8], [1.2, 5.8]])  # (x, y) counted from 1
    small = np.array([[2.5, 2.5], [3.5, 2.5], [3.5, 3.5], [2.5, 3.5]])
    empty = np.zeros((0, 2))
    roi = {
        "Name": "ROI.1",
        "Type": "SA",
        "UID": "1.3",
        "SeqIndex": np.array([[1.0, 2, 3, 4]]),
        "Position": cells([square, small, square + 0.1, small, empty, empty, square, small], (FRAMES, 2)),
        "IsCurved": cells([np.array(False)] * 8, (FRAMES, 2)),
    }
    return {
        "seq": structures([header] * 4),
        "img": cells([magnitude, *(numbers[d] for d in "xyz")], (4, 1)),
        "dns": structures([group] * groups),
        "roi": structures([roi]) if contours else np.zeros((0, 0)),
    }


@pytest.mark.parametrize(("swap", "negate"), [(False, (0, 0, 0)), (True, (0, 0, 0)), (True, (1, 0, 1))])
def test_workspace(tmp_path, swap, negate):
    path = tmp_path / "volunteer.dns"
    savemat(path, workspace(swap, negate), appendmat=False, do_compression=True)
    (case,) = find_cases(tmp_path, "dense")
    assert (case.name, case.facts["encoding"]) == ("volunteer", "xyz")
    read = case.read()
    series = read.series
    assert series.frames.shape == (FRAMES, 1, ROWS, COLUMNS)
    assert series.frames[1, 0, 2, 3] == (2 * COLUMNS + 3) * FRAMES + 1
    np.testing.assert_allclose(series.times, 10 + 17 * np.arange(FRAMES))
    for direction in "xyz":
        np.testing.assert_allclose(decoded(read, direction), SHIFT[direction], atol=0.01)
        assert series.meta["encoding_frequency"][direction] == pytest.approx(KE[direction])
    lps = ORIGIN + 2 * 1.5 * ROW + 1 * 1.25 * COLUMN
    np.testing.assert_allclose((series.affine @ [2, 1, 0, 1])[:3], lps * [-1, -1, 1], atol=1e-9)
    np.testing.assert_allclose(series.affine[:3, 2], 8 * NORMAL * [-1, -1, 1], atol=1e-9)
    assert sorted(series.labels) == [0, 1, 3]
    expected = np.zeros((ROWS, COLUMNS))
    expected[1:5, 1:4] = 2
    expected[2, 2] = 3
    np.testing.assert_array_equal(series.labels[0][0], expected)
    assert "Secret" not in str(series.meta)


def test_workspace_of_two_slices_and_no_contours(tmp_path):
    savemat(tmp_path / "two.mat", workspace(groups=2, contours=False))
    savemat(tmp_path / "other.mat", {"img": np.ones(3)})
    cases = find_cases(tmp_path, "dense")
    assert [case.name for case in cases] == ["two_1", "two_2"]
    read = cases[1].read()
    assert not read.series.labels
    np.testing.assert_allclose(decoded(read, "x"), SHIFT["x"], atol=0.01)


def test_smooth_contours(tmp_path):
    content = workspace()
    angle = np.arange(5) * 2 * np.pi / 5
    ring = 3.2 + 2.2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for roi in content["roi"].ravel():
        roi["Position"] = cells([ring, ring / 10 + 2.9] * FRAMES, (FRAMES, 2))
        roi["IsCurved"] = cells([np.array(True)] * 8, (FRAMES, 2))
    savemat(tmp_path / "round.mat", content)
    label = find_cases(tmp_path, "dense")[0].read().series.labels[0][0]
    j, i = np.indices(label.shape)
    distance = np.hypot(i - 2.2, j - 2.2)  # the circle has radius 2.2, the pentagon through the points 1.8
    assert (label[distance < 2.1] > 0).all()
    assert not label[distance > 2.3].any()


def test_workspace_v73(tmp_path):
    """The same workspace as MATLAB v7.3 writes it: transposed arrays, references to the elements of cells."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "large.dns"
    with h5py.File(path, "w", userblock_size=512) as file:
        count = iter(range(1000))

        def put(name, value):
            if isinstance(value, str):
                item = file.create_dataset(name, data=np.array([[ord(c)] for c in value], np.uint16))
                item.attrs["MATLAB_class"] = np.bytes_("char")
            elif isinstance(value, np.ndarray) and value.dtype.names:
                for field in value.dtype.names:
                    references = [[reference(record[field]) for record in value.ravel()]]
                    file.create_dataset(f"{name}/{field}", data=np.array(references, dtype=h5py.ref_dtype))
                file[name].attrs["MATLAB_class"] = np.bytes_("struct")
            elif isinstance(value, np.ndarray) and value.dtype == object:
                references = np.array([[reference(v) for v in row] for row in value], dtype=h5py.ref_dtype)
                item = file.create_dataset(name, data=references.T)
                item.attrs["MATLAB_class"] = np.bytes_("cell")
            else:
                array = np.atleast_2d(value)
                item = file.create_dataset(name, data=array.T if array.size else np.array([0, 0], np.uint64))
                item.attrs["MATLAB_class"] = np.bytes_("double")
                if not array.size:
                    item.attrs["MATLAB_empty"] = np.uint8(1)

        def reference(value):
            name = f"#refs#/{next(count)}"
            put(name, value)
            return file[name].ref

        for name, value in workspace(swap=True, groups=2).items():
            put(name, value)
    read = find_cases(tmp_path, "dense")[0].read()
    for direction in "xyz":
        np.testing.assert_allclose(decoded(read, direction), SHIFT[direction], atol=0.01)
    savemat(tmp_path / "small.dns", workspace(swap=True, groups=2), appendmat=False)
    other = find_cases(tmp_path, "dense")[2].read()
    np.testing.assert_array_equal(read.series.frames, other.series.frames)
    assert sorted(read.series.labels) == [0, 1, 3]
    np.testing.assert_array_equal(read.series.labels[1], other.series.labels[1])


def test_v73_without_h5py_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)  # as if it were not installed
    (tmp_path / "large.dns").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(CardiacMotionError, match=r"cardiac-motion\[matlab\].*h5py"):
        find_cases(tmp_path, "dense")


def test_variables_of_a_workspace_that_is_none(tmp_path):
    savemat(tmp_path / "numbers.mat", dict.fromkeys(("seq", "img", "dns", "roi"), 1))
    with pytest.raises(CardiacMotionError, match="no case of layout dense"):
        find_cases(tmp_path, "dense")
    content = workspace()
    content["dns"] = structures([{"Name": "mid", "MagIndex": np.ones((1, 3))}])
    savemat(tmp_path / "part.mat", content)
    with pytest.raises(CardiacMotionError, match=r"part\.mat: group 1 lacks PhaIndex; expected MagIndex, PhaIndex"):
        find_cases(tmp_path, "dense")[0].read()


def test_phase_that_is_not_12_bit(tmp_path):
    content = workspace()
    content["img"][1, 0] = content["img"][1, 0] + np.uint16(5000)
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(CardiacMotionError, match="expected the scanner's numbers, 0 to 4095"):
        find_cases(tmp_path, "dense")[0].read()

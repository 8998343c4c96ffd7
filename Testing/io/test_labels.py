"""Labels: the frame they belong to, the place they lie at, the values they hold."""

import nibabel
import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, ImageSeries, read_series
from CardiacMotionLib.io import attach_labels, write_labels, write_series, write_volume


@pytest.fixture
def cine(series, tmp_path):
    return write_series(series, tmp_path / "cine.nii.gz")


@pytest.fixture
def wall(series) -> np.ndarray:
    return series.labels[1]


def test_frame_number_in_the_name(series, cine, wall, tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    write_labels(series.replace(labels={1: wall, 3: wall[::-1]}), folder)
    for labels in (folder, sorted(folder.iterdir()), [str(p) for p in folder.iterdir()]):
        back = read_series(cine, labels)
        assert sorted(back.labels) == [1, 3]
        np.testing.assert_array_equal(back.labels[1], wall)
        np.testing.assert_array_equal(back.labels[3], wall[::-1])


def test_mapping_of_frames_to_paths_and_arrays(series, cine, wall, tmp_path):
    path = write_volume(wall, series.affine, tmp_path / "wall.nrrd")
    back = read_series(cine, {2: path, 0: wall})
    np.testing.assert_array_equal(back.labels[2], wall)
    np.testing.assert_array_equal(back.labels[0], wall)


def test_one_file_without_a_number(series, cine, wall, tmp_path):
    path = write_volume(wall, series.affine, tmp_path / "wall.nii.gz")
    guessed = read_series(cine, path)
    assert list(guessed.labels) == [0]
    assert any("wall.nii.gz names no frame: taken as frame 0" in note for note in guessed.meta["notes"])
    named = write_volume(wall, series.affine, tmp_path / "wall_frame01.nii.gz")
    assert not any("names no frame" in note for note in read_series(cine, named).meta["notes"])
    known = series.replace(labels=None, meta={"end_diastole": 3})
    assert list(attach_labels(known, path).labels) == [3]


@pytest.mark.parametrize("suffix", [".nii.gz", ".seq.nrrd"])
def test_one_volume_per_frame_in_one_file(series, cine, wall, tmp_path, suffix):
    stack = np.zeros(series.frames.shape, np.float32)
    stack[1], stack[2] = wall, wall[::-1]
    path = write_series(ImageSeries(stack, series.affine), tmp_path / f"all{suffix}")
    back = read_series(cine, path)
    assert sorted(back.labels) == [1, 2]  # frames without any label are not labeled frames
    np.testing.assert_array_equal(back.labels[2], wall[::-1])
    short = write_series(ImageSeries(stack[:3], series.affine), tmp_path / f"short{suffix}")
    with pytest.raises(CardiacMotionError, match="3 label volumes for 4 frames"):
        read_series(cine, short)


def test_two_files_for_one_frame(series, cine, wall, tmp_path):
    paths = [write_volume(wall, series.affine, tmp_path / f"{n}_frame02.nii.gz") for n in "ab"]
    with pytest.raises(
        CardiacMotionError, match=r"two label files are for frame 2: a_frame02.nii.gz and b_frame02.nii.gz"
    ):
        read_series(cine, paths)


def test_frame_that_does_not_exist(series, cine, wall, tmp_path):
    path = write_volume(wall, series.affine, tmp_path / "a_frame07.nii.gz")
    with pytest.raises(CardiacMotionError, match="frames 0 to 3"):
        read_series(cine, path)
    with pytest.raises(CardiacMotionError, match="frame 9"):
        read_series(cine, {9: path})


@pytest.mark.parametrize("shift", [0.05, 0.5, 20.0])
def test_place_in_the_world(series, cine, wall, tmp_path, shift):
    moved = series.affine.copy()
    moved[:3, 3] += shift * moved[:3, 0] / np.linalg.norm(moved[:3, 0])
    path = write_volume(wall, moved, tmp_path / "wall.nrrd")
    if shift < 0.1:
        np.testing.assert_array_equal(read_series(cine, path).labels[0], wall)
    else:
        with pytest.raises(CardiacMotionError, match=rf"wall\.nrrd.*up to {shift:.2f} mm apart"):
            read_series(cine, path)


def test_other_shape_and_other_spacing(series, cine, wall, tmp_path):
    with pytest.raises(CardiacMotionError, match=r"shape .*\(3, 6, 4\).*images \(3, 6, 5\)"):
        read_series(cine, write_volume(wall[:, :, :-1], series.affine, tmp_path / "small.nrrd"))
    wide = series.affine.copy()
    wide[:3, 0] *= 1.2
    with pytest.raises(CardiacMotionError, match="mm apart"):
        read_series(cine, write_volume(wall, wide, tmp_path / "wide.nrrd"))


def test_slice_thickness_does_not_matter_for_one_slice(series, wall, tmp_path):
    single = write_series(series.crop((slice(0, 1), slice(None), slice(None))), tmp_path / "one.nii.gz")
    thin = series.affine.copy()
    thin[:3, 2] /= 8
    path = write_volume(wall[:1], thin, tmp_path / "one.nrrd")
    np.testing.assert_array_equal(read_series(single, path).labels[0], wall[:1])


def test_flipped_and_swapped_axes_are_put_back(series, cine, wall, tmp_path):
    """The same labels stored in another voxel order, as other programs write them."""
    image = nibabel.Nifti1Image(wall.transpose(), series.affine)
    turned = image.as_reoriented(np.array([[1, -1], [2, 1], [0, -1]]))
    assert turned.shape != image.shape
    nibabel.save(turned, tmp_path / "turned.nii.gz")
    np.testing.assert_array_equal(read_series(cine, tmp_path / "turned.nii.gz").labels[0], wall)


def test_values_outside_the_convention_need_a_map(series, cine, wall, tmp_path):
    other = np.array([0, 500, 200, 600], np.int16)[wall]
    path = write_volume(other, series.affine, tmp_path / "other.nrrd")
    with pytest.raises(CardiacMotionError, match=r"unexpected value 200, 500, 600.*label_map"):
        read_series(cine, path)
    back = read_series(cine, path, label_map={500: 1, 200: 2, 600: 3})
    np.testing.assert_array_equal(back.labels[0], wall)
    with pytest.raises(CardiacMotionError, match="unexpected value 600"):
        read_series(cine, path, label_map={500: 1, 200: 2})
    with pytest.raises(CardiacMotionError, match=r"label_map to \[4\]"):
        read_series(cine, path, label_map={500: 4, 200: 2, 600: 3})


def test_things_that_are_not_labels(series, cine, wall):
    with pytest.raises(CardiacMotionError, match="unexpected value nan"):
        read_series(cine, {0: np.full(series.shape, np.nan)})
    with pytest.raises(CardiacMotionError, match="frame 'end'"):
        read_series(cine, {"end": wall})
    with pytest.raises(CardiacMotionError, match="a list of paths"):
        read_series(cine, wall)
    with pytest.raises(CardiacMotionError, match="got ndarray"):
        read_series(cine, [wall])


def test_map_swaps_values_at_once(cine, wall):
    swapped = read_series(cine, {0: wall}, label_map={1: 3, 3: 1, 2: 2}).labels[0]
    np.testing.assert_array_equal(swapped, np.array([0, 3, 2, 1])[wall])


def write_segmentation(path, labels, affine, names):
    nrrd = pytest.importorskip("nrrd")
    sign = np.array([-1, -1, 1])
    header = {
        "space": "left-posterior-superior",
        "space directions": (sign[:, None] * affine[:3, :3]).T,
        "space origin": sign * affine[:3, 3],
        "kinds": ["domain"] * 3,
    }
    for n, (value, name) in enumerate(names.items()):
        header |= {f"Segment{n}_LabelValue": str(value), f"Segment{n}_Name": name, f"Segment{n}_Layer": "0"}
    nrrd.write(str(path), labels.transpose(), header)
    return path


def test_slicer_segmentation_covers_a_part_and_goes_by_name(series, cine, tmp_path):
    part = np.random.default_rng(4).integers(0, 3, (2, 3, 4)).astype(np.uint8)
    affine = series.affine.copy()
    affine[:3, 3] = (series.affine @ [1, 2, 1, 1])[:3]
    names = {1: "LV myocardium", 2: "LV cavity"}
    path = write_segmentation(tmp_path / "s.seg.nrrd", part, affine, names)
    expected = np.zeros(series.shape, np.uint8)
    expected[1:3, 2:5, 1:5] = np.array([0, 2, 3])[part]
    np.testing.assert_array_equal(read_series(cine, path).labels[0], expected)

    path = write_segmentation(tmp_path / "t.seg.nrrd", part, affine, {1: "wall", 2: "blood"})
    with pytest.raises(CardiacMotionError, match="unexpected value wall, blood"):
        read_series(cine, path)
    by_name = read_series(cine, path, label_map={"wall": 2, "blood": 3})
    np.testing.assert_array_equal(by_name.labels[0], expected)

    affine[:3, 3] = (series.affine @ [4, 2, 1, 1])[:3]
    path = write_segmentation(tmp_path / "u.seg.nrrd", part, affine, names)
    with pytest.raises(CardiacMotionError, match="outside the images"):
        read_series(cine, path)


def test_real_contours_lie_on_the_blood(shared_data):
    folder = shared_data / "sunnybrook"
    files = [folder / f"SC-HF-I-1_seg_frame{t:02d}.nii.gz" for t in (18, 7)]
    series = read_series(folder / "SC-HF-I-1_cine4d.nii.gz", files)
    assert sorted(series.labels) == [7, 18]
    for t, labels in series.labels.items():
        assert series.frames[t][labels == 3].mean() > 1.5 * series.frames[t][labels == 0].mean()
    with pytest.raises(CardiacMotionError, match=r"SC-HF-I-2_seg_frame06.*shape"):
        read_series(folder / "SC-HF-I-1_cine4d.nii.gz", folder / "SC-HF-I-2_seg_frame06.nii.gz")


class TestAcdc:
    def test_end_diastole_and_end_systole(self, shared_data):
        series = read_series(shared_data / "acdc_patient001")
        assert series.frames.shape == (2, 10, 256, 216)
        np.testing.assert_allclose(series.spacing, (1.5625, 1.5625, 10))
        assert not series.timed
        assert sorted(series.labels) == [0, 1]
        cavity = [np.count_nonzero(series.labels[t] == 3) for t in (0, 1)]
        assert cavity[0] > cavity[1]
        assert series.meta["frame_numbers"] == [1, 12]
        assert (series.meta["end_diastole"], series.meta["end_systole"]) == (0, 1)
        assert "DCM" not in str(series.meta)
        assert any("disagree" in note for note in series.meta["notes"])
        assert any("1, 12" in note for note in series.meta["notes"])

    def test_whole_cycle_with_numbers_from_one(self, series, wall, tmp_path):
        folder = tmp_path / "patient007"
        folder.mkdir()
        write_series(series.replace(times=None), folder / "patient007_4d.nii.gz")
        write_volume(series.frames[1], series.affine, folder / "patient007_frame02.nii.gz")
        write_volume(wall, series.affine, folder / "patient007_frame02_gt.nii.gz")
        (folder / "Info.cfg").write_text("ED: 2\nES: 4\nGroup: NOR\n")
        back = read_series(folder)
        np.testing.assert_array_equal(back.frames, series.frames)
        assert list(back.labels) == [1]
        np.testing.assert_array_equal(back.labels[1], wall)
        assert (back.meta["end_diastole"], back.meta["end_systole"]) == (1, 3)
        alone = read_series(folder / "patient007_4d.nii.gz", folder / "patient007_frame02_gt.nii.gz")
        assert list(alone.labels) == [1]

    def test_two_patients(self, series, tmp_path):
        for n in (1, 2):
            write_volume(series.frames[0], series.affine, tmp_path / f"patient00{n}_frame01.nii.gz")
        with pytest.raises(CardiacMotionError, match="2 patients"):
            read_series(tmp_path)

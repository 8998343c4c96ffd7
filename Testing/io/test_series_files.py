"""Image files: what is written comes back, and the traps of real headers."""

import json

import nibabel
import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, ImageSeries, read_series
from CardiacMotionLib.io import convert, write_labels, write_series, write_volume


def save_nifti(path, data, affine=None, zooms=None, unit=None):
    image = nibabel.Nifti1Image(data, np.diag([1.4, 1.4, 8.0, 1.0]) if affine is None else affine)
    if zooms is not None:
        image.header["pixdim"][1 : 1 + len(zooms)] = zooms
    if unit is not None:
        image.header.set_xyzt_units("mm", unit)
    nibabel.save(image, path)
    return path


def same_in_world(array, affine, series, t) -> None:
    """Assert the same intensity at the same place; Slicer reverses the slices of left-handed volumes."""
    for k, j, i in np.ndindex(*series.shape):
        voxel = np.linalg.inv(affine) @ series.affine @ [i, j, k, 1]
        np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-4)
        a, b, c = np.rint(voxel[:3]).astype(int)
        assert array[c, b, a] == series.frames[t, k, j, i]


@pytest.mark.parametrize("suffix", [".seq.nrrd", ".nii.gz", ".nii"])
def test_series_round_trip(series, tmp_path, suffix):
    back = read_series(write_series(series, tmp_path / f"heart{suffix}"))
    np.testing.assert_array_equal(back.frames, series.frames)
    np.testing.assert_allclose(back.affine, series.affine, atol=1e-5)
    np.testing.assert_allclose(back.times, series.times, atol=1e-9)  # uneven times too
    assert back.meta["name"] == "heart"


@pytest.mark.parametrize("suffix", [".seq.nrrd", ".nii.gz"])
def test_untimed_and_fractional_round_trip(series, tmp_path, suffix):
    untimed = series.replace(frames=series.frames / 7, times=None)
    back = read_series(write_series(untimed, tmp_path / f"heart{suffix}"))
    np.testing.assert_array_equal(back.frames, untimed.frames)
    assert not back.timed


def test_slicer_reads_the_volume_sequence(series, tmp_path, slicer_load):
    import slicer.util
    import vtk

    node = slicer_load(write_series(series, tmp_path / "v.seq.nrrd"), "Volume")
    assert [float(node.GetNthIndexValue(t)) for t in range(4)] == series.times.tolist()
    assert (node.GetIndexName(), node.GetIndexUnit()) == ("time", "ms")
    for t in range(4):
        volume = node.GetNthDataNode(t)
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        found = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
        same_in_world(slicer.util.arrayFromVolume(volume), found, series, t)


def test_what_slicer_saves_is_read(series, tmp_path, slicer_load, slicer_save):
    node = slicer_load(write_series(series, tmp_path / "v.seq.nrrd"), "Volume")
    slicer_save(node, tmp_path / "again.seq.nrrd", "Volume")
    back = read_series(tmp_path / "again.seq.nrrd")
    for t in range(4):
        same_in_world(back.frames[t], back.affine, series, t)
    np.testing.assert_allclose(back.times, series.times)


def test_itk_puts_a_volume_at_the_same_place(series, tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    expected = (series.affine @ [4, 2, 1, 1])[:3] * [-1, -1, 1]
    for name in ("v.nrrd", "v.nii.gz"):
        image = sitk.ReadImage(str(write_volume(series.frames[0], series.affine, tmp_path / name)))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), series.frames[0])
        np.testing.assert_allclose(image.TransformIndexToPhysicalPoint((4, 2, 1)), expected, atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior"])
def test_nrrd_frames_on_any_axis(series, tmp_path, axis, space):
    nrrd = pytest.importorskip("nrrd")
    sign = np.array([-1, -1, 1]) if space.startswith("left") else np.ones(3)
    data = np.moveaxis(series.frames.transpose(), -1, axis)
    directions = (sign[:, None] * series.affine[:3, :3]).T
    header = {
        "space": space,
        "space directions": np.insert(directions, axis, np.nan, axis=0),
        "space origin": sign * series.affine[:3, 3],
        "kinds": np.insert(np.array(["domain"] * 3, dtype="U8"), axis, "list").tolist(),
    }
    nrrd.write(str(tmp_path / "v.nrrd"), data, header)
    back = read_series(tmp_path / "v.nrrd")
    np.testing.assert_array_equal(back.frames, series.frames)
    np.testing.assert_allclose(back.affine, series.affine, atol=1e-9)


@pytest.mark.parametrize(
    ("interval", "unit", "second"),
    [
        (0.0375, "sec", 37.5),
        (37.5, "msec", 37.5),
        (37500, "usec", 37.5),
        (31.5, None, 31.5),
        (1, None, None),
        (0, None, None),
        (1, "sec", None),
        (0.03, None, None),
    ],
)
def test_frame_interval_of_a_nifti_header(tmp_path, interval, unit, second):
    series = read_series(
        save_nifti(tmp_path / "c.nii", np.ones((8, 8, 2, 3), np.int16), None, (1.4, 1.4, 8, interval), unit)
    )
    assert series.timed == (second is not None)
    if second is not None:
        np.testing.assert_allclose(series.times, np.arange(3) * second, rtol=1e-6)
    if unit is None or second is None:
        assert "frame interval" in " ".join(series.meta["notes"])


def test_zooms_are_taken_where_the_affine_disagrees(tmp_path):
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    series = read_series(save_nifti(tmp_path / "c.nii", np.ones((8, 8, 2, 3), np.int16), affine, (1.5, 1.5, 10)))
    np.testing.assert_allclose(series.affine, np.diag([-1.5, -1.5, 10, 1]))
    assert any("disagree" in note for note in series.meta["notes"])


def test_zero_voxel_size(tmp_path):
    path = save_nifti(tmp_path / "c.nii", np.ones((8, 8, 2, 3), np.int16))
    content = bytearray(path.read_bytes())
    content[88:92] = bytes(4)  # pixdim[3] of a NIfTI-1 header
    content[252:256] = bytes(4)  # qform and sform codes
    path.write_bytes(content)
    with pytest.raises(CardiacMotionError, match=r"c\.nii: the header has a zero voxel size, 1\.4 x 1\.4 x 0 mm"):
        read_series(path)


def test_single_slice_over_time_stored_as_a_volume(tmp_path):
    data = np.random.default_rng(0).integers(0, 99, (8, 9, 5)).astype(np.int16)
    path = save_nifti(tmp_path / "t.nii", data, np.diag([1.1, 1.2, 1.0, 1.0]), (1.1, 1.2, 36.4))
    as_volume = read_series(path)
    assert as_volume.frames.shape == (1, 5, 9, 8)
    assert any("frames_axis 2" in note for note in as_volume.meta["notes"])
    series = read_series(path, frames_axis=2)
    np.testing.assert_array_equal(series.frames[:, 0], data.transpose(2, 1, 0))
    np.testing.assert_allclose(series.times, 36.4 * np.arange(5), rtol=1e-6)
    np.testing.assert_allclose(series.spacing, (1.1, 1.2, 1.0))
    with pytest.raises(CardiacMotionError, match="frames_axis"):
        read_series(path, frames_axis=5)


def test_folder_of_volumes_in_natural_order(series, tmp_path):
    for t in range(4):
        write_volume(series.frames[t], series.affine, tmp_path / f"heart_{t + 8}.nii.gz")  # 8, 9, 10, 11
    write_labels(series, tmp_path)
    back = read_series(tmp_path)
    np.testing.assert_array_equal(back.frames, series.frames)
    assert not back.timed
    assert not back.labels
    assert any("1 label files" in note for note in back.meta["notes"])


def test_folder_of_volumes_on_two_grids(series, tmp_path):
    write_volume(series.frames[0], series.affine, tmp_path / "a.nrrd")
    moved = series.affine.copy()
    moved[0, 3] += 3
    write_volume(series.frames[1], moved, tmp_path / "b.nrrd")
    with pytest.raises(CardiacMotionError, match=r"b\.nrrd lies 3\.00 mm away"):
        read_series(tmp_path)


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.nrrd", "x.seq.nrrd", "x.dcm", "x"])
@pytest.mark.parametrize("content", [b"", b"no image at all", b"NRRD0004\ntype: float\n\n"])
def test_unreadable_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CardiacMotionError, match=f"cannot read .*{name}") as caught:
        read_series(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_truncated_nifti(series, tmp_path):
    path = write_series(series, tmp_path / "c.nii.gz")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(CardiacMotionError, match=r"cannot read .*c\.nii\.gz"):
        read_series(path)


def test_missing_and_empty(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"no such file or folder: .*gone\.nii"):
        read_series(tmp_path / "gone.nii")
    with pytest.raises(CardiacMotionError, match="expected the path of a file or folder, got NoneType"):
        read_series(None)
    with pytest.raises(CardiacMotionError, match="the folder is empty"):
        read_series(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(CardiacMotionError, match="no NIfTI, NRRD or DICOM images"):
        read_series(tmp_path)


def test_what_a_series_refuses_names_the_file(tmp_path):
    data = np.ones((8, 8, 2, 3), np.float32)
    data[0, 0, 0, 1] = np.nan
    with pytest.raises(CardiacMotionError, match=r"c\.nii.*NaN"):
        read_series(save_nifti(tmp_path / "c.nii", data))


def test_unknown_target(series, tmp_path):
    with pytest.raises(CardiacMotionError, match=r"\.seq\.nrrd or \.nii\.gz"):
        write_series(series, tmp_path / "c.mha")
    with pytest.raises(CardiacMotionError, match="no folder"):
        write_series(series, tmp_path / "none" / "c.nii.gz")


def test_target_that_cannot_be_written(series, tmp_path):
    (tmp_path / "c.nii.gz").mkdir()
    with pytest.raises(CardiacMotionError, match=r"cannot write .*c\.nii\.gz"):
        write_series(series, tmp_path / "c.nii.gz")
    assert [p.name for p in tmp_path.iterdir()] == ["c.nii.gz"]


def test_convert_series_and_motion(series, motion, tmp_path):
    write_series(series, tmp_path / "a.nii.gz")
    write_labels(series, tmp_path, name="a")
    written = convert(tmp_path / "a.nii.gz", tmp_path / "b.seq.nrrd", labels=tmp_path / "a_seg_frame01.nii.gz")
    assert [p.name for p in written] == ["b.seq.nrrd", "b_seg_frame01.nii.gz"]
    back = read_series(written[0], written[1:])
    np.testing.assert_array_equal(back.frames, series.frames)
    np.testing.assert_array_equal(back.labels[1], series.labels[1])

    from CardiacMotionLib import Motion

    convert(motion.save(tmp_path / "m.npz"), tmp_path / "m.seq.nrrd")
    convert(tmp_path / "m.seq.nrrd", tmp_path / "n.npz")
    back = Motion.load(tmp_path / "n.npz")
    np.testing.assert_array_equal(back.displacement, motion.displacement)
    assert back.provenance == motion.provenance
    assert len(convert(tmp_path / "n.npz", tmp_path / "field.nii.gz")) == 4
    with pytest.raises(CardiacMotionError, match=r"cannot write a motion as 'm\.txt'"):
        convert(tmp_path / "n.npz", tmp_path / "m.txt")


def test_sample_is_a_timed_cine_that_begins_at_end_diastole():
    from CardiacMotionLib.io import sample_series
    from CardiacMotionLib.methods import default_reference

    sample = sample_series()
    assert (len(sample), sorted(sample.labels), default_reference(sample)) == (20, [0, 9], 0)
    np.testing.assert_allclose(sample.times, 37.5 * np.arange(20))
    cavity = [np.count_nonzero(sample.labels[t] == 3) for t in (0, 9)]
    assert cavity[0] > 1.2 * cavity[1]
    blood = sample.frames[0][sample.labels[0] == 3].mean()
    assert blood > 2 * sample.frames[0][sample.labels[0] == 2].mean()
    assert "CC0" in " ".join(sample.meta["notes"])


def test_sample_rv_insertions_lie_on_the_outer_wall():
    from CardiacMotionLib.io import sample_series

    sample = sample_series()
    voxels = np.linalg.inv(sample.affine) @ np.c_[sample.meta["rv_insertion"], [1, 1]].T
    heart = np.argwhere(sample.labels[0] >= 2)[:, ::-1]  # (i, j, k)
    for voxel in voxels[:3].T:
        in_slice = heart[heart[:, 2] == round(voxel[2])]
        assert np.linalg.norm((in_slice - voxel)[:, :2], axis=1).min() < 3  # voxels
    anterior, inferior = np.array(sample.meta["rv_insertion"])
    assert anterior[1] > inferior[1]
    assert anterior[2] > inferior[2]


def test_sample_is_what_the_script_makes(shared_data, tmp_path):
    from CardiacMotionLib.io import make_sample, sample_series

    files = make_sample(shared_data / "sunnybrook", tmp_path)
    made, shipped = read_series(files[0], files[1:]), sample_series()
    np.testing.assert_array_equal(made.frames, shipped.frames)
    np.testing.assert_allclose(shipped.affine, made.affine, atol=1e-6)  # another reader, which squares the axes
    np.testing.assert_allclose(shipped.times, made.times, atol=1e-6)
    assert sorted(made.labels) == sorted(shipped.labels)
    for frame, labels in made.labels.items():
        np.testing.assert_array_equal(shipped.labels[frame], labels)
    source = read_series(shared_data / "sunnybrook" / "SC-HF-I-1_cine4d.nii.gz")
    triggers = json.loads((shared_data / "sunnybrook" / "SC-HF-I-1_contours.json").read_text())["trigger_ms_mid"]
    np.testing.assert_allclose(made.times, np.array(triggers) - triggers[0])
    corner = np.rint(np.linalg.inv(source.affine) @ made.affine @ [0, 0, 0, 1]).astype(int)
    i, j = corner[:2]
    part = source.frames[18, :, j : j + made.shape[1], i : i + made.shape[2]]
    np.testing.assert_array_equal(made.frames[0], part)


def test_a_series_without_labels_has_none_to_write(series, tmp_path):
    bare = ImageSeries(series.frames, series.affine)
    with pytest.raises(CardiacMotionError, match="no labels"):
        write_labels(bare, tmp_path)


@pytest.mark.parametrize("space", [None, "left-posterior-superior-time"])
def test_a_space_of_four_dimensions_is_read(series, tmp_path, space):
    """ITK writes a cine so: time is the fourth axis of space."""
    nrrd = pytest.importorskip("nrrd")
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ series.affine
    directions = np.zeros((4, 4))
    directions[:3, :3], directions[3, 3] = lps[:3, :3].T, 30.0
    header = {
        "kinds": ["domain"] * 4,
        "space directions": directions,
        "space origin": [*lps[:3, 3], 0.0],
        **({"space dimension": 4} if space is None else {"space": space}),
    }
    nrrd.write(str(tmp_path / "v.nrrd"), series.frames.transpose(3, 2, 1, 0), header)
    back = read_series(tmp_path / "v.nrrd")
    np.testing.assert_array_equal(back.frames, series.frames)
    np.testing.assert_allclose(back.affine, series.affine, atol=1e-5)
    assert any("as ITK writes it" in note for note in back.meta["notes"]) == (space is None)


def test_a_cine_that_itk_wrote_is_read_as_itk_reads_it(series, tmp_path):
    itk = pytest.importorskip("SimpleITK")
    volumes = [itk.GetImageFromArray(frame) for frame in series.frames]
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ series.affine
    for volume in volumes:
        volume.SetSpacing(series.spacing.tolist())
        volume.SetOrigin(lps[:3, 3].tolist())
        volume.SetDirection((lps[:3, :3] / series.spacing).ravel().tolist())
    itk.WriteImage(itk.JoinSeries(volumes), str(tmp_path / "v.nrrd"))
    back = read_series(tmp_path / "v.nrrd")
    np.testing.assert_array_equal(back.frames, series.frames)
    np.testing.assert_allclose(back.affine, series.affine, atol=1e-5)


def test_a_missing_source_is_told_though_the_target_exists(tmp_path):
    from CardiacMotionLib.cli.main import run

    (tmp_path / "there.seq.nrrd").touch()
    assert run(["convert", str(tmp_path / "typo.nii.gz"), str(tmp_path / "there.seq.nrrd")]) == 2

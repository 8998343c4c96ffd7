"""Motions as transform sequences: our own round trip, and the same file in the real Slicer libraries."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, Motion, read_series
from CardiacMotionLib.io import write_displacement_itk
from CardiacMotionLib.io.motion_files import PROVENANCE_KEY, read_motion_sequence, write_motion_sequence


def world(motion, i, j, k):
    return (motion.affine @ [i, j, k, 1.0])[:3]


def same(first: Motion, second: Motion) -> None:
    np.testing.assert_array_equal(first.displacement, second.displacement)
    np.testing.assert_allclose(first.affine, second.affine, atol=1e-12)
    np.testing.assert_array_equal(first.times, second.times)
    assert first.reference == second.reference


def test_round_trip_is_exact(motion, tmp_path):
    path = write_motion_sequence(motion, tmp_path / "m.seq.nrrd")
    back = read_motion_sequence(path)
    same(motion, back)
    assert back.timed
    assert back.provenance == motion.provenance
    same(motion, Motion.load(path))


def test_untimed_stays_untimed(motion, tmp_path):
    untimed = Motion(motion.displacement, motion.affine, motion.reference)
    assert not read_motion_sequence(write_motion_sequence(untimed, tmp_path / "m.seq.nrrd")).timed


def test_slicer_moves_reference_points_to_the_frame(motion, tmp_path, slicer_load):
    import slicer
    import vtk

    node = slicer_load(write_motion_sequence(motion, tmp_path / "m.seq.nrrd"), "Transform")
    assert [float(node.GetNthIndexValue(t)) for t in range(4)] == motion.times.tolist()
    assert (node.GetIndexName(), node.GetIndexUnit()) == ("time", "ms")
    point = world(motion, 2, 3, 0)
    for t in range(4):
        to_world = vtk.vtkGeneralTransform()
        slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(node.GetNthDataNode(t), None, to_world)
        moved = np.array(to_world.TransformPoint(point))
        np.testing.assert_allclose(moved - point, motion.displacement[t, 0, 3, 2], atol=1e-4)


def test_what_slicer_saves_again_is_the_same_motion(motion, tmp_path, slicer_load, slicer_save):
    node = slicer_load(write_motion_sequence(motion, tmp_path / "m.seq.nrrd"), "Transform")
    slicer_save(node, tmp_path / "again.seq.nrrd", "Transform")
    back = read_motion_sequence(tmp_path / "again.seq.nrrd")
    np.testing.assert_array_equal(back.displacement, motion.displacement)
    np.testing.assert_allclose(back.affine, motion.affine, atol=1e-9)
    assert back.reference == motion.reference  # found as the frame that does not move
    assert back.timed


@pytest.mark.parametrize("direction", ["ToParent", "FromParent"])
def test_both_directions_saved_by_slicer_are_one_motion(motion, tmp_path, slicer_load, slicer_save, direction):
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    node = slicer.vtkMRMLSequenceNode()
    spacing = motion.spacing
    turn = np.eye(4)
    turn[:3, :3] = motion.affine[:3, :3] / spacing
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(turn.ravel().tolist())
    for t in range(4):
        image = vtk.vtkImageData()
        image.SetDimensions(*motion.shape[::-1])
        image.SetSpacing(*spacing)
        image.SetOrigin(*motion.affine[:3, 3])
        vectors = numpy_to_vtk(motion.displacement[t].reshape(-1, 3).astype(float), deep=1)
        image.GetPointData().SetScalars(vectors)
        grid = slicer.vtkOrientedGridTransform()
        grid.SetGridDirectionMatrix(matrix)
        grid.SetDisplacementGridData(image)
        transform = slicer.vtkMRMLTransformNode()
        getattr(transform, f"SetAndObserveTransform{direction}")(grid)
        node.SetDataNodeAtValue(transform, str(t))
    slicer_save(node, tmp_path / "s.seq.nrrd", "Transform")
    back = read_motion_sequence(tmp_path / "s.seq.nrrd")
    np.testing.assert_array_equal(back.displacement, motion.displacement)
    np.testing.assert_allclose(back.affine, motion.affine, atol=1e-9)


@pytest.mark.parametrize("suffix", [".nii.gz", ".h5"])
def test_itk_maps_reference_points_to_the_frame(motion, tmp_path, suffix):
    sitk = pytest.importorskip("SimpleITK")
    paths = write_displacement_itk(motion, tmp_path, suffix)
    assert len(paths) == 4
    flip = np.array([-1, -1, 1])
    point = world(motion, 2, 3, 0)
    for t, path in enumerate(paths):
        if suffix == ".h5":
            transform = sitk.ReadTransform(str(path))
        else:
            transform = sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
        moved = flip * np.array(transform.TransformPoint((flip * point).tolist()))
        np.testing.assert_allclose(moved, motion.track(point)[t, 0], atol=1e-4)


def test_a_canonical_motion_that_slicer_saves_again_stays_canonical(motion, tmp_path, slicer_load, slicer_save):
    centered = Motion(motion.displacement - motion.displacement.mean(0), motion.affine, None, motion.times)
    node = slicer_load(write_motion_sequence(centered, tmp_path / "m.seq.nrrd"), "Transform")
    slicer_save(node, tmp_path / "again.seq.nrrd", "Transform")
    back = Motion.load(tmp_path / "again.seq.nrrd")
    assert back.reference is None
    np.testing.assert_array_equal(back.displacement, centered.displacement)
    (note,) = back.provenance["notes"]
    assert (
        note == "again.seq.nrrd names no reference and no frame is at rest: taken as a motion from the canonical space."
    )
    assert read_motion_sequence(tmp_path / "m.seq.nrrd").provenance == {}


def test_reference_is_asked_for_when_nothing_names_it(motion, tmp_path):
    path = write_motion_sequence(motion, tmp_path / "m.seq.nrrd")
    still = Motion(np.zeros_like(motion.displacement), motion.affine, 1)
    path = write_motion_sequence(still, path)
    head, data = path.read_bytes().split(b"\n\n", 1)
    path.write_bytes(b"\n".join(line for line in head.split(b"\n") if b"CardiacMotion." not in line) + b"\n\n" + data)
    with pytest.raises(
        CardiacMotionError, match=r"frames \[0, 1, 2, 3\] are all free of displacement; read it with .*reference="
    ):
        read_motion_sequence(path)
    assert read_motion_sequence(path, reference=3).reference == 3


def test_a_volume_sequence_is_not_a_motion(series, tmp_path):
    from CardiacMotionLib.io import write_series

    path = write_series(series, tmp_path / "v.seq.nrrd")
    with pytest.raises(CardiacMotionError, match="not a sequence of displacement grids"):
        read_motion_sequence(path)


def test_damaged_bytes_are_one_clear_error(motion, tmp_path):
    path = write_motion_sequence(motion, tmp_path / "m.seq.nrrd")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CardiacMotionError, match=r"cannot read .*m\.seq\.nrrd") as caught:
        read_motion_sequence(path)
    assert caught.value.__cause__ is not None


def test_interrupted_write_leaves_the_old_file(motion, tmp_path, monkeypatch):
    path = write_motion_sequence(motion, tmp_path / "m.seq.nrrd")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gzip.GzipFile, "write", full)
    with pytest.raises(CardiacMotionError, match=r"cannot write .*m\.seq\.nrrd: No space left"):
        write_motion_sequence(motion, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_named(motion, tmp_path):
    with pytest.raises(CardiacMotionError, match=r"there is no folder .*nowhere"):
        write_motion_sequence(motion, tmp_path / "nowhere" / "m.seq.nrrd")


def test_a_motion_given_as_images_is_told_apart(motion, tmp_path):
    path = write_motion_sequence(motion, tmp_path / "motion.seq.nrrd")
    with pytest.raises(CardiacMotionError, match="is a motion, not images"):
        read_series(path)


def test_damaged_arrays_are_one_clear_error(motion, tmp_path):
    path = motion.save(tmp_path / "m.npz")
    content = bytearray(path.read_bytes())
    for place in range(200, len(content) - 400, 97):
        content[place] ^= 0x5A
    path.write_bytes(content)
    with pytest.raises(CardiacMotionError, match="is not a motion file"):
        Motion.load(path)


def test_interrupted_arrays_leave_the_old_file(motion, tmp_path, monkeypatch):
    path = motion.save(tmp_path / "m.npz")
    before = path.read_bytes()

    def half(file, **_):
        Path(file).write_bytes(b"PK half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", half)
    with pytest.raises(CardiacMotionError, match=r"cannot write .*No space left"):
        motion.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.npz"]


def test_a_sequence_without_directions_or_with_broken_words_is_told(motion, tmp_path):
    nrrd = pytest.importorskip("nrrd")
    path = write_motion_sequence(motion, tmp_path / "m.seq.nrrd")
    data, header = nrrd.read(str(path))
    for change in ({"space directions": None}, {PROVENANCE_KEY: "{half"}):
        changed = {name: value for name, value in {**header, **change}.items() if value is not None}
        nrrd.write(str(tmp_path / "c.seq.nrrd"), data, changed)
        with pytest.raises(CardiacMotionError, match=r"cannot read .*c\.seq\.nrrd"):
            read_motion_sequence(tmp_path / "c.seq.nrrd")

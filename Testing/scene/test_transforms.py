"""Motion as transform nodes: both directions, geometry, padding, files."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, TIMES, drifting_heart, heart_labels, heart_motion, heart_series

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.scene import add_series, load_sequence, motion_from_sequence, save_node
from CardiacMotionLib.scene.segmentations import add_labels
from CardiacMotionLib.scene.sequences import SequenceIndex, index_of, play_with, show_frame
from CardiacMotionLib.scene.transforms import GRAIN_MM, add_transform_sequences, grid_transform, pad_to_rest


def to_world(affine, ijk):
    return affine[:3, :3] @ np.asarray(ijk, float) + affine[:3, 3]


def shift_motion(affine, millimeters=(3.0, 0.0, 0.0), shape=SHAPE):
    displacement = np.zeros((2, *shape, 3))
    displacement[1] = millimeters
    return Motion(displacement, affine, 0, (0.0, 40.0))


def proxies(motion, series):
    sequence, browser = add_series(series, "Cine")
    both = add_transform_sequences(motion, index_of(sequence), "Run")
    return browser, [play_with(browser, one) for one in both]


def world_shift(transform_node, point):
    import slicer
    import vtk

    general = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(transform_node, None, general)
    return np.array(general.TransformPoint(point)) - point


def test_landmark_moves_forward_to_the_frame_and_backward_to_the_reference(scene, affine):
    series = heart_series(affine, times=(0.0, 40.0))
    browser, (forward, backward) = proxies(shift_motion(affine), series)
    landmark = to_world(affine, (15, 14, 2))
    show_frame(browser, 1)
    np.testing.assert_allclose(world_shift(forward, landmark), (3, 0, 0), atol=1e-3)
    np.testing.assert_allclose(world_shift(backward, landmark), (-3, 0, 0), atol=1e-3)
    show_frame(browser, 0)
    np.testing.assert_allclose(world_shift(forward, landmark), 0, atol=1e-6)


def test_landmarks_follow_the_motion_where_it_varies(scene, affine):
    motion, series = heart_motion(affine), heart_series(affine)
    browser, (forward, backward) = proxies(motion, series)
    points = np.array([to_world(affine, ijk) for ijk in ((20, 14, 2), (15, 8.3, 1.4), (10.6, 17.2, 3))])
    for frame in range(len(motion)):
        show_frame(browser, frame)
        moved = motion.track(points)[frame]
        for point, target in zip(points, moved, strict=True):
            np.testing.assert_allclose(point + world_shift(forward, point), target, atol=2e-3)
            np.testing.assert_allclose(target + world_shift(backward, target), point, atol=2e-2)


def test_segmentation_hardened_under_motion_to_frame_moves_with_it(scene):
    import slicer

    affine = AFFINES["axial"]
    series = heart_series(affine, times=(0.0, 40.0))
    browser, (forward, _) = proxies(shift_motion(affine), series)
    show_frame(browser, 1)
    segmentation = add_labels(series)
    segmentation.SetAndObserveTransformNodeID(forward.GetID())
    segmentation.HardenTransform()
    cine = browser.GetProxyNode(browser.GetMasterSequenceNode())
    moved = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "LV_cavity", cine)
    before, after = np.argwhere(heart_labels() == 3).mean(axis=0), np.argwhere(moved).mean(axis=0)
    np.testing.assert_allclose((after - before) * (8.0, 1.5, 1.5), (0, 0, 3), atol=0.1)


def test_cine_hardened_under_frame_to_reference_equals_motion_warp(scene, affine):
    import slicer

    motion, series = (
        heart_motion(affine, along_mm=0.0),
        heart_series(affine),
    )  # in plane: hardening keeps the slices where they are
    browser, (_, backward) = proxies(motion, series)
    expected = motion.warp(series)
    inside = (
        slice(0, -1),
        slice(2, -2),
        slice(2, -2),
    )  # Slicer fills what comes from outside the image with background
    for frame in (1, 2):
        show_frame(browser, frame)
        volume = slicer.util.addVolumeFromArray(series.frames[frame], affine, "moved")
        volume.SetAndObserveTransformNodeID(backward.GetID())
        assert volume.HardenTransform()
        difference = (resampled_on(volume, series) - expected[frame])[inside]
        moved = (series.frames[frame] - expected[frame])[inside]
        assert np.abs(difference).mean() < 0.02 * np.abs(moved).mean()
        assert np.abs(difference).max() < 1.0


def resampled_on(volume, series):
    """Values of a volume at the voxels of the series: hardening changes the extent of a volume, not its spacing."""
    import slicer
    import vtk
    from scipy.ndimage import map_coordinates

    matrix = vtk.vtkMatrix4x4()
    volume.GetRASToIJKMatrix(matrix)
    k, j, i = np.indices(series.shape)
    world = np.stack([i, j, k], axis=-1) @ series.affine[:3, :3].T + series.affine[:3, 3]
    to_ijk = slicer.util.arrayFromVTKMatrix(matrix)
    ijk = world @ to_ijk[:3, :3].T + to_ijk[:3, 3]
    values = slicer.util.arrayFromVolume(volume).astype(np.float64)
    return map_coordinates(values, np.moveaxis(ijk, -1, 0)[::-1], order=1, mode="nearest")


def test_far_from_the_grid_nothing_moves(scene, affine):
    browser, (forward, backward) = proxies(shift_motion(affine), heart_series(affine, times=(0.0, 40.0)))
    show_frame(browser, 1)
    for ijk in ((-30, 14, 2), (15, 60, 2), (15, 14, -6), (15, 14, 12)):
        point = to_world(affine, ijk)
        np.testing.assert_allclose(world_shift(forward, point), 0, atol=1e-4)
        np.testing.assert_allclose(world_shift(backward, point), 0, atol=1e-4)


def test_padding_keeps_the_field_inside_fades_without_folding_and_leaves_fields_at_rest_alone():
    affine = AFFINES["oblique"]
    motion = shift_motion(affine, (4.0, -3.0, 2.0))
    padded, moved_affine, (k, j, i) = pad_to_rest(motion.displacement, affine)
    inner = padded[:, k:-k, j:-j, i:-i]
    np.testing.assert_array_equal(inner, motion.displacement)
    np.testing.assert_allclose(to_world(moved_affine, (i, j, k)), affine[:3, 3], atol=1e-9)
    for axis in (1, 2, 3):
        assert not padded.take(0, axis).any()
        assert not padded.take(-1, axis).any()
    field = Motion(padded, moved_affine)
    assert field.jacobian_determinant().min() > 0.2
    still = np.zeros((2, *SHAPE, 3))
    still[1, 2, 10:15, 10:15] = 1.0
    unpadded, same, padding = pad_to_rest(still, affine)
    assert padding == (0, 0, 0)
    assert unpadded is still
    assert same is affine


def test_end_slices_move_whole_before_the_field_fades():
    padded, _, (k, _, _) = pad_to_rest(shift_motion(AFFINES["axial"]).displacement, AFFINES["axial"])
    np.testing.assert_allclose(padded[1, k - 1, SHAPE[1] // 2 + 6, SHAPE[2] // 2 + 6], (3, 0, 0))


def test_single_slice_acts_at_every_depth(scene):
    affine = AFFINES["axial"]
    shape = (1, 28, 30)
    motion = shift_motion(affine, shape=shape)
    browser, (forward, _) = proxies(motion, heart_series(affine, shape, times=(0.0, 40.0)))
    show_frame(browser, 1)
    for depth in (-20, 0, 30):
        np.testing.assert_allclose(world_shift(forward, to_world(affine, (15, 14, depth))), (3, 0, 0), atol=1e-5)


def test_both_directions_share_grids_and_keep_the_sign_of_u(scene):
    affine = AFFINES["axial"]
    motion, series = heart_motion(affine), heart_series(affine)
    sequence, _ = add_series(series, "Cine")
    forward, backward = add_transform_sequences(motion, index_of(sequence), "Run")
    one, other = forward.GetNthDataNode(2).GetTransformToParent(), backward.GetNthDataNode(2).GetTransformFromParent()
    assert one.GetDisplacementGrid() is other.GetDisplacementGrid()
    import slicer

    stored = slicer.util.arrayFromGridTransform(forward.GetNthDataNode(2))
    np.testing.assert_allclose(motion_from_sequence(forward).displacement[2], motion.displacement[2], atol=GRAIN_MM)
    assert stored.shape[-1] == 3


def test_reference_is_a_grid_of_zeros_so_that_the_sequence_can_be_written(scene, tmp_path, affine):
    motion, series = heart_motion(affine), heart_series(affine)
    sequence, _ = add_series(series, "Cine")
    for node in add_transform_sequences(motion, index_of(sequence), "Run"):
        assert node.GetNthDataNode(0).GetTransformToParent().GetClassName() == "vtkOrientedGridTransform"
        path = save_node(node, tmp_path / "motion.seq.nrrd")
        loaded = load_sequence(path)
        index = index_of(loaded)
        assert (index.name, index.unit) == ("time", "ms")
        np.testing.assert_allclose([float(value) for value in index.values], TIMES)
        for attribute in (
            "padding",
            "reference",
            "provenance",
        ):  # attributes live in the scene file, not in the .seq.nrrd
            loaded.SetAttribute(f"CardiacMotion.{attribute}", node.GetAttribute(f"CardiacMotion.{attribute}"))
        back = motion_from_sequence(loaded)
        np.testing.assert_allclose(back.displacement, motion.displacement, atol=GRAIN_MM)
        np.testing.assert_allclose(back.affine, motion.affine, atol=1e-4)
        assert back.provenance["seed"] == 7


def test_a_canonical_motion_is_read_from_a_file_that_names_no_reference(scene, tmp_path, affine):
    _, motion = drifting_heart(affine)
    index = SequenceIndex("time", "ms", tuple(map(str, TIMES)))
    forward, _ = add_transform_sequences(motion, index, "Run")
    known = motion_from_sequence(forward)
    assert known.reference is None
    assert known.provenance == motion.provenance
    back = motion_from_sequence(load_sequence(save_node(forward, tmp_path / "motion.seq.nrrd")))
    assert back.reference is None
    assert "motion names no reference" in back.provenance["notes"][0]
    np.testing.assert_allclose(back.track(affine[None, :3, 3]), motion.track(affine[None, :3, 3]), atol=0.01)


def test_an_index_of_inversion_times_is_no_time_of_the_heartbeat(scene):
    """Also where the times do not increase, in the order of the acquisition."""
    motion = heart_motion(AFFINES["axial"])
    index = SequenceIndex("InversionTime", "ms", ("100", "1100", "2100", "180"))
    back = motion_from_sequence(add_transform_sequences(motion, index, "Run")[0])
    assert not back.timed
    assert back.times.tolist() == [0, 1, 2, 3]


def test_sequence_of_images_is_not_a_motion(scene):
    sequence, _ = add_series(heart_series(AFFINES["axial"]), "Cine")
    with pytest.raises(CardiacMotionError, match="not a sequence of grid transforms"):
        motion_from_sequence(sequence)


def test_grid_transform_interpolates_the_field(affine):
    motion = heart_motion(affine)
    transform = grid_transform(motion.displacement[2], affine)
    point = to_world(affine, (18.4, 12.7, 2.3))
    expected = point + motion.at(point[None], 2)[0]
    np.testing.assert_allclose(transform.TransformPoint(point), expected, atol=1e-4)

"""Slice views of oblique stacks."""

import numpy as np
import pytest
from small_hearts import SHAPE

from CardiacMotionLib.scene import show_acquired_plane, show_plane_across
from CardiacMotionLib.scene.segmentations import fill_segmentation
from CardiacMotionLib.scene.slice_plane import show_heart


def test_slices_are_shown_as_acquired_with_left_to_the_right_and_anterior_up(scene, affine):
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.float32), affine, "Cine")
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    show_acquired_plane(volume, view)
    axes = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:3, :3]
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    assert np.linalg.det(axes) > 0
    normal = affine[:3, 2] / 8.0
    assert abs(axes[:, 2] @ normal) == pytest.approx(1)
    assert axes[0, 0] < 0  # to the right of the screen is the patient's left
    assert axes[1, 1] + axes[2, 1] > 0  # up is anterior, superior
    inside = np.linalg.inv(affine) @ slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:, 3]
    assert inside[2] == pytest.approx(round(inside[2]))  # on a slice, not between two


def test_the_plane_across_holds_the_normal_of_the_slices_and_shares_their_horizontal(scene, affine):
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.float32), affine, "Cine")
    along, across = (scene.AddNewNodeByClass("vtkMRMLSliceNode") for _ in range(2))
    show_acquired_plane(volume, along)
    show_plane_across(volume, across)
    first, second = (slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS()) for view in (along, across))
    np.testing.assert_allclose(second[:3, 0], first[:3, 0], atol=1e-9)
    assert abs(second[:3, 1] @ first[:3, 2]) == pytest.approx(1)
    assert second[2, 1] >= 0  # up is superior
    np.testing.assert_allclose(second[:3, 3], first[:3, 3])


def moved_by(scene, matrix):
    import slicer

    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return transform


def test_a_volume_that_was_moved_is_shown_where_it_is(scene, affine):
    """By a transform above it: in the plane, at the place and around the heart of the world."""
    import slicer

    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 8:20, 9:21] = 2
    turn = np.array([[1, 0, 0, 30], [0, 0.8, -0.6, -20], [0, 0.6, 0.8, 10], [0, 0, 0, 1.0]])
    moved = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.float32), affine, "Cine")
    moved.SetAndObserveTransformNodeID(moved_by(scene, turn).GetID())
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    fill_segmentation(segmentation, labels, turn @ affine)  # drawn in the world
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    show_heart(moved, view, segmentation, size=(400, 200))
    np.testing.assert_allclose(view.GetFieldOfView()[:2], (2 * 1.6 * 18, 1.6 * 18), rtol=1e-5)
    shown = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
    middle = np.linalg.inv(turn @ affine) @ shown[:, 3]
    np.testing.assert_allclose(middle[:3], (14.5, 13.5, 2), atol=1e-6)
    assert abs(shown[:3, 2] @ (turn @ affine)[:3, 2]) == pytest.approx(8)
    under = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    fill_segmentation(under, labels, affine)
    under.SetAndObserveTransformNodeID(moved.GetTransformNodeID())
    show_heart(moved, view, under, size=(400, 200))
    np.testing.assert_allclose(slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS()), shown, atol=1e-6)
    moved.SetAndObserveTransformNodeID(scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode").GetID())
    show_acquired_plane(moved, view)  # a deformation has no plane: that of the volume is shown


def test_a_segmentation_of_surfaces_alone_shows_the_whole_image(scene, affine):
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.float32), affine, "Cine")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.GetSegmentation().AddEmptySegment("empty")
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    show_heart(volume, view, segmentation, size=(200, 200))
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 8:20, 9:21] = 2
    fill_segmentation(segmentation, labels, affine)
    content = segmentation.GetSegmentation()
    content.CreateRepresentation(slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName())
    content.RemoveRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName())
    show_heart(volume, view, segmentation, size=(200, 200))
    middle = np.linalg.inv(affine) @ slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:, 3]
    np.testing.assert_allclose(middle[:2], (np.array(SHAPE[:0:-1]) - 1) / 2, atol=1e-6)


@pytest.mark.parametrize("cropped", [False, True], ids=["whole label map", "part of the grid, as in a file"])
def test_a_view_is_fitted_around_the_heart_in_its_middle_slice(scene, affine, cropped):
    import slicer

    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 8:20, 9:21] = 2  # 12 x 12 voxels of 1.5 mm, in the middle slice 2
    volume = slicer.util.addVolumeFromArray(np.zeros(SHAPE, np.float32), affine, "Cine")
    start = np.array([0, 6, 5]) if cropped else np.zeros(3, int)  # k, j, i
    part = affine.copy()
    part[:3, 3] = (affine @ [*start[::-1], 1])[:3]
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    fill_segmentation(segmentation, labels[start[0] :, start[1] :, start[2] :], part)
    view = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    show_heart(volume, view, segmentation, size=(400, 200))
    np.testing.assert_allclose(view.GetFieldOfView()[:2], (2 * 1.6 * 18, 1.6 * 18))
    middle = np.linalg.inv(affine) @ slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:, 3]
    np.testing.assert_allclose(middle[:3], (14.5, 13.5, 2), atol=1e-6)
    show_heart(volume, view, segmentation, size=(300, 300), slice_index=1, across=True)
    middle = np.linalg.inv(affine) @ slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())[:, 3]
    np.testing.assert_allclose(middle[:3], (14.5, 13.5, 1), atol=1e-6)
    assert view.GetFieldOfView()[0] == pytest.approx(1.6 * 3 * 8)  # through the slices the heart is longest here

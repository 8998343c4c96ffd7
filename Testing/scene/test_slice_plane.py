"""Slice views of oblique stacks."""

import numpy as np
import pytest
from small_hearts import SHAPE

from CardiacMotionLib.scene import show_acquired_plane, show_plane_across


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

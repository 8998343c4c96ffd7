"""What lies over the cine: strain, volume change and labels where the wall is in every frame, one shown at a time."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, arrays, heart_labels, heart_motion

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import add_results, add_series, match_segments, show_frame, show_overlay
from CardiacMotionLib.scene.overlays import OUTSIDE, carry_to_frames, hide_overlay


@pytest.mark.parametrize("measure", ["green", "engineering"])
def test_overlay_has_the_strain_in_percent_where_the_wall_is(scene, hearts, measure):
    series, motion, strain = hearts["left_handed"]
    sequence, _ = add_series(series, "Cine")
    results = add_results(sequence, series, motion, strain, measure=measure)
    overlay = arrays(results.overlays["circumferential"])
    expected = strain.engineering("circumferential") if measure == "engineering" else strain.circumferential
    wall = heart_labels() == 2
    assert (overlay[0] != OUTSIDE).sum() == wall.sum()
    assert (overlay[~np.stack([motion.warp_labels(heart_labels(), t) == 2 for t in range(4)])] == OUTSIDE).all()
    for frame in (1, 2):
        carried = overlay[frame][overlay[frame] != OUTSIDE]
        assert abs(carried.mean() - 100 * np.nanmean(expected[frame])) < 1.0
        assert carried.min() >= 100 * np.nanmin(expected[frame]) - 1e-3


def test_overlay_moves_with_the_material():
    affine = AFFINES["axial"]
    motion = heart_motion(affine)
    label = np.broadcast_to(
        np.indices(SHAPE)[2].astype(float), (4, *SHAPE)
    )  # every reference voxel carries its own column
    wall = heart_labels() == 2
    values = np.where(wall, label, np.nan)
    walls = np.stack([motion.warp_labels(heart_labels(), t) == 2 for t in range(4)])
    carried = list(carry_to_frames(values, motion, walls))
    np.testing.assert_allclose(carried[0][wall], label[0][wall])
    point = np.array([22.0, 14.0, 2.0])  # in the middle of the wall
    moved = motion.track((affine[:3, :3] @ point + affine[:3, 3])[None])[2, 0]
    i, j, k = np.round((moved - affine[:3, 3]) / (1.5, 1.5, 8.0)).astype(int)
    assert carried[2][k, j, i] == pytest.approx(22.0, abs=0.8)
    assert abs(i - 22) >= 0


def test_overlay_display_hides_the_outside_and_has_a_fixed_symmetric_window(run_with_strain):
    import slicer

    results, *_ = run_with_strain
    for component, window in (("circumferential", 60), ("radial", 120), ("longitudinal", 60), ("jacobian", 60)):
        proxy = results.proxy(results.overlays[component])
        display = proxy.GetDisplayNode()
        assert (display.GetWindow(), display.GetLevel()) == (window, 0)
        assert display.GetApplyThreshold()
        assert display.GetLowerThreshold() > OUTSIDE
        assert np.isfinite(slicer.util.arrayFromVolume(proxy)).all()
        assert slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(proxy).GetTitleText() == proxy.GetName()
        color = display.GetColorNode()
        assert color.IsA("vtkMRMLProceduralColorNode")
        assert not color.GetHideFromEditors()
        low, middle, high = (np.array(color.GetColorTransferFunction().GetColor(v)) for v in (-1, 0, 1))
        assert low[2] > low[0]  # blue shortens
        assert high[0] > high[2]  # red lengthens
        assert middle.min() > 0.9
    assert results.proxy(results.overlays["circumferential"]).GetName() == "Ecc (%)"


def test_volume_change_is_the_jacobian_in_percent(run_with_strain):
    results, _, motion, _ = run_with_strain
    overlay = arrays(results.overlays["jacobian"])
    wall = heart_labels() == 2
    assert np.abs(overlay[0][wall]).max() < 1e-3
    expected = 100 * (motion.jacobian_determinant()[2][wall].mean() - 1)
    assert overlay[2][overlay[2] != OUTSIDE].mean() == pytest.approx(expected, abs=1.0)


def test_show_overlay_is_the_foreground_with_one_visible_legend(scene, run_with_strain):
    import slicer

    results, *_ = run_with_strain
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    show_overlay(results.overlays["circumferential"])
    show_overlay(results.overlays["radial"])
    assert composite.GetBackgroundVolumeID() == results.proxy(results.cine).GetID()
    assert composite.GetForegroundVolumeID() == results.proxy(results.overlays["radial"]).GetID()
    assert composite.GetForegroundOpacity() == pytest.approx(0.6)
    overlays = [results.proxy(sequence) for sequence in results.overlays.values()]
    visible = [p.GetName() for p in overlays if slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(p).GetVisibility()]
    assert visible == ["Err (%)"]
    hide_overlay()
    assert composite.GetForegroundVolumeID() is None
    with pytest.raises(CardiacMotionError, match="played by no sequence browser"):
        show_overlay(scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Loose"))


def test_labels_are_carried_through_the_cycle(run_with_strain):
    import slicer

    results, _, motion, _ = run_with_strain
    for frame in range(4):
        show_frame(results.browser, frame)
        node = results.proxy(results.segmentation)
        assert match_segments(node) == {"RV": 1, "LV_myocardium": 2, "LV_cavity": 3}
        cavity = slicer.util.arrayFromSegmentBinaryLabelmap(node, "LV_cavity", results.proxy(results.cine))
        np.testing.assert_array_equal(cavity > 0, motion.warp_labels(heart_labels(), frame) == 3)

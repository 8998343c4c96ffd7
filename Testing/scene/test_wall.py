"""The wall in 3D: a closed surface that moves with the heart, and the arrows that start in it."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, drifting_heart, heart_labels

from CardiacMotionLib.scene import add_results, add_series, show_frame
from CardiacMotionLib.scene.arrows import show_arrows


def test_wall_model_is_the_reference_wall_and_moves(run_with_strain):
    import slicer
    import vtk

    results, _, motion, strain = run_with_strain
    mesh = results.wall.GetMesh()
    edges = vtk.vtkFeatureEdges()
    edges.SetInputData(mesh)
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.Update()
    assert edges.GetOutput().GetNumberOfCells() == 0  # closed
    mass = vtk.vtkMassProperties()
    mass.SetInputData(mesh)
    voxels = (heart_labels() == 2).sum() * 1.5 * 1.5 * 8.0
    assert mass.GetVolume() == pytest.approx(voxels, rel=0.06)
    points = slicer.util.arrayFromModelPoints(results.wall).copy()
    show_frame(results.browser, 2)
    results.wall.HardenTransform()
    moved = slicer.util.arrayFromModelPoints(results.wall)
    distance = np.linalg.norm(moved - motion.track(points)[2], axis=1)
    assert np.median(distance) < 0.01  # beyond the end slices the transform fades, Motion continues its edge
    assert np.linalg.norm(moved - points, axis=1).max() > 1.0
    colors = slicer.util.arrayFromModelPointData(results.wall, "Ecc (%)")
    assert colors.mean() == pytest.approx(100 * np.nanmean(strain.circumferential[strain.end_systole]), abs=2.0)


def test_a_thin_wall_has_no_holes():
    import vtk

    from CardiacMotionLib.scene.models import wall_surface

    affine = AFFINES["oblique"]
    k, j, i = np.indices((6, 40, 40))
    radius = np.hypot(i - 20, j - 20) / (1.1 - 0.12 * k)  # a cone: rings of neighboring slices do not overlap
    labels = np.where(radius < 12, 3, np.where(radius < 15, 2, 0)).astype(np.uint8)
    surface = wall_surface(labels, affine)
    assert surface.GetNumberOfPoints() > 500
    connected = vtk.vtkPolyDataConnectivityFilter()
    connected.SetInputData(surface)
    connected.SetExtractionModeToAllRegions()
    connected.Update()
    assert connected.GetNumberOfExtractedRegions() == 1
    faces, edges = surface.GetNumberOfPolys(), 1.5 * surface.GetNumberOfPolys()
    assert (
        surface.GetNumberOfPoints() - edges + faces == 0
    )  # a tube with a thick wall is a torus; a hole would take 2 away


@pytest.mark.parametrize("shape", [SHAPE, (1, 28, 30)])
def test_arrows_of_a_canonical_motion_start_in_its_wall(scene, affine, shape):
    import slicer

    series, motion = drifting_heart(affine, shape)
    sequence, _ = add_series(series, "Cine")
    display = show_arrows(add_results(sequence, series, motion)).GetDisplayNode()
    tails = slicer.util.arrayFromMarkupsControlPoints(display.GetGlyphPointsNode())
    voxels = (tails - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    np.testing.assert_allclose(voxels, np.round(voxels), atol=0.05)
    i, j, k = np.round(voxels).astype(int).T
    assert (heart_labels(shape)[k, j, i] == 2).all()
    assert len(tails) >= 10 * (1 if shape[0] == 1 else 3)

"""Probes and rulers lie where the tissue is in every frame, and follow the user who drags them."""

import numpy as np
import pytest
import vtk
from point_places import IN_WALL, OUTSIDE, column, in_chart, shown_at, world
from small_hearts import AFFINES, TIMES, drifting_heart

from CardiacMotionLib.motion import Motion
from CardiacMotionLib.scene import add_probe, add_results, add_ruler, add_series, show_frame
from CardiacMotionLib.scene.headless import headless_scene
from CardiacMotionLib.scene.probes import Probe


class TestFollowingTheTissue:
    @pytest.mark.parametrize("grid", sorted(AFFINES))
    def test_slicer_moves_a_probe_as_the_motion_says(self, scene, hearts, grid):
        series, motion, strain = hearts[grid]
        results = add_results(add_series(series, "Cine")[0], series, motion, strain)
        point = world(IN_WALL, AFFINES[grid])
        probe = add_probe(results, point, strain)
        expected = motion.track(point[None])[:, 0]
        assert np.linalg.norm(expected[2] - expected[0]) > 1.0
        for frame in range(4):
            show_frame(results.browser, frame)
            np.testing.assert_allclose(shown_at(probe.node), expected[frame], atol=2e-3)

    def test_dropped_in_another_frame_it_belongs_to_the_tissue_that_is_there(self, run):
        results, motion, strain = run
        point = world(IN_WALL)
        show_frame(results.browser, 2)
        probe = add_probe(results, motion.track(point[None])[2, 0], strain)
        np.testing.assert_allclose(probe.points()[0], point, atol=5e-3)
        show_frame(results.browser, 0)
        np.testing.assert_allclose(shown_at(probe.node), point, atol=5e-3)

    def test_trajectory_goes_through_the_place_in_every_frame(self, run):
        import slicer

        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        path = slicer.util.arrayFromModelPoints(probe.trajectory)
        for frame in range(4):
            show_frame(results.browser, frame)
            np.testing.assert_allclose(path[frame], shown_at(probe.node), atol=1e-4)
        display = probe.trajectory.GetDisplayNode()
        assert display.GetSliceDisplayMode() == display.SliceDisplayProjection
        assert display.GetVisibility2D()
        assert probe.trajectory.GetMesh().GetCell(0).GetNumberOfPoints() == 4

    def test_trajectory_of_a_periodic_motion_is_closed(self, scene, hearts):
        series, motion, _ = hearts["axial"]
        periodic = Motion(motion.displacement, motion.affine, 0, TIMES, {"method": "m", "options": {"periodic": True}})
        results = add_results(add_series(series, "Cine")[0], series, periodic)
        line = add_probe(results, world(IN_WALL, AFFINES["axial"])).trajectory.GetMesh().GetCell(0)
        assert [line.GetPointId(n) for n in range(line.GetNumberOfPoints())] == [0, 1, 2, 3, 0]

    def test_a_canonical_motion_has_probes_and_rulers_too(self, scene, affine):
        series, motion = drifting_heart(affine)
        results = add_results(add_series(series, "Cine")[0], series, motion)
        point = world((15, 14, 2), affine)
        probe = add_probe(results, motion.track(point[None])[0, 0])
        np.testing.assert_allclose(probe.points()[0], point, atol=5e-3)
        np.testing.assert_allclose(column(probe, "displacement"), [4.5, 3.0, 3.0, 4.5], atol=5e-3)
        assert "has no strain" in probe.problem
        assert list(probe.titles) == ["displacement"]
        ruler = add_ruler(results, world([14, 14, 2], affine) + np.array([[0.0, 0, 0], [3, 0, 0]]))
        np.testing.assert_allclose(column(ruler, "length"), 3.0, atol=5e-3)


class TestChangingPlace:
    def test_dragging_updates_everything(self, run):
        import slicer

        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        before = column(probe, "radial").copy()
        show_frame(results.browser, 2)
        other = add_probe(results, world((15, 6.5, 2)), strain)
        probe.node.SetNthControlPointPositionWorld(0, *shown_at(other.node))
        np.testing.assert_allclose(column(probe, "radial"), column(other, "radial"), atol=0.02)
        assert np.abs(column(probe, "radial") - before).max() > 0.1
        np.testing.assert_allclose(
            slicer.util.arrayFromModelPoints(probe.trajectory),
            slicer.util.arrayFromModelPoints(other.trajectory),
            atol=5e-3,
        )

    def test_dragged_out_of_the_images_nothing_is_claimed(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.node.SetNthControlPointPosition(0, *world(OUTSIDE))
        assert all(np.isnan(column(probe, curve)).all() for curve in probe.titles)
        assert probe.trajectory.GetMesh().GetNumberOfPoints() == 0
        assert "Probe 1 is outside the images of Cine" in probe.problem
        assert "Probe 1 Ecc (%)" not in in_chart(results)
        probe.node.SetNthControlPointPosition(0, *world(IN_WALL))
        assert probe.problem == ""
        assert "Probe 1 Ecc (%)" in in_chart(results)

    def test_a_point_taken_away_by_the_user_is_survived(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.node.UnsetNthControlPointPosition(0)
        assert "no place any more" in probe.problem
        assert np.isnan(column(probe, "displacement")).all()

    def test_taken_out_of_the_motion_nothing_is_claimed(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        show_frame(results.browser, 2)
        probe.node.HardenTransform()
        assert "Probe 1 was taken out of 'Run motion to frame': put it back" in probe.problem
        assert np.isnan(column(probe, "radial")).all()

    def test_after_stop_nothing_is_touched(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        before = column(probe, "radial").copy()
        probe.stop()
        probe.node.SetNthControlPointPosition(0, *world((15, 6.5, 2)))
        np.testing.assert_array_equal(column(probe, "radial"), before)


def test_a_click_in_a_slice_view_drops_it_there(run):
    """Slicer's own place mode and its own widget, in an offscreen view."""
    import slicer

    from CardiacMotionLib.scene.offscreen import slice_view
    from CardiacMotionLib.scene.slice_plane import show_acquired_plane

    results, _, strain = run
    host = headless_scene()
    show_frame(results.browser, 2)
    node = Probe.start(results)
    with slice_view(host, (200, 200)) as view:
        show_acquired_plane(results.proxy(results.cine), view.node)
        view.node.SetFieldOfView(60, 60, 8)
        view.window.Render()
        selection, interaction = host.application_logic.GetSelectionNode(), host.application_logic.GetInteractionNode()
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetReferenceActivePlaceNodeID(node.GetID())
        interaction.SwitchToSinglePlaceMode()
        manager = view.managers.GetDisplayableManagerByClassName("vtkMRMLMarkupsDisplayableManager")
        for event in (
            vtk.vtkCommand.MouseMoveEvent,
            vtk.vtkCommand.LeftButtonPressEvent,
            vtk.vtkCommand.LeftButtonReleaseEvent,
        ):
            data = slicer.vtkMRMLInteractionEventData()
            data.SetType(event)
            data.SetViewNode(view.node)
            data.SetDisplayPosition([120, 90])
            manager.ProcessInteractionEvent(data)
        clicked = np.array(view.node.GetXYToRAS().MultiplyPoint([120, 90, 0, 1]))[:3]
    probe = Probe.finish(results, node, strain)
    np.testing.assert_allclose(shown_at(probe.node), clicked, atol=5e-3)
    np.testing.assert_allclose(probe.tissue.track(probe.points())[2, 0], clicked, atol=5e-3)

"""Probes and rulers: they lie where Slicer moves them, their curves are those of the motion, and they go whole."""

import numpy as np
import pytest
import vtk
from small_hearts import AFFINES, SHAPE, TIMES, drifting_heart, heart_labels, heart_motion, heart_series, node_names

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.scene import (
    Curves,
    add_probe,
    add_results,
    add_ruler,
    add_series,
    find_probes,
    find_results,
    find_rulers,
    load_scene,
    remove_results,
    save_scene,
    show_curves,
    show_frame,
)
from CardiacMotionLib.scene.headless import headless_scene
from CardiacMotionLib.scene.point_chart import COLORS, MOST, chart_of_points
from CardiacMotionLib.scene.probes import Probe
from CardiacMotionLib.scene.rulers import Ruler
from CardiacMotionLib.strain.tensor import engineering_from_green

IN_WALL, BESIDE_WALL, OUTSIDE = (22.0, 14.0, 2.0), (26.5, 24.0, 2.0), (40.0, 14.0, 2.0)


@pytest.fixture(scope="module")
def known():
    """{grid: (series, motion, strain)}, computed once."""
    made = {}
    for name, affine in AFFINES.items():
        series, motion = heart_series(affine), heart_motion(affine)
        made[name] = series, motion, CardiacMotionLib.strain(motion, series.labels[0])
    return made


@pytest.fixture(scope="module")
def shared():
    """The run that tests share, and the scene that it is in."""
    return {}


@pytest.fixture
def run(known, shared):
    """(results, motion, strain), with no point of another test; made again where a test put another scene in place."""
    series, motion, strain = known["oblique"]
    if shared.get("scene") is not headless_scene().scene:
        shared["scene"] = headless_scene(fresh=True).scene
        shared["results"] = add_results(add_series(series, "Cine")[0], series, motion, strain, name="Run")
    results = shared["results"]
    yield results, motion, strain
    if shared["scene"] is headless_scene().scene:
        for one in [*find_probes(results), *find_rulers(results)]:
            one.remove()
        show_curves(results, strain, Curves())
        show_frame(results.browser, 0)


@pytest.fixture
def scene(request):
    """The scene of the run that a test asks for too, else an empty one."""
    if "run" in request.fixturenames:
        request.getfixturevalue("run")
        return headless_scene().scene
    return headless_scene(fresh=True).scene


def world(voxel, affine=AFFINES["oblique"]):
    """Place in RAS mm of the voxel (i, j, k)."""
    return affine[:3, :3] @ np.array(voxel) + affine[:3, 3]


def shown_at(node, number=0):
    return np.array(node.GetNthControlPointPositionWorld(number))


def column(measured, curve):
    import slicer

    return slicer.util.arrayFromTableColumn(measured.table, measured.titles[curve])


def in_chart(results):
    chart = chart_of_points(results)
    return [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]


class TestFollowingTheTissue:
    @pytest.mark.parametrize("grid", sorted(AFFINES))
    def test_slicer_moves_a_probe_as_the_motion_says(self, scene, known, grid):
        series, motion, strain = known[grid]
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

    def test_trajectory_of_a_periodic_motion_is_closed(self, scene, known):
        series, motion, _ = known["axial"]
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


class TestCurves:
    @pytest.mark.parametrize("measure", ["green", "engineering"])
    def test_at_a_voxel_of_the_wall_they_are_its_strain(self, scene, known, measure):
        series, motion, strain = known["left_handed"]
        results = add_results(add_series(series, "Cine")[0], series, motion, strain, measure=measure)
        probe = add_probe(results, world(IN_WALL, AFFINES["left_handed"]), strain)
        for component in ("circumferential", "radial", "longitudinal"):
            green = getattr(strain, component)[:, 2, 14, 22]
            expected = engineering_from_green(green) if measure == "engineering" else green
            np.testing.assert_allclose(column(probe, component), 100 * expected, atol=1e-4)
        assert probe.problem == ""

    def test_between_voxels_they_are_between(self, run):
        results, _, strain = run
        at = {i: column(add_probe(results, world((i, 14, 2)), strain), "radial").copy() for i in (21, 22, 21.25)}
        np.testing.assert_allclose(at[21.25], 0.75 * at[21] + 0.25 * at[22], atol=1e-3)

    def test_at_the_edge_of_the_wall_the_outside_does_not_count(self, run):
        results, _, strain = run
        assert heart_labels()[2, 14, 23] == 2
        assert heart_labels()[2, 14, 24] == 0
        edge, voxel = (column(add_probe(results, world((i, 14, 2)), strain), "radial").copy() for i in (23.3, 23.0))
        np.testing.assert_allclose(edge, voxel, atol=1e-3)

    def test_displacement_is_the_distance_from_the_reference(self, run):
        results, motion, strain = run
        point = world(IN_WALL)
        expected = np.linalg.norm(motion.track(point[None])[:, 0] - point, axis=1)
        np.testing.assert_allclose(column(add_probe(results, point, strain), "displacement"), expected, atol=2e-3)

    def test_outside_the_wall_there_is_a_path_but_no_strain_and_that_is_said(self, run):
        results, _, strain = run
        probe = add_probe(results, world(BESIDE_WALL), strain)
        assert np.isnan(column(probe, "circumferential")).all()
        assert np.isfinite(column(probe, "displacement")).all()
        assert "outside the wall" in probe.problem
        assert probe.curve == "displacement"

    def test_without_a_strain_they_come_from_the_overlays(self, run):
        results, _, strain = run
        exact, sampled = (add_probe(results, world((21.5, 14, 2)), source) for source in (strain, None))
        for component in ("circumferential", "radial"):
            np.testing.assert_allclose(column(sampled, component), column(exact, component), atol=0.4)
        assert np.abs(column(sampled, "radial")).max() > 2
        assert "outside the wall" in add_probe(results, world(BESIDE_WALL)).problem
        sampled.use(strain)
        np.testing.assert_allclose(column(sampled, "radial"), column(exact, "radial"), atol=1e-6)

    def test_table_has_times_units_and_the_name_of_the_measure(self, run):
        import slicer

        results, *_ = run
        table = add_probe(results, world(IN_WALL)).table
        assert [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())] == [
            "Time (ms)",
            "Probe 1 Ecc (%)",
            "Probe 1 Err (%)",
            "Probe 1 Ell (%)",
            "Probe 1 displacement (mm)",
        ]
        np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "Time (ms)"), TIMES)
        assert "Green-Lagrange" in table.GetName()

    def test_length_and_segment_strain(self, run):
        results, motion, strain = run
        ends = np.array([world((15, 7, 2)), world((15, 21, 2))])
        ruler = add_ruler(results, ends, strain)
        first, second = np.moveaxis(motion.track(ends), 1, 0)
        length = np.linalg.norm(first - second, axis=1)
        np.testing.assert_allclose(column(ruler, "length"), length, atol=2e-3)
        np.testing.assert_allclose(column(ruler, "strain"), 100 * (length / length[0] - 1), atol=0.02)
        assert column(ruler, "strain")[2] < -5
        assert ruler.problem == ""
        show_frame(results.browser, 2)
        assert ruler.node.GetPropertiesLabelText().strip().endswith(f"{length[2]:.2f}mm")

    def test_a_ruler_across_the_cavity_is_allowed_and_said(self, run):
        results, _, strain = run
        assert "does not end in the wall" in add_ruler(results, [world((15, 14, 2)), world(IN_WALL)], strain).problem


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


class TestChart:
    def test_every_curve_is_added_in_its_own_color(self, run):
        results, _, strain = run
        before = in_chart(results)
        probe, other = add_probe(results, world(IN_WALL), strain), add_probe(results, world((15, 6.5, 2)), strain)
        ruler = add_ruler(results, [world((15, 7, 2)), world((15, 21, 2))], strain)
        assert in_chart(results) == [*before, "Probe 1 Ecc (%)", "Probe 2 Ecc (%)", "Ruler 1 engineering strain (%)"]
        for measured, color in zip((probe, other, ruler), COLORS, strict=False):
            assert measured.series.GetColor() == pytest.approx(color)
            assert measured.node.GetDisplayNode().GetSelectedColor() == pytest.approx(color)
        assert probe.trajectory.GetDisplayNode().GetColor() == pytest.approx(COLORS[0])
        assert probe.series.GetMarkerStyle() != other.series.GetMarkerStyle()

    def test_the_curve_is_chosen_and_the_axis_says_what_it_shows(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        assert results.chart.GetYAxisTitle() == "Strain (%)"
        probe.show_curve("displacement")
        assert "Probe 1 displacement (mm)" in in_chart(results)
        assert results.chart.GetYAxisTitle() == "Strain (%), length (mm)"
        probe.show_curve("radial")
        assert results.chart.GetYAxisTitle() == "Strain (%)"
        assert probe.series.GetYColumnName() == "Probe 1 Err (%)"
        with pytest.raises(CardiacMotionError, match="no curve 'twist'; it has circumferential"):
            probe.show_curve("twist")

    def test_they_stay_when_other_curves_are_chosen(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        show_curves(results, strain, Curves(component="radial", regions="layers", measure="rate"))
        assert "Probe 1 Ecc (%)" in in_chart(results)
        probe.refresh()
        assert results.chart.GetYAxisTitle() == "Strain rate (1/s), strain (%)"

    def test_hidden_in_the_views_it_is_hidden_everywhere(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.node.SetDisplayVisibility(False)  # as the eye in the Markups or Data module does
        assert not probe.visible
        assert not probe.trajectory.GetDisplayVisibility()
        assert "Probe 1 Ecc (%)" not in in_chart(results)
        probe.visible = True
        assert probe.trajectory.GetDisplayVisibility()
        assert "Probe 1 Ecc (%)" in in_chart(results)

    def test_a_color_that_the_user_chose_is_taken_over(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.node.GetDisplayNode().SetSelectedColor(0.1, 0.9, 0.2)
        assert probe.series.GetColor() == pytest.approx((0.1, 0.9, 0.2))
        assert probe.trajectory.GetDisplayNode().GetColor() == pytest.approx((0.1, 0.9, 0.2))

    def test_a_run_without_strain_gets_a_chart_as_long_as_it_needs_one(self, scene, known):
        series, motion, _ = known["axial"]
        bare = series.replace(labels={})
        results = add_results(add_series(bare, "Cine")[0], bare, motion)
        before = node_names(scene)
        assert chart_of_points(results) is None
        probe = add_probe(results, world(IN_WALL, AFFINES["axial"]))
        ruler = add_ruler(results, [world((15, 7, 2), AFFINES["axial"]), world(IN_WALL, AFFINES["axial"])])
        assert in_chart(results) == ["Probe 1 displacement (mm)", "Ruler 1 engineering strain (%)"]
        assert chart_of_points(results).GetYAxisTitle() == "Strain (%), length (mm)"
        assert results.chart is None  # that is the chart of a strain
        ruler.remove()
        assert chart_of_points(results).GetYAxisTitle() == "Length (mm)"
        probe.remove()
        assert node_names(scene) == before

    def test_colors_are_apart_for_every_common_color_blindness(self):
        from CardiacMotionLib.scene.charts import SERIES_COLORS

        # Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia
        blind = np.array(
            [
                np.eye(3),
                [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
                [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
                [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
            ]
        )
        to_xyz = np.array([[0.434, 0.376, 0.190], [0.213, 0.715, 0.072], [0.018, 0.109, 0.873]])  # over white
        colors = np.array([*COLORS, *SERIES_COLORS.values()])
        linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
        x, y, z = np.cbrt(np.clip(np.einsum("xr,brc,nc->xbn", to_xyz, blind, linear), 0.0089, None))
        lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
        distance = np.linalg.norm(lab[:, :, None] - lab[:, None], axis=-1) + 100 * np.eye(len(colors))
        assert distance.min() > 9


class TestLimits:
    def test_outside_the_images_it_is_refused_in_words_and_nothing_stays(self, scene, run):
        results, _, strain = run
        before = node_names(scene)
        for add, places in ((add_probe, world(OUTSIDE)), (add_ruler, [world(IN_WALL), world((15, 14, 9))])):
            with pytest.raises(CardiacMotionError, match="outside the images of Cine; place it inside"):
                add(results, places, strain)
        with pytest.raises(CardiacMotionError, match="at the same place"):
            add_ruler(results, [world(IN_WALL), world(IN_WALL)], strain)
        with pytest.raises(CardiacMotionError, match="a ruler needs 2 positions"):
            add_ruler(results, world(IN_WALL), strain)
        assert node_names(scene) == before

    def test_the_outermost_voxels_are_inside(self, run):
        results, _, strain = run
        k, j, i = SHAPE
        for corner in ((0, 0, 0), (i - 1, j - 1, k - 1)):
            assert "outside the wall" in add_probe(results, world(corner), strain).problem

    def test_no_more_than_can_be_told_apart(self, scene, run):
        results, _, strain = run
        probes = [add_probe(results, world(IN_WALL), strain) for _ in range(MOST - 1)]
        add_ruler(results, [world(IN_WALL), world((15, 7, 2))], strain)
        before = node_names(scene)
        with pytest.raises(CardiacMotionError, match="has 8 probes and rulers, as many as can be told apart"):
            add_probe(results, world(IN_WALL), strain)
        assert node_names(scene) == before
        probes[2].remove()
        again = add_probe(results, world(IN_WALL), strain)
        assert again.name == "Probe 3"
        assert again.color == pytest.approx(COLORS[2])

    def test_what_is_being_placed_is_neither_saved_nor_found(self, run, tmp_path):
        results, *_ = run
        Probe.start(results)
        node = Ruler.start(results)
        displays = headless_scene().scene.GetNumberOfNodesByClass("vtkMRMLMarkupsDisplayNode")
        node.AddControlPointWorld(*world(IN_WALL))
        assert find_probes(results) == find_rulers(results) == []
        save_scene(tmp_path / "scene.mrb")
        scene = headless_scene(fresh=True).scene
        load_scene(tmp_path / "scene.mrb")
        assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0
        assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsDisplayNode") == displays - 2


class TestGoing:
    def test_removal_leaves_the_scene_as_it_was(self, scene, run):
        results, _, strain = run
        before, charted = node_names(scene), in_chart(results)
        made = [add_probe(results, world(IN_WALL), strain), add_ruler(results, [world((15, 7, 2)), world(IN_WALL)])]
        assert all(one.complete for one in made)
        for one in made:
            one.remove()
        assert node_names(scene) == before
        assert in_chart(results) == charted

    def test_what_the_user_deleted_can_still_be_removed_whole(self, scene, run):
        results, _, strain = run
        before = node_names(scene)
        probe = add_probe(results, world(IN_WALL), strain)
        scene.RemoveNode(probe.node)
        assert not probe.complete
        probe.remove()
        assert [name for name in node_names(scene) if "Display" not in name] == [
            name for name in before if "Display" not in name
        ]

    def test_they_go_with_their_run(self, scene, known):
        series, motion, strain = known["axial"]
        sequence, _ = add_series(series, "Cine")
        before = node_names(scene)
        results = add_results(sequence, series, motion, strain)
        add_probe(results, world(IN_WALL, AFFINES["axial"]), strain)
        add_ruler(results, [world((15, 7, 2), AFFINES["axial"]), world(IN_WALL, AFFINES["axial"])], strain)
        remove_results(results)
        assert node_names(scene) == before

    def test_they_are_filed_in_the_folder_of_the_run(self, scene, run):
        import slicer

        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        for node in (probe.node, probe.trajectory, probe.table, probe.series):
            assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == results.folder


class TestLoadedScenes:
    def test_they_come_back_alive(self, run, tmp_path):
        import slicer

        results, motion, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.show_curve("radial")
        radial = column(probe, "radial").copy()
        add_ruler(results, [world((15, 7, 2)), world((15, 21, 2))], strain).visible = False
        show_frame(results.browser, 2)
        save_scene(tmp_path / "scene.mrb")
        scene = headless_scene(fresh=True).scene
        load_scene(tmp_path / "scene.mrb")
        (loaded,) = find_results()
        before = node_names(scene)
        (found,), (ruler,) = find_probes(loaded, strain), find_rulers(loaded)
        assert node_names(scene) == before  # everything was there, nothing was made again
        assert (found.name, found.curve, found.color) == ("Probe 1", "radial", pytest.approx(COLORS[0], abs=0.01))
        assert ruler.color == pytest.approx(COLORS[1], abs=0.01)
        assert (found.visible, ruler.visible) == (True, False)
        np.testing.assert_allclose(found.points()[0], world(IN_WALL), atol=1e-3)
        np.testing.assert_allclose(column(found, "radial"), radial, atol=1e-3)
        assert "Probe 1 Err (%)" in in_chart(loaded)
        assert "Ruler 1 engineering strain (%)" not in in_chart(loaded)
        for frame in (0, 2):
            show_frame(loaded.browser, frame)
            np.testing.assert_allclose(shown_at(found.node), motion.track(world(IN_WALL)[None])[frame, 0], atol=5e-3)
        found.node.SetNthControlPointPosition(0, *world((15, 6.5, 2)))
        path = slicer.util.arrayFromModelPoints(found.trajectory)
        np.testing.assert_allclose(path[2], motion.track(world((15, 6.5, 2))[None])[2, 0], atol=5e-3)
        assert add_probe(loaded, world(IN_WALL)).name == "Probe 2"
        remove_results(loaded)
        assert find_results() == []

    def test_a_copy_that_the_user_made_is_not_taken_for_another(self, scene, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        copy = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Copy")
        copy.Copy(probe.node)
        assert [found.node for found in find_probes(results)] == [probe.node]
        scene.RemoveNode(copy)

    def test_what_is_missing_beside_a_markup_is_made_again(self, scene, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.stop()
        scene.RemoveNode(probe.table)
        scene.RemoveNode(probe.trajectory)
        (found,) = find_probes(results, strain)
        assert found.complete
        assert np.isfinite(column(found, "radial")).all()
        assert found.series.GetTableNode() is found.table


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


def test_probe_trajectory_and_ruler_are_drawn_in_a_slice(run, tmp_path):
    from PIL import Image

    from CardiacMotionLib.scene import render_slice

    def picture(name):
        path = render_slice(
            results, tmp_path / name, overlay=None, contours=False, frame=2, slice_index=2, size=(300, 300)
        )
        return np.asarray(Image.open(path).convert("RGB")).astype(int)

    results, _, strain = run
    bare = picture("bare.png")
    probe = add_probe(results, world(IN_WALL), strain)
    add_ruler(results, [world((15, 7, 2)), world((15, 21, 2))], strain)
    shown = picture("shown.png")
    near = {
        name: (np.abs(shown - np.array(COLORS[slot]) * 255).max(axis=-1) < 60).sum()
        for slot, name in enumerate(("probe", "ruler"))
    }
    assert near["probe"] > 20
    assert near["ruler"] > 60
    probe.node.SetDisplayVisibility(False)
    assert (np.abs(picture("hidden.png") - shown).max(axis=-1) > 60).sum() > 20
    assert not np.array_equal(bare, shown)

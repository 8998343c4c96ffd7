"""Probes and rulers are refused where they cannot be, go whole, and come back with their scene."""

import numpy as np
import pytest
from point_places import IN_WALL, OUTSIDE, column, in_chart, shown_at, world
from small_hearts import AFFINES, SHAPE, node_names

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import (
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
    show_frame,
)
from CardiacMotionLib.scene.headless import headless_scene
from CardiacMotionLib.scene.point_chart import COLORS, MOST
from CardiacMotionLib.scene.probes import Probe
from CardiacMotionLib.scene.rulers import Ruler


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

    def test_they_go_with_their_run(self, scene, hearts):
        series, motion, strain = hearts["axial"]
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

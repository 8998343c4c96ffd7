"""The RV insertions in the scene, and strain that follows them."""

import numpy as np
import pytest
from small_hearts import AFFINES, heart_motion, node_names

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import (
    add_results,
    add_series,
    find_results,
    load_scene,
    read_insertions,
    save_scene,
    show_frame,
    strain_update,
    update_strain,
)
from CardiacMotionLib.scene.insertions import NAMES, move_insertions, new_insertions, set_insertions
from CardiacMotionLib.scene.sequences import data_nodes


def turned(strain, degrees):
    """The insertions turned about the middle of the wall."""
    middle = (np.argwhere(strain.wall)[:, ::-1] @ strain.affine[:3, :3].T + strain.affine[:3, 3]).mean(axis=0)
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_rotvec(np.radians(degrees) * strain.axis).as_matrix()
    return (strain.rv_insertion - middle) @ turn.T + middle


class TestMarkups:
    def test_they_are_the_insertions_of_the_strain_named_and_draggable(self, run, known):
        node = run.insertions
        np.testing.assert_allclose(read_insertions(node), known[2].rv_insertion, atol=1e-4)
        assert tuple(node.GetNthControlPointLabel(number) for number in range(2)) == NAMES
        assert node.GetDisplayVisibility()
        assert not node.GetLocked()
        assert node.GetFixedNumberOfControlPoints()

    def test_they_move_with_the_heart_and_keep_the_coordinates_of_the_reference(self, run, known):
        _, motion, strain = known
        show_frame(run.browser, 2)
        world = np.zeros(3)
        for number, point in enumerate(strain.rv_insertion):
            run.insertions.GetNthControlPointPositionWorld(number, world)
            np.testing.assert_allclose(world, motion.track(point[None])[2, 0], atol=0.05)
        np.testing.assert_allclose(read_insertions(run.insertions), strain.rv_insertion, atol=1e-4)

    def test_a_drag_in_another_frame_means_the_tissue_under_the_mouse(self, run, known):
        _, motion, strain = known
        show_frame(run.browser, 2)
        tissue = strain.rv_insertion[0] + (2.0, 1.0, 0.0)
        run.insertions.SetNthControlPointPositionWorld(0, *motion.track(tissue[None])[2, 0])
        np.testing.assert_allclose(read_insertions(run.insertions)[0], tissue, atol=0.1)

    def test_they_are_read_when_both_are_placed(self, scene, run):
        node = new_insertions(run)
        assert not node.GetSaveWithScene()
        with pytest.raises(CardiacMotionError, match="0 of the 2 RV insertions are placed; click the anterior"):
            read_insertions(node)
        node.AddControlPoint(1.0, 2.0, 3.0)
        with pytest.raises(CardiacMotionError, match="1 of the 2 RV insertions is placed"):
            read_insertions(node)
        node.AddControlPoint(4.0, 5.0, 6.0)
        set_insertions(run, read_insertions(node))
        np.testing.assert_allclose(read_insertions(run.insertions), [[1, 2, 3], [4, 5, 6]])
        assert tuple(run.insertions.GetNthControlPointLabel(number) for number in range(2)) == NAMES

    def test_moving_keeps_the_points(self, run, known):
        there = known[2].rv_insertion + 1.0
        move_insertions(run.insertions, there)
        np.testing.assert_allclose(read_insertions(run.insertions), there, atol=1e-4)
        assert run.insertions.GetNumberOfControlPoints() == 2

    def test_a_saved_scene_brings_them_back_draggable(self, run, known, tmp_path):
        load_scene(save_scene(tmp_path / "run.mrb"))
        (found,) = find_results()
        np.testing.assert_allclose(read_insertions(found.insertions), known[2].rv_insertion, atol=1e-3)
        assert found.insertions.GetParentTransformNode() is found.proxy(found.motion_to_frame)
        assert not found.insertions.GetLocked()


class TestUpdate:
    def test_everything_that_depends_on_them_is_replaced_in_place(self, scene, run, known):
        import slicer

        series, motion, strain = known
        names, overlay = node_names(scene), slicer.util.arrayFromVolume(data_nodes(run.overlays["radial"])[2]).copy()
        chart, table, bullseye = run.chart.GetID(), run.tables["summary"].GetID(), run.bullseye.GetID()
        moved = CardiacMotionLib.strain(motion, series.labels[0], rv_insertion=turned(strain, 60.0), end_systole=1)
        assert (moved.segments != strain.segments).any()
        update_strain(run, series, motion, moved)
        assert node_names(scene) == names
        assert (run.chart.GetID(), run.tables["summary"].GetID(), run.bullseye.GetID()) == (chart, table, bullseye)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(data_nodes(run.segments)[0]), moved.segments)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(data_nodes(run.overlays["radial"])[2]), overlay)
        np.testing.assert_allclose(read_insertions(run.insertions), moved.rv_insertion, atol=1e-4)
        shown = slicer.util.dataframeFromTable(run.tables["summary"])
        np.testing.assert_allclose(shown["end_systolic"].astype(float), moved.summary["end_systolic"])
        cells = slicer.util.arrayFromModelCellData(run.bullseye, "Ecc (%)")
        segments = slicer.util.arrayFromModelCellData(run.bullseye, "AHA segment")
        rows = moved.summary.query("component == 'circumferential' and measure == 'green'").set_index("region")
        for segment in np.unique(segments):
            expected = 100 * rows.loc[str(segment), "end_systolic"]
            np.testing.assert_allclose(cells[segments == segment], expected, rtol=1e-5)
        label = run.segment_numbers.GetNthControlPointLabel(0)
        local = np.array(run.segment_numbers.GetNthControlPointPosition(0))
        i, j, k = np.round(np.linalg.inv(motion.affine)[:3, :3] @ (local - motion.affine[:3, 3])).astype(int)
        assert label == str(moved.segments[k, j, i])

    def test_placed_for_the_first_time_they_add_segments_and_bullseye(self, scene, known, tmp_path):
        series, motion, strain = known
        labels = np.where(series.labels[0] == 1, 0, series.labels[0])
        series = series.replace(labels={0: labels})
        sequence, _ = add_series(series, "Cine")
        results = add_results(sequence, series, motion, CardiacMotionLib.strain(motion, labels), name="Run")
        assert (results.segments, results.bullseye, results.insertions) == (None, None, None)
        given = CardiacMotionLib.strain(motion, labels, rv_insertion=strain.rv_insertion)
        update_strain(results, series, motion, given)
        assert results.bullseye.GetMesh().GetNumberOfCells() > 0
        np.testing.assert_allclose(read_insertions(results.insertions), strain.rv_insertion, atol=1e-4)
        load_scene(save_scene(tmp_path / "run.mrb"))
        (found,) = find_results()
        assert None not in (found.segments, found.segment_numbers, found.bullseye, found.insertions)
        assert found.folder == results.folder or found.folder > 0

    @pytest.mark.parametrize("failing", ["replace_curves", "segment_values", "strain_tables"])
    def test_a_failure_leaves_everything_as_it_was(self, scene, run, known, monkeypatch, failing):
        import slicer

        series, motion, strain = known
        moved = CardiacMotionLib.strain(motion, series.labels[0], rv_insertion=turned(strain, 60.0))

        def state():
            summary = slicer.util.dataframeFromTable(run.tables["summary"])["end_systolic"].tolist()
            segments = slicer.util.arrayFromVolume(data_nodes(run.segments)[0]).tolist()
            return node_names(scene), summary, segments, read_insertions(run.insertions).tolist()

        def fail(*_arguments, **_options):
            raise RuntimeError("no memory")

        before = state()
        monkeypatch.setattr(strain_update, failing, fail)
        with pytest.raises(RuntimeError, match="no memory"):
            update_strain(run, series, motion, moved)
        assert state() == before

    def test_a_strain_of_another_motion_is_refused(self, run, known):
        series, motion, _ = known
        other = heart_motion(AFFINES["oblique"], times=(0.0, 40.0, 80.0))
        with pytest.raises(CardiacMotionError, match="strain has 3 frames"):
            update_strain(run, series, motion, CardiacMotionLib.strain(other, series.labels[0]))

    def test_a_run_without_strain_is_refused(self, scene, known):
        series, motion, strain = known
        sequence, _ = add_series(series, "Cine")
        results = add_results(sequence, series, motion, name="Motion only")
        with pytest.raises(CardiacMotionError, match="'Motion only' has no strain to replace"):
            update_strain(results, series, motion, strain)

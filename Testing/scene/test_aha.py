"""AHA segments in the scene: over the moving wall, named, colored, and one of them outlined."""

import numpy as np
import pytest
from small_hearts import heart_labels, node_names

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import (
    Curves,
    add_results,
    add_series,
    end_highlight,
    find_results,
    hide_segments,
    highlight_segment,
    load_scene,
    remove_results,
    save_scene,
    show_curves,
    show_frame,
    show_segments,
    update_strain,
)
from CardiacMotionLib.scene.aha import segment_color
from CardiacMotionLib.scene.highlight import highlighted_segment
from CardiacMotionLib.scene.sequences import data_nodes
from CardiacMotionLib.strain.segments import SEGMENT_NAMES


def overlay(results):
    import slicer

    return np.stack([slicer.util.arrayFromVolume(node) for node in data_nodes(results.segments)])


def chart_columns(results):
    chart = results.chart
    return [chart.GetNthPlotSeriesNode(number).GetYColumnName() for number in range(chart.GetNumberOfPlotSeriesNodes())]


class TestOverlay:
    def test_it_lies_on_the_wall_of_every_frame_and_moves_with_it(self, run, known):
        _, motion, strain = known
        carried = overlay(run)
        np.testing.assert_array_equal(carried[0], strain.segments)
        rings = strain.segments.any(axis=(1, 2))
        for frame in range(1, len(motion)):
            wall = motion.warp_labels(heart_labels(), frame) == 2
            assert (carried[frame][~wall] == 0).all()
            assert (carried[frame][rings][wall[rings]] > 0).mean() > 0.95
        voxel = np.argwhere(strain.segments == 8)[10]
        point = motion.affine[:3, :3] @ voxel[::-1] + motion.affine[:3, 3]
        moved = motion.track(point[None])[2, 0]
        i, j, k = np.round(np.linalg.inv(motion.affine)[:3, :3] @ (moved - motion.affine[:3, 3])).astype(int)
        assert carried[2, k, j, i] == 8

    def test_the_data_probe_can_name_every_segment(self, run):
        colors = run.proxy(run.segments).GetDisplayNode().GetColorNode()
        for segment, name in SEGMENT_NAMES.items():
            assert colors.GetColorName(segment) == f"{segment} {name}"

    def test_neighbors_are_told_apart_without_red_and_green(self):
        """In the projection that protanopes and deuteranopes have left: lightness, and blue against yellow."""

        def seen(segment):
            red, green, blue = segment_color(segment)
            light = 0.35 * red + 0.65 * green  # one long-wave channel instead of two
            return np.array([light, blue])

        for ring in (range(1, 7), range(7, 13), range(13, 17)):
            ring = list(ring)
            for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
                assert np.linalg.norm(seen(one) - seen(other)) > 0.12, (one, other)

    def test_it_is_shown_above_the_strain_and_taken_away(self, scene, run):
        import slicer

        composite = scene.AddNode(slicer.vtkMRMLSliceCompositeNode())
        foreground = run.proxy(run.overlays["radial"]).GetID()
        composite.SetForegroundVolumeID(foreground)
        show_segments(run)
        assert composite.GetLabelVolumeID() == run.proxy(run.segments).GetID()
        assert composite.GetForegroundVolumeID() == foreground
        assert run.segment_numbers.GetDisplayVisibility()
        hide_segments(run)
        assert composite.GetLabelVolumeID() is None
        assert not run.segment_numbers.GetDisplayVisibility()
        own = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "The user's").GetID()
        composite.SetLabelVolumeID(own)
        hide_segments(run)
        assert composite.GetLabelVolumeID() == own

    def test_numbers_stand_in_their_segments_and_move_with_the_heart(self, run, known):
        _, motion, strain = known
        markups = run.segment_numbers
        assert markups.GetNumberOfControlPoints() > 10
        for number in range(markups.GetNumberOfControlPoints()):
            local = np.array(markups.GetNthControlPointPosition(number))
            i, j, k = np.round(np.linalg.inv(motion.affine)[:3, :3] @ (local - motion.affine[:3, 3])).astype(int)
            assert markups.GetNthControlPointLabel(number) == str(strain.segments[k, j, i])
        show_frame(run.browser, 2)
        world = np.zeros(3)
        markups.GetNthControlPointPositionWorld(0, world)
        local = np.array(markups.GetNthControlPointPosition(0))
        np.testing.assert_allclose(world, motion.track(local[None])[2, 0], atol=0.05)

    def test_without_insertions_there_is_nothing_to_show_and_the_error_says_what_to_do(self, scene, known):
        series, motion, _ = known
        labels = np.where(series.labels[0] == 1, 0, series.labels[0])
        series = series.replace(labels={0: labels})
        sequence, _ = add_series(series, "Cine")
        results = add_results(sequence, series, motion, CardiacMotionLib.strain(motion, labels))
        assert results.segments is None
        assert results.insertions is None
        with pytest.raises(CardiacMotionError, match="place the RV insertions"):
            show_segments(results)


class TestHighlight:
    def test_the_outline_is_the_wall_of_the_segment_and_the_curve_is_thick(self, run, known):
        import vtk

        series, _, strain = known
        show_curves(run, strain, Curves("circumferential", "green", "mid"))
        node = highlight_segment(run, 8, series.labels[0], strain)
        assert highlighted_segment(run) == 8
        inside = vtk.vtkSelectEnclosedPoints()
        inside.CheckSurfaceOn()
        inside.SetSurfaceData(node.GetMesh())
        points = vtk.vtkPoints()
        voxels = np.argwhere(strain.wall)
        for voxel in voxels:
            points.InsertNextPoint(*(strain.affine[:3, :3] @ voxel[::-1] + strain.affine[:3, 3]))
        cloud = vtk.vtkPolyData()
        cloud.SetPoints(points)
        inside.SetInputData(cloud)
        inside.Update()
        enclosed = np.array([inside.IsInside(number) for number in range(len(voxels))], bool)
        members = strain.segments[tuple(voxels.T)] == 8
        assert enclosed[members].mean() > 0.9
        assert enclosed[~members].mean() < 0.05
        widths = {one.GetAttribute("CardiacMotion.region"): one.GetLineWidth() for one in run.series[:-1]}
        assert widths.pop("8") > 2 * max(widths.values())
        end_highlight(run)
        assert highlighted_segment(run) is None
        assert len({one.GetLineWidth() for one in run.series[:-1]}) == 1

    def test_it_moves_with_the_heart_in_slice_and_3d_views(self, run, known):
        series, _, strain = known
        node = highlight_segment(run, 2, series.labels[0], strain)
        assert node.GetParentTransformNode() is run.proxy(run.motion_to_frame)
        assert node.GetDisplayNode().GetVisibility2D()

    def test_a_segment_without_wall_is_refused(self, scene, run, known):
        series, _, strain = known
        before = node_names(scene)
        with pytest.raises(CardiacMotionError, match="no wall belongs to AHA segment 17"):
            highlight_segment(run, 17, series.labels[0], strain)
        assert node_names(scene) == before

    def test_it_goes_with_the_run(self, scene, known):
        series, motion, strain = known
        sequence, _ = add_series(series, "Cine")
        before = node_names(scene)
        results = add_results(sequence, series, motion, strain)
        highlight_segment(results, 3, series.labels[0], strain)
        show_curves(results, strain, Curves("radial", "rate", "segments"))
        remove_results(results)
        assert node_names(scene) == before


class TestCurves:
    @pytest.mark.parametrize(
        ("chosen", "count", "first"),
        [
            (Curves(), 3, "Ecc global (%)"),
            (Curves("radial", "engineering", "layers"), 3, "Err endo (%)"),
            (Curves("circumferential", "green", "mid"), 6, "Ecc 7 mid anterior (%)"),
            (Curves("longitudinal", "rate", "basal"), 6, "Ell 1 basal anterior (1/s)"),
        ],
    )
    def test_the_chart_shows_what_was_chosen(self, run, known, chosen, count, first):
        import slicer

        _, _, strain = known
        show_curves(run, strain, chosen)
        assert chart_columns(run) == [*dict.fromkeys(chart_columns(run))]
        assert len(chart_columns(run)) == count + 1
        assert chart_columns(run)[0] == first
        assert chart_columns(run)[-1] == "Current frame"
        region = run.series[0].GetAttribute("CardiacMotion.region")
        component = "circumferential" if chosen.component == "all" else chosen.component
        table, column = (strain.rates, "rate_per_s") if chosen.measure == "rate" else (strain.curves, chosen.measure)
        expected = table[(table.component == component) & (table.region == region)][column].to_numpy()
        shown = slicer.util.arrayFromTableColumn(run.tables["chart"], first)
        np.testing.assert_allclose(shown, expected * (1 if chosen.measure == "rate" else 100), rtol=1e-6)
        assert ("1/s" in run.chart.GetYAxisTitle()) == (chosen.measure == "rate")

    def test_the_marker_goes_on_following_and_spans_the_curves(self, run, known):
        import slicer

        _, motion, strain = known
        show_curves(run, strain, Curves("radial", "engineering", "mid"))
        run.browser.SetSelectedItemNumber(3)
        marker = run.tables["time_marker"]
        np.testing.assert_allclose(slicer.util.arrayFromTableColumn(marker, "Time (ms)"), motion.times[3])
        columns = chart_columns(run)[:-1]
        values = np.stack([slicer.util.arrayFromTableColumn(run.tables["chart"], one) for one in columns])
        assert slicer.util.arrayFromTableColumn(marker, "Current frame").tolist() == [values.min(), values.max()]

    def test_what_others_put_into_the_chart_stays(self, scene, run, known):
        probe = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "Probe")
        run.chart.AddAndObservePlotSeriesNodeID(probe.GetID())
        show_curves(run, known[2], Curves("radial", "green", "layers"))
        assert run.chart.HasPlotSeriesNodeID(probe.GetID())

    @pytest.mark.parametrize(
        ("chosen", "message"),
        [
            (Curves("shear"), "no component 'shear'; it has circumferential, radial, longitudinal"),
            (Curves("all", "green", "mid"), "over the whole wall only"),
        ],
    )
    def test_what_cannot_be_shown_is_refused_and_the_chart_stays(self, scene, run, known, chosen, message):
        before, columns = node_names(scene), chart_columns(run)
        with pytest.raises(CardiacMotionError, match=message):
            show_curves(run, known[2], chosen)
        assert node_names(scene) == before
        assert chart_columns(run) == columns

    def test_an_unknown_measure_is_refused(self):
        with pytest.raises(CardiacMotionError, match="use one of green, engineering, rate"):
            Curves(measure="natural")


def test_a_saved_scene_brings_all_of_it_back(run, known, tmp_path):
    series, motion, strain = known
    show_curves(run, strain, Curves("radial", "engineering", "apical"))
    highlight_segment(run, 14, series.labels[0], strain)
    segments, columns = overlay(run), chart_columns(run)
    load_scene(save_scene(tmp_path / "run.mrb"))
    (found,) = find_results()
    np.testing.assert_array_equal(overlay(found), segments)
    assert chart_columns(found) == columns
    assert highlighted_segment(found) == 14
    colors = found.proxy(found.segments).GetDisplayNode().GetColorNode()
    assert colors.GetColorName(16) == "16 apical lateral"
    moved = CardiacMotionLib.strain(motion, series.labels[0], layers=5)
    update_strain(found, series, motion, moved)
    assert found.highlight.GetDisplayVisibility()

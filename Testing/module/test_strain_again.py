"""What follows in the Strain section when a setting changes, an insertion is dragged or a scene is loaded."""

import numpy as np
import pytest
from entries import choose
from strain_section import chart_columns, click, drag, settle, turned_offset

from CardiacMotionLib import CardiacMotionError


class TestAgain:
    def test_a_dragged_insertion_changes_segments_and_everything_that_shows_them(self, slicer, section):
        results, before = section.session.current, section.session.outcome.strain
        chart, title = results.chart.GetID(), section.ui.bullseyeLabel.toolTip
        drag(section, 0, turned_offset(section, 0))
        settle(slicer, section)
        after = section.session.outcome.strain
        assert "computed again" in section.ui.strainStatusLabel.text
        assert (after.segments != before.segments).any()
        np.testing.assert_allclose(after.rv_insertion[1], before.rv_insertion[1], atol=1e-3)
        assert results.chart.GetID() == chart
        assert section.ui.bullseyeLabel.toolTip != title
        shown = slicer.util.arrayFromVolume(results.segments.GetNthDataNode(0))
        np.testing.assert_array_equal(shown, after.segments)
        assert not section.ui.updateStrainButton.enabled

    def test_a_drag_far_from_the_wall_is_refused_and_put_back(self, slicer, section):
        from CardiacMotionLib.scene import read_insertions

        before = section.session.outcome
        drag(section, 1, (0.0, 0.0, 500.0))
        settle(slicer, section)
        assert "from the LV wall" in section.ui.strainStatusLabel.text
        assert section.session.outcome is before
        np.testing.assert_allclose(
            read_insertions(section.session.current.insertions), before.strain.rv_insertion, atol=1e-3
        )

    def test_two_clicks_place_them_where_the_rv_is_not_labeled(self, slicer, panel, known):
        from CardiacMotionLib.pipeline import analyze
        from CardiacMotionLib.scene import add_results, add_series

        series, motion = known
        there = analyze(series, motion).strain.rv_insertion
        labels = np.where(series.labels[0] == 1, 0, series.labels[0])
        outcome = analyze(series.replace(labels={0: labels}, meta={}), motion)
        cine, _browser = add_series(series, "Cine")
        panel.session.take(outcome, add_results(cine, outcome.series, motion, outcome.strain))
        section, ui = panel.strain, panel.strain.ui
        assert "place them with two clicks" in ui.flagsLabel.text
        assert not ui.showSegmentsCheckBox.enabled
        ui.placeInsertionsButton.click()
        assert ui.placeInsertionsButton.text == "Stop placing"
        assert "Click the anterior" in ui.strainStatusLabel.text
        selection = slicer.app.applicationLogic().GetSelectionNode()
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        assert interaction.GetCurrentInteractionMode() == interaction.Place
        assert interaction.GetPlaceModePersistence()  # the first click does not end it
        node = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
        for point in there:
            node.AddControlPoint(*point)
            slicer.app.processEvents()
        assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
        assert not slicer.mrmlScene.IsNodePresent(node)
        settle(slicer, section)
        assert ui.placeInsertionsButton.text == "Place RV insertions"
        assert ui.showSegmentsCheckBox.enabled
        assert "place them with two clicks" not in ui.flagsLabel.text
        click(section, 8)
        assert panel.session.current.highlight is not None

    def test_placing_can_be_given_up(self, slicer, section):
        from CardiacMotionLib.scene import read_insertions

        there = section.session.outcome.strain.rv_insertion
        present = slicer.mrmlScene.GetNumberOfNodes()
        section.ui.placeInsertionsButton.click()
        assert slicer.mrmlScene.GetNumberOfNodes() > present
        section.ui.placeInsertionsButton.click()
        assert slicer.mrmlScene.GetNumberOfNodes() == present
        assert section.ui.strainStatusLabel.text == ""
        np.testing.assert_allclose(read_insertions(section.session.current.insertions), there, atol=1e-3)
        settle(slicer, section)
        assert section.session.outcome.strain.rv_insertion is there

    def test_layers_drift_and_end_systole_are_computed_at_once(self, slicer, section):
        section.ui.strainLayersSpinBox.value = 5
        section.ui.driftCorrectionCheckBox.click()
        section.ui.strainEndSystoleSpinBox.value = 1
        settle(slicer, section)
        strain = section.session.outcome.strain
        assert (len(strain.layer_names), strain.drift_corrected, strain.end_systole) == (5, True, 1)
        assert "Drift correction is on" in section.ui.flagsLabel.text
        choose(section.ui.curveComponentComboBox, "radial")
        choose(section.ui.curveRegionsComboBox, "layers")
        assert len(chart_columns(section.session.current)) == 6
        section.ui.strainEndSystoleSpinBox.value = -1
        settle(slicer, section)
        assert section.session.outcome.strain.end_systole == strain.smallest_cavity

    def test_drift_of_half_a_cycle_is_left_out_and_said_once(self, slicer, panel, known):
        """The box stays as the user set it, strain stays, and nothing is computed for ever."""
        from CardiacMotionLib import ImageSeries, Motion
        from CardiacMotionLib.pipeline import analyze
        from CardiacMotionLib.scene import add_results, add_series

        series, motion = known
        last = 3  # frames: until the cavity is smallest, or nearly
        series = ImageSeries(series.frames[:last], series.affine, series.times[:last], series.labels)
        motion = Motion(motion.displacement[:last], motion.affine, 0, motion.times[:last])
        outcome = analyze(series, motion)
        cine, _browser = add_series(series, "Systole")
        panel.session.take(outcome, add_results(cine, series, motion, outcome.strain, name="Run"))
        section = panel.strain
        before = outcome.strain.function["GCS_percent"]
        section.ui.driftCorrectionCheckBox.click()
        settle(slicer, section)
        strain = section.session.outcome.strain
        assert (strain.drift_corrected, strain.function["GCS_percent"]) == (False, before)
        assert "Drift was not corrected" in section.ui.flagsLabel.text
        assert section.ui.driftCorrectionCheckBox.checked
        assert not section.settings.changed()
        section.ui.driftCorrectionCheckBox.click()
        settle(slicer, section)
        assert "Drift was not corrected" not in section.ui.flagsLabel.text

    def test_a_frame_that_does_not_exist_is_answered_in_one_line(self, slicer, section):
        before = section.session.outcome
        section.ui.strainEndSystoleSpinBox.value = 77
        settle(slicer, section)
        assert "77" in section.ui.strainStatusLabel.text
        assert section.session.outcome is before

    def test_a_result_that_was_removed_meanwhile_is_left_alone(self, slicer, section):
        made = section.settings.prepare()(lambda fraction, text: True)
        section.session.remove(section.session.current)
        with pytest.raises(CardiacMotionError, match="was removed while"):
            section.settings.finish(made)

    def test_the_highlighted_segment_follows_the_new_segments(self, slicer, section):
        from CardiacMotionLib.scene.highlight import highlighted_segment

        click(section, 2)
        before = np.array(section.session.current.highlight.GetMesh().GetBounds())
        drag(section, 0, turned_offset(section, 0))
        settle(slicer, section)
        assert highlighted_segment(section.session.current) == 2
        assert np.abs(np.array(section.session.current.highlight.GetMesh().GetBounds()) - before).max() > 1.0


class TestScenes:
    def test_a_loaded_scene_shows_its_numbers_and_can_be_worked_with(self, slicer, panel, section, tmp_path):
        from CardiacMotionLib.scene.highlight import highlighted_segment

        section.ui.driftCorrectionCheckBox.click()
        settle(slicer, section)
        choose(section.ui.bullseyeComponentComboBox, "radial")
        choose(section.ui.curveComponentComboBox, "radial")
        choose(section.ui.curveRegionsComboBox, "mid")
        click(section, 9)
        numbers, tip = section.ui.functionLabel.text, section.ui.bullseyeLabel.toolTip
        path = tmp_path / "scene.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert section.ui.qualityLabel.text == "Nothing computed yet."
        assert not section.ui.segmentComboBox.enabled
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        assert "Loaded with the scene" in section.ui.qualityLabel.text
        assert section.ui.functionLabel.text == numbers
        assert section.ui.bullseyeLabel.toolTip == tip
        assert section.ui.segmentComboBox.currentIndex == 9
        assert section.ui.curveRegionsComboBox.currentIndex == 2
        assert section.session.outcome is None
        click(section, 10)
        assert section.session.outcome.strain.drift_corrected
        assert highlighted_segment(section.session.current) == 10
        assert "Drift correction is on" in section.ui.flagsLabel.text
        drag(section, 0, turned_offset(section, 0))
        settle(slicer, section)
        assert "computed again" in section.ui.strainStatusLabel.text

    def test_a_drag_right_after_loading_is_followed(self, slicer, section, tmp_path):
        offset = turned_offset(section, 0)
        path = tmp_path / "scene.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        drag(section, 0, offset)
        settle(slicer, section)
        assert "computed again" in section.ui.strainStatusLabel.text

    def test_a_scene_that_closes_takes_the_work_with_it(self, slicer, section):
        section.ui.strainLayersSpinBox.value = 2
        section.settings.onSettled()
        assert section.settings.run.running
        slicer.mrmlScene.Clear()
        settle(slicer, section)
        assert section.session.jobs == 0
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 0

    def test_another_result_takes_its_segments_and_insertions_with_it(self, slicer, section):
        from CardiacMotionLib.scene import add_results

        first, outcome = section.session.current, section.session.outcome
        section.ui.showSegmentsCheckBox.click()
        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        second = add_results(first.cine, outcome.series, outcome.motion, outcome.strain, name="Second")
        section.session.take(outcome, second)
        assert composite.GetLabelVolumeID() == second.proxy(second.segments).GetID()
        assert not first.insertions.GetDisplayVisibility()
        assert second.insertions.GetDisplayVisibility()

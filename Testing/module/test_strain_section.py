"""The Strain section: numbers, quality, curves, the bullseye that is clicked, insertions that are dragged."""

import time

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, phantom

SMALL = {"frames": 5, "slices": 6, "rows": 40, "columns": 40, "pixel_mm": 3.4, "thickness_mm": 13.0}


@pytest.fixture(scope="module")
def known():
    """(series with the labels of frame 0, exact motion) of a small heart."""
    subject = phantom("cine", 3, **SMALL)
    return subject.series.replace(labels={0: subject.series.labels[0]}), subject.motion


@pytest.fixture
def section(slicer, panel, known):
    """The section of a panel that has just computed a strain."""
    from CardiacMotionLib.pipeline import analyze
    from CardiacMotionLib.scene import add_results, add_series

    series, motion = known
    outcome = analyze(series, motion)
    cine, _browser = add_series(series, "Cine")
    panel.session.take(outcome, add_results(cine, outcome.series, motion, outcome.strain, name="Run"))
    return panel.strain


def click(section, segment):
    """Press the left button in the middle of a segment of the bullseye, as a mouse does."""
    import qt
    from CardiacMotionPanels.bullseye import CENTER_X, CENTER_Y, RADIUS

    from CardiacMotionLib.scene.bullseye import segment_sector

    inner, outer, start, end = segment_sector(segment)
    angle, radius = np.radians((start + end) / 2), RADIUS * (inner + outer) / 2
    press_at(section, CENTER_X + radius * np.cos(angle), CENTER_Y - radius * np.sin(angle), qt)


def press_at(section, x, y, qt):
    place = qt.QPointF(x, y)
    left = qt.Qt.LeftButton
    event = qt.QMouseEvent(qt.QEvent.MouseButtonPress, place, place, left, left, qt.Qt.NoModifier)
    qt.QApplication.sendEvent(section.ui.bullseyeLabel, event)


def choose(combo, value):
    """Select an entry as a user does."""
    combo.setCurrentIndex(combo.findData(value))


def settle(slicer, section, seconds=60.0):
    """Let events run until the section has nothing left to do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        slicer.app.processEvents()
        if not section.settings.run.running and not section.settings.timer.active:
            return
        time.sleep(0.005)
    raise AssertionError("the section did not settle")


def chart_columns(results):
    chart = results.chart
    return [chart.GetNthPlotSeriesNode(number).GetYColumnName() for number in range(chart.GetNumberOfPlotSeriesNodes())]


def drag(section, number, offset):
    """Drag an insertion in a view: it moves, then the interaction ends."""
    node = section.session.current.insertions
    node.SetNthControlPointPosition(number, *(np.array(node.GetNthControlPointPosition(number)) + offset))
    node.InvokeEvent(node.PointEndInteractionEvent)


def turned_offset(section, number):
    """From one insertion to where it is after a turn of 40 degrees about the middle of the wall."""
    from scipy.spatial.transform import Rotation

    strain = section.session.outcome.strain
    middle = np.argwhere(strain.wall)[:, ::-1].mean(axis=0) @ strain.affine[:3, :3].T + strain.affine[:3, 3]
    arm = strain.rv_insertion[number] - middle
    return Rotation.from_rotvec(np.radians(40.0) * strain.axis).apply(arm) - arm


class TestWords:
    def test_nothing_computed_shows_nothing_and_locks_everything(self, panel):
        ui = panel.strain.ui
        assert ui.qualityLabel.text == "Nothing computed yet."
        assert not ui.updateStrainButton.enabled
        assert "no strain yet" in ui.updateStrainButton.toolTip
        assert not ui.segmentComboBox.enabled
        assert not ui.curveComponentComboBox.enabled

    def test_headline_numbers_have_their_unit_and_measure(self, section):
        text = section.ui.functionLabel.text
        function = section.session.outcome.strain.function
        assert "Ejection fraction (EF)" in text
        assert f"{function['EF_percent']:.1f}" in text
        assert "Global circumferential strain (GCS) at ES, engineering" in text
        assert "Torsion at ES" in text
        assert "deg/cm" in text
        assert "not a medical device" in text

    def test_flags_say_what_limits_the_numbers(self, section):
        text = section.ui.flagsLabel.text
        assert "<b>Caution:</b> 5 frames a cycle" in text

    def test_every_widget_the_user_can_touch_explains_itself(self, section):
        import qt

        kinds = ("QComboBox", "QPushButton", "QCheckBox", "QSpinBox", "QLabel")
        silent = [
            widget.name
            for widget in section.widget.findChildren(qt.QWidget)
            if type(widget).__name__ in kinds[:4] and widget.name and not widget.toolTip and "qt_" not in widget.name
        ]
        assert silent == []


class TestCurves:
    def test_the_chart_shows_what_is_chosen(self, slicer, section):
        results = section.session.current
        choose(section.ui.curveComponentComboBox, "radial")
        choose(section.ui.curveRegionsComboBox, "layers")
        choose(section.ui.strainMeasureComboBox, "engineering")
        assert chart_columns(results)[:3] == ["Err endo (%)", "Err mid (%)", "Err epi (%)"]
        assert "engineering" in results.chart.GetTitle()
        choose(section.ui.curveQuantityComboBox, "rate")
        assert chart_columns(results)[0] == "Err endo (1/s)"
        selection = slicer.app.applicationLogic().GetSelectionNode()
        assert selection.GetActivePlotChartID() == results.chart.GetID()

    def test_all_components_are_of_the_whole_wall(self, section):
        choose(section.ui.curveComponentComboBox, "radial")
        choose(section.ui.curveRegionsComboBox, "mid")
        assert len(chart_columns(section.session.current)) == 7
        choose(section.ui.curveComponentComboBox, "all")
        assert not section.ui.curveRegionsComboBox.enabled
        assert chart_columns(section.session.current)[0] == "Ecc global (%)"

    def test_a_new_result_shows_the_curves_that_were_chosen(self, section, known):
        from CardiacMotionLib.scene import add_results

        choose(section.ui.curveComponentComboBox, "circumferential")
        choose(section.ui.curveRegionsComboBox, "basal")
        outcome = section.session.outcome
        cine = section.session.current.cine
        second = add_results(cine, outcome.series, outcome.motion, outcome.strain, name="Second")
        section.session.take(outcome, second)
        assert chart_columns(second)[0] == "Ecc 1 basal anterior (%)"


class TestBullseye:
    def test_a_click_lets_the_segment_stand_out_and_another_lets_it_go(self, section):
        from CardiacMotionLib.scene.highlight import highlighted_segment

        results = section.session.current
        click(section, 8)
        assert highlighted_segment(results) == 8
        assert results.highlight.GetDisplayVisibility()
        assert results.highlight.GetMesh().GetNumberOfPoints() > 50
        assert "Ecc 8 mid anteroseptal (%)" in chart_columns(results)
        widths = {one.GetAttribute("CardiacMotion.region"): one.GetLineWidth() for one in results.series[:-1]}
        assert widths.pop("8") > max(widths.values())
        assert section.ui.segmentComboBox.currentIndex == 8
        click(section, 8)
        assert highlighted_segment(results) is None
        assert section.ui.segmentComboBox.currentIndex == 0

    def test_a_click_beside_the_segments_does_nothing(self, section):
        import qt
        from CardiacMotionPanels.bullseye import CENTER_X, CENTER_Y

        for place in ((CENTER_X, CENTER_Y), (2, 2)):
            press_at(section, *place, qt)
        assert section.session.current.highlight is None

    def test_the_combo_box_does_the_same_from_the_keyboard(self, section):
        from CardiacMotionLib.scene.highlight import highlighted_segment

        section.ui.segmentComboBox.setCurrentIndex(13)
        assert highlighted_segment(section.session.current) == 13
        assert "Ecc 13 apical anterior (%)" in chart_columns(section.session.current)
        section.ui.segmentComboBox.setCurrentIndex(2)
        assert highlighted_segment(section.session.current) == 2

    def test_every_value_has_a_title_with_measure_and_unit(self, section):
        ui = section.ui
        for value, words in (
            ("end_systolic", "Ecc, at end-systole (%), Green-Lagrange strain"),
            ("time_to_peak_ms", "Ecc, time to peak (ms), Green-Lagrange strain"),
            ("post_systolic_index", "Ecc, post-systolic index (%), Green-Lagrange strain"),
        ):
            choose(ui.bullseyeValueComboBox, value)
            assert ui.bullseyeTitleLabel.text == words
        choose(ui.bullseyeComponentComboBox, "longitudinal")
        choose(ui.bullseyeValueComboBox, "peak")
        choose(ui.strainMeasureComboBox, "engineering")
        assert ui.bullseyeTitleLabel.text == "Ell, peak (%), engineering strain"
        rows = section.session.outcome.strain.summary
        row = rows[(rows.component == "longitudinal") & (rows.measure == "engineering") & (rows.region == "9")]
        assert f"9 mid inferoseptal: {100 * row['peak'].iloc[0]:.1f} %" in ui.bullseyeLabel.toolTip

    def test_the_picture_has_the_color_of_the_value(self, section):
        from CardiacMotionPanels.bullseye import CENTER_X, CENTER_Y, RADIUS

        from CardiacMotionLib.scene.bullseye_view import bullseye_view

        view = bullseye_view(section.session.outcome.strain.summary, "circumferential", "end_systolic", "green")
        image = section.ui.bullseyeLabel.pixmap.toImage()
        color = image.pixelColor(
            round(CENTER_X + 0.94 * RADIUS * np.cos(np.radians(75))),
            round(CENTER_Y - 0.94 * RADIUS * np.sin(np.radians(75))),
        )
        expected = [round(255 * channel) for channel in view.cell_color(1)]
        np.testing.assert_allclose([color.red(), color.green(), color.blue()], expected, atol=2)


class TestSegments:
    def test_the_overlay_comes_and_goes_with_its_box(self, slicer, section):
        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        section.ui.showSegmentsCheckBox.click()
        results = section.session.current
        assert composite.GetLabelVolumeID() == results.proxy(results.segments).GetID()
        section.ui.showSegmentsCheckBox.click()
        assert composite.GetLabelVolumeID() is None

    def test_insertions_are_shown_only_where_wanted(self, section):
        insertions = section.session.current.insertions
        assert insertions.GetDisplayVisibility()
        section.ui.showInsertionsCheckBox.click()
        assert not insertions.GetDisplayVisibility()


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

"""What the Strain section shows: numbers, quality, curves, and the bullseye that is clicked."""

import numpy as np
from entries import choose
from strain_section import chart_columns, click, press_at


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

"""The Study section as a user works with it: a real scene, stand-ins for the widgets."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from finished import take_motion

from CardiacMotionLib import ImageSeries, phantom

SMALL = {"frames": 4, "slices": 4, "rows": 32, "columns": 32, "pixel_mm": 4.2, "thickness_mm": 18.0}


@pytest.fixture(scope="module")
def beating():
    """A small heart with labels in every frame."""
    return phantom("cine", 3, **SMALL).series


@pytest.fixture
def series(beating):
    """The same, labeled in the first frame only."""
    return beating.replace(labels={0: beating.labels[0]})


@pytest.fixture
def study(panel):
    return panel.study


@pytest.fixture
def parameters(panel):
    return panel.logic.getParameterNode()


def put_in_scene(parameters, series, name="Cine"):
    """(cine, segmentation) added and selected."""
    from CardiacMotionLib.scene import add_study

    cine, segmentation = add_study(series, name)
    parameters.cine, parameters.segmentation = cine, segmentation
    return cine, segmentation


def renamed(segmentation, *names):
    content = segmentation.GetSegmentation()
    for number, name in enumerate(names):
        content.GetNthSegment(number).SetName(name)


def choose(combo, text):
    """Pick an entry by its text, as with the mouse."""
    combo.setCurrentIndex([combo.itemText(n) for n in range(combo.count)].index(text))


def shown_frame(cine):
    from CardiacMotionLib.scene.sequences import find_browser

    return find_browser(cine).GetSelectedItemNumber()


class TestSample:
    def test_one_click_gives_a_study_that_is_ready(self, slicer, panel, study, parameters):
        study.ui.loadSampleButton.click()
        assert parameters.cine.GetName() == "Sample cine"
        assert parameters.segmentation is not None
        assert study.ui.cineInfoLabel.text.startswith("20 frames of ")
        assert panel.motion.ui.applyButton.enabled
        text = study.ui.studyChecksLabel.text
        assert "20 frames over 712 ms, 12 slices 10.0 mm apart" in text
        assert "No right ventricle" not in text  # its insertions are known
        assert study.ui.referenceFoundLabel.text == "automatic: 0"
        assert study.ui.volumeLabel.text == "LV volume 196 mL in frame 0."

    def test_insertions_reach_the_run(self, study, parameters):
        from CardiacMotionPanels import analysis

        from CardiacMotionLib.io import sample_series

        study.ui.loadSampleButton.click()
        request = analysis.prepareFrom(parameters, {})
        np.testing.assert_allclose(request.series.meta["rv_insertion"], sample_series().meta["rv_insertion"])

    def test_sample_data_module_offers_it(self, slicer, panel, monkeypatch):
        import sample_data as stand_in
        from CardiacMotionPanels import sample_data

        monkeypatch.setitem(sys.modules, "SampleData", stand_in)
        monkeypatch.delattr(slicer.modules, "sampleDataSources", raising=False)
        assert sample_data.registerSampleData in slicer.app.at_startup
        sample_data.registerSampleData()
        (source,) = slicer.modules.sampleDataSources["Cardiac"]
        assert Path(source.thumbnailFileName).is_file()
        cine, segmentation = source.customDownloader(source)
        assert cine.GetNumberOfDataNodes() == 20
        assert segmentation.GetSegmentation().GetNumberOfSegments() == 3

    def test_an_application_without_sample_data_starts_too(self, slicer, panel, monkeypatch):
        from CardiacMotionPanels import sample_data

        monkeypatch.setitem(sys.modules, "SampleData", None)
        sample_data.registerSampleData()


class TestCine:
    def test_a_4d_volume_is_offered_to_be_made_a_cine(self, slicer, panel, study, parameters, series):
        values = np.moveaxis(series.frames, 0, -1).copy()
        volume = slicer.util.addVolumeFromArray(values, series.affine, "Beating", "vtkMRMLVectorVolumeNode")
        study.ui.cineSelector.setCurrentNode(volume)
        assert "holds 4 frames" in study.ui.cineInfoLabel.text
        assert not study.ui.makeSequenceButton.isHidden()
        assert not panel.motion.ui.applyButton.enabled
        study.ui.makeSequenceButton.click()
        assert parameters.cine.GetNumberOfDataNodes() == 4
        assert study.ui.cineSelector.currentNode() is parameters.cine
        assert study.ui.makeSequenceButton.isHidden()
        assert panel.motion.ui.applyButton.enabled

    def test_a_file_is_opened_with_its_labels(self, study, parameters, series, tmp_path, monkeypatch):
        import qt

        from CardiacMotionLib.io import write_labels, write_series

        path = write_series(series, tmp_path / "patient.nii.gz")
        write_labels(series, tmp_path, name="patient")
        monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *_: str(path))
        parameters.endSystole = 3
        study.ui.openCineFileButton.click()
        assert parameters.cine.GetName() == "patient"
        assert parameters.segmentation is not None
        assert parameters.endSystole == -1  # it was another study's

    def test_a_folder_that_holds_nothing_is_told(self, slicer, study, parameters, tmp_path, monkeypatch, caplog):
        import qt

        monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        study.ui.openCineFolderButton.click()
        assert "the folder is empty" in caplog.text
        assert parameters.cine is None
        assert slicer.mrmlScene.GetNumberOfNodes() == nodes

    def test_a_dialog_that_is_closed_changes_nothing(self, study, parameters, monkeypatch):
        import qt

        monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *_: "")
        study.ui.openCineFileButton.click()
        assert parameters.cine is None


class TestSegments:
    def test_found_by_name_and_counted(self, study, parameters, series):
        put_in_scene(parameters, series)
        assert study.ui.wallSegmentComboBox.currentText == "automatic: LV myocardium"
        wall = np.count_nonzero(series.labels[0] == 2)
        assert f"LV myocardium: 4 slices, {wall} voxels" in study.ui.structuresLabel.text

    def test_names_that_say_nothing_are_mapped_by_hand(self, panel, study, parameters, series):
        from CardiacMotionPanels import analysis

        _, segmentation = put_in_scene(parameters, series)
        renamed(segmentation, "a", "b", "c")
        panel.session.changed()
        assert "looks like the LV myocardium" in study.ui.studyChecksLabel.text
        assert "by hand" in study.ui.studyChecksLabel.text
        assert study.ui.wallSegmentComboBox.currentText == "automatic: not found"
        choose(study.ui.wallSegmentComboBox, "b")
        choose(study.ui.cavitySegmentComboBox, "c")
        assert "looks like" not in study.ui.studyChecksLabel.text
        read = analysis.prepareFrom(parameters, {}).series.labels[0]
        np.testing.assert_array_equal(read, np.where(series.labels[0] == 1, 0, series.labels[0]))

    def test_none_leaves_a_structure_out(self, study, parameters, series):
        from CardiacMotionPanels import analysis

        put_in_scene(parameters, series)
        choose(study.ui.rvSegmentComboBox, "none")
        assert not (analysis.prepareFrom(parameters, {}).series.labels[0] == 1).any()
        choose(study.ui.rvSegmentComboBox, "automatic")
        assert (analysis.prepareFrom(parameters, {}).series.labels[0] == 1).any()

    def test_what_was_chosen_is_of_that_segmentation_only(self, panel, study, parameters, series):
        from CardiacMotionLib.scene import add_labels

        put_in_scene(parameters, series)
        choose(study.ui.rvSegmentComboBox, "none")
        parameters.segmentation = add_labels(series, "Another")
        assert study.ui.rvSegmentComboBox.currentText == "automatic: RV"

    def test_one_segment_for_two_structures_is_told(self, study, parameters, series):
        put_in_scene(parameters, series)
        choose(study.ui.rvSegmentComboBox, "LV cavity")
        choose(study.ui.cavitySegmentComboBox, "LV cavity")
        assert "chosen for" in study.ui.studyChecksLabel.text

    def test_preview_draws_our_colors_and_gives_the_own_ones_back(self, study, parameters, series):
        from CardiacMotionLib.io.write import LABEL_COLORS

        _, segmentation = put_in_scene(parameters, series)
        display = segmentation.GetDisplayNode()
        display.SetVisibility2DFill(True)
        display.SetSegmentVisibility("RV", False)
        study.ui.previewSegmentsButton.click()
        assert display.GetSegmentOverrideColor("LV_myocardium") == pytest.approx(LABEL_COLORS[2])
        assert display.GetSegmentVisibility("RV")
        assert not display.GetVisibility2DFill()
        choose(study.ui.rvSegmentComboBox, "none")
        assert not display.GetSegmentVisibility("RV")  # the preview follows
        study.ui.previewSegmentsButton.click()
        assert display.GetSegmentOverrideColor("LV_myocardium") == pytest.approx([-1, -1, -1])
        assert display.GetVisibility2DFill()
        assert not display.GetSegmentVisibility("RV")

    def test_preview_goes_to_the_segmented_frame_and_ends_with_the_segmentation(self, study, parameters, beating):
        cine, _ = put_in_scene(parameters, beating.replace(labels={2: beating.labels[2]}))
        study.ui.previewSegmentsButton.click()
        assert shown_frame(cine) == 2
        parameters.segmentation = None
        assert not study.ui.previewSegmentsButton.checked
        assert not study.segments.preview.shown

    def test_an_edit_is_seen_when_the_user_comes_back(self, panel, study, parameters, series):
        from CardiacMotionLib.scene.segmentations import fill_segmentation

        _, segmentation = put_in_scene(parameters, series)
        opened = series.labels[0].copy()
        opened[1][opened[1] == 2] = 0
        segmentation.GetSegmentation().RemoveAllSegments()
        fill_segmentation(segmentation, opened, series.affine)
        panel.enter()
        assert f"{np.count_nonzero(opened == 2)} voxels" in study.ui.structuresLabel.text

    def test_a_frame_that_nobody_noted_is_assumed_and_told(self, study, parameters, series):
        from CardiacMotionLib.scene.segmentations import FRAME

        _, segmentation = put_in_scene(parameters, series)
        segmentation.RemoveAttribute(FRAME)
        parameters.segments = "{ }"
        assert "frame 0 is assumed" in study.ui.studyChecksLabel.text
        study.ui.referenceSpinBox.value = 2
        assert "is assumed" not in study.ui.studyChecksLabel.text
        assert study.reader.read(parameters).labeledFrames == (2,)


class TestFrames:
    def test_found_on_the_volumes_of_the_segmentation(self, study, parameters, beating):
        cine, _ = put_in_scene(parameters, beating)
        cavities = [np.count_nonzero(beating.labels[t] == 3) for t in range(4)]
        largest, smallest = int(np.argmax(cavities)), int(np.argmin(cavities))
        assert study.ui.referenceFoundLabel.text == f"automatic: {largest}"
        assert study.ui.endSystoleFoundLabel.text == f"automatic: {smallest}"
        ejected = 100 * (1 - cavities[smallest] / cavities[largest])
        assert f"(frame {smallest}), EF {ejected:.0f} %" in study.ui.volumeLabel.text
        study.ui.endSystoleShowButton.click()
        assert shown_frame(cine) == smallest

    def test_adjusted_by_hand_or_from_the_shown_frame(self, study, parameters, beating):
        from CardiacMotionLib.scene import show_frame
        from CardiacMotionLib.scene.sequences import find_browser

        cine, _ = put_in_scene(parameters, beating)
        show_frame(find_browser(cine), 3)
        study.ui.endSystoleCurrentButton.click()
        assert parameters.endSystole == study.ui.endSystoleSpinBox.value == 3
        study.ui.referenceSpinBox.value = 1
        study.ui.referenceShowButton.click()
        assert shown_frame(cine) == 1
        study.ui.endSystoleShowButton.click()
        assert shown_frame(cine) == 3

    @pytest.mark.parametrize(
        ("reference", "endSystole", "words"),
        [
            (99, -1, "End-diastole is frame 99, but frames run from 0 to 3"),
            (-1, 99, "End-systole is frame 99"),
            (2, -1, "End-diastole is frame 2, but the segmentation is of frame 0"),
            (0, 0, "are the same frame"),
        ],
    )
    def test_frames_that_cannot_be_are_told(self, study, parameters, series, reference, endSystole, words):  # noqa: N803
        put_in_scene(parameters, series)
        study.ui.referenceSpinBox.value = reference
        study.ui.endSystoleSpinBox.value = endSystole
        assert words in study.ui.studyChecksLabel.text
        study.ui.referenceSpinBox.value = study.ui.endSystoleSpinBox.value = -1
        assert words not in study.ui.studyChecksLabel.text

    def test_one_segmented_frame_leaves_end_systole_to_the_motion(self, study, parameters, series):
        put_in_scene(parameters, series)
        assert study.ui.endSystoleFoundLabel.text == "automatic: with the motion"
        assert not study.ui.endSystoleShowButton.enabled
        assert not study.ui.volumeCurveButton.enabled

    def test_the_curve_is_charted_with_both_frames(self, slicer, panel, study, parameters, beating):
        from CardiacMotionLib.scene.volume_chart import find_volume_chart

        cine, _ = put_in_scene(parameters, beating)
        study.ui.volumeCurveButton.click()
        chart, table = find_volume_chart(cine)
        names = [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]
        assert names[0] == "LV volume (mL)"
        assert names[1].startswith("End-diastole, frame ")
        assert names[2].startswith("End-systole, frame ")
        selection = slicer.app.applicationLogic().GetSelectionNode()
        assert selection.GetActivePlotChartID() == chart.GetID()
        assert selection.GetActiveTableID() == table.GetID()
        assert panel.session.layouts.shown
        study.ui.endSystoleSpinBox.value = 3  # the mark follows
        chart, _ = find_volume_chart(cine)
        assert chart.GetNthPlotSeriesNode(2).GetName() == "End-systole, frame 3"
        assert selection.GetActivePlotChartID() == chart.GetID()
        panel.layouts.ui.userLayoutButton.click()
        assert not panel.session.layouts.shown

    def test_a_motion_gives_end_systole_and_the_whole_curve(self, slicer, panel, study, parameters):
        from CardiacMotionLib.scene import add_labels
        from CardiacMotionLib.scene.volume_chart import VOLUME, find_volume_chart

        outcome, results = take_motion(panel)
        parameters.cine, parameters.segmentation = results.cine, add_labels(outcome.series)
        volumes = outcome.strain.volumes["lv_cavity_ml"].to_numpy()
        assert study.ui.endSystoleFoundLabel.text == f"automatic: {volumes.argmin()}"
        assert f"LV volume {volumes.max():.0f} mL (frame 0) to {volumes.min():.0f} mL" in study.ui.volumeLabel.text
        panel.session.outcomes.clear()  # as after loading a scene: the curve is made again from the nodes
        study.refresh()
        study.ui.volumeCurveButton.click()
        _chart, table = find_volume_chart(results.cine)
        np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, VOLUME), volumes, rtol=1e-3)

    def test_a_motion_of_another_cine_says_nothing_of_this_one(self, panel, study, parameters, series):
        take_motion(panel)
        put_in_scene(parameters, series)
        assert study.ui.endSystoleFoundLabel.text == "automatic: with the motion"
        assert not study.ui.volumeCurveButton.enabled


class TestState:
    def test_reading_is_done_once_until_something_changes(self, panel, study, parameters, series, monkeypatch):
        from CardiacMotionPanels import study_reading

        from CardiacMotionLib.scene import show_frame
        from CardiacMotionLib.scene.sequences import find_browser

        cine, _ = put_in_scene(parameters, series)
        reads = []
        read = study_reading.readStudy
        monkeypatch.setattr(study_reading, "readStudy", lambda node: reads.append(1) or read(node))
        for frame in (1, 2, 3):
            show_frame(find_browser(cine), frame)
            panel.session.changed()
        study.ui.referenceSpinBox.value = 1  # the segmentation knows its frame
        assert not reads
        started = time.perf_counter()
        for _ in range(5):
            study.refresh()
        assert (time.perf_counter() - started) / 5 < 0.1
        parameters.segmentation = None
        assert len(reads) == 1

    def test_a_scene_that_is_saved_and_loaded_keeps_the_study(self, slicer, panel, study, parameters, series, tmp_path):
        from CardiacMotionPanels import analysis

        _, segmentation = put_in_scene(parameters, series)
        renamed(segmentation, "a", "b", "c")
        panel.session.changed()
        choose(study.ui.wallSegmentComboBox, "b")
        choose(study.ui.cavitySegmentComboBox, "c")
        parameters.endSystole = 2
        before = analysis.prepareFrom(parameters, {}).series
        path = str(tmp_path / "study.mrb")
        assert slicer.mrmlScene.WriteToMRB(path)
        slicer.mrmlScene.Clear()
        assert study.ui.studyChecksLabel.isHidden()
        assert slicer.mrmlScene.ReadFromMRB(path, True)
        panel.enter()
        parameters = panel.logic.getParameterNode()
        after = analysis.prepareFrom(parameters, {}).series
        np.testing.assert_array_equal(after.frames, before.frames)
        np.testing.assert_array_equal(after.labels[0], before.labels[0])
        assert study.ui.wallSegmentComboBox.currentText == "b"
        assert study.ui.endSystoleSpinBox.value == 2

    def test_deleted_nodes_leave_a_panel_that_works(self, slicer, study, parameters, series):
        cine, segmentation = put_in_scene(parameters, series)
        study.ui.previewSegmentsButton.click()
        slicer.mrmlScene.RemoveNode(segmentation)
        study.refresh()
        assert study.ui.segmentsWidget.isHidden()
        slicer.mrmlScene.RemoveNode(cine)
        study.refresh()
        assert "Select a cine" in study.problem()
        assert not study.ui.volumeCurveButton.enabled

    def test_images_that_cannot_be_read_are_told(self, study, parameters):
        frames = np.random.default_rng(0).random((3, 2, 8, 8)).astype(np.float32)
        cine, _ = put_in_scene(parameters, ImageSeries(frames, np.eye(4)))
        import slicer

        slicer.util.updateVolumeFromArray(cine.GetNthDataNode(1), np.zeros((2, 9, 8), np.float32))
        study.refresh()
        assert "on another grid" in study.ui.studyChecksLabel.text

    def test_everything_has_a_tool_tip_and_a_name_of_its_own(self, study):
        for name, widget in vars(study.ui).items():
            if type(widget).__name__ in ("QPushButton", "QComboBox", "QSpinBox", "qMRMLNodeComboBox"):
                assert widget.toolTip, name

"""The run of the mapping section and what comes of it, clicked through on a small phantom with times."""

import json
import time

import numpy as np
import pytest
from entries import choose
from mapping_section import cells, fit, scene_ids, wait_for

from CardiacMotionLib.jobs import InlineRunner


class TestFit:
    def test_from_fit_to_flicker_table_and_removal(self, slicer, mapping, study, panel):
        ui, before = mapping.ui, scene_ids(slicer)
        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Red")
        assert "Done" in fit(slicer, mapping)
        results = panel.session.currentMaps
        assert results.name == "Native molli maps"
        assert list(results.maps)[:2] == ["T1", "T1_SD"]
        assert list(results.before) == ["T1", "T1_SD", "R2"]
        assert composite.GetForegroundVolumeID() == results.maps["T1"].GetID()
        assert ui.mapNameComboBox.currentText == "T1 (ms)"
        assert "Mismatch of the images (D_PCA1)" in ui.mapScoresLabel.text
        assert "→" in ui.mapScoresLabel.text
        assert "L = 3" in ui.mapScoresLabel.toolTip
        assert ui.mapResearchLabel.text.startswith("Research use only")

        ui.mapFlickerButton.click()
        assert mapping.results.flicker.active
        mapping.results.onFlick()
        assert composite.GetForegroundVolumeID() == results.before["T1"].GetID()
        assert "before" in ui.mapShownLabel.text
        outlines = [node.GetDisplayVisibility() for node in (study[1], results.labels, results.labels_before)]
        assert outlines == [False, False, True]
        mapping.results.onFlick()
        assert composite.GetForegroundVolumeID() == results.maps["T1"].GetID()
        mapping.results.onFlick()
        panel.exit()
        assert not mapping.results.flicker.active
        assert composite.GetForegroundVolumeID() == results.maps["T1"].GetID()
        panel.enter()

        layout = slicer.app.layoutManager().layout
        ui.mapTableButton.click()
        shown = slicer.mrmlScene.GetSingletonNode("CardiacMotionTable", "vtkMRMLTableViewNode")
        assert shown.GetTableNodeID() == results.tables["regions"].GetID()
        assert slicer.app.layoutManager().layout != layout
        panel.layouts.ui.userLayoutButton.click()
        assert slicer.app.layoutManager().layout == layout

        ui.mapRemoveButton.click()
        assert panel.session.mapRuns == {}
        assert not composite.GetForegroundVolumeID()
        assert study[1].GetDisplayVisibility()
        left = [slicer.mrmlScene.GetNodeByID(i) for i in scene_ids(slicer) - before]
        kinds = ("Sequence", "TableNode", "ScalarVolume", "Segmentation", "ColorLegend", "ProceduralColor")
        assert [n.GetName() for n in left if n.GetClassName().removeprefix("vtkMRML").startswith(kinds)] == []

    def test_window_and_opacity_are_of_both_maps(self, slicer, mapping, study, panel):
        fit(slicer, mapping)
        ui, results = mapping.ui, panel.session.currentMaps
        assert (ui.mapWindowLowSpinBox.value, ui.mapWindowHighSpinBox.value) == (0, 2000)
        assert ui.mapWindowHighSpinBox.suffix == " ms"
        ui.mapWindowHighSpinBox.value = 1500
        for node in (results.maps["T1"], results.before["T1"]):
            assert node.GetDisplayNode().GetWindowLevelMax() == 1500
        ui.mapWindowLowSpinBox.value = 1500
        assert ui.mapWindowLowSpinBox.value == 0
        ui.mapWindowResetButton.click()
        assert ui.mapWindowHighSpinBox.value == 2000
        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Red")
        ui.mapOpacitySlider.value = 0.5
        assert composite.GetForegroundOpacity() == pytest.approx(0.5)
        ui.mapNameComboBox.setCurrentIndex(ui.mapNameComboBox.findText("R\N{SUPERSCRIPT TWO} of the fit"))
        assert composite.GetForegroundVolumeID() == results.maps["R2"].GetID()
        assert (ui.mapWindowLowSpinBox.value, ui.mapWindowLowSpinBox.suffix) == (0.5, "")
        ui.mapNameComboBox.setCurrentIndex(0)
        assert not composite.GetForegroundVolumeID()

    def test_typed_times_are_those_of_the_fit(self, slicer, mapping, study, panel, images):
        choose(mapping.ui.mapMethodComboBox, "none")
        fit(slicer, mapping)
        native = panel.session.currentMaps.values()["T1"]
        doubled = ", ".join(f"{2 * t:g}" for t in images.meta["inversion_times"])
        mapping.ui.mapTimesTable.item(0, 0).setText(doubled)
        fit(slicer, mapping)
        results = panel.session.currentMaps
        assert results.name == "Native molli maps (2)"
        assert json.loads(results.fact("acquisition"))["inversion_times"][0] == 2 * images.meta["inversion_times"][0]
        wall = images.labels[0] == 2
        assert np.nanmedian(results.values()["T1"][wall] / native[wall]) == pytest.approx(2, abs=0.02)
        assert results.before == {}
        assert not mapping.ui.mapFlickerButton.enabled

    def test_maps_before_registration_can_be_left_out(self, slicer, mapping, study, panel):
        mapping.ui.mapCompareCheckBox.click()
        fit(slicer, mapping)
        assert panel.session.currentMaps.before == {}
        assert panel.session.currentMaps.registered is not None

    def test_cancel_leaves_the_scene_as_it_was(self, slicer, mapping, study, panel):
        present = scene_ids(slicer)
        mapping.ui.mapFitButton.click()
        assert mapping.ui.mapFitButton.text == "Cancel"
        assert not mapping.ui.mapSeriesSelector.enabled
        assert not panel.motion.ui.applyButton.enabled
        asked = time.monotonic()
        mapping.ui.mapFitButton.click()
        wait_for(slicer, mapping.run)
        assert time.monotonic() - asked < 2
        assert mapping.ui.mapStatusLabel.text == "Cancelled. The scene was not changed."
        assert scene_ids(slicer) == present
        assert mapping.ui.mapSeriesSelector.enabled
        assert mapping.ui.mapFitButton.text == "Fit"

    def test_cancel_on_the_way_into_the_scene_leaves_it_as_it_was(self, slicer, mapping, study):
        choose(mapping.ui.mapMethodComboBox, "none")
        present = scene_ids(slicer)
        mapping.ui.mapFitButton.click()
        while scene_ids(slicer) == present:
            slicer.app.processEvents()
        mapping.ui.mapFitButton.click()
        assert mapping.ui.mapStatusLabel.text == "Cancelled. The scene was not changed."
        assert scene_ids(slicer) == present

    def test_images_that_go_while_they_are_fitted_are_missed(self, slicer, mapping, study):
        choose(mapping.ui.mapMethodComboBox, "none")
        mapping.ui.mapFitButton.click()
        slicer.mrmlScene.RemoveNode(study[0])
        wait_for(slicer, mapping.run)
        assert "the images were removed from the scene" in mapping.ui.mapStatusLabel.text

    def test_a_failure_is_said_in_the_section(self, slicer, mapping, study, monkeypatch):
        from CardiacMotionLib import CardiacMotionError, map_pipeline

        def fail(request, progress):
            raise CardiacMotionError("the images are of a phantom")

        monkeypatch.setattr(map_pipeline, "compute_maps", fail)
        present = scene_ids(slicer)
        assert fit(slicer, mapping) == "the images are of a phantom"
        assert scene_ids(slicer) == present

    def test_a_scene_that_closes_takes_run_and_flicker_with_it(self, slicer, mapping, study):
        fit(slicer, mapping)
        mapping.ui.mapFlickerButton.click()
        mapping.ui.mapFitButton.click()
        slicer.mrmlScene.Clear()
        slicer.app.processEvents()
        assert not mapping.run.running
        assert not mapping.results.flicker.active
        assert mapping.ui.mapResultComboBox.count == 0
        assert not mapping.ui.mapFitButton.enabled

    def test_a_loaded_scene_has_maps_words_and_choices(self, slicer, mapping, study, panel, tmp_path):
        mapping.ui.mapTimesTable.item(0, 0).setText("101")
        fit(slicer, mapping)
        said = (mapping.ui.mapScoresLabel.text, mapping.ui.mapNotesLabel.text, mapping.ui.mapScoresLabel.toolTip)
        path = tmp_path / "maps.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        results = panel.session.currentMaps
        assert results.name == "Native molli maps"
        assert list(results.before) == ["T1", "T1_SD", "R2"]
        assert set(results.tables) == {"regions", "scores"}
        ui = mapping.ui
        assert (ui.mapScoresLabel.text, ui.mapNotesLabel.text, ui.mapScoresLabel.toolTip) == said
        assert cells(mapping)[0] == "101"
        assert ui.mapSeriesSelector.currentNode().GetName() == "Native"
        assert ui.mapMethodComboBox.currentText == "Demons" or "emons" in ui.mapMethodComboBox.currentText
        ui.mapFlickerButton.click()
        mapping.results.onFlick()
        assert "before" in ui.mapShownLabel.text

    def test_maps_that_the_user_deletes_are_forgotten(self, slicer, mapping, study, panel):
        choose(mapping.ui.mapMethodComboBox, "none")
        fit(slicer, mapping)
        slicer.mrmlScene.RemoveNode(panel.session.currentMaps.maps["T1"])
        panel.session.changed()
        assert mapping.ui.mapResultComboBox.count == 0


def test_sample_data_is_selected_and_can_be_fitted(slicer, mapping, panel, images, monkeypatch):
    from CardiacMotionLib.scene import map_sample

    monkeypatch.setattr(map_sample, "OPTIONS", {"sequence": "molli", "rows": 32, "columns": 32, "pixel_mm": 5.0})
    mapping.ui.mapSampleButton.click()
    assert mapping.ui.mapSampleButton.text == "Cancel"
    wait_for(slicer, mapping.sample)
    assert "press Fit" in mapping.ui.mapStatusLabel.text
    assert mapping.ui.mapSegmentationSelector.currentNode() is not None
    choose(mapping.ui.mapMethodComboBox, "none")
    assert "Done" in fit(slicer, mapping)


class TestEcv:
    @pytest.fixture
    def two(self, slicer, mapping, study, panel):
        """T1 maps before and after contrast agent, as made by hand."""
        from CardiacMotionLib.mapping.maps import ParameterMaps
        from CardiacMotionLib.scene import add_maps, series_from_nodes

        series = series_from_nodes(*study)
        labels, runs = series.labels[0], []
        for name, t1 in (("Native", (700, 1500, 1000, 1600)), ("Contrast", (400, 300, 450, 290))):
            values = np.asarray(t1, np.float32)[labels]
            every = np.ones(labels.shape, bool)
            maps = ParameterMaps({"T1": values}, {"T1": "ms"}, series.affine, "molli", every, every)
            given = {"labels": labels} if name == "Native" else {}
            runs.append(add_maps(maps, study[0], name=name, **given))
            panel.session.takeMaps(None, runs[-1])
        return runs

    def test_ecv_of_two_maps(self, slicer, mapping, two, panel):
        ui = mapping.ui
        assert (ui.mapEcvPreComboBox.currentText, ui.mapEcvPostComboBox.currentText) == ("Native", "Contrast")
        ui.mapHematocritSpinBox.value = 0.4
        ui.mapEcvButton.click()
        expected = 100 * 0.6 * (1 / 450 - 1 / 1000) / (1 / 290 - 1 / 1600)
        assert f"ECV of the LV myocardium {expected:.1f} ± 0.0 %" in ui.mapEcvLabel.text
        assert "blood T1 1600 to 290 ms" in ui.mapEcvLabel.text
        results = panel.session.currentMaps
        assert results.name == "ECV of Native"
        assert json.loads(results.fact("acquisition"))["hematocrit"] == 0.4
        assert ui.mapNameComboBox.currentText == "ECV (%)"
        assert "regions" in results.tables

    def test_what_cannot_be_is_said(self, mapping, two):
        ui = mapping.ui
        ui.mapEcvPreComboBox.setCurrentIndex(1)
        ui.mapEcvButton.click()
        assert "the same map; choose two" in ui.mapEcvLabel.text
        ui.mapEcvPostComboBox.setCurrentIndex(0)
        ui.mapEcvButton.click()
        assert "Contrast has no labels" in ui.mapEcvLabel.text


def test_everything_that_can_be_touched_has_a_tool_tip(mapping):
    import qt

    touchable = (qt.QComboBox, qt.QPushButton, qt.QCheckBox, qt.QDoubleSpinBox, qt.QTableWidget)
    bare = [name for name, widget in vars(mapping.ui).items() if isinstance(widget, touchable) and not widget.toolTip]
    assert bare == []


def test_the_work_may_run_anywhere(slicer, mapping, study):
    """What is handed to the worker is plain data: it survives the way into another process and back."""
    import pickle

    choose(mapping.ui.mapMethodComboBox, "none")
    work = pickle.loads(pickle.dumps(mapping.prepare()))
    run = pickle.loads(pickle.dumps(work(lambda fraction, text: True)))
    assert run.scores is run.scores
    assert run.regions["n"].sum() > 0
    mapping.run.makeRunner = InlineRunner
    assert "Done" in fit(slicer, mapping)

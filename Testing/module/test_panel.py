"""The panel: which cine and options can be selected, what is stored, what is said. On stand-ins."""

import json

import numpy as np
import pytest
from motion_section import choose, run_to_the_end
from tiny_learned import tiny_weights


@pytest.fixture
def with_real(panel):
    panel.motion.options.forms = {}
    panel.motion.findMethods()
    yield
    panel.motion.methods, panel.motion.options.forms = {}, {}


class TestInputs:
    def test_nothing_selected_says_what_is_missing(self, panel):
        assert not panel.motion.ui.applyButton.enabled
        assert "Select a cine" in panel.motion.ui.applyButton.toolTip

    def test_cine_is_described(self, panel, heart):
        assert panel.study.ui.cineInfoLabel.text.startswith(
            "3 frames of 32 x 32 x 4 voxels, 4.20 x 4.20 x 18.00 mm, time 0 to "
        )
        assert panel.motion.ui.applyButton.enabled

    def test_a_volume_stands_for_the_sequence_it_plays(self, panel, heart):
        _, cine, browser, _ = heart
        panel.logic.getParameterNode().cine = None
        panel.study.ui.cineSelector.setCurrentNode(browser.GetProxyNode(cine))
        assert panel.logic.getParameterNode().cine is cine
        assert panel.study.ui.cineSelector.currentNode() is cine

    def test_a_single_image_is_refused_with_advice(self, slicer, panel):
        volume = slicer.util.addVolumeFromArray(np.zeros((4, 8, 8), np.float32), name="Scout")
        panel.study.ui.cineSelector.setCurrentNode(volume)
        assert "Scout is a single image" in panel.study.ui.cineInfoLabel.text
        assert not panel.motion.ui.applyButton.enabled

    def test_a_sequence_of_something_else_is_refused(self, slicer, panel):
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Motion")
        for value in ("0", "1"):
            sequence.SetDataNodeAtValue(slicer.vtkMRMLTransformNode(), value)
        panel.study.ui.cineSelector.setCurrentNode(sequence)
        assert "not images" in panel.study.ui.cineInfoLabel.text
        assert not panel.motion.ui.applyButton.enabled

    def test_the_shown_frame_becomes_the_reference(self, panel, heart):
        browser = heart[2]
        browser.SetSelectedItemNumber(2)
        panel.study.ui.endSystoleCurrentButton.click()
        assert panel.logic.getParameterNode().endSystole == 2
        assert panel.study.ui.endSystoleSpinBox.value == 2
        assert panel.logic.getParameterNode().referenceFrame == -1


class TestOptions:
    def test_one_editor_of_the_right_kind_per_option(self, panel, heart, with_fake):
        choose(panel, "fake")
        editors = panel.motion.options.forms["fake"].editors
        kinds = {name: type(editor.widget).__name__ for name, editor in editors.items()}
        assert kinds == {
            "steps": "ctkSliderWidget",
            "weight": "ctkSliderWidget",
            "rate": "QDoubleSpinBox",
            "window": "ctkSliderWidget",
            "periodic": "QCheckBox",
            "similarity": "QComboBox",
            "frames": "QSpinBox",
        }
        assert editors["window"].widget.suffix == " mm"
        assert "From 2.0 to 40.0 mm. Default: 12.0 mm." in editors["window"].widget.toolTip
        assert panel.motion.options.values() == {}  # every default survives its widget

    def test_weights_are_chosen_by_name_or_typed(self, panel, heart, with_real, tmp_path, monkeypatch):
        monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path))
        tiny_weights("riir", tmp_path / "my_own.safetensors")
        choose(panel, "riir")
        editor = panel.motion.options.forms["riir"].editors["weights"]
        offered = [editor.widget.itemText(n) for n in range(editor.widget.count)]
        assert offered[:2] == ["auto", "my_own"]
        assert not any("voxelmorph" in name or "inr" in name for name in offered)
        assert "Needs trained weights; there are my_own" in panel.motion.ui.methodInfoLabel.text
        assert panel.motion.options.values() == {}
        editor.widget.setCurrentIndex(1)
        assert panel.motion.options.values() == {"weights": "my_own"}
        editor.widget.currentText = "/some/where/else.safetensors"
        stored = json.loads(panel.logic.getParameterNode().options)
        assert stored == {"riir": {"weights": "/some/where/else.safetensors"}}
        panel.motion.ui.resetOptionsButton.click()
        assert editor.widget.currentText == "auto"
        assert panel.motion.options.values() == {}

    def test_a_folder_of_weights_that_is_gone_does_not_break_the_panel(
        self, panel, heart, with_real, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path / "gone"))
        choose(panel, "riir")
        assert panel.motion.options.forms["riir"].editors["weights"].read() == "auto"
        assert "there are none" in panel.motion.ui.methodInfoLabel.text

    def test_summary_citation_and_needs_are_shown(self, panel, heart, with_fake):
        choose(panel, "fake")
        text = panel.motion.ui.methodInfoLabel.text
        assert "Finds that nothing moves." in text
        assert "Nobody 2020" in text
        assert "segmentation of the end-diastolic frame" in text

    def test_an_edit_is_stored_used_and_reset(self, slicer, panel, heart, with_fake):
        choose(panel, "fake")
        editors = panel.motion.options.forms["fake"].editors
        editors["steps"].widget.value = 1
        editors["rate"].widget.value = 0.001
        editors["similarity"].widget.setCurrentIndex(1)
        editors["periodic"].widget.checked = False
        expected = {"steps": 1, "rate": 0.001, "similarity": "mse", "periodic": False}
        assert json.loads(panel.logic.getParameterNode().options) == {"fake": expected}
        assert "Done" in run_to_the_end(slicer, panel)
        options = with_fake[0][0]
        assert {name: getattr(options, name) for name in expected} == expected
        panel.motion.ui.resetOptionsButton.click()
        assert panel.logic.getParameterNode().options == "{}"
        assert editors["steps"].widget.value == 20

    def test_selections_survive_a_saved_scene(self, slicer, panel, heart, with_fake, tmp_path):
        choose(panel, "fake")
        panel.motion.options.forms["fake"].editors["weight"].widget.value = 0.5
        panel.motion.ui.deviceComboBox.setCurrentIndex(1)
        panel.study.ui.referenceSpinBox.value = 0
        panel.motion.ui.strainCheckBox.checked = False
        path = tmp_path / "scene.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert panel.logic.getParameterNode().method == "auto"
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        assert panel.motion.ui.methodComboBox.currentText == "Fake method"
        assert panel.motion.options.values() == {"weight": 0.5}
        assert panel.motion.ui.deviceComboBox.currentText == "cpu"
        assert panel.study.ui.referenceSpinBox.value == 0
        assert not panel.motion.ui.strainCheckBox.checked
        assert panel.study.ui.cineSelector.currentNode().GetName() == "Cine"

    def test_a_method_that_is_gone_is_named(self, panel, heart, with_fake):
        panel.logic.getParameterNode().method = "magic"
        assert "magic, which is not installed" in panel.motion.ui.methodInfoLabel.text
        assert not panel.motion.ui.applyButton.enabled

    def test_a_stored_value_that_no_longer_fits_is_replaced_and_said(self, panel, heart, with_fake):
        panel.logic.getParameterNode().options = json.dumps({"fake": {"steps": 100000, "gone": 1}})
        choose(panel, "fake")
        text = panel.motion.ui.methodInfoLabel.text
        assert "option steps must be from 1 to 500" in text
        assert "no option gone" in text
        assert panel.motion.options.values() == {}


class TestStandIns:
    def test_they_are_as_strict_as_pythonqt(self, panel):
        with pytest.raises(AttributeError, match="creating new attributes"):
            panel.motion.ui.applyButton.remembered = 1
        with pytest.raises(TypeError, match="not callable"):
            panel.motion.ui.applyButton.text()

"""What is fitted: the upper half of the mapping section, with times and the options of a method, on stand-ins."""

import json

import numpy as np
import pytest
from entries import choose
from mapping_section import cells


class TestInputs:
    def test_an_empty_scene_says_what_to_do(self, mapping):
        assert not mapping.ui.mapFitButton.enabled
        assert "press Sample data" in mapping.ui.mapFitButton.toolTip
        assert not mapping.ui.mapTimesTable.isVisibleTo(mapping.widget)
        assert not mapping.ui.mapResultsCollapsibleButton.isVisibleTo(mapping.widget)
        assert not mapping.ui.mapEcvButton.enabled

    def test_model_formula_and_times_are_those_of_the_images(self, mapping, study, images):
        ui = mapping.ui
        assert "8 images of 40 x 40 x 1 voxels" in ui.mapSeriesInfoLabel.text
        assert ui.mapModelComboBox.currentText == "As the images say: molli"
        assert "T1 = T1* (B / A - 1)" in ui.mapModelInfoLabel.text
        assert cells(mapping) == [f"{t:g}" for t in images.meta["inversion_times"]]
        assert "attributes" in ui.mapTimesLabel.text
        assert not ui.mapTimesResetButton.isVisibleTo(mapping.widget)
        assert ui.mapFitButton.enabled

    def test_only_the_settings_of_the_model_are_shown(self, mapping, study):
        ui = mapping.ui
        blood, parameters, sign = ui.mapT1BloodSpinBox, ui.mapParametersComboBox, ui.mapPolarityComboBox
        shown = {}
        for model in ("molli", "sasha", "asl"):
            choose(ui.mapModelComboBox, model)
            shown[model] = [w.isVisibleTo(mapping.widget) for w in (blood, parameters, sign, ui.mapRobustCheckBox)]
        assert shown == {
            "molli": [False, False, True, True],
            "sasha": [False, True, False, True],
            "asl": [True, False, True, False],
        }

    def test_missing_times_are_named_and_can_be_typed(self, mapping, study):
        ui = mapping.ui
        choose(ui.mapModelComboBox, "sasha")
        assert cells(mapping) == [""] * 8
        assert not ui.mapFitButton.enabled
        assert ui.mapFitButton.toolTip.startswith("Saturation (ms): image 0 has none; type the times of all images")
        ui.mapTimesTable.item(0, 0).setText("inf, 100, 250 400 550 700 850")
        assert cells(mapping) == ["inf", "100", "250", "400", "550", "700", "850", ""]
        assert "image 7 has none" in ui.mapFitButton.toolTip
        ui.mapTimesTable.item(7, 0).setText("soon")
        assert "'soon' of image 7 is no number" in ui.mapFitButton.toolTip
        ui.mapTimesTable.item(7, 0).setText("1000")
        assert ui.mapFitButton.enabled
        assert ui.mapTimesLabel.text == "Times: typed."
        ui.mapTimesResetButton.click()
        assert cells(mapping) == [""] * 8

    def test_times_that_cannot_be_are_refused_in_words(self, mapping, study):
        ui = mapping.ui
        ui.mapTimesTable.item(0, 0).setText("0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8")
        assert "look like seconds; give them in ms" in ui.mapFitButton.toolTip
        ui.mapTimesTable.item(0, 0).setText("100 100 100 100 100 100 100 100")
        assert "are all 100 ms" in ui.mapFitButton.toolTip

    def test_too_few_images_are_refused_in_words(self, slicer, mapping, images):
        from CardiacMotionLib.scene import add_series

        few = images.replace(
            frames=images.frames[:2], times=None, labels={}, meta={"model": "molli", "inversion_times": [100.0, 1100.0]}
        )
        mapping.ui.mapSeriesSelector.setCurrentNode(add_series(few, "Two images")[0])
        assert "it needs 3 images or more, got 2" in mapping.ui.mapFitButton.toolTip

    def test_a_single_image_is_refused_and_a_volume_stands_for_its_sequence(self, slicer, mapping, study):
        sequence, _ = study
        from CardiacMotionLib.scene.sequences import find_browser

        volume = slicer.util.addVolumeFromArray(np.zeros((1, 8, 8), np.float32), name="Scout")
        mapping.ui.mapSeriesSelector.setCurrentNode(volume)
        assert not mapping.ui.mapFitButton.enabled
        assert "Scout" in mapping.ui.mapSeriesInfoLabel.text
        mapping.ui.mapSeriesSelector.setCurrentNode(find_browser(sequence).GetProxyNode(sequence))
        assert mapping.parameterNode.mapSeries is sequence
        assert mapping.ui.mapFitButton.enabled

    def test_other_images_forget_what_was_typed(self, slicer, mapping, study, images):
        from CardiacMotionLib.scene import add_series

        mapping.ui.mapTimesTable.item(0, 0).setText("111")
        other, _ = add_series(images.replace(meta={"model": "molli"}), "Other")
        mapping.ui.mapSeriesSelector.setCurrentNode(other)
        assert cells(mapping) == [""] * 8
        assert "do not say these times" in mapping.ui.mapTimesLabel.text
        mapping.ui.mapSeriesSelector.setCurrentNode(study[0])
        assert cells(mapping)[0] != "111"


# ---------------------------------------------------------------------- the options of the method


@pytest.fixture
def options(mapping):
    return mapping.inputs.options


def test_an_option_reaches_the_fit_and_is_kept(panel, mapping, study, options):
    node = panel.logic.getParameterNode()
    assert not options.button.isHidden()
    editor = options.forms["demons"].editors["iterations"]
    editor.widget.value = 7
    assert mapping.inputs.request().options == {"iterations": 7}
    assert json.loads(node.mapOptions) == {"demons": {"iterations": 7}}
    assert node.options == "{}"  # those of Motion are their own
    mapping.ui.mapResetOptionsButton.click()
    assert node.mapOptions == "{}"
    assert editor.read() != 7
    assert mapping.inputs.request().options == {}


def test_automatic_and_none_have_no_options(mapping, study, options):
    options.forms["demons"].editors["iterations"].widget.value = 7
    for method in ("auto", "none"):
        choose(mapping.ui.mapMethodComboBox, method)
        assert options.button.isHidden()
        assert mapping.inputs.request().options == {}
    choose(mapping.ui.mapMethodComboBox, "demons")
    assert mapping.inputs.request().options == {"iterations": 7}


def test_what_a_scene_holds_that_does_not_fit_is_said(panel, mapping, study):
    panel.logic.getParameterNode().mapOptions = json.dumps({"demons": {"iterations": -3, "speed": 1}})
    said = mapping.ui.mapMethodInfoLabel.text
    assert "iterations must be" in said
    assert "the method has no option speed" in said
    assert mapping.inputs.request().options == {}

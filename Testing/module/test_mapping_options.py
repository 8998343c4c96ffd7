"""The options of the registration method in the mapping section: kept, used and apart from those of Motion."""

from __future__ import annotations

import json

import pytest
from test_mapping import choose, images, mapping, study  # noqa: F401  (fixtures)


@pytest.fixture
def options(mapping):  # noqa: F811
    return mapping.inputs.options


def test_an_option_reaches_the_fit_and_is_kept(panel, mapping, study, options):  # noqa: F811
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


def test_automatic_and_none_have_no_options(mapping, study, options):  # noqa: F811
    options.forms["demons"].editors["iterations"].widget.value = 7
    for method in ("auto", "none"):
        choose(mapping.ui.mapMethodComboBox, method)
        assert options.button.isHidden()
        assert mapping.inputs.request().options == {}
    choose(mapping.ui.mapMethodComboBox, "demons")
    assert mapping.inputs.request().options == {"iterations": 7}


def test_what_a_scene_holds_that_does_not_fit_is_said(panel, mapping, study):  # noqa: F811
    panel.logic.getParameterNode().mapOptions = json.dumps({"demons": {"iterations": -3, "speed": 1}})
    said = mapping.ui.mapMethodInfoLabel.text
    assert "iterations must be" in said
    assert "the method has no option speed" in said
    assert mapping.inputs.request().options == {}

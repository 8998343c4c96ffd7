"""What holds for every widget of the panel: a name of its own, a tool tip, a way to reach it by keyboard."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

TOUCHED = (
    "QAbstractButton",
    "QComboBox",
    "QAbstractSpinBox",
    "QAbstractSlider",
    "QLineEdit",
    "QAbstractItemView",
    "ctkSliderWidget",
    "ctkRangeWidget",
    "ctkDirectoryButton",
    "qMRMLNodeComboBox",
)


@pytest.fixture
def widgets(slicer, panel):
    """Every named widget of the .ui files that a user can touch."""
    found = {w.name: w for part in (panel, *panel.panels) for w in vars(part.ui).values() if hasattr(w, "toolTip")}
    return [w for w in found.values() if any(cls.__name__ in TOUCHED for cls in type(w).__mro__)]


def ui_files():
    from pathlib import Path

    return sorted((Path(__file__).resolve().parents[2] / "CardiacMotion" / "Resources" / "UI").glob("*.ui"))


def names_in(path):
    return [widget.get("name") for widget in ElementTree.parse(path).iter("widget")]


def test_no_name_is_used_twice():
    names = [name for path in ui_files() for name in names_in(path)]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_every_widget_that_can_be_touched_has_a_tool_tip(widgets):
    assert len(widgets) > 60
    assert [w.name for w in widgets if not w.toolTip.strip()] == []


def test_every_widget_can_be_reached_by_keyboard(widgets):
    import qt

    unreachable = [w.name for w in widgets if w.focusPolicy == qt.Qt.NoFocus and not isinstance(w, qt.QToolButton)]
    assert [name for name in unreachable if "Slider" not in name] == []  # the parts of a slider take the focus


def test_labels_with_a_mnemonic_name_the_widget_that_they_are_of():
    """Without a buddy the underlined letter does nothing."""
    alone = []
    for path in ui_files():
        for widget in ElementTree.parse(path).iter("widget"):
            if widget.get("class") != "QLabel":
                continue
            said = {p.get("name"): "".join(p.itertext()).strip() for p in widget.findall("property")}
            if re.search(r"&\w", said.get("text", "")) and "buddy" not in said:
                alone.append(f"{path.name}: {widget.get('name')}")
    assert alone == []

"""The panel opens at once: without PyTorch it offers to install it, and nothing heavy is loaded before it is needed."""

import subprocess
import sys

import pytest


class TestWithoutTorch:
    @pytest.fixture
    def no_torch(self, panel, heart, monkeypatch):
        monkeypatch.setattr("CardiacMotionPanels.packages.torchVersion", lambda: "")
        panel.motion.findMethods()
        panel.session.changed()
        yield panel
        monkeypatch.undo()
        panel.motion.findMethods()
        panel.session.changed()

    def test_the_panel_opens_and_offers_to_install(self, no_torch):
        assert not no_torch.ui.installFrame.isHidden()
        assert "PyTorch, which is not installed" in no_torch.ui.installLabel.text
        assert not no_torch.motion.ui.applyButton.enabled

    def test_install_names_the_missing_extension(self, no_torch):
        no_torch.ui.installButton.click()
        assert "PyTorch extension is not installed" in no_torch.motion.ui.statusLabel.text

    def test_install_goes_through_the_extension_and_asks(self, no_torch, monkeypatch):
        import sys
        import types

        asked = []
        logic = types.SimpleNamespace(installTorch=lambda **given: asked.append(given))
        monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=lambda: logic))
        no_torch.ui.installButton.click()
        assert asked == [{"askConfirmation": True}]
        assert "PyTorch was not installed" in no_torch.motion.ui.statusLabel.text


def in_a_fresh_process(root, program):
    start = f"""
import sys, pathlib
sys.path[:0] = [{str(root)!r}, {str(root / "Testing" / "qt")!r}]
{{}}
import application
slicer = application.start()
application.load_module(pathlib.Path({str(root / "CardiacMotion" / "CardiacMotion.py")!r}))
panel = slicer.util.getModuleWidget("CardiacMotion")
panel.enter()
"""
    before, after = program
    command = [sys.executable, "-c", start.format(before) + after]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_opening_the_panel_loads_nothing_heavy(root, slicer):
    heavy = "print([name for name in ('torch', 'scipy', 'pandas', 'matplotlib') if name in sys.modules])"
    assert in_a_fresh_process(root, ("", heavy)).strip() == "[]"


def test_the_panel_opens_where_torch_cannot_be_imported(root, slicer):
    blocked = "sys.modules['torch'] = None"
    told = "u = panel.motion.ui; print(panel.ui.installLabel.text, u.torchLabel.text, u.applyButton.toolTip, sep='|')"
    said = in_a_fresh_process(root, (blocked, told)).strip().split("|")
    assert said == [
        "CardiacMotion computes with PyTorch, which is not installed yet.",
        "no PyTorch",
        "Install PyTorch first.",
    ]

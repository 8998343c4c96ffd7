"""What the scene layer does to the process it is in."""

import os

import pytest

from CardiacMotionLib.scene.headless import import_slicer


@pytest.mark.parametrize(("platform", "application"), [("linux", True), ("win32", False), ("darwin", False)])
def test_the_kind_of_window_is_left_to_the_application_and_to_other_systems(scene, monkeypatch, platform, application):
    import slicer

    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    if application:
        monkeypatch.setattr(slicer, "app", object(), raising=False)
    import_slicer()
    assert "VTK_DEFAULT_OPENGL_WINDOW" not in os.environ


def test_without_a_screen_windows_are_made_without_one(scene, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("VTK_DEFAULT_OPENGL_WINDOW", raising=False)
    import_slicer()
    assert os.environ["VTK_DEFAULT_OPENGL_WINDOW"] == "vtkEGLRenderWindow"

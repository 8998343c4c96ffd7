"""What the user left, deleted, moved or saved meanwhile: the panel goes on with what is there."""

import sys
import types

import numpy as np
import pytest
from finished import take_maps, take_motion

from CardiacMotionLib import CardiacMotionError, phantom

SMALL = {"frames": 3, "slices": 3, "rows": 32, "columns": 32, "pixel_mm": 4.2, "thickness_mm": 18.0}


@pytest.fixture
def view(slicer, panel):
    """The layers of a slice view."""
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")


def come_back(panel):
    panel.exit()
    panel.enter()


class TestLeaving:
    def test_the_parameter_node_is_wrapped_once(self, slicer, panel):
        """Slicer's wrapper leaves observers behind."""
        wrapped = panel._parameterNode
        come_back(panel)
        assert panel._parameterNode is wrapped
        slicer.mrmlScene.Clear()
        assert panel._parameterNode is not wrapped

    def test_the_views_show_what_they_showed(self, panel, view):
        _run, maps = take_maps(panel)
        panel.mapping.results.select(_run, maps)
        _outcome, results = take_motion(panel)
        overlay = results.proxy(results.overlays["circumferential"]).GetID()
        assert view.GetForegroundVolumeID() == overlay
        come_back(panel)
        assert view.GetForegroundVolumeID() == overlay

    def test_a_cine_that_came_meanwhile_is_selected(self, panel):
        from CardiacMotionLib.scene import add_series

        panel.exit()
        cine, _browser = add_series(phantom("cine", 3, **SMALL).series, "Cine")
        panel.enter()
        assert panel._parameterNode.cine is cine

    def test_no_map_hides_maps_only(self, panel, view):
        run, maps = take_maps(panel)
        panel.mapping.results.select(run, maps)
        assert view.GetForegroundVolumeID() == maps.maps["T1"].GetID()
        panel.mapping.ui.mapNameComboBox.setCurrentIndex(0)
        assert view.GetForegroundVolumeID() is None
        panel.mapping.ui.mapNameComboBox.setCurrentIndex(1)
        _outcome, results = take_motion(panel)
        panel.mapping.ui.mapNameComboBox.setCurrentIndex(0)
        assert view.GetForegroundVolumeID() == results.proxy(results.overlays["circumferential"]).GetID()

    def test_segments_stay_when_the_overlay_changes(self, panel, view):
        _outcome, results = take_motion(panel)
        panel.strain.ui.showSegmentsCheckBox.click()
        segments = results.proxy(results.segments).GetID()
        assert view.GetLabelVolumeID() == segments
        panel.review.ui.opacitySlider.value = 0.35
        panel._parameterNode.overlay = "radial"
        assert view.GetForegroundVolumeID() == results.proxy(results.overlays["radial"]).GetID()
        assert view.GetLabelVolumeID() == segments


def test_segmentations_that_maps_hid_come_back_with_the_last_of_them(slicer, panel):
    from CardiacMotionLib.scene import add_labels

    made = [take_maps(panel, name) for name in ("Native", "After contrast")]
    inputs = [add_labels(run.series.replace(labels={0: run.labels_after})) for run, _results in made]
    for one in inputs:
        panel.mapping.results.hideInput(one)
        assert not one.GetDisplayVisibility()
    panel.mapping.results.onRemove()
    assert not any(one.GetDisplayVisibility() for one in inputs)
    panel.mapping.results.onRemove()
    assert all(one.GetDisplayVisibility() for one in inputs)


class TestDeleting:
    def test_strain_goes_on_without_a_wall_or_a_bullseye(self, slicer, panel):
        from CardiacMotionLib.scene import update_strain

        outcome, results = take_motion(panel)
        slicer.mrmlScene.RemoveNode(results.wall)
        slicer.mrmlScene.RemoveNode(results.bullseye_values)
        slicer.mrmlScene.RemoveNode(results.insertions)
        left = results.bullseye
        panel.session.changed()
        assert results.wall is results.bullseye is results.insertions is None
        assert not slicer.mrmlScene.IsNodePresent(left)
        update_strain(results, outcome.series, outcome.motion, outcome.strain)
        assert slicer.mrmlScene.IsNodePresent(results.bullseye)
        assert slicer.mrmlScene.IsNodePresent(results.insertions)

    @pytest.mark.parametrize("part", ["cine", "browser", "frame_to_reference"])
    def test_a_run_without_its_cine_is_none(self, slicer, panel, part):
        from CardiacMotionLib.scene import find_results

        _outcome, results = take_motion(panel)
        panel.review.ui.arrowsCheckBox.checked = True
        slicer.mrmlScene.RemoveNode(getattr(results, part))
        panel.session.changed()
        assert panel.session.current is None
        assert not panel.layouts.ui.reviewLayoutButton.enabled
        assert find_results() == []

    def test_results_are_not_taken_for_a_cine(self, slicer, panel):
        _outcome, results = take_motion(panel)
        slicer.mrmlScene.RemoveNode(results.cine)
        panel._parameterNode.cine = None
        come_back(panel)
        assert panel._parameterNode.cine is None

    def test_another_cine_has_frames_of_its_own(self, slicer, panel):
        from CardiacMotionLib.scene import add_series

        series = phantom("cine", 3, **SMALL).series
        first, _browser = add_series(series, "First")
        second, _browser = add_series(series, "Second")
        panel.study.ui.cineSelector.setCurrentNode(first)
        panel._parameterNode.endSystole = 2
        panel.study.ui.cineSelector.setCurrentNode(second)
        assert panel._parameterNode.cine is second
        assert panel._parameterNode.endSystole == -1
        panel._parameterNode.endSystole = 1
        slicer.mrmlScene.RemoveNode(second)
        panel._parameterNode.cine = None
        panel.session.changed()
        panel.study.ui.cineSelector.setCurrentNode(first)
        assert panel._parameterNode.endSystole == -1


def test_a_scene_that_is_saved_has_the_users_display(slicer, panel, heart):
    _series, _cine, _browser, segmentation = heart
    segmentation.CreateDefaultDisplayNodes()
    panel.study.ui.previewSegmentsButton.checked = True
    assert panel.study.segments.preview.shown
    take_motion(panel)
    panel.layouts.ui.reviewLayoutButton.click()
    assert not segmentation.GetDisplayVisibility()
    view = slicer.mrmlScene.GetSingletonNode("CardiacMotionShortAxis", "vtkMRMLSliceNode")
    view.SetFieldOfView(33.0, 33.0, 8.0)
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.StartSaveEvent)
    assert not panel.study.segments.preview.shown
    assert segmentation.GetDisplayVisibility()
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndSaveEvent)
    assert not segmentation.GetDisplayVisibility()
    assert view.GetFieldOfView()[0] == 33.0, "what the user looks at stays"


def test_a_preview_ends_when_the_module_is_left(panel, heart):
    panel.study.ui.previewSegmentsButton.checked = True
    panel.exit()
    assert not panel.study.segments.preview.shown
    panel.enter()


def test_a_single_image_is_refused_for_maps_without_reading_its_file(slicer, panel, tmp_path, monkeypatch):
    volume = slicer.util.addVolumeFromArray(np.zeros((2, 8, 8), np.float32), np.eye(4), "Scout")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    (tmp_path / "scout.nrrd").touch()
    storage.SetFileName(str(tmp_path / "scout.nrrd"))
    volume.SetAndObserveStorageNodeID(storage.GetID())
    monkeypatch.setattr("CardiacMotionLib.scene.cines.to_sequence", lambda node: pytest.fail("read"))
    panel.mapping.ui.mapSeriesSelector.setCurrentNode(volume)
    assert panel._parameterNode.mapSeries is None
    assert "Scout is a single image" in panel.mapping.inputs.problem()


def test_a_torch_that_cannot_be_installed_is_told(slicer, panel, monkeypatch):
    from CardiacMotionPanels import packages

    class Logic:
        def installTorch(self, askConfirmation):  # noqa: N802, N803
            raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=Logic))
    with pytest.raises(CardiacMotionError, match=r"Installing PyTorch failed \(No module named 'torch'\)"):
        packages.installTorch()

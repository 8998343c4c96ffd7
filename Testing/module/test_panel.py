"""The panel: what can be selected, what is stored, what is said. On stand-ins, with a method that takes no time."""

import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from tiny_learned import tiny_weights

from CardiacMotionLib import ImageSeries, phantom
from CardiacMotionLib.jobs import InlineRunner

SMALL = {"frames": 3, "slices": 4, "rows": 32, "columns": 32, "pixel_mm": 4.2, "thickness_mm": 18.0}


@pytest.fixture
def heart(slicer, panel):
    """(series, cine sequence, browser, segmentation) in the scene, selected in the panel."""
    from CardiacMotionLib.scene import add_labels, add_series

    series = phantom("cine", 3, **SMALL).series
    series = series.replace(labels={0: series.labels[0]})
    cine, browser = add_series(series, "Cine")
    segmentation = add_labels(series)
    parameters = panel.logic.getParameterNode()
    parameters.cine, parameters.segmentation = cine, segmentation
    return series, cine, browser, segmentation


def choose(panel, method):
    """Select a method as a user does."""
    combo = panel.motion.ui.methodComboBox
    combo.setCurrentIndex(combo.findData(method))


def run_to_the_end(slicer, panel):
    panel.motion.ui.applyButton.click()
    deadline = time.monotonic() + 60
    while panel.motion.run.running and time.monotonic() < deadline:
        slicer.app.processEvents()
    return panel.motion.ui.statusLabel.text


@pytest.fixture
def with_real(panel):
    panel.motion.forms = {}
    panel.motion.findMethods()
    yield
    panel.motion.methods, panel.motion.forms = {}, {}


@pytest.fixture
def with_fake(panel, fake_method):
    panel.motion.findMethods()
    yield fake_method
    panel.motion.methods, panel.motion.forms = {}, {}


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
        editors = panel.motion.forms["fake"].editors
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
        assert panel.motion.options() == {}  # every default survives its widget

    def test_weights_are_chosen_by_name_or_typed(self, panel, heart, with_real, tmp_path, monkeypatch):
        monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path))
        tiny_weights("riir", tmp_path / "my_own.safetensors")
        choose(panel, "riir")
        editor = panel.motion.forms["riir"].editors["weights"]
        offered = [editor.widget.itemText(n) for n in range(editor.widget.count)]
        assert offered[:2] == ["auto", "my_own"]
        assert not any("voxelmorph" in name or "inr" in name for name in offered)
        assert "Needs trained weights; there are my_own" in panel.motion.ui.methodInfoLabel.text
        assert panel.motion.options() == {}
        editor.widget.setCurrentIndex(1)
        assert panel.motion.options() == {"weights": "my_own"}
        editor.widget.currentText = "/some/where/else.safetensors"
        stored = json.loads(panel.logic.getParameterNode().options)
        assert stored == {"riir": {"weights": "/some/where/else.safetensors"}}
        panel.motion.ui.resetOptionsButton.click()
        assert editor.widget.currentText == "auto"
        assert panel.motion.options() == {}

    def test_a_folder_of_weights_that_is_gone_does_not_break_the_panel(
        self, panel, heart, with_real, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path / "gone"))
        choose(panel, "riir")
        assert panel.motion.forms["riir"].editors["weights"].read() == "auto"
        assert "there are none" in panel.motion.ui.methodInfoLabel.text

    def test_summary_citation_and_needs_are_shown(self, panel, heart, with_fake):
        choose(panel, "fake")
        text = panel.motion.ui.methodInfoLabel.text
        assert "Finds that nothing moves." in text
        assert "Nobody 2020" in text
        assert "segmentation of the end-diastolic frame" in text

    def test_an_edit_is_stored_used_and_reset(self, slicer, panel, heart, with_fake):
        choose(panel, "fake")
        editors = panel.motion.forms["fake"].editors
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
        panel.motion.forms["fake"].editors["weight"].widget.value = 0.5
        panel.motion.ui.deviceComboBox.setCurrentIndex(1)
        panel.study.ui.referenceSpinBox.value = 0
        panel.motion.ui.strainCheckBox.checked = False
        path = tmp_path / "scene.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert panel.logic.getParameterNode().method == "auto"
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        assert panel.motion.ui.methodComboBox.currentText == "Fake method"
        assert panel.motion.options() == {"weight": 0.5}
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
        assert panel.motion.options() == {}


class TestRuns:
    def test_inputs_are_locked_and_progress_is_shown(self, slicer, panel, heart, with_fake):
        choose(panel, "fake")
        panel.motion.forms["fake"].editors["steps"].widget.value = 400
        panel.motion.ui.applyButton.click()
        deadline = time.monotonic() + 60
        while not panel.motion.ui.progressBar.value and time.monotonic() < deadline:
            slicer.app.processEvents()
        assert not panel.motion.ui.methodComboBox.enabled
        assert panel.motion.ui.applyButton.text == "Cancel"
        assert 0 < panel.motion.ui.progressBar.value < 1000
        assert "step" in panel.motion.ui.statusLabel.text
        panel.motion.run.cancel()

    def test_the_worker_touches_nodes_only_on_the_main_thread(self, slicer, panel, heart, with_fake):

        choose(panel, "fake")
        panel.motion.forms["fake"].editors["steps"].widget.value = 1
        threads = set()
        tag = slicer.mrmlScene.AddObserver(
            slicer.mrmlScene.NodeAddedEvent, lambda *_: threads.add(threading.current_thread())
        )
        run_to_the_end(slicer, panel)
        slicer.mrmlScene.RemoveObserver(tag)
        assert threads == {threading.main_thread()}

    def test_a_cine_removed_meanwhile_is_noticed(self, slicer, panel, heart, with_fake):
        choose(panel, "fake")
        panel.motion.ui.applyButton.click()
        slicer.mrmlScene.RemoveNode(heart[1])
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTransformNode")
        while panel.motion.run.running:
            slicer.app.processEvents()
        assert "the cine was removed" in panel.motion.ui.statusLabel.text
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == before

    def test_an_unforeseen_failure_is_reported_and_the_panel_lives(self, panel, heart, with_fake, monkeypatch):
        choose(panel, "fake")
        panel.motion.run.makeRunner = InlineRunner
        monkeypatch.setattr("CardiacMotionLib.pipeline.compute_and_draw", lambda request, progress: 1 / 0)
        panel.motion.ui.applyButton.click()
        panel.motion.run.poll()
        assert "Unexpected ZeroDivisionError" in panel.motion.ui.statusLabel.text
        assert panel.motion.ui.applyButton.enabled
        assert panel.motion.ui.applyButton.text == "Apply"
        panel.motion.run.makeRunner = panel.session.settings.runner

    def test_apply_waits_for_a_cancelled_worker_that_is_still_busy(self, slicer, panel, heart, with_fake, monkeypatch):
        choose(panel, "fake")
        release = threading.Event()
        with monkeypatch.context() as slow:
            slow.setattr("CardiacMotionLib.pipeline.compute_and_draw", lambda request, progress: release.wait(20))
            slow.setattr("CardiacMotionPanels.run.STOPPING_SECONDS", 0.05)
            panel.motion.ui.applyButton.click()
            panel.motion.ui.applyButton.click()
            while panel.motion.run.running:  # the job loses patience, its thread goes on
                slicer.app.processEvents()
            panel.motion.ui.applyButton.click()
            assert not panel.motion.run.running
            assert "still stopping" in panel.motion.ui.statusLabel.text
            release.set()
        assert "Done" in run_to_the_end(slicer, panel)

    def test_an_unforeseen_failure_while_reading_the_inputs_is_reported_too(self, panel, heart, with_fake, monkeypatch):
        choose(panel, "fake")
        monkeypatch.setattr("CardiacMotionPanels.analysis.prepareFrom", lambda *_a, **_k: 1 / 0)
        panel.motion.ui.applyButton.click()
        assert "Unexpected ZeroDivisionError" in panel.motion.ui.statusLabel.text
        assert not panel.motion.run.running
        assert panel.motion.ui.applyButton.enabled

    def test_without_a_segmentation_there_is_motion_and_the_reason_for_no_strain(
        self, slicer, panel, heart, monkeypatch
    ):
        outcome = self.motion_without_labels(monkeypatch)
        assert outcome.strain is None
        assert any("No strain" in note for note in outcome.notes)

    def test_without_a_segmentation_strain_is_of_the_one_that_the_method_found(self, slicer, panel, heart, monkeypatch):
        labels = phantom("cine", 3, **SMALL).series.labels[0]
        outcome = self.motion_without_labels(monkeypatch, labels)
        assert outcome.strain is not None
        assert np.array_equal(outcome.series.labels[0], labels)

    @staticmethod
    def motion_without_labels(monkeypatch, found=None):
        from CardiacMotionLib import Motion, pipeline

        series = phantom("cine", 3, **SMALL).series
        series = ImageSeries(series.frames, series.affine, series.times)
        still = Motion(np.zeros((*series.frames.shape, 3)), series.affine, labels=found)
        monkeypatch.setattr("CardiacMotionLib.register", lambda *a, **k: still, raising=False)
        return pipeline.compute(pipeline.Request(series), lambda fraction, text: True)

    def test_a_segmentation_of_another_frame_is_refused(self, slicer, panel, heart, with_fake):
        panel.logic.getParameterNode().referenceFrame = 1
        choose(panel, "fake")
        assert "segmentation belongs to frame 0, but end-diastole is frame 1" in run_to_the_end(slicer, panel)


class TestResults:
    @pytest.fixture
    def computed(self, slicer, panel, heart, with_fake):
        choose(panel, "fake")
        panel.motion.forms["fake"].editors["steps"].widget.value = 1
        assert "Done" in run_to_the_end(slicer, panel)
        return panel.session

    def test_overlay_and_opacity_follow_the_panel(self, slicer, panel, heart, computed):
        from CardiacMotionLib.scene import headless_scene

        composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        assert headless_scene().scene is slicer.mrmlScene
        panel.review.ui.overlayComboBox.setCurrentIndex(2)
        shown = computed.current.overlays[panel.logic.getParameterNode().overlay]
        assert composite.GetForegroundVolumeID() == computed.current.proxy(shown).GetID()
        panel.review.ui.opacitySlider.value = 0.25
        assert composite.GetForegroundOpacity() == pytest.approx(0.25)
        panel.review.ui.overlayComboBox.setCurrentIndex(0)
        assert composite.GetForegroundVolumeID() is None

    def test_removed_results_leave_no_images_behind(self, panel, computed, with_fake):
        import gc
        import weakref

        series = weakref.ref(computed.outcome.series)
        with_fake.clear()  # its record of the run
        panel.review.ui.removeButton.click()
        gc.collect()
        assert series() is None

    def test_the_user_is_told_how_and_how_good(self, panel, computed):
        text = panel.strain.ui.qualityLabel.text
        assert "by fake from frame 0" in text
        assert len(text.splitlines()) > 2
        assert panel.ui.researchLabel.text == "Research use only, not a medical device."

    def test_a_second_run_is_listed_beside_the_first(self, slicer, panel, computed):
        first = computed.current
        assert "Done" in run_to_the_end(slicer, panel)
        assert len(computed.runs) == 2
        assert computed.current is not first
        panel.review.ui.resultComboBox.setCurrentIndex(0)
        assert computed.current is first

    def test_results_of_a_loaded_scene_are_there(self, slicer, panel, computed, tmp_path):
        path = tmp_path / "scene.mrb"
        before = computed.outcome
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert computed.current is None
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        assert computed.current.name == "Cine fake"
        assert panel.review.ui.overlayComboBox.count == len(computed.current.overlays) + 3  # none, and two to be made
        assert "Loaded with the scene" in panel.strain.ui.qualityLabel.text
        restored = computed.restored()
        assert np.array_equal(restored.series.labels[0], before.series.labels[0])
        assert restored.strain.end_systole == before.strain.end_systole
        np.testing.assert_allclose(restored.strain.rv_insertion, before.strain.rv_insertion, atol=1e-3)
        np.testing.assert_allclose(restored.strain.circumferential, before.strain.circumferential, atol=1e-2)

    def test_a_loaded_scene_opens_where_pandas_is_not_installed_yet(self, panel, computed, monkeypatch):
        monkeypatch.setattr("CardiacMotionPanels.packages.missing", lambda required: ["pandas>=2.2"])
        monkeypatch.setattr("CardiacMotionLib.scene.results.find_results", lambda: pytest.fail("needs pandas"))
        panel.setParameterNode(None)
        panel.enter()
        assert computed.current is None

    def test_a_deleted_result_disappears_from_the_panel(self, slicer, panel, computed):
        from CardiacMotionLib.scene import remove_results

        remove_results(computed.current)
        panel.session.changed()
        assert computed.current is None
        assert not panel.review.ui.removeButton.enabled


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


class TestStandIns:
    def test_they_are_as_strict_as_pythonqt(self, panel):
        with pytest.raises(AttributeError, match="creating new attributes"):
            panel.motion.ui.applyButton.remembered = 1
        with pytest.raises(TypeError, match="not callable"):
            panel.motion.ui.applyButton.text()

"""A run of a method that takes no time: from Apply, through what goes wrong meanwhile, to results that stay."""

import threading
import time

import numpy as np
import pytest
from motion_section import SMALL, choose, run_to_the_end

from CardiacMotionLib import ImageSeries, phantom
from CardiacMotionLib.jobs import InlineRunner


class TestRuns:
    def test_inputs_are_locked_and_progress_is_shown(self, slicer, panel, heart, with_fake):
        choose(panel, "fake")
        panel.motion.options.forms["fake"].editors["steps"].widget.value = 400
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
        panel.motion.options.forms["fake"].editors["steps"].widget.value = 1
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
        panel.motion.options.forms["fake"].editors["steps"].widget.value = 1
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

"""The Review section, clicked as a user does: playback, overlays, tags, comparison, disagreement."""

import time

import numpy as np
import pytest

from CardiacMotionLib import Motion, phantom, pipeline

SMALL = {"frames": 4, "slices": 4, "rows": 32, "columns": 32, "pixel_mm": 4.2, "thickness_mm": 18.0}
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def outcomes():
    """Two results of one cine, the second moving half as much."""
    subject = phantom("cine", 3, **SMALL)
    series = subject.series.replace(labels={0: subject.series.labels[0]})
    motions = [
        Motion(share * subject.motion.displacement, series.affine, 0, series.times, {"method": name})
        for share, name in ((1.0, "whole"), (0.5, "half"))
    ]
    return [pipeline.analyze(series, motion) for motion in motions]


class Reader:
    """Who sits before the screen."""

    def __init__(self, slicer, panel, cine, composite):
        self.slicer, self.panel, self.cine, self.composite = slicer, panel, cine, composite
        self.review, self.ui, self.session = panel.review, panel.review.ui, panel.session
        self.slowest = 0.0

    def take(self, outcome):
        from CardiacMotionPanels import analysis

        results = analysis.publish(self.cine, outcome)
        self.session.take(outcome, results)
        return results

    def choose(self, combo, text):
        index = next(n for n in range(combo.count) if combo.itemText(n).startswith(text))
        combo.setCurrentIndex(index)

    def wait(self):
        """Until nothing is made any more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.review.maker.running and time.monotonic() < deadline:
            self.slicer.app.processEvents()
        assert not self.review.maker.running

    def views(self):
        """What the slice view shows: background, foreground and label."""
        get = self.composite
        return get.GetBackgroundVolumeID(), get.GetForegroundVolumeID(), get.GetLabelVolumeID()

    def proxy(self, sequence):
        return self.session.current.proxy(sequence).GetID()


@pytest.fixture
def reader(slicer, panel, outcomes):
    from CardiacMotionLib.scene import add_series

    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)  # the application has one always
    cine, _browser = add_series(outcomes[0].series, "Cine")
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetBackgroundVolumeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Scout").GetID())
    return Reader(slicer, panel, cine, composite)


@pytest.fixture
def result(reader, outcomes):
    return reader.take(outcomes[0])


def node_ids(slicer):
    return {slicer.mrmlScene.GetNthNode(n).GetID() for n in range(slicer.mrmlScene.GetNumberOfNodes())}


class TestPlayback:
    def test_the_browser_of_the_cine_plays(self, reader, result):
        from CardiacMotionLib.scene.headless import module_logic

        browser = result.browser
        reader.ui.playbackRateSpinBox.value = 25
        assert browser.GetPlaybackRateFps() == 25
        reader.ui.playButton.click()
        assert browser.GetPlaybackActive()
        assert reader.ui.playButton.text == "Pause"
        time.sleep(0.06)
        module_logic("Sequences").UpdateAllProxyNodes()  # what the application does from its timer
        time.sleep(0.06)
        module_logic("Sequences").UpdateAllProxyNodes()
        assert reader.ui.frameSlider.value == browser.GetSelectedItemNumber() > 0
        reader.ui.playButton.click()
        assert not browser.GetPlaybackActive()
        assert reader.slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 1

    def test_frames_are_stepped_through_around_the_end(self, reader, result):
        result.browser.SetSelectedItemNumber(0)
        reader.ui.previousFrameButton.click()
        assert result.browser.GetSelectedItemNumber() == 3
        reader.ui.nextFrameButton.click()
        assert result.browser.GetSelectedItemNumber() == 0
        reader.ui.frameSlider.value = 2
        assert result.browser.GetSelectedItemNumber() == 2
        assert reader.ui.frameLabel.text.startswith("Frame 2 of 0 to 3, ")
        assert reader.ui.frameLabel.text.endswith(" ms")

    def test_nothing_can_be_played_without_a_result(self, reader):
        assert not reader.ui.playButton.enabled
        assert not reader.ui.tagsCheckBox.enabled
        assert not reader.ui.compareComboBox.enabled


class TestOverlay:
    def test_what_is_not_there_yet_is_made_when_it_is_chosen(self, reader, result):
        before = node_ids(reader.slicer)
        reader.choose(reader.ui.overlayComboBox, "Displacement")
        assert reader.review.maker.running
        assert "Displacement" in reader.ui.reviewStatusLabel.text
        assert node_ids(reader.slicer) == before  # nothing half made is in the scene
        reader.wait()
        assert reader.views()[1] == reader.proxy(result.overlays["displacement"])
        assert reader.ui.overlayComboBox.currentText == "Displacement (mm)"
        assert not reader.ui.reviewProgressBar.visible

    def test_cancel_leaves_nothing(self, reader, result):
        before = node_ids(reader.slicer)
        reader.choose(reader.ui.overlayComboBox, "Rate of Ecc")
        reader.ui.reviewCancelButton.click()
        assert not reader.review.maker.running
        assert node_ids(reader.slicer) == before
        assert reader.ui.overlayComboBox.currentText == "none"

    def test_range_of_a_scale_around_zero_stays_symmetric_and_is_reset(self, reader, result):
        reader.choose(reader.ui.overlayComboBox, "Ecc")
        display = result.proxy(result.overlays["circumferential"]).GetDisplayNode()
        reader.ui.rangeHighSpinBox.value = 20
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-20, 20)
        assert reader.ui.rangeLowSpinBox.value == -20
        assert reader.ui.rangeLowSpinBox.suffix == " %"
        reader.ui.rangeHighSpinBox.value = -5  # no range
        assert reader.ui.rangeHighSpinBox.value == 20
        reader.ui.rangeResetButton.click()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (-30, 30)

    def test_the_legend_is_shown_with_its_overlay_only(self, reader, result):
        def visible():
            legend = reader.slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode
            return [name for name, node in result.overlays.items() if legend(result.proxy(node)).GetVisibility()]

        reader.choose(reader.ui.overlayComboBox, "Err")
        assert visible() == ["radial"]
        reader.ui.legendCheckBox.click()
        assert visible() == []
        reader.ui.legendCheckBox.click()
        reader.choose(reader.ui.overlayComboBox, "none")
        assert visible() == []

    def test_none_gives_the_views_back(self, reader):
        before = reader.views()
        from_the_start = reader.composite.GetForegroundOpacity()
        assert reader.session.current is None
        reader.session.changed()
        assert reader.views() == before
        assert reader.composite.GetForegroundOpacity() == from_the_start


class TestDrawn:
    def test_contours_are_those_of_the_result_that_is_shown(self, reader, result, outcomes):
        second = reader.take(outcomes[1])

        def shown():
            return [bool(one.proxy(one.segmentation).GetDisplayVisibility()) for one in (result, second)]

        assert shown() == [False, True]
        reader.ui.resultComboBox.setCurrentIndex(0)
        assert shown() == [True, False]
        reader.ui.contoursCheckBox.click()
        assert shown() == [False, False]
        reader.ui.contoursCheckBox.click()

    def test_arrows_come_and_go(self, reader, result):
        reader.ui.arrowsCheckBox.click()
        display = result.proxy(result.motion_to_frame).GetDisplayNode()
        assert display.GetVisibility()
        coarse = display.GetGlyphPointsNode().GetNumberOfControlPoints()
        reader.ui.arrowSpacingSpinBox.value = 12
        assert display.GetGlyphPointsNode().GetNumberOfControlPoints() < coarse
        reader.ui.arrowsCheckBox.click()
        assert not display.GetVisibility()

    def test_tags_lie_over_the_overlay_and_go_again(self, reader, result):
        reader.choose(reader.ui.overlayComboBox, "Ecc")
        before = reader.views()
        reader.ui.tagsCheckBox.click()
        reader.wait()
        first = result.layers["tags"]
        assert reader.views() == (*before[:2], reader.proxy(first))
        reader.ui.tagSpacingSpinBox.value = 10
        reader.choose(reader.ui.tagDirectionComboBox, "along")
        reader.ui.tagEverywhereCheckBox.click()
        reader.wait()
        sequence = result.layers["tags"]
        assert sequence.GetName() == "Virtual tags 10 mm, 0/90 degrees, whole image"
        assert not reader.slicer.mrmlScene.IsNodePresent(first)
        assert reader.views()[2] == reader.proxy(sequence)
        reader.ui.tagsCheckBox.click()
        assert reader.views() == before
        reader.ui.tagEverywhereCheckBox.click()
        reader.choose(reader.ui.tagDirectionComboBox, "diagonal")


class TestCompare:
    def test_flicker_alternates_until_the_user_leaves(self, reader, result):
        reader.choose(reader.ui.overlayComboBox, "Ecc")
        before = reader.views()
        reader.ui.flickerRateSpinBox.value = 3
        reader.choose(reader.ui.compareComboBox, "flicker")
        reader.wait()
        still, moving = result.layers["reference_image"], result.layers["registered"]
        assert reader.views()[:2] == (still.GetID(), reader.proxy(moving))
        assert not result.proxy(result.segmentation).GetDisplayVisibility()  # they belong to the frame, not here
        seen = set()
        deadline = time.monotonic() + 5
        while seen != {0.0, 1.0} and time.monotonic() < deadline:
            reader.slicer.app.processEvents()
            seen.add(reader.composite.GetForegroundOpacity())
        assert seen == {0.0, 1.0}
        reader.panel.exit()
        assert not reader.review.compare.timer.active
        assert reader.views() == before
        assert reader.composite.GetForegroundOpacity() == pytest.approx(0.6)
        assert result.proxy(result.segmentation).GetDisplayVisibility()
        reader.panel.enter()
        assert not reader.review.compare.timer.active

    def test_checkerboard_and_difference(self, reader, result, outcomes):
        reader.choose(reader.ui.compareComboBox, "checkerboard")
        reader.wait()
        assert reader.views()[1] == reader.proxy(result.layers["checkerboard"])
        reader.ui.tileSpinBox.value = 30
        reader.wait()
        assert result.layers["checkerboard"].GetName() == "Checkerboard of 30 mm"
        assert reader.views()[1] == reader.proxy(result.layers["checkerboard"])
        reader.choose(reader.ui.compareComboBox, "difference")
        reader.wait()
        difference = result.proxy(result.layers["difference"])
        assert reader.views()[1] == difference.GetID()
        legend = reader.slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(difference)
        assert legend.GetVisibility()
        reader.take(outcomes[1])  # another result: compared only when the user says so
        assert reader.ui.compareComboBox.currentText == "off"
        assert not legend.GetVisibility()

    def test_an_error_is_said_and_the_choice_taken_back(self, reader, result, monkeypatch):
        from CardiacMotionLib.scene import compare

        monkeypatch.setattr(compare, "difference_layer", lambda *_: 1 / 0)
        reader.choose(reader.ui.compareComboBox, "difference")
        reader.wait()
        assert "ZeroDivisionError" in reader.ui.reviewStatusLabel.text
        assert reader.ui.compareComboBox.currentText == "off"


class TestTwoResults:
    def test_the_disagreement_is_an_overlay_and_numbers(self, reader, result, outcomes):
        assert "second result" in reader.ui.disagreementLabel.text
        assert not reader.ui.disagreementButton.enabled
        reader.take(outcomes[1])
        reader.ui.resultComboBox.setCurrentIndex(0)
        assert reader.ui.secondResultComboBox.currentText == "Cine half"
        reader.ui.disagreementButton.click()
        reader.wait()
        assert reader.views()[1] == reader.proxy(result.overlays["disagreement"])
        wall = outcomes[0].series.labels[0] == 2
        lengths = np.linalg.norm(outcomes[0].motion.displacement[1:, wall], axis=-1) / 2
        text = reader.ui.disagreementLabel.text
        assert text.startswith("Against Cine half:")
        assert f"median {np.median(lengths):.1f} mm, 95th percentile {np.percentile(lengths, 95):.1f} mm" in text
        assert "GCS differs by +" in text  # half the motion shortens less

    def test_results_of_different_cines_are_refused_in_words(self, reader, result):
        from CardiacMotionPanels import analysis

        from CardiacMotionLib.scene import add_series

        other = phantom("cine", 3, **{**SMALL, "frames": 3})
        series = other.series.replace(labels={0: other.series.labels[0]})
        outcome = pipeline.analyze(series, other.motion)
        cine, _ = add_series(series, "Other")
        reader.session.take(outcome, analysis.publish(cine, outcome))
        reader.ui.disagreementButton.click()
        reader.wait()
        assert "two results of the same cine" in reader.ui.reviewStatusLabel.text
        assert reader.ui.disagreementButton.enabled


class TestResults:
    def test_a_result_can_be_renamed(self, reader, result):
        reader.ui.resultNameEdit.text = "First reader"
        reader.ui.resultNameEdit.editingFinished.emit()
        assert reader.ui.resultComboBox.currentText == "First reader"
        assert result.motion_to_frame.GetName() == "First reader motion to frame"
        reader.ui.resultNameEdit.text = " "
        reader.ui.resultNameEdit.editingFinished.emit()
        assert reader.ui.resultNameEdit.text == "First reader"

    def test_removed_results_leave_the_scene_and_the_views_as_they_were(self, reader, outcomes):
        before, views = node_ids(reader.slicer), reader.views()
        for outcome in outcomes:
            reader.take(outcome)
        reader.ui.tagsCheckBox.click()
        reader.wait()
        reader.choose(reader.ui.compareComboBox, "flicker")
        reader.wait()
        reader.ui.tagsCheckBox.click()
        for _ in outcomes:
            reader.ui.removeButton.click()
        assert not reader.review.compare.timer.active
        assert node_ids(reader.slicer) == before
        assert reader.views() == views
        assert not reader.ui.removeButton.enabled

    def test_a_scene_that_closes_takes_everything_along(self, reader, result):
        reader.choose(reader.ui.compareComboBox, "flicker")
        reader.wait()
        reader.choose(reader.ui.overlayComboBox, "Displacement")
        reader.slicer.mrmlScene.Clear()
        assert not reader.review.maker.running
        assert not reader.review.compare.timer.active
        assert not reader.ui.playButton.enabled
        assert reader.ui.overlayComboBox.count == 1

    def test_a_loaded_result_can_do_the_same(self, reader, result, tmp_path):
        reader.ui.tagsCheckBox.click()
        reader.wait()
        path = tmp_path / "scene.mrb"
        assert reader.slicer.mrmlScene.WriteToMRB(str(path))
        reader.slicer.mrmlScene.Clear()
        reader.ui.tagsCheckBox.checked = False
        assert reader.slicer.mrmlScene.ReadFromMRB(str(path), True)
        loaded = reader.session.current
        assert reader.session.outcome is None
        there = loaded.layers["tags"]
        reader.ui.tagsCheckBox.click()
        assert not reader.review.maker.running  # the same tags are there already
        assert loaded.layers["tags"] is there
        reader.choose(reader.ui.overlayComboBox, "Rate of Ecc")
        reader.wait()
        assert "strain_rate" in loaded.overlays
        assert reader.session.outcome is not None
        reader.ui.tagsCheckBox.click()

    def test_a_turn_of_the_event_loop_adds_one_frame(self, reader, result):
        polls = []
        poll = reader.review.maker.poll
        reader.review.maker.timer.disconnect("timeout()", poll)

        def counted(*_args):
            shown = reader.ui.reviewProgressBar.value
            poll()
            polls.append(reader.ui.reviewProgressBar.value != shown)

        reader.review.maker.timer.connect("timeout()", counted)
        reader.ui.tagsCheckBox.click()
        reader.wait()
        reader.review.maker.timer.disconnect("timeout()", counted)
        reader.review.maker.timer.connect("timeout()", poll)
        reader.ui.tagsCheckBox.click()
        assert sum(polls) > len(reader.session.outcome.series)  # the bar moved with every frame


def test_every_control_says_what_it_is_for(panel):
    from PySide6 import QtWidgets

    kinds = (
        QtWidgets.QAbstractButton,
        QtWidgets.QComboBox,
        QtWidgets.QAbstractSpinBox,
        QtWidgets.QLineEdit,
        QtWidgets.QAbstractSlider,
    )
    controls = {name: widget for name, widget in vars(panel.review.ui).items() if isinstance(widget, kinds)}
    controls = {name: widget for name, widget in controls.items() if not name.startswith("qt_")}
    assert len(controls) > 20
    assert [name for name, widget in controls.items() if not widget.toolTip] == []

"""The Motion section: time, device, worker and start are chosen; a run is cancelled, fails, is refined and kept."""

import os
import time

import pytest
from motion_section import choose

from CardiacMotionLib import phantom
from CardiacMotionLib.devices import Device
from CardiacMotionLib.errors import OutOfMemoryError
from CardiacMotionLib.jobs import ProcessRunner, ThreadRunner

QUICK = {"coarse_steps": 2, "fine_steps": 2}


@pytest.fixture
def fake(panel, heart, fake_method):
    """The fake method, chosen; its calls."""
    panel.motion.findMethods()
    choose(panel, "fake")
    yield fake_method
    panel.motion.methods, panel.motion.options.forms = {}, {}


@pytest.fixture(autouse=True)
def fresh_settings(slicer, panel):
    """Methods as they are, settings as on a new machine, and none left for others."""
    panel.motion.findMethods()
    yield
    slicer.app.userSettings().clear()
    panel.session.settings.endProcess()
    panel.motion.machine.refresh()
    panel.motion.devices.found = None
    panel.motion.devices._said = ""


def set_steps(panel, count):
    panel.motion.options.forms["fake"].editors["steps"].widget.value = count


def click(panel):
    panel.motion.ui.applyButton.click()


def wait_until(slicer, panel, condition, seconds=60):
    """Let events run until ``condition()``; fails where that does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, panel.motion.ui.statusLabel.text
        slicer.app.processEvents()


def run(slicer, panel):
    click(panel)
    wait_until(slicer, panel, lambda: not panel.motion.run.running)
    return panel.motion.ui.statusLabel.text


def node_ids(slicer):
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


class TestTime:
    def test_the_shipped_estimate_is_said_as_one_and_grows_with_the_cine(self, panel, heart):
        choose(panel, "spline")
        assert panel.motion.ui.timeLabel.text == (
            "Expected time: about a second on the cpu, estimated from runs on two other cores."
        )
        series = phantom("cine", 3, frames=16, slices=10, rows=96, columns=96).series
        from CardiacMotionLib.scene import add_series

        panel.logic.getParameterNode().cine = add_series(series, "Large")[0]
        assert "about 25 s on the cpu" in panel.motion.ui.timeLabel.text

    def test_automatic_says_what_it_takes_and_for_how_long(self, panel, heart):
        choose(panel, "auto")
        assert panel.motion.ui.methodInfoLabel.text.startswith("Takes ")
        assert "Expected time: about" in panel.motion.ui.timeLabel.text

    def test_a_run_here_is_remembered(self, slicer, panel, fake):
        assert "this method has not run here yet" in panel.motion.ui.timeLabel.text
        set_steps(panel, 1)
        assert "Done" in run(slicer, panel)
        assert "about a second on cpu, estimated from earlier runs on this machine" in panel.motion.ui.timeLabel.text
        pace = panel.session.settings.pace("fake", "cpu")
        assert 0 < pace < 1000

    def test_on_a_gpu_nothing_is_promised_before_a_run(self, panel, heart):
        panel.motion.devices.found = [Device("cpu", "processor"), Device("cuda:0", "Big GPU")]
        choose(panel, "spline")
        assert "not known on cuda:0 yet" in panel.motion.ui.timeLabel.text


class TestDevices:
    def test_only_what_was_tried_is_offered(self, slicer, panel, heart):
        ui = panel.motion.ui
        assert [ui.deviceComboBox.itemText(n) for n in range(ui.deviceComboBox.count)] == ["automatic", "cpu"]
        panel.motion.devices.found = [Device("cpu", "processor"), Device("cuda:0", "Big GPU")]
        panel.session.changed()
        offered = [ui.deviceComboBox.itemText(n) for n in range(ui.deviceComboBox.count)]
        assert offered == ["automatic", "cpu", "cuda:0: Big GPU"]
        assert ui.torchLabel.text.endswith(", GPU: Big GPU")
        ui.deviceComboBox.setCurrentIndex(2)
        assert panel.logic.getParameterNode().device == "cuda:0"

    def test_a_process_looks_and_the_panel_says_what_it_found(self, slicer, panel, heart):
        devices = panel.motion.devices
        panel.motion.ui.findDevicesButton.click()
        assert "looking for GPUs" in panel.motion.ui.torchLabel.text
        assert not panel.motion.ui.findDevicesButton.enabled
        wait_until(slicer, panel, lambda: not devices.looking)
        assert devices.found[0].name == "cpu"
        assert "looking" not in panel.motion.ui.torchLabel.text
        assert "GPU" in panel.motion.ui.torchLabel.text

    def test_a_device_of_another_machine_is_named_and_refused(self, panel, heart):
        panel.logic.getParameterNode().device = "cuda:7"
        assert panel.motion.ui.deviceComboBox.currentText == "cuda:7: not tried yet"
        panel.motion.devices.found = [Device("cpu", "processor")]
        panel.session.changed()
        assert panel.motion.ui.deviceComboBox.currentText == "cuda:7: does not work here"
        assert not panel.motion.ui.applyButton.enabled
        assert "cuda:7 does not work" in panel.motion.ui.applyButton.toolTip


class TestCancel:
    @pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
    def test_the_scene_stays_as_it_was_and_the_earlier_result_too(self, slicer, panel, fake, share):
        set_steps(panel, 1)
        assert "Done" in run(slicer, panel)
        first = panel.session.current
        set_steps(panel, 60)
        present = node_ids(slicer)
        click(panel)
        bar = panel.motion.ui.progressBar
        if share == 0.99:  # while the results come into the scene
            set_steps(panel, 1)
            wait_until(slicer, panel, lambda: panel.motion.run._steps is not None and node_ids(slicer) > present)
        else:
            wait_until(slicer, panel, lambda: bar.value >= 600 * share)
        asked = time.monotonic()
        click(panel)
        wait_until(slicer, panel, lambda: not panel.motion.run.running)
        assert time.monotonic() - asked < 1.0
        assert panel.motion.ui.statusLabel.text == "Cancelled. The scene was not changed."
        assert node_ids(slicer) == present
        assert panel.session.current is first
        assert panel.motion.ui.applyButton.text == "Apply"

    def test_a_method_cannot_be_switched_under_a_run(self, slicer, panel, fake):
        click(panel)
        assert not panel.motion.ui.methodComboBox.enabled
        panel.logic.getParameterNode().method = "auto"  # a script may
        wait_until(slicer, panel, lambda: not panel.motion.run.running)
        assert "Done" in panel.motion.ui.statusLabel.text
        assert panel.session.outcome.motion.provenance["method"] == "fake"
        assert panel.logic.getParameterNode().method == "auto"

    def test_a_cine_removed_while_its_results_come_in_takes_them_along(self, slicer, panel, heart, fake):
        set_steps(panel, 1)
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTransformNode")
        click(panel)
        wait_until(
            slicer, panel, lambda: panel.motion.run._steps is not None and panel.motion.ui.progressBar.value > 930
        )
        slicer.mrmlScene.RemoveNode(heart[1])
        wait_until(slicer, panel, lambda: not panel.motion.run.running)
        assert "the cine was removed" in panel.motion.ui.statusLabel.text
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTransformNode") == before
        assert panel.session.current is None

    def test_a_scene_that_closes_while_results_come_in_is_empty(self, slicer, panel, fake):
        set_steps(panel, 1)
        click(panel)
        wait_until(slicer, panel, lambda: panel.motion.run._steps is not None)
        slicer.mrmlScene.Clear()
        assert not panel.motion.run.running
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 0


def test_the_window_lives_while_a_run_computes_and_its_result_comes_in(slicer, panel, heart):
    """A timer of the window ticks all along; how long it waits is measured by Testing/benchmarks/panel_blocking.py."""
    from CardiacMotionPanels.parameters import writeOptions
    from heartbeat import Heartbeat

    choose(panel, "spline")
    options = {name: 10 for name in panel.motion.options.forms["spline"].options if name.endswith("steps")}
    writeOptions(panel.logic.getParameterNode(), "spline", options)
    with Heartbeat() as heartbeat:
        assert "Done" in run(slicer, panel)
        share = panel.motion.run._runner.share
    assert len(heartbeat.gaps) > 20
    assert share <= 0.1  # s that a poll sleeps for the worker


class TestFailingGpu:
    @pytest.fixture
    def failing(self, panel, fake, monkeypatch):
        """A GPU whose memory is full: what the method runs on raises; the processor does not."""
        import torch

        from CardiacMotionLib.methods import methods

        works = methods()["fake"].run

        def run(series, options, context):
            if panel.logic.getParameterNode().device == "cuda:0":
                taken = torch.zeros(1000)
                raise torch.cuda.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {len(taken)} GiB")
            return works(series, options, context)

        object.__setattr__(methods()["fake"], "run", run)
        monkeypatch.setattr("CardiacMotionLib.methods.registry.choose_device", torch.device)
        panel.motion.devices.found = [Device("cpu", "processor"), Device("cuda:0", "Small GPU")]
        panel.logic.getParameterNode().device = "cuda:0"
        set_steps(panel, 1)

    def test_it_is_said_and_one_click_runs_on_the_cpu(self, slicer, panel, failing):
        present = node_ids(slicer)
        assert "the GPU ran out of memory" in run(slicer, panel)
        assert node_ids(slicer) == present
        assert not panel.motion.ui.cpuButton.isHidden()
        panel.motion.ui.cpuButton.click()
        assert panel.motion.run.running
        assert panel.motion.ui.cpuButton.isHidden()
        wait_until(slicer, panel, lambda: not panel.motion.run.running)
        assert "Done" in panel.motion.ui.statusLabel.text
        assert panel.session.outcome.motion.provenance["device"] == "cpu"

    def test_other_failures_do_not_offer_the_cpu(self, slicer, panel, fake, heart):
        panel.logic.getParameterNode().referenceFrame = 99
        run(slicer, panel)
        assert panel.motion.ui.cpuButton.isHidden()

    def test_what_the_work_held_is_let_go(self):
        import gc
        import weakref

        import torch

        from CardiacMotionLib.devices import memory_given_back

        held = []

        def work():
            tensor = torch.zeros(10)
            held.append(weakref.ref(tensor))
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        with pytest.raises(OutOfMemoryError, match="choose the device cpu") as caught, memory_given_back():
            work()
        gc.collect()
        assert held[0]() is None
        assert caught.value.__cause__ is None


class TestStart:
    def test_a_kept_result_can_be_refined_by_methods_that_take_one(self, slicer, panel, heart):
        ui = panel.motion.ui
        from CardiacMotionPanels.parameters import writeOptions

        parameters = panel.logic.getParameterNode()
        choose(panel, "spline")
        assert ui.startFromComboBox.isHidden()
        options = {name: 3 for name in panel.motion.options.forms["spline"].options if name.endswith("steps")}
        writeOptions(parameters, "spline", options)
        assert "Done" in run(slicer, panel)
        first = panel.session.current
        assert not ui.startFromComboBox.isHidden()
        assert [ui.startFromComboBox.itemText(n) for n in range(ui.startFromComboBox.count)] == ["nothing", first.name]
        ui.startFromComboBox.setCurrentIndex(1)
        assert "Done" in run(slicer, panel)
        assert panel.session.outcome.motion.provenance["init"] == "spline"
        assert len(panel.session.runs) == 2
        choose(panel, "demons")
        assert ui.startFromComboBox.isHidden()
        choose(panel, "spline")
        panel.session.remove(first)
        assert ui.startFromComboBox.findData(first.run) == -1


class TestSettings:
    def test_a_process_of_its_own_does_the_work_and_is_kept(self, slicer, panel, heart):
        ui = panel.motion.ui
        choose(panel, "demons")
        assert isinstance(panel.session.settings.runner(), ThreadRunner)
        ui.workerComboBox.setCurrentIndex(1)
        runner = panel.session.settings.runner()
        assert isinstance(runner, ProcessRunner)
        assert "Done" in run(slicer, panel)
        first = runner.process_id
        assert first not in (None, os.getpid())
        assert panel.session.outcome.strain is not None
        assert "Done" in run(slicer, panel)
        assert runner.process_id == first
        assert len(panel.session.runs) == 2
        ui.workerComboBox.setCurrentIndex(0)
        assert runner.process_id is None

    def test_threads_reach_the_work(self, slicer, panel, fake):
        import torch

        seen = []
        original = torch.set_num_threads
        panel.motion.ui.threadsSpinBox.value = 1
        torch.set_num_threads = lambda count: (seen.append(count), original(count))
        try:
            set_steps(panel, 1)
            assert "Done" in run(slicer, panel)
        finally:
            torch.set_num_threads = original
        assert seen[0] == 1
        assert panel.session.settings.threads == 1

    def test_own_weights_are_offered_at_once(self, panel, heart, tmp_path, monkeypatch):
        from tiny_learned import tiny_weights

        monkeypatch.delenv("CARDIAC_MOTION_MODELS", raising=False)
        tiny_weights("riir", tmp_path / "my_own.safetensors")
        choose(panel, "riir")
        assert "my_own" not in panel.motion.ui.methodInfoLabel.text
        panel.motion.ui.weightsPathEdit.currentPath = str(tmp_path)
        assert "my_own" in panel.motion.ui.methodInfoLabel.text
        assert os.environ["CARDIAC_MOTION_MODELS"] == str(tmp_path)
        panel.motion.ui.weightsPathEdit.currentPath = ""
        assert "CARDIAC_MOTION_MODELS" not in os.environ
        panel.motion.options.forms.clear()

    def test_nothing_of_it_is_in_the_scene(self, slicer, panel, heart):
        panel.motion.ui.threadsSpinBox.value = 3
        node = panel.logic.getParameterNode().parameterNode
        assert not [name for name in node.GetParameterNames() if "thread" in name.lower() or "worker" in name.lower()]
        assert slicer.app.userSettings().value("CardiacMotion/threads") == "3"


def test_every_widget_that_can_be_touched_says_what_it_does(panel):
    import qt

    touched = (qt.QAbstractButton, qt.QComboBox, qt.QAbstractSpinBox)
    silent = [
        name for name, widget in vars(panel.motion.ui).items() if isinstance(widget, touched) and not widget.toolTip
    ]
    assert silent == []

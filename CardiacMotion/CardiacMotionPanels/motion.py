"""Motion: the method with its options, the device, and the run."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError, OutOfMemoryError

from . import analysis, packages
from .devices import CPU, DeviceChooser
from .machine import MachinePanel
from .method_options import AUTO, MethodOptions
from .method_text import aboutMethod, aboutTime, sizeOf
from .run import RunControl
from .session import Session


class MotionPanel:
    """The second section. ``inputsProblem()`` says why there is nothing to compute on, or nothing."""

    def __init__(self, session: Session, inputsProblem: Callable[[], str]):
        self.session, self._inputsProblem = session, inputsProblem
        self.widget, self.ui = session.load("Motion")
        self.parameterNode: Any = None
        self.methods: dict[str, Any] = {}
        self._showing = False
        self._cineId = None  # of the run: a node kept here would outlive its scene
        self._startRun = ""  # the run whose motion is refined
        ui = self.ui
        self.run = RunControl(
            session,
            ui.applyButton,
            ui.progressBar,
            ui.statusLabel,
            self.prepare,
            self.finish,
            about=_("Compute motion and strain"),
            makeRunner=session.settings.runner,
            failed=self.onRunFailed,
        )
        session.tell = self.run.show
        self.devices = DeviceChooser(session, ui)
        self.machine = MachinePanel(ui, session.settings, session.changed)
        self.options = MethodOptions(
            ui.optionsCollapsibleButton, ui.optionsContainer, ui.resetOptionsButton, "options", self.showMethod
        )
        ui.cpuButton.visible = False
        ui.methodComboBox.connect("currentIndexChanged(int)", self.onMethodSelected)
        ui.startFromComboBox.connect("currentIndexChanged(int)", self.onStartSelected)
        ui.cpuButton.connect("clicked(bool)", self.onRunOnCpu)
        self.findMethods()

    def findMethods(self) -> None:
        """List what is registered. Without torch that may be nothing; the install message says so."""
        from CardiacMotionLib.methods import methods

        self.methods = methods() if packages.torchVersion() else {}
        self._showing = True
        self.ui.methodComboBox.clear()
        self.ui.methodComboBox.addItem(_("Automatic: the best one that fits the input"), AUTO)
        for name, info in self.methods.items():
            self.ui.methodComboBox.addItem(info.title, name)
        self._showing = False
        self.devices.refresh()

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: what works for that scene is stopped."""
        if parameterNode is None:
            self.run.abandon()
            self._startRun = ""
            self.ui.cpuButton.visible = False
        self.parameterNode = self.options.parameterNode = parameterNode

    def cleanup(self) -> None:
        """Stop what works."""
        self.run.abandon()
        self.devices.cleanup()
        self.session.settings.endProcess()

    # ------------------------------------------------------------------ what is shown

    def refresh(self) -> None:
        """Show what the parameter node holds."""
        self.setEnabled(not self.session.busy)
        self.devices.refresh()
        self.run.setReady(self._inputsProblem() or self.problem())
        if self.parameterNode is None:
            return
        self._showing = True
        index = self.ui.methodComboBox.findData(self.parameterNode.method)
        if self.ui.methodComboBox.currentIndex != index:
            self.ui.methodComboBox.setCurrentIndex(index)
        self._showing = False
        self.showMethod()
        self.showStarts()

    def showMethod(self) -> None:
        """Show summary, expected time and options of the method that is selected."""
        method = self.parameterNode.method
        info = self.methods.get(method)
        problems = self.options.show(info)
        self.showTime()
        if info is None:
            self.ui.methodInfoLabel.text = self.aboutAutomatic() if method == AUTO else self.methodProblem()
            return
        self.ui.methodInfoLabel.text = "\n".join([aboutMethod(info), *problems])

    def aboutAutomatic(self) -> str:
        """Which method automatic stands for."""
        info = self.chosenMethod()
        return _("Takes {title}. {summary}").format(title=info.title, summary=info.summary) if info else ""

    def chosenMethod(self) -> Any:
        """The `MethodInfo` that will run, None where there is none."""
        from CardiacMotionLib.methods.registry import BEST

        method = self.parameterNode.method if self.parameterNode else AUTO
        return self.methods.get(BEST if method == AUTO else method)

    def showTime(self) -> None:
        """How long the chosen method will take on the chosen device."""
        info, device = self.chosenMethod(), self.devices.likely
        text = ""
        if info is not None:
            pace = self.session.settings.pace(info.name, device)
            text = aboutTime(info.name, sizeOf(self.parameterNode.cine), device, pace)
        self.ui.timeLabel.text = text
        self.ui.timeLabel.visible = bool(text)

    def showStarts(self) -> None:
        """List the kept results that the chosen method could refine: those of the same cine."""
        info, cine = self.chosenMethod(), self.parameterNode.cine
        able = info is not None and info.takes_init
        runs = [(run, kept.name) for run, kept in self.session.runs.items() if able and kept.cine is cine]
        if self._startRun not in [run for run, _name in runs]:
            self._startRun = ""
        entries = [("", _("nothing")), *runs]
        combo = self.ui.startFromComboBox
        self._showing = True
        if entries != [(combo.itemData(n), combo.itemText(n)) for n in range(combo.count)]:
            combo.clear()
            for run, name in entries:
                combo.addItem(name, run)
        combo.setCurrentIndex(combo.findData(self._startRun))
        self._showing = False
        self.ui.startFromComboBox.visible = self.ui.startFromLabel.visible = bool(runs)

    def methodProblem(self) -> str:
        """Why the chosen method cannot run, or nothing."""
        method = self.parameterNode.method if self.parameterNode else AUTO
        if method == AUTO or method in self.methods or not packages.torchVersion():
            return ""
        return _("This scene asks for the method {name}, which is not installed; choose another.").format(name=method)

    def problem(self) -> str:
        """Why the choices cannot run, or nothing."""
        return self.methodProblem() or self.devices.problem()

    def setEnabled(self, enabled: bool) -> None:
        """Lock the choices while they are in use."""
        for widget in (
            self.ui.methodComboBox,
            self.ui.optionsCollapsibleButton,
            self.ui.startFromComboBox,
            self.ui.deviceComboBox,
            self.ui.strainCheckBox,
            self.ui.settingsCollapsibleButton,
        ):
            widget.enabled = enabled

    # ------------------------------------------------------------------ the run

    def prepare(self) -> Callable[..., Any]:
        """Read the inputs; returns the work to do."""
        from CardiacMotionLib import pipeline

        self.ui.cpuButton.visible = False
        packages.ensure(packages.REQUIRED)
        request = analysis.prepareFrom(
            self.parameterNode, self.options.values(), init=self.startMotion(), threads=self.session.settings.threads
        )
        self._cineId = self.parameterNode.cine.GetID()
        return partial(pipeline.compute_and_draw, request)

    def startMotion(self) -> Any:
        """The motion to refine, or None."""
        from CardiacMotionLib.scene import motion_from_sequence

        if not self._startRun:
            return None
        outcome = self.session.outcomes.get(self._startRun)
        return outcome.motion if outcome else motion_from_sequence(self.session.runs[self._startRun].motion_to_frame)

    def finish(self, result: Any) -> Generator[float, None, str]:
        """Put what was computed into the scene, in steps; returns what to tell the user."""
        outcome, drawing = result
        results = yield from analysis.publishing(self._cineId, outcome, drawing)
        said = outcome.motion.provenance
        self.session.settings.remember(
            said["method"], said["device"], float(said["seconds"]), outcome.series.frames.shape
        )
        self.session.take(outcome, results)
        return _("Done. The results are in the scene, beside the cine.")

    def onRunFailed(self, error: BaseException) -> None:
        """Where a GPU failed, give its memory back and offer the processor."""
        ofGpu = not isinstance(error, CardiacMotionError) and "CUDA" in str(error)
        if isinstance(error, OutOfMemoryError) or ofGpu:
            self.session.settings.endProcess()
            self.ui.cpuButton.visible = self.parameterNode is not None and self.parameterNode.device != CPU

    def onRunOnCpu(self, *_args: Any) -> None:
        """Run again on the processor."""
        self.parameterNode.device = CPU
        self.run.start()

    # ------------------------------------------------------------------ what the user chooses

    def onMethodSelected(self, *_args: Any) -> None:
        """Keep the method."""
        if self.parameterNode is not None and not self._showing:
            self.parameterNode.method = self.ui.methodComboBox.itemData(self.ui.methodComboBox.currentIndex)
            self.showMethod()
            self.session.changed()

    def onStartSelected(self, *_args: Any) -> None:
        """Keep the result to start from."""
        if not self._showing:
            self._startRun = self.ui.startFromComboBox.itemData(self.ui.startFromComboBox.currentIndex) or ""

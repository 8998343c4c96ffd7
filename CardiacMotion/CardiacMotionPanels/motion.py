"""Motion: the method with its options, the device, and the run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from . import analysis, packages
from .options_form import OptionsForm
from .parameters import readOptions, writeOptions
from .run import RunControl
from .session import Session

AUTO = "auto"
DEVICES = ("auto", "cpu", "cuda", "mps")
NEEDS = {
    "labels": "a segmentation of the end-diastolic frame",
    "weights": "trained weights",
    "groupwise": "no reference frame, all frames are registered together",
}
GIVES = {"labels": "a segmentation of the end-diastolic frame"}


class MotionPanel:
    """The second section. ``inputsProblem()`` says why there is nothing to compute on, or nothing."""

    def __init__(self, session: Session, inputsProblem: Callable[[], str]):
        self.session, self._inputsProblem = session, inputsProblem
        self.widget, self.ui = session.load("Motion")
        self.parameterNode: Any = None
        self.forms: dict[str, OptionsForm] = {}
        self.methods: dict[str, Any] = {}
        self._showing = False
        self._cineId = None  # of the run: a node kept here would outlive its scene
        ui = self.ui
        self.run = RunControl(
            session,
            ui.applyButton,
            ui.progressBar,
            ui.statusLabel,
            self.prepare,
            self.finish,
            about=_("Compute motion and strain"),
        )
        session.tell = self.run.show
        for device in DEVICES:
            ui.deviceComboBox.addItem(_("automatic") if device == AUTO else device, device)
        ui.methodComboBox.connect("currentIndexChanged(int)", self.onMethodSelected)
        ui.deviceComboBox.connect("currentIndexChanged(int)", self.onDeviceSelected)
        ui.resetOptionsButton.connect("clicked(bool)", self.onReset)
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
        version = packages.torchVersion()
        self.ui.torchLabel.text = f"PyTorch {version}" if version else _("no PyTorch")

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: what works for that scene is stopped."""
        if parameterNode is None:
            self.run.abandon()
        self.parameterNode = parameterNode

    def cleanup(self) -> None:
        """Stop what works."""
        self.run.abandon()

    def refresh(self) -> None:
        """Show what the parameter node holds."""
        self.setEnabled(not self.session.busy)
        self.run.setReady(self._inputsProblem() or self.problem())
        if self.parameterNode is None:
            return
        self._showing = True
        index = self.ui.methodComboBox.findData(self.parameterNode.method)
        if self.ui.methodComboBox.currentIndex != index:
            self.ui.methodComboBox.setCurrentIndex(index)
        device = self.ui.deviceComboBox.findData(self.parameterNode.device)
        if self.ui.deviceComboBox.currentIndex != device:
            self.ui.deviceComboBox.setCurrentIndex(device)
        self._showing = False
        self.showMethod()

    def showMethod(self) -> None:
        """Show summary and options of the method that is selected."""
        method = self.parameterNode.method
        info = self.methods.get(method)
        for name, form in self.forms.items():
            form.widget.visible = name == method
        self.ui.optionsCollapsibleButton.visible = info is not None
        if info is None:
            self.ui.methodInfoLabel.text = "" if method == AUTO else self.problem()
            return
        if method not in self.forms:
            known = {"weights": [AUTO, *namesOfWeights(info)]} if "weights" in info.needs else {}
            self.forms[method] = OptionsForm(describeOptions(info), self.onOptionsEdited, known)
            self.ui.optionsContainer.layout().addWidget(self.forms[method].widget)
        stored = readOptions(self.parameterNode, method)
        problems = [] if stored == self.forms[method].values() else self.forms[method].setValues(stored)
        self.ui.methodInfoLabel.text = "\n".join([aboutMethod(info), *problems])

    def problem(self) -> str:
        """Why the choice cannot run, or nothing."""
        method = self.parameterNode.method if self.parameterNode else AUTO
        if method == AUTO or method in self.methods or not packages.torchVersion():
            return ""
        return _("This scene asks for the method {name}, which is not installed; choose another.").format(name=method)

    def options(self) -> dict[str, Any]:
        """Options of the selected method that differ from their defaults."""
        form = self.forms.get(self.parameterNode.method)
        return form.values() if form else {}

    def setEnabled(self, enabled: bool) -> None:
        """Lock the choices while they are in use."""
        for widget in (
            self.ui.methodComboBox,
            self.ui.optionsCollapsibleButton,
            self.ui.deviceComboBox,
            self.ui.strainCheckBox,
        ):
            widget.enabled = enabled

    def prepare(self) -> Callable[..., Any]:
        """Read the inputs; returns the work to do."""
        from CardiacMotionLib import pipeline

        packages.ensure(packages.REQUIRED)
        request = analysis.prepareFrom(self.parameterNode, self.options())
        self._cineId = self.parameterNode.cine.GetID()
        return partial(pipeline.compute, request)

    def finish(self, outcome: Any) -> str:
        """Put what was computed into the scene; returns what to tell the user."""
        with slicer.util.WaitCursor():
            cine = slicer.mrmlScene.GetNodeByID(self._cineId)
            self.session.take(outcome, analysis.publish(cine, outcome))
        return _("Done. The results are in the scene, beside the cine.")

    def onMethodSelected(self, *_args: Any) -> None:
        """Keep the method."""
        if self.parameterNode is not None and not self._showing:
            self.parameterNode.method = self.ui.methodComboBox.itemData(self.ui.methodComboBox.currentIndex)
            self.showMethod()
            self.session.changed()

    def onOptionsEdited(self) -> None:
        """Keep the options."""
        writeOptions(self.parameterNode, self.parameterNode.method, self.options())

    def onReset(self, *_args: Any) -> None:
        """Back to the defaults of the selected method."""
        writeOptions(self.parameterNode, self.parameterNode.method, {})
        self.showMethod()

    def onDeviceSelected(self, *_args: Any) -> None:
        """Keep the device; a GPU is tried first, and refused here rather than in the middle of a run."""
        if self.parameterNode is None or self._showing:
            return
        device = DEVICES[self.ui.deviceComboBox.currentIndex]
        problem = packages.deviceProblem(device) if device not in (AUTO, "cpu") else ""
        if problem:
            self.ui.deviceComboBox.setCurrentIndex(0)
            self.ui.methodInfoLabel.text = problem
            return
        self.parameterNode.device = device


def describeOptions(info: Any) -> list[Any]:
    """The options of a method."""
    from CardiacMotionLib.methods import describe_options

    return describe_options(info.Options)


def aboutMethod(info: Any) -> str:
    """Summary, citation and needs of a method."""
    lines = [info.summary, info.citation]
    if info.needs:
        things = [NEEDS.get(need, need) for need in sorted(info.needs)]
        if "weights" in info.needs:
            things.append(_("there are {names}").format(names=", ".join(namesOfWeights(info)) or _("none")))
        lines.append(_("Needs {things}.").format(things="; ".join(things)))
    if info.gives:
        things = [GIVES.get(gift, gift) for gift in sorted(info.gives)]
        lines.append(_("Finds {things}, where none is selected.").format(things="; ".join(things)))
    return "\n".join(line for line in lines if line)


def namesOfWeights(info: Any) -> list[str]:
    """Names of the weights of a method that are found without a path."""
    from CardiacMotionLib.errors import CardiacMotionError
    from CardiacMotionLib.weights import cards

    try:
        return [file.stem for file in cards(info.name)]
    except CardiacMotionError:  # a run with them says what is wrong
        return []

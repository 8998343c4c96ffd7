"""How the motion is found: method, its options, device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from . import packages
from .options_form import OptionsForm
from .parameters import readOptions, writeOptions

AUTO = "auto"
DEVICES = ("auto", "cpu", "cuda", "mps")
NEEDS = {
    "labels": "a segmentation of the end-diastolic frame",
    "weights": "trained weights",
    "groupwise": "no reference frame, all frames are registered together",
}
GIVES = {"labels": "a segmentation of the end-diastolic frame"}


class MethodPanel:
    """The second section. ``changed()`` is called when a choice changed."""

    def __init__(self, ui: Any, changed: Callable[[], None]):
        self.ui = ui
        self.parameterNode: Any = None
        self.forms: dict[str, OptionsForm] = {}
        self.methods: dict[str, Any] = {}
        self._changed = changed
        self._showing = False
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
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode = parameterNode
        self.refresh()

    def refresh(self) -> None:
        """Show what the parameter node holds."""
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

    def onMethodSelected(self, *_args: Any) -> None:
        """Keep the method."""
        if self.parameterNode is not None and not self._showing:
            self.parameterNode.method = self.ui.methodComboBox.itemData(self.ui.methodComboBox.currentIndex)
            self.showMethod()
            self._changed()

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

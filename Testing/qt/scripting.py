"""Stand-ins for the Python that Slicer gives scripted modules: base classes, parameter node wrapper, translation.

Written from the documented behavior of ``slicer.ScriptedLoadableModule`` and ``slicer.parameterNodeWrapper``: only
what a module may rely on.
"""

from __future__ import annotations

import importlib
import sys
import types
import typing
import unittest
import weakref
from dataclasses import dataclass
from pathlib import Path

import slicer
import slicer.util
import vtk


class ScriptedLoadableModule:
    def __init__(self, parent):
        self.parent = parent
        self.moduleName = type(self).__name__
        slicer.selfTests = {**getattr(slicer, "selfTests", {}), self.moduleName: self.runTest}

    def resourcePath(self, name):  # noqa: N802
        return str(Path(self.parent.path).parent / "Resources" / name)

    def getDefaultModuleDocumentationLink(self):  # noqa: N802
        return ""

    def runTest(self, msec=100, **more):  # noqa: N802
        test = getattr(importlib.import_module(self.__module__), self.moduleName + "Test")()
        test.messageDelay = msec
        test.runTest(**more)


class ScriptedLoadableModuleWidget:
    def __init__(self, parent=None):
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.developerMode = False
        self.parent = parent
        self.layout = parent.layout()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def resourcePath(self, name):  # noqa: N802
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / name)

    def setup(self):
        pass

    def onReload(self):  # noqa: N802
        pass

    def _onModuleAboutToBeUnloaded(self, name):  # noqa: N802
        if name == self.moduleName:
            self.cleanup()


class ScriptedLoadableModuleLogic:
    def __init__(self, parent=None):
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self):  # noqa: N802
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is not None:
            node.SetAttribute("ModuleName", self.moduleName)
            return node
        node = slicer.vtkMRMLScriptedModuleNode()
        node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(self.moduleName)
        return slicer.mrmlScene.AddNode(node)


class ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message, requestedDelay=None, msec=None):  # noqa: N802, N803
        slicer.app.processEvents()


# ---------------------------------------------------------------------- parameter node


@dataclass
class WithinRange:
    minimum: float
    maximum: float


class _Parameter:
    """One typed value kept as text, or as a node reference, in a scripted-module node.

    Like Slicer's it is read once, and again only when the node says that it was modified: a node that was removed from
    the scene stays the value until somebody sets another.
    """

    def __init__(self, name, annotation, default):
        arguments = typing.get_args(annotation)
        self.name, self.default = name, default
        self.kind = arguments[0] if arguments else annotation
        self.range = next((a for a in arguments[1:] if isinstance(a, WithinRange)), None)
        self.is_node = isinstance(self.kind, type) and issubclass(self.kind, slicer.vtkMRMLNode)

    def __get__(self, wrapper, owner=None):
        return wrapper._values[self.name]

    def __set__(self, wrapper, value):
        with slicer.util.NodeModify(wrapper.parameterNode):
            self.write(wrapper, value)
            wrapper._values[self.name] = self.read(wrapper.parameterNode)

    def read(self, node):
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.kind is bool else self.kind(text)

    def write(self, wrapper, value):
        if self.is_node:
            if value is not None and not isinstance(value, self.kind):
                raise ValueError(f"{self.name}: {value.GetClassName()} is not a {self.kind.__name__}")
            wrapper.parameterNode.SetParameter(self.name, "")
            wrapper.parameterNode.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if value is None or not isinstance(value, self.kind) or (self.kind is int and isinstance(value, bool)):
            raise ValueError(f"{self.name}: {value!r} is not {self.kind.__name__}")
        if self.range and not self.range.minimum <= value <= self.range.maximum:
            raise ValueError(f"{self.name}: {value} is outside {self.range.minimum}..{self.range.maximum}")
        wrapper.parameterNode.SetParameter(self.name, str(value))


def parameterNodeWrapper(cls):  # noqa: N802
    parameters = {
        name: _Parameter(name, annotation, getattr(cls, name, None))
        for name, annotation in typing.get_type_hints(cls, include_extras=True).items()
    }

    def init(self, node):
        self.parameterNode, self._guis, self._values = node, {}, {}
        for name, parameter in parameters.items():
            if not node.HasParameter(name):
                setattr(self, name, parameter.default)
        update(self)
        this = weakref.ref(self)
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: update(this()))

    def update(self):
        for name, parameter in parameters.items():
            if not self.parameterNode.HasParameter(name):
                parameter.write(self, parameter.default)
            self._values[name] = parameter.read(self.parameterNode)
        _write_guis(self)

    members = {
        **parameters,
        "__init__": init,
        "__del__": lambda self: self.parameterNode.RemoveObserver(self._tag),
        "connectParametersToGui": _connect_parameters_to_gui,
        "disconnectGui": lambda self, tag: self._guis.pop(tag, None),
        "AddObserver": lambda self, event, callback, priority=0.0: self.parameterNode.AddObserver(
            event, callback, priority
        ),
        "RemoveObserver": lambda self, tag: self.parameterNode.RemoveObserver(tag),
        "StartModify": lambda self: self.parameterNode.StartModify(),
        "EndModify": lambda self, was: self.parameterNode.EndModify(was),
        "Modified": lambda self: self.parameterNode.Modified(),
    }
    for name, member in members.items():
        setattr(cls, name, member)
    return cls


_VALUE = {  # widget class: (property or getter/setter, signal)
    "QCheckBox": ("checked", "toggled"),
    "QSpinBox": ("value", "valueChanged"),
    "QDoubleSpinBox": ("value", "valueChanged"),
    "ctkSliderWidget": ("value", "valueChanged"),
    "qMRMLNodeComboBox": (None, "currentNodeChanged"),
}


def _connect_parameters_to_gui(self, bound):
    tag = len(self._guis)
    self._guis[tag] = bound
    for name, widget in bound.items():
        parameter = vars(type(self))[name]
        attribute, signal = _VALUE[type(widget).__name__]
        if attribute is None:
            widget.nodeTypes = (parameter.kind().GetClassName(),)
        elif parameter.range:
            widget.minimum, widget.maximum = parameter.range.minimum, parameter.range.maximum

        def read(*_, name=name, widget=widget, attribute=attribute):
            if any(bound is guis for guis in self._guis.values()):
                setattr(self, name, widget.currentNode() if attribute is None else getattr(widget, attribute))

        _write(widget, attribute, getattr(self, name))
        getattr(widget, signal).connect(read)
    return tag


def _write_guis(self):
    for bound in self._guis.values():
        for name, widget in bound.items():
            _write(widget, _VALUE[type(widget).__name__][0], getattr(self, name))


def _write(widget, attribute, value):
    if attribute is None:
        widget.setCurrentNode(value)
    elif getattr(widget, attribute) != value:
        setattr(widget, attribute, value)


# ---------------------------------------------------------------------- as modules


def install() -> None:
    """Make these importable under Slicer's names."""
    modules = {
        "slicer.ScriptedLoadableModule": {
            c.__name__: c
            for c in (
                ScriptedLoadableModule,
                ScriptedLoadableModuleWidget,
                ScriptedLoadableModuleLogic,
                ScriptedLoadableModuleTest,
            )
        },
        "slicer.parameterNodeWrapper": {"parameterNodeWrapper": parameterNodeWrapper, "WithinRange": WithinRange},
        "slicer.i18n": {"tr": lambda text: text, "translate": lambda context, text: text},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content, __all__=list(content))
        sys.modules[name] = module
        setattr(slicer, name.split(".")[1], module)

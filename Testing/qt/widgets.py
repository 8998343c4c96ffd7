"""Look-alikes of the ctk and qMRML widgets that the panels use, with the same properties, signals and slots."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets
from pythonqt import dressed, wrap
from vtkmodules.util.misc import calldata_type
from vtkmodules.vtkCommonCore import VTK_OBJECT

Property, Signal = QtCore.Property, QtCore.Signal


def _field(name):
    return lambda self: getattr(self, name), lambda self, value: setattr(self, name, value)


@dressed
class qMRMLWidget(wrap(QtWidgets.QWidget)):  # noqa: N801
    mrmlSceneChanged = Signal(object)  # noqa: N815
    _scene = None

    def setMRMLScene(self, scene):  # noqa: N802
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)
        for child in self.findChildren(
            QtWidgets.QWidget
        ):  # the .ui connects the signal; QUiLoader drops signals it cannot type
            if hasattr(child, "setMRMLScene"):
                child.setMRMLScene(scene)

    def mrmlScene(self):  # noqa: N802
        return self._scene


@dressed
class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):  # noqa: N801
    """What Slicer hands a scripted widget as its parent."""

    _python = None
    _entered = False

    def self(self):
        return self._python

    isEntered = property(lambda self: self._entered)  # noqa: N815


@dressed
class ctkCollapsibleButton(wrap(QtWidgets.QWidget)):  # noqa: N801
    contentsCollapsed = Signal(bool)  # noqa: N815
    HEADER = 24
    _text, _collapsed = "", False

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setContentsMargins(0, self.HEADER, 0, 0)

    def _set_collapsed(self, value):
        if value != self._collapsed:
            self._collapsed = value
            for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
                child.setVisible(not value)
            self.setMaximumHeight(self.HEADER if value else 16777215)
            self.contentsCollapsed.emit(value)

    def minimumSizeHint(self):  # noqa: N802
        natural = QtWidgets.QWidget.minimumSizeHint(self)
        return QtCore.QSize(natural.width(), self.HEADER) if self._collapsed else natural

    text = Property(str, *_field("_text"))
    collapsed = Property(bool, lambda self: self._collapsed, _set_collapsed)

    def paintEvent(self, event):  # noqa: N802
        painter = QtGui.QPainter(self)
        painter.fillRect(0, 0, self.width, self.HEADER - 2, QtGui.QColor("#d8dde4"))
        painter.drawText(8, 16, f"{'▸' if self._collapsed else '▾'}  {self._text}")
        painter.end()  # before Qt takes the surface away


@dressed
class ctkSliderWidget(wrap(QtWidgets.QWidget)):  # noqa: N801
    valueChanged = Signal(float)  # noqa: N815
    _slider = _spin = None
    _value, _minimum, _maximum, _decimals, _step, _suffix = 0.0, 0.0, 99.0, 2, 1.0, ""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        self._spin = QtWidgets.QDoubleSpinBox()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider, 1)
        row.addWidget(self._spin)
        self._show()

    def _show(self):
        self._slider.setRange(0, 1000)
        span = (self._maximum - self._minimum) or 1.0
        self._slider.setValue(round(1000 * (self._value - self._minimum) / span))
        self._spin.setDecimals(self._decimals)
        self._spin.setRange(self._minimum, self._maximum)
        self._spin.setSuffix(self._suffix)
        self._spin.setValue(self._value)

    def _set_value(self, value):
        value = round(min(max(float(value), self._minimum), self._maximum), self._decimals)
        if value != self._value:
            self._value = value
            self.valueChanged.emit(value)
        self._show()

    def _setter(name, kind):  # noqa: N805
        def set_(self, value):
            setattr(self, name, kind(value))
            self._set_value(self._value)

        return set_

    value = Property(float, lambda self: self._value, _set_value)
    minimum = Property(float, lambda self: self._minimum, _setter("_minimum", float))
    maximum = Property(float, lambda self: self._maximum, _setter("_maximum", float))
    decimals = Property(int, lambda self: self._decimals, _setter("_decimals", int))
    singleStep = Property(float, lambda self: self._step, _setter("_step", float))  # noqa: N815
    suffix = Property(str, lambda self: self._suffix, _setter("_suffix", str))


@dressed
class ctkDirectoryButton(wrap(QtWidgets.QPushButton)):  # noqa: N801
    """Shows a folder; a click would open a dialog, which no test meets."""

    directoryChanged = Signal(str)  # noqa: N815
    directorySelected = Signal(str)  # noqa: N815
    _directory = QtCore.QDir.currentPath()

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setText(self._directory)

    def _set_directory(self, value):
        path = QtCore.QDir(value).absolutePath()
        if path != self._directory:
            self._directory = path
            self.setText(path)
            self.directoryChanged.emit(path)

    directory = Property(str, lambda self: self._directory, _set_directory)

    def setDirectory(self, value):  # noqa: N802
        self._set_directory(value)


@dressed
class qMRMLNodeComboBox(wrap(QtWidgets.QComboBox)):  # noqa: N801
    currentNodeChanged = Signal(object)  # noqa: N815
    _scene = _node = None
    _types = _hidden = ()
    _none, _add, _remove, _rename, _children, _base, _none_text = False, True, True, False, True, "", "None"

    nodeTypes = Property(  # noqa: N815
        "QStringList", lambda self: list(self._types), lambda self, v: setattr(self, "_types", tuple(v))
    )
    noneEnabled = Property(bool, *_field("_none"))  # noqa: N815
    noneDisplay = Property(str, *_field("_none_text"))  # noqa: N815
    addEnabled = Property(bool, *_field("_add"))  # noqa: N815
    removeEnabled = Property(bool, *_field("_remove"))  # noqa: N815
    renameEnabled = Property(bool, *_field("_rename"))  # noqa: N815
    showChildNodeTypes = Property(bool, *_field("_children"))  # noqa: N815
    hideChildNodeTypes = Property(  # noqa: N815
        "QStringList", lambda self: list(self._hidden), lambda self, v: setattr(self, "_hidden", tuple(v))
    )
    baseName = Property(str, *_field("_base"))  # noqa: N815

    def __init__(self, parent=None):
        super().__init__(parent)
        QtWidgets.QComboBox.setMinimumContentsLength(self, 12)

    def setMRMLScene(self, scene):  # noqa: N802
        if scene is self._scene:
            return
        self._scene = scene
        for event, react in ((scene.NodeAddedEvent, self._added), (scene.NodeRemovedEvent, self._removed)):
            scene.AddObserver(event, react)
        if not self._none and self._node is None:
            for i in range(scene.GetNumberOfNodes()):
                self._take_first(scene.GetNthNode(i))

    def _matches(self, node):
        return self._is_of_type(node) and not node.GetHideFromEditors()

    def _is_of_type(self, node):
        if any(node.IsA(hidden) for hidden in self._hidden):
            return False
        return node.GetClassName() in self._types or (self._children and any(node.IsA(one) for one in self._types))

    def _take_first(self, node):
        if not self._none and self._node is None and self._matches(node):
            self.setCurrentNode(node)

    @calldata_type(VTK_OBJECT)
    def _added(self, caller, event, node):
        self._take_first(node)

    @calldata_type(VTK_OBJECT)
    def _removed(self, caller, event, node):
        if node is self._node:
            self.setCurrentNode(None)

    def currentNode(self):  # noqa: N802
        return self._node

    currentNodeID = property(lambda self: self._node.GetID() if self._node else "")  # noqa: N815

    def setCurrentNode(self, node):  # noqa: N802
        if node is not None and not self._is_of_type(node):
            node = None
        if node is self._node:
            return
        self._node = node
        QtWidgets.QComboBox.clear(self)
        self.addItem(node.GetName() if node else self._none_text)
        self.currentNodeChanged.emit(node)


@dressed
class ctkPathLineEdit(wrap(QtWidgets.QWidget)):  # noqa: N801
    """A path typed, chosen from those used before, or browsed for; nothing is a path too."""

    Files, Dirs = 0x002, 0x001  # of QDir
    currentPathChanged = Signal(str)  # noqa: N815
    _edit = None
    _filters = 0

    def __init__(self, parent=None):
        super().__init__(parent)
        self._edit = QtWidgets.QComboBox()
        self._edit.setEditable(True)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._edit, 1)
        row.addWidget(QtWidgets.QToolButton(text="..."))
        self._edit.editTextChanged.connect(self.currentPathChanged)

    currentPath = Property(  # noqa: N815
        str, lambda self: self._edit.currentText(), lambda self, path: self._edit.setEditText(path)
    )
    filters = Property(int, *_field("_filters"))


MRML_WIDGETS = (qMRMLWidget, qMRMLNodeComboBox, qSlicerScriptedLoadableModuleWidget)
CTK_WIDGETS = (ctkCollapsibleButton, ctkDirectoryButton, ctkPathLineEdit, ctkSliderWidget)

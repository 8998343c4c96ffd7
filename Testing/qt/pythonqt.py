"""PySide6 dressed as PythonQt: the ``qt`` module of the Slicer application.

What differs and is imitated: Qt properties are Python attributes (``label.text``, not ``label.text()``),
``obj.connect("clicked(bool)", f)``, ``obj.name`` is the object name, and a C++ object takes no new attributes.
"""

from __future__ import annotations

import inspect
import os
import sys
import tempfile
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtUiTools import QUiLoader

_METHODS_THOUGH_PROPERTIES = {  # value types that the code under test only reaches through methods
    "cursor",
    "font",
    "geometry",
    "locale",
    "minimumSizeHint",
    "palette",
    "pos",
    "rect",
    "size",
    "sizeHint",
    "sizePolicy",
}
_VIRTUAL = {("QProgressBar", "text")}  # that Qt itself calls, and would find the property instead
_NOTHING = object()
_ALSO_WRAPPED = ("QTimer", "QAction", "QShortcut", "QButtonGroup", "QFormLayout", "QHBoxLayout", "QVBoxLayout")


class QtProperty:
    """A Qt property as an attribute; through the class it is still the method it hides."""

    def __init__(self, name, method):
        self.name, self.method = name, method

    def __get__(self, instance, owner=None):
        return self.method if instance is None else instance.property(self.name)

    def __set__(self, instance, value):
        QtCore.QObject.setProperty(instance, self.name, value)


class PythonQtObject:
    """What every wrapped class gets: copied, because Shiboken does not look into bases that are not its own."""

    name = QtProperty("objectName", None)

    def connect(self, signal, *receiver):
        target = receiver[0] if len(receiver) == 1 else getattr(receiver[0], receiver[1].split("(")[0])
        getattr(self, signal.split("(")[0]).connect(target)
        return True

    def disconnect(self, signal, *receiver):
        getattr(self, signal.split("(")[0]).disconnect(*receiver)
        return True

    def className(self):  # noqa: N802
        return type(self).__name__


def refuse_new_attributes(cls):
    """A ``__setattr__`` for a subclass of ``cls`` that lets properties be set and nothing be added."""

    def set_attribute(self, name, value):
        known = inspect.getattr_static(type(self), name, _NOTHING)
        if known is _NOTHING:
            raise AttributeError(f"creating new attributes on C++ objects is not allowed: {type(self).__name__}.{name}")
        if inspect.isroutine(known):
            raise AttributeError(f"{type(self).__name__}.{name} is a method and cannot be assigned")
        cls.__setattr__(self, name, value)

    return set_attribute


def wrap(cls):
    """A subclass of a PySide6 class that behaves like PythonQt's."""
    meta = cls.staticMetaObject
    names = [meta.property(i).name() for i in range(meta.propertyCount())]
    own = {
        name: member
        for name, member in vars(PythonQtObject).items()
        if name not in ("__dict__", "__weakref__", "__module__")
    }
    body = {
        name: QtProperty(name, getattr(cls, name, None))
        for name in names
        if name not in _METHODS_THOUGH_PROPERTIES and (cls.__name__, name) not in _VIRTUAL
    }
    return type(cls.__name__, (cls,), {**body, **own, "__setattr__": refuse_new_attributes(cls)})


def dressed(cls):
    """Decorate a class made from a wrapped one: Shiboken looks for some of its methods in the class itself only."""
    cls.connect, cls.disconnect = PythonQtObject.connect, PythonQtObject.disconnect
    return cls


class FileDialog:
    """No dialog can open in a test: whoever needs one is told so."""

    @staticmethod
    def getSaveFileName(*arguments):  # noqa: N802
        raise AssertionError("a modal file dialog was opened in a test")

    getOpenFileName = getExistingDirectory = getSaveFileName  # noqa: N815


class DesktopServices:
    """Nothing is opened in a test: what would be is listed in ``opened``."""

    opened: list[str] = []  # noqa: RUF012

    @classmethod
    def openUrl(cls, url):  # noqa: N802
        cls.opened.append(url.toLocalFile())
        return True


def make_qt() -> types.ModuleType:
    """The ``qt`` module, put in ``sys.modules``."""
    qt = types.ModuleType("qt")
    for module in (QtCore, QtGui, QtWidgets):
        for name in dir(module):
            value = getattr(module, name)
            is_widget = inspect.isclass(value) and issubclass(value, QtWidgets.QWidget)
            if not name.startswith("_"):
                setattr(qt, name, wrap(value) if is_widget or name in _ALSO_WRAPPED else value)
    folder = tempfile.mkdtemp(prefix="cardiac-motion-settings-")  # the user's own are neither read nor written
    QtCore.QSettings.setDefaultFormat(QtCore.QSettings.IniFormat)
    QtCore.QSettings.setPath(QtCore.QSettings.IniFormat, QtCore.QSettings.UserScope, folder)
    qt.QFileDialog = FileDialog
    qt.QDesktopServices = DesktopServices
    sys.modules["qt"] = qt
    return qt


class UiLoader(QUiLoader):
    """Builds a .ui from the wrapped classes and from ``extra`` = {class name: class}; an unknown class is an error."""

    def __init__(self, qt, extra):
        super().__init__()
        self._qt, self._extra = qt, extra

    def createWidget(self, class_name, parent=None, name=""):  # noqa: N802
        cls = self._extra.get(class_name) or getattr(self._qt, class_name, None)
        if cls is None:
            raise LookupError(f"the .ui asks for {class_name}, for which there is no stand-in")
        widget = cls(parent)
        widget.setObjectName(name)
        return widget

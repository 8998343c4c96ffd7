"""The Slicer application for tests: `start` makes it, `load_module` loads a scripted module the way Slicer does."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pythonqt
import scripting
import widgets

from CardiacMotionLib.scene.headless import headless_scene


class LayoutManager:
    """Keeps the layout that was set, on a real layout node, and makes a slice logic for each slice view of it."""

    def __init__(self, slicer, host):
        self._host, self._logic = host, slicer.vtkMRMLLayoutLogic()
        self._slices = {}
        self._logic.SetMRMLScene(host.scene)
        self._logic.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
        self._make_views()

    def layoutLogic(self):  # noqa: N802
        return self._logic

    @property
    def layout(self):
        return self._logic.GetLayoutNode().GetViewArrangement()

    def setLayout(self, layout):  # noqa: N802
        node = self._logic.GetLayoutNode()
        node.SetViewArrangement(layout if node.IsLayoutDescription(layout) else node.SlicerLayoutConventionalView)
        self._make_views()

    def close(self):
        """Take the slice logics out of the application again."""
        for logic in self._slices.values():
            self._host.application_logic.GetSliceLogics().RemoveItem(logic)

    def _make_views(self):
        import slicer

        for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            if node.GetLayoutName() not in self._slices:
                logic = slicer.vtkMRMLSliceLogic()
                logic.SetMRMLApplicationLogic(self._host.application_logic)
                logic.SetMRMLScene(self._host.scene)
                logic.SetSliceNode(node)
                self._slices[node.GetLayoutName()] = logic
                self._host.application_logic.GetSliceLogics().AddItem(logic)


class ModuleManager:
    def module(self, name):
        import slicer

        return getattr(slicer.modules, name.lower(), None)

    def connect(self, signal, slot):
        pass

    def disconnect(self, signal, slot):
        pass


class CoreIOManager:
    """What ``slicer.util.saveScene`` asks; files of other kinds are not written here."""

    def __init__(self, host):
        self._host = host

    def saveNodes(self, file_type, properties, messages=None):  # noqa: N802
        if file_type != "SceneFile" or not properties["fileName"].endswith(".mrb"):
            raise NotImplementedError(f"the stand-in saves scenes as .mrb only, not {properties['fileName']}")
        return bool(self._host.scene.WriteToMRB(properties["fileName"]))


class Application:
    """``slicer.app``."""

    applicationName = "Slicer"  # noqa: N815

    def __init__(self, slicer, host, qt_application):
        self._host, self._qt, self._modules = host, qt_application, ModuleManager()
        self.temporaryPath = host.application_logic.GetTemporaryPath()
        self._layouts = LayoutManager(slicer, host)
        self.at_startup = []  # what is connected to startupCompleted(); the application of a test never gets there
        ini = sys.modules["qt"].QSettings.IniFormat  # a file of this process: the user's own are not for tests
        self._settings = sys.modules["qt"].QSettings(f"{self.temporaryPath}/Slicer.ini", ini)

    def applicationLogic(self):  # noqa: N802
        return self._host.application_logic

    def coreIOManager(self):  # noqa: N802
        return CoreIOManager(self._host)

    def mrmlScene(self):  # noqa: N802
        return self._host.scene

    def moduleManager(self):  # noqa: N802
        return self._modules

    @property
    def slicerHome(self):  # noqa: N802
        return self.temporaryPath

    def userSettings(self):  # noqa: N802
        return self._settings

    def layoutManager(self):  # noqa: N802
        return self._layouts

    def testingEnabled(self):  # noqa: N802
        return True

    def translate(self, context, text):
        return text

    def processEvents(self):  # noqa: N802
        self._qt.processEvents()

    def connect(self, signal, slot):
        if signal != "startupCompleted()":
            raise ValueError(f"the application has no signal {signal}")
        self.at_startup.append(slot)

    def setOverrideCursor(self, cursor):  # noqa: N802
        pass

    def restoreOverrideCursor(self):  # noqa: N802
        pass


def start():
    """Make ``slicer.app`` on the scene of this process; returns the ``slicer`` package. `stop` takes it away again."""
    import slicer
    import slicer.util

    if hasattr(slicer, "app"):
        return slicer
    host = headless_scene()
    if "qt" not in sys.modules or not hasattr(sys.modules["qt"], "QApplication"):
        _dress(slicer)
    qt = sys.modules["qt"]
    slicer.app = Application(slicer, host, qt.QApplication.instance() or qt.QApplication(["Slicer"]))
    return slicer


def stop():
    """Close what was loaded and let the process be one without an application, as tests of the scene want it."""
    import slicer

    for module in LOADED.values():
        module.close()
    LOADED.clear()
    slicer.app.layoutManager().close()
    del slicer.app


def _dress(slicer):
    """``qt``, ``ctk`` and what scripted modules import, once in a process."""
    qt = pythonqt.make_qt()
    extra = {cls.__name__: cls for cls in (*widgets.MRML_WIDGETS, *widgets.CTK_WIDGETS)}
    qt.QUiLoader = lambda: pythonqt.UiLoader(qt, extra)
    ctk = types.ModuleType("ctk")
    for cls in widgets.CTK_WIDGETS:
        setattr(ctk, cls.__name__, cls)
    sys.modules["ctk"] = ctk
    for cls in widgets.MRML_WIDGETS:
        setattr(slicer, cls.__name__, cls)
    slicer.qSlicerScriptedLoadableModule = ScriptedModule
    slicer.util.mainWindow = lambda: None
    scripting.install()


LOADED: dict[str, ScriptedModule] = {}  # by name


class ScriptedModule:
    """A loaded scripted module: what ``slicer.modules.<name>`` is, and the ``parent`` its Python class gets."""

    __slots__ = (
        "_widget",
        "acknowledgementText",
        "associatedNodeTypes",
        "categories",
        "contributors",
        "dependencies",
        "helpText",
        "hidden",
        "icon",
        "index",
        "name",
        "path",
        "python",
        "python_module",
        "title",
    )

    def __init__(self, path: Path):
        self.path, self.name, self._widget = str(path), path.stem, None

    def close(self):
        """The application closes."""
        if self._widget is not None:
            self._widget.self().cleanup()
            self._widget.hide()
            self._widget = None

    def widgetRepresentation(self):  # noqa: N802
        """The panel, built when it is first asked for."""
        if self._widget is None:
            import qt

            host = widgets.qSlicerScriptedLoadableModuleWidget()
            host.setLayout(qt.QVBoxLayout())
            import slicer

            host.setMRMLScene(slicer.mrmlScene)
            self._widget = host
            host._python = getattr(self.python_module, self.name + "Widget")(host)
            host._python.setup()
        return self._widget


def load_module(path: Path) -> ScriptedModule:
    """Load a scripted module: its folder goes on ``sys.path``, its file is run, its module class is made."""
    slicer = start()
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    python_module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = python_module
    spec.loader.exec_module(python_module)
    module = ScriptedModule(path)
    module.python_module = python_module
    module.python = getattr(python_module, path.stem)(module)
    setattr(slicer.modules, path.stem.lower(), module)
    LOADED[path.stem] = module
    return module

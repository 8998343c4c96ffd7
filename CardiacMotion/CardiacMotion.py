"""CardiacMotion: motion, strain and maps from cardiac MR. The module's four classes; the panels are in CardiacMotionPanels."""

import sys
from pathlib import Path
from typing import Any

_library = str(Path(__file__).resolve().parent.parent)  # in the source tree CardiacMotionLib lies one folder up, installed it lies here
if not (Path(__file__).resolve().parent / "CardiacMotionLib").is_dir() and _library not in sys.path:
    sys.path.append(_library)

import slicer  # noqa: E402
import vtk  # noqa: E402
from CardiacMotionPanels import analysis, packages, selftest  # noqa: E402
from CardiacMotionPanels.inputs import InputsPanel, firstCine  # noqa: E402
from CardiacMotionPanels.method import MethodPanel  # noqa: E402
from CardiacMotionPanels.parameters import AUTOMATIC, CardiacMotionParameterNode  # noqa: E402
from CardiacMotionPanels.results import ResultsPanel  # noqa: E402
from CardiacMotionPanels.run import RunPanel  # noqa: E402
from slicer.i18n import tr as _  # noqa: E402
from slicer.i18n import translate  # noqa: E402
from slicer.ScriptedLoadableModule import (  # noqa: E402
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin  # noqa: E402

from CardiacMotionLib.errors import CardiacMotionError  # noqa: E402


class CardiacMotion(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cardiac Motion")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Cardiac")]
        self.parent.dependencies = ["Sequences", "Segmentations", "SubjectHierarchy"]
        self.parent.contributors = ["CardiacMotion contributors"]
        self.parent.helpText = _(
            "Tracks the heart through a cine MR sequence and shows motion, myocardial strain and volumes. Select a cine and a segmentation of "
            "one frame, press Apply. Research use only, not a medical device. "
            '<a href="https://github.com/cardiacmotion/SlicerCardiacMotion">Documentation</a>'
        )
        self.parent.acknowledgementText = _("Each method names the paper it implements; cite it when you publish results.")


class CardiacMotionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: binds the sections to the parameter node and to each other."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._parameterNode = None
        self._guiTag = None
        self._entered = False

    def setup(self):
        """Build the panel; called once, when the module is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/CardiacMotion.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = CardiacMotionLogic()
        self.inputs = InputsPanel(self.ui, self.refresh)
        self.method = MethodPanel(self.ui, self.refresh)
        self.run = RunPanel(self.ui, self.prepare, self.finish, self.refresh)
        self.results = ResultsPanel(self.ui, self.run.showError)
        self.ui.installButton.connect("clicked(bool)", self.onInstall)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.initializeParameterNode()

    def cleanup(self):
        """The application closes, or the module is reloaded."""
        self.run.abandon()
        self.results.layout.restore()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """The user opens the module."""
        self._entered = True
        self.initializeParameterNode()

    def exit(self):
        """The user goes to another module: a run goes on, the results layout does not."""
        self._entered = False
        self.results.layout.restore()
        self.results.refresh()

    def onReload(self):
        """Developer's Reload: forget panels and library, so that the module is read anew with them."""
        for name in [n for n in sys.modules if n.split(".")[0] in ("CardiacMotionPanels", "CardiacMotionLib")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller=None, event=None):
        """The scene goes: stop what works for it and keep nothing of it."""
        self.run.abandon()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller=None, event=None):
        """An empty or loaded scene is there; a closed panel takes it when it is entered."""
        if self._entered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take the scene's parameter node and choose the first cine where none is chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        if self._parameterNode.cine is None:
            cine = firstCine()
            if cine is not None:
                self._parameterNode.cine = cine

    def setParameterNode(self, parameterNode):
        """Let go of one parameter node and show another, or none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
        self._parameterNode = parameterNode
        for panel in (self.inputs, self.method, self.results):
            panel.setParameterNode(parameterNode)
        if parameterNode is not None:
            widgets = [w for w in vars(self.ui).values() if w.property("SlicerParameterName")]
            # not connectGui: in Slicer 5.10 it does not return the tag that disconnectGui needs
            self._guiTag = parameterNode.connectParametersToGui({w.property("SlicerParameterName"): w for w in widgets})
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
        self.refresh()

    def refresh(self, caller=None, event=None):
        """Show the state of the parameter node, of the run and of the installation."""
        self.inputs.refresh()
        self.method.refresh()
        self.results.refresh()
        noTorch = not packages.torchVersion()
        self.ui.installFrame.visible = noTorch
        self.ui.installLabel.text = _("CardiacMotion computes with PyTorch, which is not installed yet.") if noTorch else ""
        for panel in (self.inputs, self.method):
            panel.setEnabled(not self.run.running)
        self.run.setReady(_("Install PyTorch first.") if noTorch else self.inputs.problem() or self.method.problem())

    def onInstall(self, *_args):
        """Install torch when the user agrees."""
        try:
            packages.installTorch()
        except CardiacMotionError as error:
            self.run.showError(str(error))
        self.method.findMethods()
        self.refresh()

    def prepare(self):
        """Read the inputs; returns the work to do."""
        packages.ensure(packages.REQUIRED)
        node = self._parameterNode
        self._cine = node.cine
        request = self.logic.request(
            node.cine,
            node.segmentation,
            node.method,
            reference=None if node.referenceFrame == AUTOMATIC else node.referenceFrame,
            endSystole=None if node.endSystole == AUTOMATIC else node.endSystole,
            device=node.device,
            computeStrain=node.computeStrain,
            **self.method.options(),
        )
        return lambda progress: analysis.compute(request, progress)

    def finish(self, outcome):
        """Put what was computed into the scene; returns what to tell the user."""
        self.results.take(outcome, analysis.publish(self._cine, outcome))
        return _("Done. The results are in the scene, beside the cine.")


class CardiacMotionLogic(ScriptedLoadableModuleLogic):
    """The module without its panel, for scripts and the Python console."""

    def getParameterNode(self):
        """The scene's parameter node, wrapped."""
        return CardiacMotionParameterNode(super().getParameterNode())

    def request(self, cine, segmentation=None, method="auto", *, reference=None, endSystole=None, device="auto", computeStrain=True, **options):
        """What `run` would compute, read from nodes."""
        series = analysis.read(cine, segmentation, reference)
        return analysis.Request(series, method, reference, endSystole, device, computeStrain, options)

    def run(self, cine, segmentation=None, method="auto", *, progress=None, **more: Any):
        """Motion and strain of a cine node, put into the scene; returns the results' nodes.

        ``more`` is reference, endSystole, device, computeStrain and the options of the method; ``progress(fraction, text)`` may return False
        to cancel. Blocks until done. Raises CardiacMotionError for inputs that cannot work and Cancelled when cancelled.
        """
        outcome = analysis.compute(self.request(cine, segmentation, method, **more), progress or (lambda fraction, text: True))
        return analysis.publish(cine, outcome)


class CardiacMotionTest(ScriptedLoadableModuleTest):
    """The self-test, for the real application: Reload and Test, or ``--testing``."""

    def setUp(self):
        """Start from an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self, **_more):
        """Run every step; stops at the first that fails."""
        for step in selftest.STEPS:
            self.setUp()
            self.delayDisplay(f"{step.__name__}: {step.__doc__}")
            step(self, CardiacMotionLogic())
        self.delayDisplay("Test passed")

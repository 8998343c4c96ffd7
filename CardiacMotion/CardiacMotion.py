"""CardiacMotion: motion and strain from cardiac MR. The module's four classes; CardiacMotionPanels has the panels."""

# ruff: noqa: E402
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
if not (_here / "CardiacMotionLib").is_dir() and str(_here.parent) not in sys.path:
    sys.path.append(str(_here.parent))  # the source tree; in the installed one the library lies beside this file

import slicer
import vtk
from CardiacMotionPanels import analysis, packages, selftest
from CardiacMotionPanels.inputs import InputsPanel, firstCine
from CardiacMotionPanels.method import MethodPanel
from CardiacMotionPanels.parameters import CardiacMotionParameterNode
from CardiacMotionPanels.results import ResultsPanel
from CardiacMotionPanels.run import RunPanel
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class CardiacMotion(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cardiac Motion")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Cardiac")]
        self.parent.dependencies = ["Sequences", "Segmentations", "SubjectHierarchy"]
        self.parent.contributors = ["CardiacMotion contributors"]
        self.parent.helpText = _(
            "Tracks the heart through a cine MR sequence and shows motion, myocardial strain and volumes. "
            "Select a cine and a segmentation of one frame, press Apply. Research use only, not a medical device. "
            '<a href="https://github.com/cardiacmotion/SlicerCardiacMotion">Documentation</a>'
        )
        self.parent.acknowledgementText = _(
            "Each method names the paper it implements; cite it when you publish results."
        )


class CardiacMotionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: binds the sections to the parameter node and to each other."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._parameterNode = None
        self._guiTag = None
        self._cineId = None  # of the run: a node kept here would outlive its scene
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
        self.install = packages.InstallPanel(self.ui, self.run.showError, self.onInstallAttempt)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.initializeParameterNode()

    def cleanup(self):
        """The application closes, or the module is reloaded."""
        self.run.abandon()
        self.results.layout.restore()
        self.results.letGo(list(self.results.runs))
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
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
        for panel in (self.install, self.inputs, self.method, self.results):
            panel.refresh()
        for panel in (self.inputs, self.method):
            panel.setEnabled(not self.run.running)
        self.run.setReady(self.install.problem() or self.inputs.problem() or self.method.problem())

    def onInstallAttempt(self):
        """There may be more methods now."""
        self.method.findMethods()
        self.refresh()

    def prepare(self):
        """Read the inputs; returns the work to do."""
        packages.ensure(packages.REQUIRED)
        request = analysis.prepareFrom(self._parameterNode, self.method.options())
        self._cineId = self._parameterNode.cine.GetID()
        return lambda progress: analysis.compute(request, progress)

    def finish(self, outcome):
        """Put what was computed into the scene; returns what to tell the user."""
        with slicer.util.WaitCursor():
            cine = slicer.mrmlScene.GetNodeByID(self._cineId)
            self.results.take(outcome, analysis.publish(cine, outcome))
        return _("Done. The results are in the scene, beside the cine.")


class CardiacMotionLogic(ScriptedLoadableModuleLogic):
    """The module without its panel, for scripts and the Python console."""

    def getParameterNode(self):
        """The scene's parameter node, wrapped."""
        return CardiacMotionParameterNode(super().getParameterNode())

    def run(self, cine, segmentation=None, method="auto", *, progress=None, **more):
        """Motion and strain of a cine node, put into the scene; returns the results' nodes.

        ``more`` is reference, endSystole, device, computeStrain and the options of the method.
        ``progress(fraction, text)`` may return False to cancel. Blocks until done. Raises CardiacMotionError for inputs
        that cannot work and Cancelled when cancelled.
        """
        request = analysis.prepare(cine, segmentation, method, **more)
        return analysis.publish(cine, analysis.compute(request, progress or (lambda fraction, text: True)))


class CardiacMotionTest(ScriptedLoadableModuleTest):
    """The self-test, for the real application: Reload and Test, or ``--testing``."""

    def setUp(self):
        """Start from an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self, **_more):
        """Run every step; stops at the first that fails. Skipped in a Slicer without the packages that compute."""
        if absent := selftest.absentPackages():
            self.skipTest(f"not installed: {', '.join(absent)}")
        for step in selftest.STEPS:
            self.setUp()
            self.delayDisplay(f"{step.__name__}: {step.__doc__}")
            step(self, CardiacMotionLogic())
        self.delayDisplay("Test passed")

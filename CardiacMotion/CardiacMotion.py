"""CardiacMotion: motion and strain from cardiac MR. The module's four classes; CardiacMotionPanels has the panels."""

# ruff: noqa: E402
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
if not (_here / "CardiacMotionLib").is_dir() and str(_here.parent) not in sys.path:
    sys.path.append(str(_here.parent))  # the source tree; in the installed one the library lies beside this file

import slicer
import vtk
from CardiacMotionPanels import analysis, packages, sample_data, selftest, selftest_sections
from CardiacMotionPanels.export import ExportPanel
from CardiacMotionPanels.layout import registerLayouts
from CardiacMotionPanels.layout_switch import LayoutSwitch
from CardiacMotionPanels.mapping import MappingPanel
from CardiacMotionPanels.motion import MotionPanel
from CardiacMotionPanels.parameters import CardiacMotionParameterNode
from CardiacMotionPanels.review import ReviewPanel
from CardiacMotionPanels.session import Session
from CardiacMotionPanels.strain import StrainPanel
from CardiacMotionPanels.study import StudyPanel
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

HOME = "https://github.com/cardiacmotion/SlicerCardiacMotion"
SECTIONS = ("study", "motion", "review", "strain", "mapping", "export")  # in the order of the reader's work


class CardiacMotion(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Cardiac Motion")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Cardiac")]
        self.parent.dependencies = ["Sequences", "Segmentations", "SubjectHierarchy"]
        self.parent.contributors = ["CardiacMotion contributors"]
        self.parent.helpText = _(
            "Tracks the heart through a cine MR sequence and shows motion, myocardial strain and volumes; fits T1, T2 "
            "and perfusion maps of registered images. Load the sample in Study, press Apply in Motion, look in Review "
            "and Strain, write files in Export. Research use only, not a medical device. "
            '<a href="{tutorial}">Tutorial</a>, <a href="{home}">documentation</a>.'
        ).format(home=HOME, tutorial=f"{HOME}/blob/main/CardiacMotion/TUTORIAL.md")
        self.parent.acknowledgementText = _(
            "Each method names the paper that it implements; cite it when you publish results. The sample cine is of "
            "the Sunnybrook Cardiac Data (Radau et al., The MIDAS Journal 2009, CC0)."
        )
        slicer.app.connect("startupCompleted()", sample_data.registerSampleData)
        slicer.app.connect("startupCompleted()", registerLayouts)


class CardiacMotionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: makes the sections and binds them to the scene's parameter node."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._parameterNode = None
        self._guiTag = None
        self._entered = False

    def setup(self):
        """Build the panel; called once, when the module is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = CardiacMotionLogic()
        self.session = Session(self.resourcePath, self.refresh)
        uiWidget, self.ui = self.session.load("CardiacMotion")
        self.layout.addWidget(uiWidget)
        self.install = packages.InstallPanel(self.ui, self.session.showError, self.onInstallAttempt)
        self.layouts = LayoutSwitch(self.session)
        self.ui.layoutsFrame.layout().addWidget(self.layouts.widget)
        self.study = StudyPanel(self.session)
        self.motion = MotionPanel(self.session, lambda: self.install.problem() or self.study.problem())
        self.review = ReviewPanel(self.session)
        self.strain = StrainPanel(self.session)
        self.mapping = MappingPanel(self.session)
        self.export = ExportPanel(self.session)
        self.sections = (self.study, self.motion, self.review, self.strain, self.mapping, self.export)
        for name, panel in zip(SECTIONS, self.sections, strict=True):
            getattr(self.ui, f"{name}Section").layout().addWidget(panel.widget)
        self.ui.mappingSection.connect("contentsCollapsed(bool)", self.mapping.onCollapsed)
        self.panels = (self.layouts, *self.sections)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartSaveEvent, self.onSceneStartSave)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndSaveEvent, self.session.changed)
        self.initializeParameterNode()

    def cleanup(self):
        """The application closes, or the module is reloaded."""
        self.setParameterNode(None)
        for panel in self.panels:
            panel.cleanup()
        self.removeObservers()

    def enter(self):
        """The user opens the module."""
        self._entered = True
        self.initializeParameterNode()

    def exit(self):
        """The user goes to another module: a run goes on, the results layout does not."""
        self._entered = False
        self.session.leave()
        self.layouts.restore()

    def onReload(self):
        """Developer's Reload: forget panels and library, so that the module is read anew with them."""
        for name in [n for n in sys.modules if n.split(".")[0] in ("CardiacMotionPanels", "CardiacMotionLib")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller=None, event=None):
        """The scene goes: stop what works for it and keep nothing of it."""
        self.setParameterNode(None)

    def onSceneEndClose(self, caller=None, event=None):
        """An empty or loaded scene is there; a closed panel takes it when it is entered."""
        if self._entered or self.parent.isEntered:  # a panel that Reload made in the open module was not entered
            self.initializeParameterNode()

    def onSceneStartSave(self, caller=None, event=None):
        """The scene is written: what is hidden or colored for the moment only is not to be in the file."""
        for callback in self.session.saving:
            callback()

    def initializeParameterNode(self):
        """Take the scene's parameter node; that which is shown already is not wrapped again, and its views stay."""
        shown = self._parameterNode
        if shown is None or shown.parameterNode is not ScriptedLoadableModuleLogic.getParameterNode(self.logic):
            self.setParameterNode(self.logic.getParameterNode())
        else:
            self.giveParameterNode(shown)
            self.session.changed()

    def setParameterNode(self, parameterNode):
        """Let go of one parameter node and show another, or none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.session.changed)
        self._parameterNode = parameterNode
        self.giveParameterNode(parameterNode)
        if parameterNode is not None:
            uis = (self.ui, *(panel.ui for panel in self.sections))
            widgets = [w for ui in uis for w in vars(ui).values() if w.property("SlicerParameterName")]
            # not connectGui: in Slicer 5.10 it does not return the tag that disconnectGui needs
            self._guiTag = parameterNode.connectParametersToGui({w.property("SlicerParameterName"): w for w in widgets})
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.session.changed)
        self.session.changed()

    def giveParameterNode(self, parameterNode):
        """Give session and sections a parameter node, or none; they look for what is new in its scene."""
        self.session.setParameterNode(parameterNode)
        for panel in self.panels:
            panel.setParameterNode(parameterNode)

    def refresh(self):
        """Show the state of the parameter node, of the runs and of the installation."""
        self.install.refresh()
        for panel in self.panels:
            panel.refresh()

    def onInstallAttempt(self):
        """There may be more methods now."""
        self.motion.findMethods()
        self.session.changed()


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
        from CardiacMotionLib import pipeline

        request = analysis.prepare(cine, segmentation, method, **more)
        return analysis.publish(cine, pipeline.compute(request, progress or (lambda fraction, text: True)))


class CardiacMotionTest(ScriptedLoadableModuleTest):
    """The self-test, for the real application: Reload and Test, or ``--testing``."""

    def setUp(self):
        """Start from an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self, **_more):
        """Run every step; stops at the first that fails. Skipped in a Slicer without the packages that compute."""
        if absent := selftest.absentPackages():
            self.skipTest(f"not installed: {', '.join(absent)}")
        for step in (*selftest.STEPS, *selftest_sections.STEPS):
            self.setUp()
            self.delayDisplay(f"{step.__name__}: {step.__doc__}")
            step(self, CardiacMotionLogic())
        self.delayDisplay("Test passed")

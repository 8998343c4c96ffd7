"""Study: the cine, its segmentation, the two frames that matter, and what should be known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import packages, sample_data
from .checks_list import checksText
from .frames_form import FramesForm
from .segments_form import SegmentsForm
from .session import Session
from .study_reading import Reading, StudyReader, checkFrames

WARNING_STYLE = "color: #b3261e;"
FILES = "(*.nii *.nii.gz *.nrrd *.nhdr *.dcm *.ima);;(*)"


class StudyPanel:
    """The first section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Study")
        self.parameterNode: Any = None
        self._framesOf = ""  # cine that end-diastole and end-systole are of
        self.reader = StudyReader()
        self.segments = SegmentsForm(session, self.ui, self.read)
        self.frames = FramesForm(session, self.ui, self.read)
        ui = self.ui
        ui.loadSampleButton.connect("clicked(bool)", self.onLoadSample)
        ui.openCineFileButton.connect("clicked(bool)", self.onOpenFile)
        ui.openCineFolderButton.connect("clicked(bool)", self.onOpenFolder)
        ui.cineSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onCineSelected)
        ui.makeSequenceButton.connect("clicked(bool)", self.onMakeSequence)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode = parameterNode
        if parameterNode is None:
            self._framesOf = ""
            self.segments.endPreview()
            self.reader.forget()
            self.frames.forget()
        elif parameterNode.cine is None:
            cine = firstCine()
            if cine is not None:
                parameterNode.cine = cine

    def cleanup(self) -> None:
        """Give the user's own display back."""
        self.segments.endPreview()

    def refresh(self) -> None:
        """Show what the parameter node holds."""
        self.setEnabled(not self.session.busy)
        cine = self.parameterNode.cine if self.parameterNode else None
        self._framesOf = self._framesOf if cine is None else cine.GetID()
        if cine is not None and cine is not self.ui.cineSelector.currentNode():
            self.ui.cineSelector.setCurrentNode(cine)
        text, problem = self.describe()
        self.ui.cineInfoLabel.text = text
        self.ui.cineInfoLabel.setStyleSheet(WARNING_STYLE if problem else "")
        self.ui.cineInfoLabel.visible = bool(text)
        self.ui.makeSequenceButton.visible = cine is None and self.convertible() is not None
        reading = self.read()
        self.segments.refresh(reading)
        self.frames.refresh(reading)
        checks = (*checkFrames(self.parameterNode, reading), *reading.checks) if reading.checks else ()
        self.ui.studyChecksLabel.text = checksText(checks)
        self.ui.studyChecksLabel.visible = bool(checks)

    def read(self) -> Reading:
        """What is known of the selected study; nothing where there is no cine to read."""
        if self.parameterNode is None or self.problem():
            return Reading()
        return self.reader.read(self.parameterNode)

    def describe(self) -> tuple[str, bool]:
        """(what is selected, False) or (what is wrong with it, True)."""
        from CardiacMotionLib.scene.cines import COMPONENTS, cine_kind, frames_in_components

        cine = self.parameterNode.cine if self.parameterNode else None
        selected = self.ui.cineSelector.currentNode()
        if cine is not None or selected is None:
            return describeCine(cine)
        if cine_kind(selected) == COMPONENTS:
            return _("{name} holds {count} frames in one volume; make it a cine to track it.").format(
                name=selected.GetName(), count=frames_in_components(selected)
            ), True
        if self.convertible() is not None:
            return _("{name} is a single image; if its file holds more frames, make it a cine.").format(
                name=selected.GetName()
            ), True
        return _("{name} is a single image; select a sequence, or a volume that a sequence browser plays.").format(
            name=selected.GetName()
        ), True

    def convertible(self) -> Any:
        """The selected volume where it can, or may, be turned into a sequence; else None."""
        from CardiacMotionLib.scene.cines import COMPONENTS, FILE, cine_kind

        selected = self.ui.cineSelector.currentNode()
        return selected if cine_kind(selected) in (COMPONENTS, FILE) else None

    def problem(self) -> str:
        """Why this cine cannot be tracked, or nothing."""
        text, problem = self.describe()
        return text if problem else "" if text else _("Select a cine sequence.")

    def setEnabled(self, enabled: bool) -> None:
        """Lock the inputs while they are in use."""
        for widget in (
            self.ui.loadSampleButton,
            self.ui.openCineFileButton,
            self.ui.openCineFolderButton,
            self.ui.makeSequenceButton,
            self.ui.cineSelector,
            self.ui.segmentationSelector,
        ):
            widget.enabled = enabled and self.parameterNode is not None

    # ------------------------------------------------------------------ what the user does

    def onCineSelected(self, node: Any = None) -> None:
        """Keep the sequence; a volume that a sequence browser plays stands for its sequence."""
        from CardiacMotionLib.scene.cines import sequence_of
        from CardiacMotionLib.scene.volume_chart import remove_orphans

        if self.parameterNode is None:
            return
        remove_orphans()
        cine = sequence_of(self.ui.cineSelector.currentNode())
        if cine is not self.parameterNode.cine:
            with slicer.util.NodeModify(self.parameterNode):
                if cine is not None and self._framesOf not in ("", cine.GetID()):
                    self.frames.reset()  # they were those of another cine
                self.parameterNode.cine = cine
        self.session.changed()

    def onMakeSequence(self, *_args: Any) -> None:
        """Turn the selected volume into a sequence and track that."""
        from CardiacMotionLib.scene import to_sequence
        from CardiacMotionLib.scene.cines import FILE, cine_kind

        volume = self.convertible()

        def convert() -> tuple[Any, Any]:
            if cine_kind(volume) == FILE:
                packages.ensure(packages.FILES)
            return to_sequence(volume), self.parameterNode.segmentation

        self.add(convert)

    def onLoadSample(self, *_args: Any) -> None:
        """Add the sample and select it."""
        self.add(sample_data.addSample)

    def onOpenFile(self, *_args: Any) -> None:
        """Ask for a file and open it."""
        path = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), _("Open cine"), "", _("Images") + " " + FILES)
        self.openPath(path)

    def onOpenFolder(self, *_args: Any) -> None:
        """Ask for a folder and open it."""
        self.openPath(qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Open cine folder")))

    def openPath(self, path: str) -> None:
        """Open a file or folder with the library's readers; nothing happens without a path."""
        from CardiacMotionLib.scene import open_cine

        def read() -> tuple[Any, Any]:
            packages.ensure(packages.FILES)
            return open_cine(Path(path))

        if path:
            self.add(read)

    def add(self, make: Any) -> None:
        """Select the (cine, segmentation) that ``make()`` adds; a failure is told and changes nothing."""
        try:
            with slicer.util.WaitCursor():
                cine, segmentation = make()
        except CardiacMotionError as error:
            self.session.showError(str(error))
            return
        sample_data.showCine(cine)
        with slicer.util.NodeModify(self.parameterNode):
            self.parameterNode.cine = cine
            self.parameterNode.segmentation = segmentation
            self.parameterNode.segments = "{}"
            self.frames.reset()
        self.session.changed()


def describeCine(sequenceNode: Any) -> tuple[str, bool]:
    """(frames, size, spacing and times in one line, False), or (what is wrong, True)."""
    if sequenceNode is None:
        return "", False
    frames = sequenceNode.GetNumberOfDataNodes()
    if frames == 0:
        return _("This sequence is empty; select one with images."), True
    first = sequenceNode.GetNthDataNode(0)
    if not first.IsA("vtkMRMLScalarVolumeNode") or first.GetImageData() is None:
        return _("This sequence holds {kind}, not images; select the cine.").format(kind=first.GetNodeTagName()), True
    if frames < 2:
        return _("This sequence has one frame; motion needs at least two."), True
    size = first.GetImageData().GetDimensions()
    text = _("{frames} frames of {i} x {j} x {k} voxels, {x:.2f} x {y:.2f} x {z:.2f} mm").format(
        frames=frames, i=size[0], j=size[1], k=size[2], **dict(zip("xyz", first.GetSpacing(), strict=True))
    )
    start, end = sequenceNode.GetNthIndexValue(0), sequenceNode.GetNthIndexValue(frames - 1)
    return f"{text}, {sequenceNode.GetIndexName()} {start} to {end} {sequenceNode.GetIndexUnit()}".rstrip(), False


def firstCine() -> Any:
    """The first sequence of images in the scene that is no result of ours, or None."""
    from CardiacMotionLib.scene.run_nodes import RUN

    for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode"):
        text, problem = describeCine(node)
        if node.GetAttribute(RUN) is None and text and not problem:
            return node
    return None

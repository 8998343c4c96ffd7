"""Study: the cine, its segmentation, and the two frames that matter."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from .session import Session

WARNING_STYLE = "color: #b3261e;"


class StudyPanel:
    """The first section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Study")
        self.parameterNode: Any = None
        ui = self.ui
        ui.cineSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onCineSelected)
        ui.referenceCurrentButton.connect("clicked(bool)", self.onUseFrameAsReference)
        ui.endSystoleCurrentButton.connect("clicked(bool)", self.onUseFrameAsEndSystole)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode = parameterNode
        if parameterNode is not None and parameterNode.cine is None:
            cine = firstCine()
            if cine is not None:
                parameterNode.cine = cine

    def cleanup(self) -> None:
        """Nothing to let go of."""

    def refresh(self) -> None:
        """Show what the parameter node holds."""
        self.setEnabled(not self.session.busy)
        cine = self.parameterNode.cine if self.parameterNode else None
        if cine is not None and cine is not self.ui.cineSelector.currentNode():
            self.ui.cineSelector.setCurrentNode(cine)
        text, problem = self.describe()
        self.ui.cineInfoLabel.text = text
        self.ui.cineInfoLabel.setStyleSheet(WARNING_STYLE if problem else "")
        self.ui.cineInfoLabel.visible = bool(text)
        for button in (self.ui.referenceCurrentButton, self.ui.endSystoleCurrentButton):
            button.enabled = cine is not None

    def describe(self) -> tuple[str, bool]:
        """(what is selected, False) or (what is wrong with it, True)."""
        cine = self.parameterNode.cine if self.parameterNode else None
        selected = self.ui.cineSelector.currentNode()
        if cine is None and selected is not None:
            return _("{name} is a single image; select a sequence, or a volume that a sequence browser plays.").format(
                name=selected.GetName()
            ), True
        return describeCine(cine)

    def problem(self) -> str:
        """Why this cine cannot be tracked, or nothing."""
        text, problem = self.describe()
        return text if problem else "" if text else _("Select a cine sequence.")

    def setEnabled(self, enabled: bool) -> None:
        """Lock the inputs while they are in use."""
        for widget in (
            self.ui.cineSelector,
            self.ui.segmentationSelector,
            self.ui.referenceSpinBox,
            self.ui.endSystoleSpinBox,
        ):
            widget.enabled = enabled

    def onCineSelected(self, node: Any = None) -> None:
        """Keep the sequence; a volume that a sequence browser plays stands for its sequence."""
        if self.parameterNode is None:
            return
        node = self.ui.cineSelector.currentNode()
        if node is not None and not node.IsA("vtkMRMLSequenceNode"):
            node = playedSequence(node)
        if node is not self.parameterNode.cine:
            self.parameterNode.cine = node
        self.session.changed()

    def onUseFrameAsReference(self, *_args: Any) -> None:
        """Take the frame that is shown as end-diastole."""
        self.parameterNode.referenceFrame = shownFrame(self.parameterNode.cine)

    def onUseFrameAsEndSystole(self, *_args: Any) -> None:
        """Take the frame that is shown as end-systole."""
        self.parameterNode.endSystole = shownFrame(self.parameterNode.cine)


def playedSequence(volumeNode: Any) -> Any:
    """The sequence that a volume shows the current frame of, or None."""
    from CardiacMotionLib.scene.sequences import find_sequence

    found = find_sequence(volumeNode)
    return found[0] if found else None


def shownFrame(sequenceNode: Any) -> int:
    """The frame that the browser of a sequence shows; 0 without a browser."""
    from CardiacMotionLib.scene.sequences import find_browser

    browser = find_browser(sequenceNode)
    return max(browser.GetSelectedItemNumber(), 0) if browser else 0


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
    """The first sequence of images in the scene, or None."""
    for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode"):
        text, problem = describeCine(node)
        if text and not problem:
            return node
    return None

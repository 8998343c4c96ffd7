"""Placing a markup with the mouse, through Slicer's own place mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin


class Placing(VTKObservationMixin):
    """One markups node at a time that waits for the user's clicks.

    ``placed(node)`` is called when it has all its points, ``givenUp()`` when the user left place mode before: then the
    node is gone. Both come after the click was dealt with, because Slicer's widget still works on the node while it
    tells of the click.
    """

    def __init__(self, parent: Any, placed: Callable[[Any], None], givenUp: Callable[[], None]):
        VTKObservationMixin.__init__(self)
        self._placed, self._givenUp = placed, givenUp
        self._node: Any = None
        self._size = 0
        self._before: tuple[Any, Any] = (None, None)  # class and ID of what the user placed before
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self.settle)
        self._escape = qt.QShortcut(parent)
        self._escape.setKey(qt.QKeySequence("Esc"))
        self._escape.setContext(qt.Qt.ApplicationShortcut)  # the view has the focus, not the panel
        self._escape.enabled = False
        self._escape.connect("activated()", self.giveUp)

    @property
    def active(self) -> bool:
        """Whether a click is awaited."""
        return self._node is not None

    def start(self, make: Callable[[], Any], size: int) -> None:
        """Let the user place the ``size`` points of the node that ``make()`` adds to the scene."""
        self.cancel()
        selection, interaction = _selection(), _interaction()
        before = (selection.GetActivePlaceNodeClassName(), selection.GetActivePlaceNodeID())  # `make` changes it
        node = make()
        self._node, self._size, self._before = node, size, before
        selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
        selection.SetReferenceActivePlaceNodeID(node.GetID())
        if size > 1 and node.GetRequiredNumberOfControlPoints() < size:
            interaction.SwitchToPersistentPlaceMode()  # a list of points leaves the other mode after its first
        else:
            interaction.SwitchToSinglePlaceMode()
        self.addObserver(node, node.PointPositionDefinedEvent, self._later)
        self.addObserver(interaction, interaction.InteractionModeChangedEvent, self._later)
        self.addObserver(selection, selection.ActivePlaceNodeIDChangedEvent, self._later)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self._later)
        self._escape.enabled = True

    def cancel(self) -> None:
        """Leave place mode, with nothing placed."""
        node = self._node
        self._end()
        if node is not None and slicer.mrmlScene.IsNodePresent(node):
            from CardiacMotionLib.scene.run_nodes import remove_nodes

            remove_nodes([node])

    def giveUp(self, *_args: Any) -> None:
        """Leave place mode because the user wants to."""
        if self.active:
            self.cancel()
            self._givenUp()

    def settle(self, *_args: Any) -> None:
        """See how far the user is."""
        node = self._node
        if node is None:
            return
        if not slicer.mrmlScene.IsNodePresent(node):
            self.giveUp()
        elif node.GetNumberOfDefinedControlPoints() >= self._size:
            self._end()
            self._placed(node)
        elif not self._isPlacing():
            self.giveUp()

    def _isPlacing(self) -> bool:
        interaction = _interaction()
        return (
            interaction.GetCurrentInteractionMode() == interaction.Place
            and _selection().GetActivePlaceNodeID() == self._node.GetID()
        )

    def _later(self, *_args: Any) -> None:
        self._timer.start()

    def _end(self) -> None:
        """Give place mode and what is placed there back as they were."""
        if self._node is None:
            return
        self.removeObservers()
        self._timer.stop()
        self._escape.enabled = False
        node, self._node = self._node, None
        selection, interaction = _selection(), _interaction()
        active = _nodeById(selection.GetActivePlaceNodeID())
        if active is not None and active is not node:
            return  # the user already places something else
        if interaction.GetCurrentInteractionMode() == interaction.Place:
            interaction.SetPlaceModePersistence(0)
            interaction.SwitchToViewTransformMode()
        className, identity = self._before
        selection.SetReferenceActivePlaceNodeClassName(className)
        selection.SetReferenceActivePlaceNodeID(identity if _nodeById(identity) is not None else None)


def _nodeById(identity: str | None) -> Any:
    return slicer.mrmlScene.GetNodeByID(identity) if identity else None


def _selection() -> Any:
    return slicer.app.applicationLogic().GetSelectionNode()


def _interaction() -> Any:
    return slicer.app.applicationLogic().GetInteractionNode()

"""The two RV insertions as markups of a run: shown, dragged, placed by two clicks, and read back.

The markups hang under the transform that plays motion to frame: their own coordinates are those of the reference, and
on the screen they move with the heart, so that they can be dragged in any frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from .headless import headless_scene, import_slicer
from .run_folder import adopt
from .run_nodes import all_or_nothing

if TYPE_CHECKING:
    from .results import Results

NAMES = ("RV anterior", "RV inferior")
MOVED_MM = 0.01  # less is the rounding of a saved scene
_COLOR = (1.0, 1.0, 1.0)


def add_insertions(name: str, transform_node: Any, points: np.ndarray | None) -> Any:
    """Markups of the insertions under ``transform_node``, which plays motion to frame.

    At ``points`` (2, 3) RAS mm of the reference, anterior and inferior; None leaves them to be placed with
    `place_insertions`.
    """
    node = headless_scene().scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{name} RV insertions")
    node.SetAndObserveTransformNodeID(transform_node.GetID())
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    for color in (display.SetSelectedColor, display.SetColor):
        color(*_COLOR)
    display.SetTextScale(3.0)
    display.SetPointLabelsVisibility(True)
    display.SetPropertiesLabelVisibility(False)
    display.SetSliceProjection(True)  # seen in every slice: the insertions stand for the whole septum
    display.SetSliceProjectionUseFiducialColor(True)
    display.SetSliceProjectionOpacity(0.6)
    if points is not None:
        move_insertions(node, points)
    return node


def insertions_of(results: Results) -> Any:
    """The run's markups of the insertions; without any, new ones that wait to be placed."""
    if results.insertions is None:
        with all_or_nothing(results.run):
            node = add_insertions(results.name, results.proxy(results.motion_to_frame), None)
            adopt(results, "insertions", node)
        results.insertions = node
    return results.insertions


def insertions_moved(node: Any, points: np.ndarray | None) -> bool:
    """Whether both insertions are placed, and not at ``points`` (2, 3) RAS mm of the reference."""
    if node is None or node.GetNumberOfDefinedControlPoints() != len(NAMES):
        return False
    return points is None or not np.allclose(read_insertions(node), points, atol=MOVED_MM)


def move_insertions(node: Any, points: np.ndarray) -> None:
    """Set both insertions to ``points`` (2, 3) RAS mm of the reference."""
    import vtk

    with import_slicer().util.NodeModify(node):
        if node.GetNumberOfControlPoints() != len(NAMES):
            node.SetFixedNumberOfControlPoints(False)
            node.RemoveAllControlPoints()
        for number, (name, point) in enumerate(zip(NAMES, points, strict=True)):
            if number >= node.GetNumberOfControlPoints():
                node.AddControlPoint(vtk.vtkVector3d(*map(float, point)), name)
            else:
                node.SetNthControlPointPosition(number, *map(float, point))
            _describe(node, number)
        node.SetFixedNumberOfControlPoints(True)  # dragged, not deleted


def read_insertions(node: Any) -> np.ndarray:
    """(2, 3) RAS mm of the reference, anterior and inferior, from the markups of a run.

    Raises
    ------
    CardiacMotionError
        when they are not both placed.
    """
    count = 0 if node is None else node.GetNumberOfDefinedControlPoints()
    if count != len(NAMES):
        raise CardiacMotionError(
            f"{count} of the 2 RV insertions {'is' if count == 1 else 'are'} placed; click the anterior and then the "
            "inferior end of the septum in a short-axis slice"
        )
    return np.array([node.GetNthControlPointPosition(number) for number in range(len(NAMES))])


def place_insertions(node: Any) -> None:
    """Let the next two clicks in a view place the anterior and the inferior insertion.

    What was placed before goes. `finish_placing` ends it, after the second point or on the user's wish.
    """
    node.SetFixedNumberOfControlPoints(False)
    node.RemoveAllControlPoints()
    node.SetDisplayVisibility(True)
    selection, interaction = _selection_node(), _interaction_node()
    selection.SetReferenceActivePlaceNodeClassName(node.GetClassName())
    selection.SetActivePlaceNodeID(node.GetID())
    interaction.SetPlaceModePersistence(1)
    interaction.SetCurrentInteractionMode(interaction.Place)


def placing(node: Any) -> bool:
    """Whether the next click in a view places a point of ``node``."""
    interaction = _interaction_node()
    return (
        interaction.GetCurrentInteractionMode() == interaction.Place
        and _selection_node().GetActivePlaceNodeID() == node.GetID()
    )


def finish_placing(node: Any) -> None:
    """Name the points that were placed, and give the mouse back to the views."""
    if placing(node):
        interaction = _interaction_node()
        interaction.SetPlaceModePersistence(0)
        interaction.SwitchToViewTransformMode()
        _selection_node().SetActivePlaceNodeID(None)
    while node.GetNumberOfControlPoints() > len(NAMES):  # the one that follows the mouse to be placed next
        node.RemoveNthControlPoint(node.GetNumberOfControlPoints() - 1)
    for number in range(node.GetNumberOfControlPoints()):
        _describe(node, number)
    if node.GetNumberOfDefinedControlPoints() == len(NAMES):
        node.SetFixedNumberOfControlPoints(True)


def _describe(node: Any, number: int) -> None:
    node.SetNthControlPointLabel(number, NAMES[number])
    node.SetNthControlPointDescription(number, "where the RV joins the LV; the AHA segments are counted from here")


def _interaction_node() -> Any:
    scene = headless_scene().scene
    return scene.GetFirstNodeByClass("vtkMRMLInteractionNode")


def _selection_node() -> Any:
    scene = headless_scene().scene
    return scene.GetFirstNodeByClass("vtkMRMLSelectionNode")

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
    from .result_record import Results

NAMES = ("RV anterior", "RV inferior")
MOVED_MM = 0.01  # less is the rounding of a saved scene
_COLOR = (1.0, 1.0, 1.0)


def add_insertions(name: str, transform_node: Any, points: np.ndarray | None) -> Any:
    """Markups of the insertions under ``transform_node``, which plays motion to frame.

    At ``points`` (2, 3) RAS mm of the reference, anterior and inferior; None leaves them to be placed.
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


def new_insertions(results: Results) -> Any:
    """Markups without points for the user to place: `set_insertions` takes what was placed, and this node may go."""
    node = add_insertions(f"New {results.name}", results.proxy(results.motion_to_frame), None)
    node.SetSaveWithScene(False)
    node.SetControlPointLabelFormat("RV %d")
    return node


def set_insertions(results: Results, points: np.ndarray) -> Any:
    """Put the run's markups of the insertions, made on first use, at ``points`` (2, 3) RAS mm of the reference."""
    if results.insertions is None:
        with all_or_nothing(results.run):
            node = add_insertions(results.name, results.proxy(results.motion_to_frame), points)
            adopt(results, "insertions", node)
        results.insertions = node
    move_insertions(results.insertions, points)
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


def _describe(node: Any, number: int) -> None:
    node.SetNthControlPointLabel(number, NAMES[number])
    node.SetNthControlPointDescription(number, "where the RV joins the LV; the AHA segments are counted from here")

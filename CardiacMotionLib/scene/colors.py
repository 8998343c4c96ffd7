"""The color scale of strain and volume change, and how a node comes to wear it or another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .headless import headless_scene, import_slicer

COLOR_NODE_NAME = "CardiacMotion diverging"
TAG_COLOR_NODE_NAME = "CardiacMotion tags"
DARKEST = 0.8  # opacity of the middle of a tag: the image still shines through
CATEGORY, CATEGORY_NAME = "Category", "CardiacMotion"  # an attribute of color nodes, under which Slicer lists them

# Blue for shortening and loss of volume, near-white for no change, orange to red for lengthening, thickening and gain.
# The two arms differ in hue for every common color blindness and grow dark alike, so the magnitude is readable in gray
# too. Position -1..1, red, green, blue.
DIVERGING = (
    (-1.00, 0.02, 0.15, 0.40),
    (-0.66, 0.10, 0.40, 0.68),
    (-0.33, 0.45, 0.70, 0.87),
    (0.00, 0.96, 0.96, 0.94),
    (0.33, 0.97, 0.70, 0.48),
    (0.66, 0.83, 0.35, 0.20),
    (1.00, 0.45, 0.05, 0.08),
)
SHORT_NAMES = {"circumferential": "Ecc", "radial": "Err", "longitudinal": "Ell", "jacobian": "Volume change"}
TITLE = {component: f"{name} (%)" for component, name in SHORT_NAMES.items()}
# Symmetric, and the same for every patient.
WINDOW_PERCENT = {"circumferential": 30.0, "longitudinal": 30.0, "radial": 60.0, "jacobian": 30.0}


def diverging_color_node() -> Any:
    """The procedural color node from -1 to 1, made on first use; a display stretches it over its own window."""
    return color_node(COLOR_NODE_NAME, DIVERGING)


def color_node(name: str, points: Sequence[tuple[float, float, float, float]]) -> Any:
    """The procedural color node of a name, made on first use of ``points`` (position, red, green, blue)."""
    scene = headless_scene().scene
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLProceduralColorNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLProceduralColorNode")
        if node.GetName() == name:
            return node
    node = scene.AddNewNodeByClass("vtkMRMLProceduralColorNode", name)
    node.SetAttribute(CATEGORY, CATEGORY_NAME)
    node.SetHideFromEditors(False)  # a hidden color node is not saved with the scene
    for position, red, green, blue in points:
        node.GetColorTransferFunction().AddRGBPoint(position, red, green, blue)
    return node


def tag_color_node(levels: int) -> Any:
    """The color table of virtual tags, made on first use: black, from clear at level 0 to almost opaque."""
    scene = headless_scene().scene
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLColorTableNode")
        if node.GetName() == TAG_COLOR_NODE_NAME:
            return node
    node = import_slicer().vtkMRMLColorTableNode()
    node.SetName(TAG_COLOR_NODE_NAME)
    node.SetTypeToUser()
    node.SetAttribute(CATEGORY, CATEGORY_NAME)
    node.SetNumberOfColors(levels)
    for level in range(levels):
        node.SetColor(level, f"{level / (levels - 1):.0%} dark", 0.0, 0.0, 0.0, DARKEST * level / (levels - 1))
    return scene.AddNode(node)


def color_at(points: Sequence[tuple[float, float, float, float]], position: float) -> tuple[float, float, float]:
    """Red, green and blue (0..1) at a position of a scale given by points (position, red, green, blue)."""
    places = [point[0] for point in points]
    red, green, blue = (float(np.interp(position, places, [point[n] for point in points])) for n in (1, 2, 3))
    return red, green, blue


def is_own_color_node(node: Any) -> bool:
    """Whether `color_node` or `tag_color_node` made a node, which runs share."""
    return node.IsA("vtkMRMLColorNode") and node.GetAttribute(CATEGORY) == CATEGORY_NAME


def add_legend(displayable_node: Any, title: str, *, visible: bool, label_format: str = "%.0f", labels: int = 5) -> Any:
    """Color legend of a node, beside the image in slice and 3D views."""
    legend = import_slicer().vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(displayable_node)
    legend.SetTitleText(title)
    legend.SetNumberOfLabels(labels)
    legend.SetLabelFormat(label_format)
    legend.SetPosition(0.96, 0.5)
    legend.SetSize(0.09, 0.5)  # the text grows with the width
    legend.SetVisibility(visible)
    return legend


def renew_legends(displayable_nodes: Iterable[Any]) -> None:
    """Make the legends of nodes anew.

    A view draws only those that are added while it is there, so one that was just made draws none that are older.
    """
    slicer = import_slicer()
    scene = headless_scene().scene
    for node in displayable_nodes:
        old = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
        if old is None:
            continue
        primary = old.GetPrimaryDisplayNode()
        legend = slicer.vtkMRMLColorLegendDisplayNode()
        legend.CopyContent(old)
        for name in old.GetAttributeNames() or ():
            legend.SetAttribute(name, old.GetAttribute(name))
        scene.RemoveNode(old)
        scene.AddNode(legend)
        node.AddAndObserveDisplayNodeID(legend.GetID())
        legend.SetAndObservePrimaryDisplayNode(primary)
        legend.Modified()

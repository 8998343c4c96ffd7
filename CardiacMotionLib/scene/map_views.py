"""Looking at the maps of the scene: which one, in which window, before or after registration."""

from __future__ import annotations

from typing import Any

from ..errors import CardiacMotionError
from .headless import headless_scene, import_slicer
from .map_nodes import WINDOW_ATTRIBUTE, unit_of_node
from .map_record import MapResults, is_map
from .overlays import hide_legends, overlay_views


def show_map(results: MapResults, name: str, *, opacity: float = 1.0, before: bool = False) -> None:
    """Put a map over its images in every slice view, with its legend; the legends of other results are hidden.

    ``before`` shows the one of the images as acquired, with their labels. Maps without images go over what the views
    show. Raises `CardiacMotionError` for a map that is not there.
    """
    node = find_map(results, name, before=before)
    image = results.image_before if before else results.image
    of_images = before and results.labels_before is not None
    for outlines, shown in ((results.labels, not of_images), (results.labels_before, of_images)):
        if outlines is not None:
            outlines.SetDisplayVisibility(shown)
    hide_legends()
    for composite in overlay_views():
        if image is not None:
            composite.SetBackgroundVolumeID(image.GetID())
        composite.SetForegroundVolumeID(node.GetID())
        composite.SetForegroundOpacity(opacity)
    legend = import_slicer().vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
    if legend is not None:
        legend.SetVisibility(True)
        legend.Modified()  # a view decides whether to draw it by what its layers show at that moment


def hide_maps() -> None:
    """Take maps out of every slice view, with their legends; overlays and what the user put there stay."""
    hidden = False
    for composite in overlay_views():
        node = headless_scene().scene.GetNodeByID(composite.GetForegroundVolumeID() or "")
        if node is not None and is_map(node):
            composite.SetForegroundVolumeID(None)
            hidden = True
    if hidden:
        hide_legends()


def hide_outlines(results: MapResults) -> None:
    """Hide the contours of maps that are not the ones to look at."""
    for outlines in (results.labels, results.labels_before):
        if outlines is not None:
            outlines.SetDisplayVisibility(False)


def find_map(results: MapResults, name: str, *, before: bool = False) -> Any:
    """The volume node of a map; raises `CardiacMotionError` for one that is not there."""
    nodes = results.before if before else results.maps
    if name not in nodes:
        which = " before registration" if before else ""
        has = ", ".join(nodes) or "none"
        raise CardiacMotionError(f"{results.name!r} has no map {name!r}{which}; it has {has}")
    return nodes[name]


def window_of(results: MapResults, name: str) -> tuple[float, float, str]:
    """(lowest, highest, unit) of the window in which a map is shown."""
    node = find_map(results, name)
    display = node.GetDisplayNode()
    return display.GetWindowLevelMin(), display.GetWindowLevelMax(), unit_of_node(node)


def reset_window(results: MapResults, name: str) -> None:
    """Show a map in the window that it had when it was added."""
    low, high = find_map(results, name).GetAttribute(WINDOW_ATTRIBUTE).split()
    set_window(results, name, float(low), float(high))


def set_window(results: MapResults, name: str, low: float, high: float) -> None:
    """Show a map in another window, before and after registration alike."""
    if not low < high:
        raise CardiacMotionError(f"a window goes from low to high, got {low:g} to {high:g}")
    for node in (find_map(results, name), results.before.get(name)):
        if node is not None:
            node.GetDisplayNode().SetWindowLevelMinMax(low, high)

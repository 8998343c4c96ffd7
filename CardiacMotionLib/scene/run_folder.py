"""What joins a run after it was made: its place in the run's folder, its role, and the run's provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .headless import headless_scene, import_slicer
from .run_nodes import ROLE

if TYPE_CHECKING:
    from .result_record import Results

_PREFIX = "CardiacMotion."


def adopt(results: Results, role: str, node: Any) -> None:
    """Give a node the role that brings it back with the run, the run's provenance, and a place in its folder.

    To be called inside `all_or_nothing`, which makes the node one of the run.
    """
    motion = results.motion_to_frame
    with import_slicer().util.NodeModify(node):
        for name in motion.GetAttributeNames():
            if name.startswith(_PREFIX) and node.GetAttribute(name) is None:
                node.SetAttribute(name, motion.GetAttribute(name))
        node.SetAttribute(ROLE, role)
    file_node(folder_of(results), node)


def folder_of(results: Results) -> int:
    """Item of the run's folder in the subject hierarchy, 0 where it has none.

    While a scene is loaded the hierarchy is put together last, so a run that was found then learns its folder here.
    """
    if not results.folder:
        hierarchy = hierarchy_node()
        item = hierarchy.GetItemByDataNode(results.motion_to_frame)
        if item != hierarchy.GetInvalidItemID():
            results.folder = hierarchy.GetItemParent(item)
    return results.folder


def file_node(folder: int, node: Any) -> None:
    """Put a node into a folder of the subject hierarchy; 0 is the scene itself."""
    hierarchy = hierarchy_node()
    folder = folder or hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node)
    if item == hierarchy.GetInvalidItemID():
        hierarchy.CreateItem(folder, node)
    else:
        hierarchy.SetItemParent(item, folder)


def hierarchy_node() -> Any:
    """The subject hierarchy of the scene."""
    return import_slicer().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless_scene().scene)

"""What joins a run after it was made: its place in the run's folder, its role, and the run's provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .headless import headless_scene, import_slicer
from .run_nodes import ROLE, RUN

if TYPE_CHECKING:
    from .map_record import MapResults
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


def folder_of(results: Results | MapResults) -> int:
    """Item of the run's folder in the subject hierarchy, 0 where it has none.

    While a scene is loaded the hierarchy is put together last, so a run that was found then learns its folder here.
    """
    if not results.folder:
        results.folder = find_folder(results.run)
    return results.folder


def find_folder(run: str) -> int:
    """Item of a run's own folder in the subject hierarchy, 0 where it has none; its nodes may lie elsewhere."""
    import vtk

    hierarchy, items = hierarchy_node(), vtk.vtkIdList()
    hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
    everything = (items.GetId(number) for number in range(items.GetNumberOfIds()))
    return next((item for item in everything if hierarchy.GetItemAttribute(item, RUN) == run), 0)


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

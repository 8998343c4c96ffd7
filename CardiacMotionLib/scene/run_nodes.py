"""Which nodes belong to a run: all or nothing when they are made, nothing left when they are removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .colors import is_own_color_node
from .headless import headless_scene, import_slicer
from .steps import Steps, T

RUN = "CardiacMotion.run"
ROLE = "CardiacMotion.role"
_COLOR_CLASS = "vtkMRMLColorNode"


@contextmanager
def all_or_nothing(run: str) -> Iterator[None]:
    """Mark every node made inside as part of ``run``; on any failure remove them, so that the scene is as it was."""
    scene = headless_scene().scene
    import_slicer().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # made on demand: it is no run's
    before = set(_node_ids())
    shown = _selected_frames()
    try:
        yield
    except BaseException:
        remove_nodes([scene.GetNodeByID(identity) for identity in _node_ids() if identity not in before])
        for browser, frame in shown:
            browser.SetSelectedItemNumber(frame)
        raise
    for identity in _node_ids():
        node = scene.GetNodeByID(identity)
        if identity not in before and not is_own_color_node(node):
            node.SetAttribute(RUN, run)


def all_or_nothing_in_steps(run: str, steps: Steps[T]) -> Steps[T]:
    """The same steps: every node that one of them made becomes part of ``run`` when the last is done.

    When a step fails, or the generator is closed before the last, the nodes are removed, and the scene is as it was.
    What others make between two steps is theirs.
    """
    scene = headless_scene().scene
    import_slicer().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # made on demand: it is no run's
    made: list[Any] = []
    try:
        while True:
            before, shown = set(_node_ids()), _selected_frames()
            try:
                value = next(steps)
            except StopIteration as end:
                result = end.value
                break
            finally:
                made += [scene.GetNodeByID(identity) for identity in _node_ids() if identity not in before]
            yield value
    except BaseException as error:
        if isinstance(error, GeneratorExit):
            steps.close()
            shown = _selected_frames()  # the user may have gone on since the last step began
        remove_nodes([node for node in made if scene.IsNodePresent(node) and not is_own_color_node(node)])
        remove_unused_color_nodes()
        for browser, frame in shown:
            if scene.IsNodePresent(browser):
                browser.SetSelectedItemNumber(frame)
        raise
    for node in made:
        if scene.IsNodePresent(node) and not is_own_color_node(node):
            node.SetAttribute(RUN, run)
    return result


def nodes_of_run(run: str) -> list[Any]:
    """Every node of the scene that a run made."""
    scene = headless_scene().scene
    nodes = (scene.GetNodeByID(identity) for identity in _node_ids())
    return [node for node in nodes if node.GetAttribute(RUN) == run]


def runs_in_scene() -> list[str]:
    """Names of the runs with nodes in the scene, oldest first."""
    scene = headless_scene().scene
    found = (scene.GetNodeByID(identity).GetAttribute(RUN) for identity in _node_ids())
    return list(dict.fromkeys(run for run in found if run))


def remove_nodes(nodes: list[Any]) -> None:
    """Remove nodes with what hangs on them: places in browsers and folders, proxies, display and storage nodes."""
    slicer = import_slicer()
    scene = headless_scene().scene
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    doomed = {node.GetID(): node for node in nodes if node is not None}
    for proxy in _leave_browsers(list(doomed.values())):
        doomed.setdefault(proxy.GetID(), proxy)
    for node in list(doomed.values()):
        for attached in _attached(node):
            doomed.setdefault(attached.GetID(), attached)
    for identity in doomed:
        node = scene.GetNodeByID(identity)
        if node is None:
            continue  # went with another node
        item = hierarchy.GetItemByDataNode(node)
        if item != hierarchy.GetInvalidItemID():
            hierarchy.RemoveItem(item, False, False)
        scene.RemoveNode(node)


def remove_unused_color_nodes() -> None:
    """Remove the shared color nodes when no run is left that could use them."""
    scene = headless_scene().scene
    if runs_in_scene():
        return
    for number in reversed(range(scene.GetNumberOfNodesByClass(_COLOR_CLASS))):
        node = scene.GetNthNodeByClass(number, _COLOR_CLASS)
        if is_own_color_node(node):
            remove_nodes([node])


def _leave_browsers(nodes: list[Any]) -> list[Any]:
    """Take sequences out of the browsers that play them, and return the nodes that showed them."""
    scene = headless_scene().scene
    sequences = [node for node in nodes if node.IsA("vtkMRMLSequenceNode")]
    proxies = []
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode")):
        browser = scene.GetNthNodeByClass(number, "vtkMRMLSequenceBrowserNode")
        for sequence in sequences:
            if browser.IsSynchronizedSequenceNodeID(sequence.GetID(), True):
                proxies.append(browser.GetProxyNode(sequence))
                if browser not in nodes:
                    browser.RemoveSynchronizedSequenceNode(sequence.GetID())
    return [proxy for proxy in proxies if proxy is not None]


def _attached(node: Any) -> list[Any]:
    attached = []
    if node.IsA("vtkMRMLDisplayableNode"):
        attached += [node.GetNthDisplayNode(n) for n in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        attached += [node.GetNthStorageNode(n) for n in range(node.GetNumberOfStorageNodes())]
    return [one for one in attached if one is not None]


def _node_ids() -> list[str]:
    return [node.GetID() for node in _nodes()]


def _nodes() -> list[Any]:
    collection = headless_scene().scene.GetNodes()
    collection.InitTraversal()  # by number every node would be counted from the first
    return [collection.GetNextItemAsObject() for _ in range(collection.GetNumberOfItems())]


def _selected_frames() -> list[tuple[Any, int]]:
    scene = headless_scene().scene
    count = scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode")
    browsers = [scene.GetNthNodeByClass(number, "vtkMRMLSequenceBrowserNode") for number in range(count)]
    return [(browser, browser.GetSelectedItemNumber()) for browser in browsers]

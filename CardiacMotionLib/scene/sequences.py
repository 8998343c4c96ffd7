"""Sequences and the browser that plays them: one index, one browser for the cine and everything computed from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..io.acquisition import MILLISECONDS, acquisition_from_index, acquisition_keys
from ..series import ImageSeries
from .headless import headless_scene, import_slicer, module_logic
from .known_insertion import write_insertion
from .steps import Steps, finish

WINDOW_PERCENTILES = (1, 99.5)


@dataclass(frozen=True)
class SequenceIndex:
    """What the items of a sequence are counted by: a name, a unit, and one text an item as Slicer stores it."""

    name: str
    unit: str
    values: tuple[str, ...]


def index_of(sequence_node: Any) -> SequenceIndex:
    """The index of a sequence node."""
    values = tuple(sequence_node.GetNthIndexValue(n) for n in range(sequence_node.GetNumberOfDataNodes()))
    return SequenceIndex(sequence_node.GetIndexName() or "", sequence_node.GetIndexUnit() or "", values)


def index_for(series: ImageSeries) -> SequenceIndex:
    """The index for a series that comes from no sequence: times in ms, or frame numbers where there are no times."""
    if series.timed:
        return SequenceIndex("time", "ms", tuple(f"{time:.10g}" for time in series.times))
    return SequenceIndex("frame", "", tuple(str(t) for t in range(len(series))))


def times_of(index: SequenceIndex) -> tuple[np.ndarray | None, str | None]:
    """Times (T,) in ms of a sequence index, and a sentence for the user where they are not times.

    Units ms, s and us are understood. Values 0, 1, 2, ... are what Slicer writes when nobody gave times, whatever the
    unit. An index such as ``InversionTime`` is the acquisition of a mapping series, no time of the heartbeat.
    """
    if acquisition_from_index(index.name, index.unit, index.values):
        return None, None
    try:
        values = np.array([float(value) for value in index.values])
    except ValueError:
        return None, f"The index {index.name!r} of the sequence is text, so the frames have no times."
    scale = MILLISECONDS.get(index.unit.strip().lower())
    counted = np.array_equal(values, np.arange(len(values)))
    if scale is None or counted:
        unit = index.unit or "no unit"
        return None, f"The index {index.name!r} ({unit}) of the sequence was read as frame numbers, not as times."
    if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise CardiacMotionError(
            f"the index values of the cine sequence do not increase ({', '.join(index.values[:5])}, ...); "
            "give every frame its trigger time in ms"
        )
    return values * scale, None


def new_sequence(name: str, index: SequenceIndex, data_nodes: Iterable[Any]) -> Any:
    """A sequence node in the scene holding copies of ``data_nodes`` at the values of ``index``."""
    return finish(new_sequence_in_steps(name, index, data_nodes))


def new_sequence_in_steps(name: str, index: SequenceIndex, data_nodes: Iterable[Any]) -> Steps[Any]:
    """`new_sequence`, one item a step."""
    sequence = headless_scene().scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    set_index(sequence, index)
    for value, node in zip(index.values, data_nodes, strict=True):
        sequence.SetDataNodeAtValue(node, value)
        yield
    return sequence


def set_index(sequence_node: Any, index: SequenceIndex) -> None:
    """Say what the items of a sequence are counted by."""
    sequence_node.SetIndexName(index.name)
    sequence_node.SetIndexUnit(index.unit)
    sequence_node.SetIndexType(sequence_node.NumericIndex if _numeric(index) else sequence_node.TextIndex)


def data_nodes(sequence_node: Any) -> list[Any]:
    """The data nodes of a sequence in order."""
    return [sequence_node.GetNthDataNode(n) for n in range(sequence_node.GetNumberOfDataNodes())]


def find_browser(sequence_node: Any) -> Any | None:
    """The first browser that plays a sequence, or None."""
    return module_logic("Sequences").GetFirstBrowserNodeForSequenceNode(sequence_node)


def find_sequence(proxy_node: Any) -> tuple[Any, Any] | None:
    """(sequence, browser) whose current item ``proxy_node`` shows, or None."""
    browser = module_logic("Sequences").GetFirstBrowserNodeForProxyNode(proxy_node)
    return None if browser is None else (browser.GetSequenceNode(proxy_node), browser)


def new_browser(sequence_node: Any, name: str) -> Any:
    """A browser whose master is ``sequence_node``, showing its first frame."""
    browser = headless_scene().scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", name)
    browser.SetAndObserveMasterSequenceNodeID(sequence_node.GetID())
    browser.SetOverwriteProxyName(sequence_node, False)
    browser.SetSaveChanges(sequence_node, False)
    browser.SetIndexDisplayMode(browser.IndexDisplayAsIndexValue)
    module_logic("Sequences").UpdateProxyNodesFromSequences(browser)
    return browser


def play_with(browser_node: Any, sequence_node: Any) -> Any:
    """Let a browser play a computed sequence too; returns its proxy node, named like the sequence.

    What the user does to the proxy is not written back into the result.
    """
    browser_node.AddSynchronizedSequenceNodeID(sequence_node.GetID())
    browser_node.SetOverwriteProxyName(sequence_node, False)
    browser_node.SetSaveChanges(sequence_node, False)
    module_logic("Sequences").UpdateProxyNodesFromSequences(browser_node)
    proxy = browser_node.GetProxyNode(sequence_node)
    proxy.SetName(sequence_node.GetName())
    return proxy


def show_frame(browser_node: Any, frame: int) -> None:
    """Go to one frame and bring every proxy node there now, not at the next event."""
    browser_node.SetSelectedItemNumber(int(frame))
    module_logic("Sequences").UpdateProxyNodesFromSequences(browser_node)


def add_series(series: ImageSeries, name: str, index: SequenceIndex | None = None) -> tuple[Any, Any]:
    """Put a series into the scene as a volume sequence with a browser: (sequence node, browser node).

    The frames are counted by ``index``, by default the times of the series. The acquisition of a mapping series and the
    RV insertions that came with it become attributes of the sequence.
    """
    scene = headless_scene().scene
    sequence = new_image_sequence(series, name, index or index_for(series))
    write_insertion(sequence, series.meta.get("rv_insertion"))
    browser = new_browser(sequence, f"{name} browser")
    proxy = browser.GetProxyNode(sequence)
    proxy.SetName(name)
    display = show_in_window(proxy, series.frames)
    grey = scene.GetFirstNodeByName("Grey") or scene.GetNodeByID("vtkMRMLColorTableNodeGrey")
    display.SetAndObserveColorNodeID(grey.GetID())
    return sequence, browser


def new_image_sequence(series: ImageSeries, name: str, index: SequenceIndex) -> Any:
    """A sequence node in the scene of the images of a series, its acquisition in attributes."""
    slicer = import_slicer()
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(name)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(series.affine))

    def volumes() -> Iterable[Any]:
        for frame in series.frames:
            slicer.util.updateVolumeFromArray(volume, frame)
            yield volume

    sequence = new_sequence(name, index, volumes())
    for key, text in acquisition_keys(series.meta).items():
        sequence.SetAttribute(key, text)
    return sequence


def show_in_window(proxy_node: Any, frames: np.ndarray) -> Any:
    """Give a volume node the window in which almost all gray values of ``frames`` are told apart: its display node."""
    proxy_node.CreateDefaultDisplayNodes()
    display = proxy_node.GetDisplayNode()
    display.AutoWindowLevelOff()
    low, high = (float(value) for value in np.percentile(frames[:: max(len(frames) // 4, 1)], WINDOW_PERCENTILES))
    display.SetWindowLevelMinMax(low, max(high, low + 1e-3))
    return display


def _numeric(index: SequenceIndex) -> bool:
    try:
        [float(value) for value in index.values]
    except ValueError:
        return False
    return True

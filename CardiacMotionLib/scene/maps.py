"""Parameter maps as nodes of the scene: `add_maps`, `find_maps`, `remove_maps`, `show_map`.

A pixel without a fit is NaN, in the node as in the files: nothing that is computed from it can take it for a value. The
display threshold hides it, so that the image behind is seen there, and for that the map is drawn without interpolation.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import __version__
from ..errors import CardiacMotionError
from ..io.quantities import Code, quantity_of, unit_code
from ..mapping.maps import ParameterMaps
from ..series import ImageSeries, check_labels
from .colors import add_legend, color_node
from .headless import headless_scene, import_slicer
from .map_colors import PALETTES, MapStyle, styles
from .overlays import TITLE_ATTRIBUTE, hide_legends
from .read import cine_sequence
from .run_nodes import ROLE, RUN, all_or_nothing, nodes_of_run, remove_nodes, remove_unused_color_nodes, runs_in_scene
from .segmentations import fill_segmentation, show_contours
from .sequences import find_browser, index_of, new_browser, new_image_sequence, play_with, show_in_window

_PREFIX = "CardiacMotion."
_MAP, _REGISTERED, _LABELS = "map:", "registered", "map_labels"
_SERIES = "CardiacMotion.series"  # role of a node reference


@dataclass
class MapResults:
    """Nodes of the maps of one series.

    Attributes
    ----------
    name, run
        What the user sees, and the identifier in the attribute ``CardiacMotion.run`` of every node.
    maps
        {"T1", "T1_SD", "R2", ...: scalar volume node}.
    series, browser
        The sequence node of the images that were mapped, and the browser that plays it; None where it is not in the
        scene.
    registered
        Sequence of the images drawn where the maps are, played by the same browser; or None.
    labels
        Segmentation in the space of the maps, or None.
    folder
        Subject hierarchy item.
    """

    name: str
    run: str
    maps: dict[str, Any] = field(default_factory=dict)
    series: Any = None
    browser: Any = None
    registered: Any = None
    labels: Any = None
    folder: int = 0

    @property
    def image(self) -> Any:
        """The volume node behind a map: the registered images, else the series, else None."""
        shown = self.registered if self.registered is not None else self.series
        return None if shown is None or self.browser is None else self.browser.GetProxyNode(shown)


def add_maps(
    maps: ParameterMaps,
    series_node: Any = None,
    *,
    registered: ImageSeries | None = None,
    labels: ArrayLike | None = None,
    name: str | None = None,
    facts: dict[str, Any] | None = None,
) -> MapResults:
    """Add maps to the scene, beside the series that they were made from. Either everything is added or nothing.

    Each map is a scalar volume with its quantity and unit as coded entries (DICOM, UCUM), the colors and window of
    `map_colors` and a legend; the first is shown by `show_map`.

    Parameters
    ----------
    maps
        Of `fit_map`.
    series_node
        Sequence of the images, the volume that shows it or its browser.
    registered
        The images that were fitted, drawn in the space of the maps: a sequence with the index of ``series_node``, which
        they need.
    labels
        (K, J, I) in the space of the maps, for contours.
    name
        Of the folder, by default "<series> <model> maps".
    facts
        More provenance for the attributes of the nodes, such as that of the motion.

    Raises
    ------
    CardiacMotionError
        when series, images, labels and maps do not fit together; the scene is as it was.
    """
    sequence = None if series_node is None else cine_sequence(series_node)
    _check_fit(maps, sequence, registered)
    drawn = None if labels is None else check_labels(labels, (1, *maps.shape), 0)
    name = name or f"{sequence.GetName()} {maps.model} maps" if sequence is not None else name or f"{maps.model} maps"
    run = uuid.uuid4().hex
    with all_or_nothing(run):
        browser = None
        if sequence is not None:
            browser = find_browser(sequence) or new_browser(sequence, f"{sequence.GetName()} browser")
        results = MapResults(name, run, series=sequence, browser=browser)
        for key, style in styles(maps, drawn).items():
            results.maps[key] = _add_map(key, maps, style, name)
        if registered is not None:
            results.registered = _add_registered(registered, results)
        if drawn is not None:
            results.labels = _add_labels(drawn, maps.affine, name)
        _describe(results, maps, facts or {})
        _file(results)
    return results


def remove_maps(results: MapResults) -> None:
    """Remove every node of the maps, their folder included. The series and what others made stay."""
    remove_nodes(nodes_of_run(results.run))
    if results.folder:
        _hierarchy().RemoveItem(results.folder, False, False)
    remove_unused_color_nodes()


def find_maps() -> list[MapResults]:
    """The maps in the scene, for example after it was loaded from a file."""
    return [results for results in map(_from_scene, runs_in_scene()) if results is not None]


def show_map(results: MapResults, name: str, *, opacity: float = 1.0) -> None:
    """Put a map over its images in every slice view, with its legend; the legends of other results are hidden.

    Maps without images go over what the views show.     Raises `CardiacMotionError` for a map that is not there.
    """
    node = find_map(results, name)
    scene = headless_scene().scene
    hide_legends()
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        if results.image is not None:
            composite.SetBackgroundVolumeID(results.image.GetID())
        composite.SetForegroundVolumeID(node.GetID())
        composite.SetForegroundOpacity(opacity)
    legend = import_slicer().vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
    if legend is not None:
        legend.SetVisibility(True)
        legend.Modified()  # a view decides whether to draw it by what its layers show at that moment


def find_map(results: MapResults, name: str) -> Any:
    """The volume node of a map; raises `CardiacMotionError` for one that is not there."""
    if name not in results.maps:
        raise CardiacMotionError(f"{results.name!r} has no map {name!r}; it has {', '.join(results.maps)}")
    return results.maps[name]


# ---------------------------------------------------------------------- parts of a run


def _check_fit(maps: ParameterMaps, sequence: Any, registered: ImageSeries | None) -> None:
    if registered is None:
        return
    if registered.shape != maps.shape or not np.allclose(registered.affine, maps.affine, atol=1e-3):
        raise CardiacMotionError(
            f"the registered images {registered.shape} and the maps {maps.shape} (K, J, I) are not on one grid; "
            "give the images that were fitted"
        )
    if sequence is None:
        raise CardiacMotionError("registered images need series_node, the sequence that they were made from")
    if sequence.GetNumberOfDataNodes() != len(registered):
        raise CardiacMotionError(
            f"sequence {sequence.GetName()!r} has {sequence.GetNumberOfDataNodes()} frames, the registered images "
            f"{len(registered)}; choose the series that was registered"
        )


def _add_map(name: str, maps: ParameterMaps, style: MapStyle, run_name: str) -> Any:
    slicer = import_slicer()
    node = headless_scene().scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"{name} ({run_name})")
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(maps.affine))
    slicer.util.updateVolumeFromArray(node, maps.maps[name])
    node.SetVoxelValueQuantity(_coded(quantity_of(name)))
    node.SetVoxelValueUnits(_coded(unit_code(maps.units[name])))
    node.SetAttribute(TITLE_ATTRIBUTE, style.title)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(color_node(f"CardiacMotion {style.palette}", PALETTES[style.palette]).GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(*style.window)
    display.AutoThresholdOff()
    finite = maps.maps[name][np.isfinite(maps.maps[name])]
    display.SetThreshold(float(finite.min(initial=0.0)), float(finite.max(initial=1.0)))  # NaN is in no range
    display.ApplyThresholdOn()
    display.InterpolateOff()  # between a value and none there is nothing to interpolate
    add_legend(node, style.title, visible=False, label_format=style.label_format, labels=style.ticks)
    return node


def _coded(code: Code) -> Any:
    entry = import_slicer().vtkCodedEntry()
    entry.SetValueSchemeMeaning(*code)
    return entry


def _add_registered(images: ImageSeries, results: MapResults) -> Any:
    title = f"{results.series.GetName()} registered ({results.name})"
    sequence = new_image_sequence(images, title, index_of(results.series))
    show_in_window(play_with(results.browser, sequence), images.frames)
    return sequence


def _add_labels(labels: np.ndarray, affine: np.ndarray, name: str) -> Any:
    node = headless_scene().scene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"Labels ({name})")
    fill_segmentation(node, labels, affine)
    node.CreateDefaultDisplayNodes()
    show_contours(node)
    return node


def _roles(results: MapResults) -> dict[str, Any]:
    return {
        **{f"{_MAP}{key}": node for key, node in results.maps.items()},
        _REGISTERED: results.registered,
        _LABELS: results.labels,
    }


def _describe(results: MapResults, maps: ParameterMaps, facts: dict[str, Any]) -> None:
    """Provenance as attributes on every node of the run that a user sees: ``CardiacMotion.model`` and so on."""
    known = {
        "version": __version__,
        **facts,
        **maps.provenance,
        "model": maps.model,
        "acquisition": dict(maps.acquisition),
        "name": results.name,
    }
    if results.series is not None:
        known["series"] = results.series.GetName()
    for role, node in _roles(results).items():
        if node is None:
            continue
        with import_slicer().util.NodeModify(node):
            node.SetAttribute(ROLE, role)
            if results.series is not None:
                node.SetNodeReferenceID(_SERIES, results.series.GetID())
            for key, value in known.items():
                node.SetAttribute(_PREFIX + key, value if isinstance(value, str) else json.dumps(value, default=str))


def _file(results: MapResults) -> None:
    """A folder beside the series in the subject hierarchy."""
    hierarchy = _hierarchy()
    invalid, top = hierarchy.GetInvalidItemID(), hierarchy.GetSceneItemID()
    proxy = None if results.browser is None else results.browser.GetProxyNode(results.series)
    item = invalid if proxy is None else hierarchy.GetItemByDataNode(proxy)
    parent = hierarchy.GetItemParent(item) if item != invalid else top
    results.folder = hierarchy.CreateFolderItem(parent if parent != invalid else top, results.name)
    hierarchy.SetItemAttribute(results.folder, RUN, results.run)
    shown = [] if results.registered is None else [results.browser.GetProxyNode(results.registered)]
    for node in [*_roles(results).values(), *shown]:
        if node is None:
            continue
        item = hierarchy.GetItemByDataNode(node)
        if item == invalid:
            hierarchy.CreateItem(results.folder, node)
        else:
            hierarchy.SetItemParent(item, results.folder)


def _hierarchy() -> Any:
    return import_slicer().vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless_scene().scene)


def _from_scene(run: str) -> MapResults | None:
    by_role = {node.GetAttribute(ROLE): node for node in nodes_of_run(run) if node.GetAttribute(ROLE)}
    maps = {role.removeprefix(_MAP): node for role, node in by_role.items() if role.startswith(_MAP)}
    if not maps:
        return None
    first = next(iter(maps.values()))
    series = first.GetNodeReference(_SERIES)
    browser = None if series is None else find_browser(series)
    hierarchy = _hierarchy()
    item = hierarchy.GetItemByDataNode(first)
    folder = hierarchy.GetItemParent(item) if item != hierarchy.GetInvalidItemID() else 0
    name = first.GetAttribute(_PREFIX + "name")
    return MapResults(name, run, maps, series, browser, by_role.get(_REGISTERED), by_role.get(_LABELS), folder)

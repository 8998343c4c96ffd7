"""Parameter maps as nodes of the scene: `add_maps` or `add_map_run`, `find_maps`, `remove_maps`; see `map_views`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .. import __version__
from ..errors import CardiacMotionError
from ..mapping.maps import ParameterMaps
from ..series import ImageSeries, check_labels
from .headless import headless_scene, import_slicer
from .map_colors import shown_maps, styles
from .map_nodes import add_map_node, maps_from_nodes
from .read import cine_sequence
from .read_labels import read_labels
from .run_nodes import ROLE, RUN, all_or_nothing, nodes_of_run, remove_nodes, remove_unused_color_nodes, runs_in_scene
from .segmentations import fill_segmentation, show_contours
from .sequences import find_browser, index_of, new_browser, new_image_sequence, play_with, show_in_window
from .slice_plane import ijk_to_ras
from .tables import table_from_dataframe

if TYPE_CHECKING:
    from ..report.ecv_run import EcvRun
    from ..report.map_run import MapRun

_PREFIX = "CardiacMotion."
_MAP, _BEFORE, _TABLE, _REGISTERED, _LABELS = "map:", "map_before:", "map_table:", "registered", "map_labels"
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
    before
        The same of the images as acquired, where the maps are of registered ones and these were asked for.
    tables
        {"regions", "scores": table node}, those that were given.
    notes
        Sentences for the user.
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
    before: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def image(self) -> Any:
        """The volume node behind a map: the registered images, else the series, else None."""
        return self._proxy(self.registered if self.registered is not None else self.series)

    @property
    def image_before(self) -> Any:
        """The volume node behind a map as acquired: the series, or None."""
        return self._proxy(self.series)

    def values(self) -> ParameterMaps:
        """What the nodes hold; a pixel with a value counts as fitted, and as tried."""
        return maps_from_nodes(self.maps, _PREFIX)

    def label_values(self) -> np.ndarray | None:
        """(K, J, I) uint8 of the labels on the grid of the maps, None without labels."""
        if self.labels is None:
            return None
        volume = next(iter(self.maps.values()))
        shape = (1, *volume.GetImageData().GetDimensions()[::-1])
        return read_labels(self.labels, None, 0, shape, ijk_to_ras(volume), None)[0][0]

    def fact(self, key: str) -> str:
        """What the nodes say of how they were made, as text: model, motion, acquisition, hematocrit, ..."""
        return next(iter(self.maps.values())).GetAttribute(_PREFIX + key) or ""

    def _proxy(self, shown: Any) -> Any:
        return None if shown is None or self.browser is None else self.browser.GetProxyNode(shown)


def add_maps(
    maps: ParameterMaps,
    series_node: Any = None,
    *,
    registered: ImageSeries | None = None,
    labels: ArrayLike | None = None,
    name: str | None = None,
    facts: dict[str, Any] | None = None,
    before: ParameterMaps | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
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
    before
        Maps of the images as acquired, to compare with: those worth looking at, in the windows of ``maps``.
    tables
        {"regions", "scores": table} that become table nodes.
    notes
        Sentences for the user, kept with the nodes.

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
        results = MapResults(name, run, series=sequence, browser=browser, notes=tuple(notes))
        shown = styles(maps, drawn)
        for key, style in shown.items():
            results.maps[key] = add_map_node(key, maps, style, f"{key} ({name})")
        if before is not None:
            for key in [key for key in shown_maps(before) if key in shown]:
                style = shown[key]._replace(title=f"{shown[key].title}, before")
                results.before[key] = add_map_node(key, before, style, f"{key} before registration ({name})")
        for role, table in (tables or {}).items():
            results.tables[role] = table_from_dataframe(table, f"{name} {role}")
        if registered is not None:
            results.registered = _add_registered(registered, results)
        if drawn is not None:
            results.labels = _add_labels(drawn, maps.affine, name)
        _describe(results, maps, facts or {})
        _file(results)
    return results


def add_map_run(run: MapRun, series_node: Any, *, name: str | None = None, compare: bool = True) -> MapResults:
    """Everything of a finished run by `add_maps`: maps, registered images, labels, tables, notes.

    ``compare`` adds the maps before registration, where there was one.

    The table "regions" is `compact_regions`, "scores" that of the run.
    """
    from ..report.map_run import notes_of
    from ..report.map_tables import compact_regions

    facts = {} if run.motion is None else {"motion": run.motion.provenance, "reference": run.motion.stored_reference}
    return add_maps(
        run.maps,
        series_node,
        registered=run.registered,
        labels=run.labels_after,
        name=name,
        facts=facts,
        before=run.before if compare and run.after is not None else None,
        tables={"regions": compact_regions(run), "scores": run.scores},
        notes=notes_of(run),
    )


def add_ecv_run(run: EcvRun, series_node: Any = None, *, name: str = "ECV") -> MapResults:
    """The extracellular volume by `add_maps`, over the images of ``series_node`` if there are some, with its table."""
    return add_maps(
        run.maps, series_node, labels=run.labels, name=name, tables={"regions": run.table}, notes=list(run.notes)
    )


def remove_maps(results: MapResults) -> None:
    """Remove every node of the maps, their folder included. The series and what others made stay."""
    remove_nodes(nodes_of_run(results.run))
    if results.folder:
        _hierarchy().RemoveItem(results.folder, False, False)
    remove_unused_color_nodes()


def find_maps() -> list[MapResults]:
    """The maps in the scene, for example after it was loaded from a file."""
    return [results for results in map(_from_scene, runs_in_scene()) if results is not None]


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
        **{f"{_BEFORE}{key}": node for key, node in results.before.items()},
        **{f"{_TABLE}{key}": node for key, node in results.tables.items()},
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
        "notes": list(results.notes),
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

    def group(prefix: str) -> dict[str, Any]:
        return {role.removeprefix(prefix): node for role, node in by_role.items() if role.startswith(prefix)}

    maps = group(_MAP)
    if not maps:
        return None
    first = next(iter(maps.values()))
    series = first.GetNodeReference(_SERIES)
    hierarchy = _hierarchy()
    item = hierarchy.GetItemByDataNode(first)
    return MapResults(
        first.GetAttribute(_PREFIX + "name"),
        run,
        maps,
        series,
        None if series is None else find_browser(series),
        by_role.get(_REGISTERED),
        by_role.get(_LABELS),
        hierarchy.GetItemParent(item) if item != hierarchy.GetInvalidItemID() else 0,
        group(_BEFORE),
        group(_TABLE),
        tuple(json.loads(first.GetAttribute(_PREFIX + "notes") or "[]")),
    )

"""What maps are in the scene: their nodes with roles and provenance, found again after a reload."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import __version__
from ..mapping.maps import ParameterMaps
from .headless import import_slicer
from .map_nodes import maps_from_nodes
from .read_labels import read_labels
from .run_folder import find_folder, hierarchy_node
from .run_nodes import ROLE, RUN, nodes_of_run
from .sequences import find_browser
from .slice_plane import ijk_to_ras

_PREFIX = "CardiacMotion."
_MAP, _BEFORE, _TABLE = "map:", "map_before:", "map_table:"
_REGISTERED, _LABELS, _LABELS_BEFORE = "registered", "map_labels", "map_labels_before"
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
    labels, labels_before
        Segmentation in the space of the maps, and that of the maps before registration; or None.
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
    labels_before: Any = None

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


def is_map(node: Any) -> bool:
    """Whether a volume node is a map of a run, before or after registration."""
    return (node.GetAttribute(ROLE) or "").startswith((_MAP, _BEFORE))


def roles_of(results: MapResults) -> dict[str, Any]:
    """{role: node or None} of everything that a user sees of maps."""
    return {
        **{f"{_MAP}{key}": node for key, node in results.maps.items()},
        **{f"{_BEFORE}{key}": node for key, node in results.before.items()},
        **{f"{_TABLE}{key}": node for key, node in results.tables.items()},
        _REGISTERED: results.registered,
        _LABELS: results.labels,
        _LABELS_BEFORE: results.labels_before,
    }


def describe(results: MapResults, maps: ParameterMaps, facts: dict[str, Any]) -> None:
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
    for role, node in roles_of(results).items():
        if node is None:
            continue
        with import_slicer().util.NodeModify(node):
            node.SetAttribute(ROLE, role)
            if results.series is not None:
                node.SetNodeReferenceID(_SERIES, results.series.GetID())
            for key, value in known.items():
                node.SetAttribute(_PREFIX + key, value if isinstance(value, str) else json.dumps(value, default=str))


def file_run(results: MapResults) -> None:
    """A folder beside the series in the subject hierarchy."""
    hierarchy = hierarchy_node()
    invalid, top = hierarchy.GetInvalidItemID(), hierarchy.GetSceneItemID()
    proxy = None if results.browser is None else results.browser.GetProxyNode(results.series)
    item = invalid if proxy is None else hierarchy.GetItemByDataNode(proxy)
    parent = hierarchy.GetItemParent(item) if item != invalid else top
    results.folder = hierarchy.CreateFolderItem(parent if parent != invalid else top, results.name)
    hierarchy.SetItemAttribute(results.folder, RUN, results.run)
    shown = [] if results.registered is None else [results.browser.GetProxyNode(results.registered)]
    for node in [*roles_of(results).values(), *shown]:
        if node is None:
            continue
        item = hierarchy.GetItemByDataNode(node)
        if item == invalid:
            hierarchy.CreateItem(results.folder, node)
        else:
            hierarchy.SetItemParent(item, results.folder)


def from_scene(run: str) -> MapResults | None:
    """The maps that a run left in the scene, None where it left none."""
    by_role = {node.GetAttribute(ROLE): node for node in nodes_of_run(run) if node.GetAttribute(ROLE)}

    def group(prefix: str) -> dict[str, Any]:
        return {role.removeprefix(prefix): node for role, node in by_role.items() if role.startswith(prefix)}

    maps = group(_MAP)
    if not maps:
        return None
    first = next(iter(maps.values()))
    series = first.GetNodeReference(_SERIES)
    return MapResults(
        first.GetAttribute(_PREFIX + "name"),
        run,
        maps,
        series,
        None if series is None else find_browser(series),
        by_role.get(_REGISTERED),
        by_role.get(_LABELS),
        find_folder(run),
        group(_BEFORE),
        group(_TABLE),
        tuple(json.loads(first.GetAttribute(_PREFIX + "notes") or "[]")),
        by_role.get(_LABELS_BEFORE),
    )

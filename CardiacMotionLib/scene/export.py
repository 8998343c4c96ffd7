"""Arrays out of the nodes of a run, for files that another thread writes: `overlay_values`, `stored_maps`."""

from __future__ import annotations

import numpy as np

from ..report.export import StoredMaps
from .headless import import_slicer
from .map_nodes import maps_from_nodes
from .map_record import MapResults
from .overlays import OUTSIDE
from .read import series_from_nodes
from .read_labels import read_labels
from .result_record import Results
from .sequences import data_nodes


def overlay_values(results: Results) -> dict[str, np.ndarray]:
    """{component: (T, K, J, I) in percent, NaN outside the wall} of the overlays of a run."""
    read = import_slicer().util.arrayFromVolume
    found = {}
    for component, sequence in results.overlays.items():
        values = np.stack([read(node) for node in data_nodes(sequence)])
        found[component] = np.where(values == OUTSIDE, np.float32(np.nan), values)
    return found


def stored_maps(results: MapResults) -> StoredMaps:
    """The maps of a run with their labels and registered images, as far as the scene holds them.

    A pixel without a value counts as one where no fit was tried.
    """
    maps = results.values()
    before = maps_from_nodes(results.before, "CardiacMotion.") if results.before else None
    registered = None if results.registered is None else series_from_nodes(results.registered)
    labels = None
    if results.labels is not None:
        found, _note = read_labels(results.labels, None, 0, (1, *maps.shape), maps.affine, None)
        labels = found.get(0)
    return StoredMaps(maps, labels, registered, before)

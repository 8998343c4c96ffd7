"""One parameter map as a volume node, and back.

A pixel without a fit is NaN, in the node as in the files: nothing that is computed from it can take it for a value. The
display threshold hides it, so that the image behind is seen there, and for that the map is drawn without interpolation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..io.quantities import Code, quantity_of, unit_code, unit_of
from ..mapping.maps import ParameterMaps
from .colors import add_legend, color_node
from .headless import headless_scene, import_slicer
from .map_colors import PALETTES, MapStyle
from .overlays import TITLE_ATTRIBUTE
from .slice_plane import ijk_to_ras

WINDOW_ATTRIBUTE = "CardiacMotion.window"  # lowest and highest value at first


def add_map_node(name: str, maps: ParameterMaps, style: MapStyle, node_name: str) -> Any:
    """The volume node of one of ``maps``, with quantity, unit, colors, window and a legend that is hidden."""
    slicer = import_slicer()
    node = headless_scene().scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", node_name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(maps.affine))
    slicer.util.updateVolumeFromArray(node, maps.maps[name])
    node.SetVoxelValueQuantity(_coded(quantity_of(name)))
    node.SetVoxelValueUnits(_coded(unit_code(maps.units[name])))
    node.SetAttribute(TITLE_ATTRIBUTE, style.title)
    node.SetAttribute(WINDOW_ATTRIBUTE, " ".join(repr(float(edge)) for edge in style.window))
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


def unit_of_node(node: Any) -> str:
    """Unit of a map's values as `ParameterMaps` names it; nothing for a node without one."""
    code = node.GetVoxelValueUnits()
    return "" if code is None else unit_of(code.GetCodeValue())


def maps_from_nodes(nodes: Mapping[str, Any], prefix: str) -> ParameterMaps:
    """The maps that volume nodes {name: node} of one grid hold; what has a value counts as fitted, and as tried.

    ``prefix`` is that of the attributes in which `add_maps` keeps model, acquisition and provenance.
    """
    slicer = import_slicer()
    values = {name: slicer.util.arrayFromVolume(node).astype(np.float32) for name, node in nodes.items()}
    first = next(iter(nodes.values()))
    fitted = np.isfinite(next(iter(values.values())))
    acquisition = json.loads(first.GetAttribute(prefix + "acquisition") or "{}")
    return ParameterMaps(
        values,
        {name: unit_of_node(node) for name, node in nodes.items()},
        ijk_to_ras(first),
        first.GetAttribute(prefix + "model") or "unknown",
        fitted,
        fitted,
        acquisition,
        {"name": first.GetAttribute(prefix + "name") or first.GetName()},
    )


def _coded(code: Code) -> Any:
    entry = import_slicer().vtkCodedEntry()
    entry.SetValueSchemeMeaning(*code)
    return entry

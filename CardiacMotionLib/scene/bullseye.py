"""The AHA bullseye as a flat model beside the heart, with its numbers as markups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .colors import TITLE, WINDOW_PERCENT, add_legend, diverging_color_node
from .headless import headless_scene

if TYPE_CHECKING:
    import pandas as pd

    from ..strain import Strain

RADIUS_MM = 45.0
_GAP_MM = 0.8
_STEPS = 16
_TEXT_OFFSET = np.array([2.5, 0.5, 0.0])  # a label begins at its point; this centers it, and lifts it off the disc
# (inner, outer) part of the radius; base outside, apex inside; the middle is segment 17, which short-axis stacks do not
# have.
_RINGS = {"basal": (0.74, 1.0), "mid": (0.47, 0.74), "apical": (0.18, 0.47)}


def segment_sector(segment: int) -> tuple[float, float, float, float]:
    """(inner radius, outer radius, start, end) of AHA segment 1..16: radii as parts of 1, angles in degrees.

    Angles count counterclockwise from the viewer's right: anterior is up, the septum is on the left, as if seen from
    the apex.
    """
    if segment <= 12:
        ring, first, width = ("basal", 1, 60.0) if segment <= 6 else ("mid", 7, 60.0)
    else:
        ring, first, width = "apical", 13, 90.0
    middle = 90.0 + (segment - first) * width
    return (*_RINGS[ring], middle - width / 2, middle + width / 2)


def segment_at(x: float, y: float) -> int | None:
    """The AHA segment at a place of the bullseye, x to the right and y up in parts of its radius; None beside them."""
    radius, angle = float(np.hypot(x, y)), float(np.degrees(np.arctan2(y, x)))
    for segment in range(1, 17):
        inner, outer, start, end = segment_sector(segment)
        if inner <= radius <= outer and (angle - start) % 360 <= end - start:
            return segment
    return None


def segment_values(strain: Strain, component: str, value: str, measure: str) -> dict[int, float]:
    """{AHA segment: percent} of a column of ``strain.summary`` such as ``end_systolic``, finite ones only."""
    return {segment: 100 * v for segment, v in summary_values(strain.summary, component, value, measure).items()}


def summary_values(summary: pd.DataFrame, component: str, value: str, measure: str) -> dict[int, float]:
    """{AHA segment: value} of a column of the summary of a strain as it is there, finite ones only."""
    rows = summary[(summary["component"] == component) & (summary["measure"] == measure)]
    found = {int(r): float(v) for r, v in zip(rows["region"], rows[value], strict=True) if str(r).isdigit()}
    return {segment: v for segment, v in found.items() if np.isfinite(v)}


def add_bullseye(values: dict[int, float], component: str, center: np.ndarray, name: str) -> tuple[Any, Any]:
    """Bullseye at ``center`` (RAS mm), facing anterior: (model node, markups node).

    ``values`` {AHA segment: percent}; a segment without a value is left open. Each cell of the model carries
    ``TITLE[component]`` and ``AHA segment``.
    """
    scene = headless_scene().scene
    title = TITLE[component]
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAndObserveMesh(_mesh(values, title, center))
    model.CreateDefaultDisplayNodes()
    color_by(model, title, component, cells=True)
    display = model.GetDisplayNode()
    display.LightingOff()
    display.BackfaceCullingOff()
    display.SetVisibility2D(False)
    add_legend(model, title, visible=True)
    markups = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{name} values")
    _add_numbers(markups, values, center)
    markups.CreateDefaultDisplayNodes()
    display = markups.GetDisplayNode()
    display.SetVisibility2D(False)
    display.SetGlyphScale(0.01)
    display.SetTextScale(3.3)
    display.SetSelectedColor(0.0, 0.0, 0.0)
    display.SetColor(0.0, 0.0, 0.0)
    display.SetPointLabelsVisibility(True)
    display.SetPropertiesLabelVisibility(False)
    return model, markups


def fill_bullseye(model: Any, markups: Any, values: dict[int, float], component: str, center: np.ndarray) -> None:
    """Give a bullseye of `add_bullseye` other values."""
    model.SetAndObserveMesh(_mesh(values, TITLE[component], center))
    markups.SetLocked(False)
    markups.RemoveAllControlPoints()
    _add_numbers(markups, values, center)


def beside_heart(wall: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Place (3,) RAS mm for the bullseye: to the patient's left of the wall (K, J, I), at its height."""
    voxels = np.argwhere(wall)[:, ::-1]
    points = voxels @ affine[:3, :3].T + affine[:3, 3]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    middle[0] = points[:, 0].min() - RADIUS_MM - 15.0
    return middle


def color_by(model: Any, array: str, component: str, *, cells: bool = False) -> None:
    """Color a model by one of its arrays on the diverging scale, with the component's fixed window."""
    import vtk

    display = model.GetDisplayNode()
    display.SetActiveScalar(array, vtk.vtkAssignAttribute.CELL_DATA if cells else vtk.vtkAssignAttribute.POINT_DATA)
    display.SetScalarVisibility(True)
    display.SetAndObserveColorNodeID(diverging_color_node().GetID())
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(-WINDOW_PERCENT[component], WINDOW_PERCENT[component])


def _on_plane(center: np.ndarray, radius_mm: np.ndarray | float, degrees: np.ndarray | float) -> np.ndarray:
    """Points (..., 3) RAS of polar coordinates in a coronal plane, as an anterior viewer sees it."""
    angle = np.deg2rad(degrees)
    # the viewer's right is the patient's left
    flat = np.stack(np.broadcast_arrays(-radius_mm * np.cos(angle), 0.0, radius_mm * np.sin(angle)), axis=-1)
    return center + flat


def _mesh(values: dict[int, float], title: str, center: np.ndarray) -> Any:
    import vtk

    points, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    scalars, segments = vtk.vtkFloatArray(), vtk.vtkIntArray()
    scalars.SetName(title)
    segments.SetName("AHA segment")
    for segment, value in sorted(values.items()):
        inner, outer, start, end = segment_sector(segment)
        low, high = inner * RADIUS_MM + _GAP_MM / 2, outer * RADIUS_MM - _GAP_MM / 2
        arcs = []
        for radius in (low, high):
            margin = np.rad2deg(_GAP_MM / 2 / radius)  # the gap between neighbors is as wide inside as outside
            arcs.append(_on_plane(center, radius, np.linspace(start + margin, end - margin, _STEPS + 1)))
        first = points.GetNumberOfPoints()
        for point in np.concatenate(arcs):
            points.InsertNextPoint(*point)
        for step in range(_STEPS):
            corners = (step, step + 1, _STEPS + 2 + step, _STEPS + 1 + step)
            cells.InsertNextCell(4)
            for corner in corners:
                cells.InsertCellPoint(first + corner)
            scalars.InsertNextValue(value)
            segments.InsertNextValue(segment)
    mesh = vtk.vtkPolyData()
    mesh.SetPoints(points)
    mesh.SetPolys(cells)
    mesh.GetCellData().AddArray(scalars)
    mesh.GetCellData().AddArray(segments)
    return mesh


def _add_numbers(markups: Any, values: dict[int, float], center: np.ndarray) -> None:
    import vtk

    for segment, value in sorted(values.items()):
        inner, outer, start, end = segment_sector(segment)
        place = _on_plane(center, RADIUS_MM * (inner + outer) / 2, (start + end) / 2) + _TEXT_OFFSET
        number = markups.AddControlPoint(vtk.vtkVector3d(*place), f"{value:.0f}")
        markups.SetNthControlPointDescription(number, f"AHA segment {segment}")
    markups.SetLocked(True)

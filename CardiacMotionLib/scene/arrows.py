"""Displacement arrows: from the wall of the reference to the wall of the frame that is shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..motion import known_reference
from ..series import LABEL_NAMES, MYOCARDIUM
from .headless import headless_scene, import_slicer
from .result_record import Results
from .run_nodes import all_or_nothing
from .sequences import data_nodes
from .transforms import REFERENCE

_COLOR = (1.0, 1.0, 0.2)


def show_arrows(results: Results, *, spacing_mm: float = 6.0) -> Any:
    """Draw arrows of the motion in slice views, at wall points about ``spacing_mm`` apart.

    Returns the transform node that shows them. They are Slicer's own glyphs of the transform that the browser plays, so
    they follow the cine and need no update. The points are markups of the run.

    Raises
    ------
    CardiacMotionError
        when the run has no labels, so that nobody knows where the wall is.
    """
    if results.segmentation is None:
        raise CardiacMotionError(f"run {results.name!r} has no labels; arrows need the wall of the reference frame")
    transform = results.proxy(results.motion_to_frame)
    with all_or_nothing(results.run):
        if transform.GetDisplayNode() is None:
            transform.CreateDefaultDisplayNodes()
        display = transform.GetDisplayNode()
        points = display.GetGlyphPointsNode()
        if points is None:  # Slicer takes the tails of the arrows from markups only
            points = headless_scene().scene.AddNewNodeByClass(
                "vtkMRMLMarkupsFiducialNode", f"{results.name} arrow tails"
            )
            points.SetHideFromEditors(True)
            points.SetDisplayVisibility(False)
        points.RemoveAllControlPoints()
        import_slicer().util.updateMarkupsControlPointsFromArray(points, _wall_points(results, spacing_mm))
        display.SetAndObserveGlyphPointsNode(points)
        display.SetVisualizationMode(display.VIS_MODE_GLYPH)
        display.SetGlyphType(display.GLYPH_TYPE_ARROW)
        display.SetGlyphScalePercent(100.0)
        display.SetGlyphDisplayRangeMinMm(0.3)
        display.SetVisibility(True)
        display.SetVisibility2D(True)
        display.SetVisibility3D(False)
        _color_arrows(display)
    return transform


def hide_arrows(results: Results) -> None:
    """Hide what `show_arrows` shows."""
    transform = results.proxy(results.motion_to_frame)
    display = None if transform is None else transform.GetDisplayNode()
    if display is not None:
        display.SetVisibility(False)


def _wall_points(results: Results, spacing_mm: float) -> np.ndarray:
    """(N, 3) RAS mm of the reference wall: voxel centers on an even grid in every slice.

    A canonical space has no segmentation of its own: there they are the points of the first frame, taken back.
    """
    reference = known_reference(results.motion_to_frame.GetAttribute(REFERENCE))
    frame = 0 if reference is None else reference
    points = _wall_voxels(data_nodes(results.segmentation)[frame], spacing_mm)
    if reference is not None:
        return points
    back = data_nodes(results.motion_to_frame)[frame].GetTransformToParent().GetInverse()
    return np.reshape([back.TransformPoint(point) for point in points], (-1, 3))


def _wall_voxels(segmentation_node: Any, spacing_mm: float) -> np.ndarray:
    """(N, 3) RAS mm voxel centers of the wall in a segmentation on an even grid in every slice."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    slicer = import_slicer()
    segment = segmentation_node.GetSegmentation().GetSegment(LABEL_NAMES[MYOCARDIUM].replace(" ", "_"))
    image = segment.GetRepresentation(slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName())
    wall = (
        vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]) == segment.GetLabelValue()
    )
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    affine = slicer.util.arrayFromVTKMatrix(matrix)
    extent = image.GetExtent()
    step_j, step_i = (max(round(spacing_mm / float(np.linalg.norm(affine[:3, axis]))), 1) for axis in (1, 0))
    voxels = np.argwhere(wall)
    voxels = voxels[(voxels[:, 1] % step_j == 0) & (voxels[:, 2] % step_i == 0)][:, ::-1] + np.array(extent[::2])
    return voxels @ affine[:3, :3].T + affine[:3, 3]


def _color_arrows(display: Any) -> None:
    """One color for arrows of every length: the overlay already uses color for a number."""
    import vtk

    function = vtk.vtkColorTransferFunction()
    function.AddRGBPoint(0.0, *_COLOR)
    function.AddRGBPoint(100.0, *_COLOR)
    display.SetColorMap(function)

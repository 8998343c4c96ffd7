"""The wall of the reference frame as a smooth closed surface that moves with the heart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.interpolate import interp1d
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, label, map_coordinates

from ..errors import CardiacMotionError
from ..series import LV_CAVITY, MYOCARDIUM
from .bullseye import color_by
from .colors import TITLE
from .headless import headless_scene, import_slicer

_STEP_MM = 2.0
_SMOOTH_MM = 1.5
STANDS_OUT_MM = 0.4
_MARGIN = 4  # voxels


@dataclass(frozen=True)
class WallShape:
    """Signed distance to the surface of a wall, positive inside, on planes between the slices too.

    Attributes
    ----------
    distance
        (P, J + 4, I + 4) float32 mm, two voxels wider in plane than the image on each side.
    first, step
        Slice number of the first plane, and slices from one plane to the next.
    """

    distance: np.ndarray
    first: float
    step: float


def wall_surface(labels: np.ndarray, affine: np.ndarray) -> Any:
    """``vtkPolyData`` in RAS mm of the LV wall of labels (K, J, I), closed at both ends. See `wall_shape`."""
    return surface_of(wall_shape(labels, affine), affine)


def segment_surface(labels: np.ndarray, segments: np.ndarray, segment: int, affine: np.ndarray) -> Any:
    """``vtkPolyData`` in RAS mm of one AHA segment of the wall, closed all around and a little larger than its wall.

    ``segments`` (K, J, I) on the grid of ``labels``. It stands out by 0.4 mm, so that it can be drawn over the wall.
    """
    if not (segments == segment).any():
        raise CardiacMotionError(f"no wall belongs to AHA segment {segment}; choose a segment that the slices show")
    labels, segments, affine = _around_wall(labels, segments, affine)
    shape = wall_shape(labels, affine)
    depth = shape.first + shape.step * np.arange(len(shape.distance))
    planes = np.clip(np.round(depth), 0, len(segments) - 1).astype(int)
    inside = np.stack([_nearest_in_plane(segments[k], affine) for k in range(len(segments))]) == segment
    mask = np.pad(inside, ((0, 0), (2, 2), (2, 2)), mode="edge")[planes]
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1] * (shape.step, 1, 1)
    to_segment = distance_transform_edt(mask, sampling=spacing) - distance_transform_edt(~mask, sampling=spacing)
    distance = np.minimum(shape.distance, to_segment).astype(np.float32)
    return surface_of(replace(shape, distance=distance), affine, level=-STANDS_OUT_MM)


def _around_wall(
    labels: np.ndarray, segments: np.ndarray, affine: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, segments and affine of a box around the wall, all slices of it: a click should not wait for the rest."""
    found = [np.flatnonzero((labels == MYOCARDIUM).any(axis=axes)) for axes in ((0, 2), (0, 1))]
    j, i = (max(int(places[0]) - _MARGIN, 0) for places in found)
    box = np.s_[:, j : int(found[0][-1]) + _MARGIN + 1, i : int(found[1][-1]) + _MARGIN + 1]
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ np.array([i, j, 0.0])
    return labels[box], segments[box], moved


def _nearest_in_plane(segments: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Segments (J, I) of one slice continued beyond its wall; a slice without segments stays empty."""
    if not segments.any():
        return segments
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    nearest = distance_transform_edt(
        segments == 0, sampling=spacing[1::-1], return_distances=False, return_indices=True
    )
    return segments[tuple(nearest)]


def wall_shape(labels: np.ndarray, affine: np.ndarray) -> WallShape:
    """The LV wall of labels (K, J, I) as a distance; touches no node.

    The outlines of the slices are interpolated as signed distances (shape-based interpolation, Raya and Udupa 1990), so
    that the surface is smooth between thick slices; it ends half a slice outside the first and the last slice, where
    the labeled tissue ends.
    """
    wall = labels == MYOCARDIUM
    if not wall.any():
        raise CardiacMotionError("the labels have no LV myocardium (2); a surface needs a wall")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    slices = np.flatnonzero(wall.any(axis=(1, 2)))
    first, last = int(slices[0]), int(slices[-1])
    solid = np.stack([binary_fill_holes(one) for one in (wall | (labels == LV_CAVITY))[first : last + 1]])
    hollow = solid & ~wall[first : last + 1]
    # Epicardium and endocardium are made smooth one by one: a thin wall smoothed as a whole gets holes.
    planes = max(int(np.ceil(spacing[2] / _STEP_MM)), 1) * (last - first + 2) + 1
    depth = np.linspace(first - 1, last + 1, planes)  # slice numbers of the finer planes
    outer, inner = (_between_slices(mask, spacing, depth - first) for mask in (solid, hollow))
    to_ends = np.minimum(depth - (first - 0.5), (last + 0.5) - depth) * spacing[2]
    distance = np.minimum(np.minimum(outer, -inner), to_ends[:, None, None]).astype(np.float32)
    for side in (0, -1):
        distance[:, side] = distance[:, :, side] = -_STEP_MM  # a wall cut by the edge of the image is closed there
    distance[_crumbs(distance > 0)] = -_STEP_MM
    return WallShape(distance, float(depth[0]), float(depth[1] - depth[0]))


def surface_of(shape: WallShape, affine: np.ndarray, level: float = 0.0) -> Any:
    """``vtkPolyData`` in RAS mm where the distance is ``level``, smooth, with normals."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*shape.distance.shape[::-1])
    image.SetOrigin(-2, -2, shape.first)
    image.SetSpacing(1, 1, shape.step)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(shape.distance).ravel(), deep=True))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, level)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(contour.GetOutputPort())
    smooth.SetNumberOfIterations(15)
    smooth.SetPassBand(0.1)
    place = vtk.vtkTransform()
    place.SetMatrix(import_slicer().util.vtkMatrixFromArray(affine))
    world = vtk.vtkTransformPolyDataFilter()
    world.SetInputConnection(smooth.GetOutputPort())
    world.SetTransform(place)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(world.GetOutputPort())
    normals.ConsistencyOn()
    normals.AutoOrientNormalsOn()
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()


def add_wall(surface: Any, name: str, transform_node: Any = None) -> Any:
    """Model node of a `wall_surface` of the reference, under ``transform_node`` (which plays motion to frame)."""
    model = headless_scene().scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAndObserveMesh(surface)
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetColor(0.85, 0.55, 0.50)
    display.SetVisibility2D(False)
    if transform_node is not None:
        model.SetAndObserveTransformNodeID(transform_node.GetID())
    return model


def color_wall(model: Any, component: str, values: np.ndarray, affine: np.ndarray) -> None:
    """Color the wall by values (K, J, I) of the reference in percent, NaN outside the wall."""
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    known = np.isfinite(values)
    if not known.any():
        raise CardiacMotionError(f"there is no {component} strain to color the wall by; choose another component")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
    nearest = distance_transform_edt(~known, sampling=spacing, return_distances=False, return_indices=True)
    mesh = model.GetMesh()
    points = vtk_to_numpy(mesh.GetPoints().GetData())
    voxel = (points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    sampled = map_coordinates(values[tuple(nearest)].astype(np.float32), voxel.T[::-1], order=1, mode="nearest")
    array = numpy_to_vtk(np.ascontiguousarray(sampled), deep=True)
    array.SetName(TITLE[component])
    mesh.GetPointData().AddArray(array)
    color_by(model, TITLE[component], component)


def _crumbs(inside: np.ndarray) -> np.ndarray:
    """Voxels of pieces smaller than a hundredth of the whole: slivers where a ring is open."""
    pieces, _ = label(inside)
    sizes = np.bincount(pieces.ravel())
    small = sizes < inside.sum() / 100
    small[0] = False
    return small[pieces]


def _between_slices(masks: np.ndarray, spacing: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Signed distances in mm at fractional slice numbers ``depth`` of masks (n, J, I), two voxels wider in plane.

    Beyond the first and the last slice the outline goes straight on.
    """
    distance = np.stack([_signed_distance(mask, spacing[1::-1]) for mask in masks])
    distance = np.pad(distance, ((1, 1), (2, 2), (2, 2)), mode="edge")
    return interp1d(np.arange(-1, len(masks) + 1), distance, axis=0)(depth)


def _signed_distance(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Distance in mm to the outline of a mask (J, I), positive inside; an empty mask is far away everywhere."""
    if not mask.any():
        return np.full(mask.shape, -float(np.max(spacing) * max(mask.shape)), np.float32)
    inside = distance_transform_edt(mask, sampling=spacing)
    outside = distance_transform_edt(~mask, sampling=spacing)
    distance = np.where(mask, inside - spacing.min() / 2, spacing.min() / 2 - outside)
    return gaussian_filter(distance, _SMOOTH_MM / spacing).astype(np.float32)  # takes the pixels' steps off the outline

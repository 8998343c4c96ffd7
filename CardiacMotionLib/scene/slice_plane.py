"""Slice views in the plane in which the images were acquired."""

from __future__ import annotations

from typing import Any

import numpy as np

from .headless import import_slicer

MARGIN = 1.6  # field of view over the size of the heart


def show_acquired_plane(volume_node: Any, slice_node: Any) -> None:
    """Turn a slice view into the plane of a volume's slices: patient left to the right, anterior and superior up.

    For a short-axis stack that is the usual view from the apex. `RotateToVolumePlane` will not do: it shows the nearest
    of the volume's three planes, which for an oblique stack can be a long axis. Call it once; views do not follow by
    themselves.
    """
    right, up, middle = _in_plane(volume_node)
    _place(slice_node, right, up, middle)


def show_plane_across(volume_node: Any, slice_node: Any) -> None:
    """Turn a slice view into the plane that cuts a volume's slices at right angles through the middle of the image.

    Patient left stays to the right as in `show_acquired_plane`; up is the more superior end of the stack.
    """
    right, up, middle = _in_plane(volume_node)
    normal = np.cross(right, up)
    _place(slice_node, right, normal if normal[2] >= 0 else -normal, middle)


def show_heart(
    volume_node: Any,
    slice_node: Any,
    segmentation_node: Any = None,
    *,
    slice_index: int | None = None,
    across: bool = False,
    size: tuple[int, int] | None = None,
) -> None:
    """Turn a slice view into the plane of a volume's slices and fit it around the heart.

    Parameters
    ----------
    volume_node, slice_node
        The image, and the node of the view.
    segmentation_node
        Where the heart is; without one, or without anything in it, the view shows the whole image.
    slice_index
        By default the slice in the middle of the heart.
    across
        The plane at right angles to the slices instead.
    size
        (width, height) of the view in pixels; by default what the slice node says.
    """
    low, high = _heart_box(segmentation_node, volume_node)
    middle = (low + high) / 2
    middle[2] = round(middle[2]) if slice_index is None else slice_index
    spacing = np.array(volume_node.GetSpacing())
    extent = float(((high - low + 1) * spacing)[: 3 if across else 2].max())
    extent *= 1.0 if segmentation_node is None else MARGIN
    width, height = slice_node.GetDimensions()[:2] if size is None else size
    shorter = max(min(width, height), 1)
    (show_plane_across if across else show_acquired_plane)(volume_node, slice_node)
    slice_node.SetFieldOfView(extent * width / shorter, extent * height / shorter, float(spacing[2]))
    slice_node.JumpSliceByCentering(*(ijk_to_ras(volume_node) @ np.array([*middle, 1.0]))[:3])
    slice_node.UpdateMatrices()


def _heart_box(segmentation_node: Any, volume_node: Any) -> tuple[np.ndarray, np.ndarray]:
    """First and last voxel (i, j, k) of the volume in which a segmentation is; of all where it is None or empty."""
    whole = np.zeros(3), np.array(volume_node.GetImageData().GetDimensions()) - 1.0
    if segmentation_node is None or segmentation_node.GetSegmentation().GetNumberOfSegments() == 0:
        return whole
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    slicer = import_slicer()
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    image = segmentation_node.GetSegmentation().GetNthSegment(0).GetRepresentation(name)
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    voxels = np.argwhere(values)[:, ::-1] + np.array(image.GetExtent()[::2])  # a file may hold a part of the grid
    if len(voxels) == 0:
        return whole
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    to_volume = np.linalg.inv(ijk_to_ras(volume_node)) @ slicer.util.arrayFromVTKMatrix(matrix)
    corners = np.stack([voxels.min(axis=0), voxels.max(axis=0)]) @ to_volume[:3, :3].T + to_volume[:3, 3]
    return corners.min(axis=0), corners.max(axis=0)


def _in_plane(volume_node: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (3,) in RAS to the right and up in the plane of the slices, and the middle (3,) of the volume."""
    matrix = ijk_to_ras(volume_node)
    axes = (matrix[:3, :2] / np.linalg.norm(matrix[:3, :2], axis=0)).T
    number = int(np.abs(axes[:, 0]).argmax())
    right = axes[number] * (-1.0 if axes[number, 0] > 0 else 1.0)
    up = axes[1 - number] * (1.0 if axes[1 - number, 1:].sum() > 0 else -1.0)
    middle = [(n - 1) // 2 for n in volume_node.GetImageData().GetDimensions()]  # on a slice, not between
    return right, up, (matrix @ np.array([*middle, 1.0]))[:3]


def _place(slice_node: Any, right: np.ndarray, up: np.ndarray, middle: np.ndarray) -> None:
    slice_to_ras = np.eye(4)
    slice_to_ras[:3, :3] = np.stack([right, up, np.cross(right, up)], axis=1)
    slice_to_ras[:3, 3] = middle
    slice_node.GetSliceToRAS().DeepCopy(import_slicer().util.vtkMatrixFromArray(slice_to_ras))
    slice_node.UpdateMatrices()


def ijk_to_ras(volume_node: Any) -> np.ndarray:
    """(4, 4) voxel (i, j, k) to RAS mm of a volume node, without its parent transform."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return import_slicer().util.arrayFromVTKMatrix(matrix)

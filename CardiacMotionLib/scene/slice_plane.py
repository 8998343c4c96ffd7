"""Slice views in the plane in which the images were acquired."""

from __future__ import annotations

from collections.abc import Iterator
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
    slice_node.JumpSliceByCentering(*(ijk_to_world(volume_node) @ np.array([*middle, 1.0]))[:3])
    slice_node.UpdateMatrices()


def _heart_box(segmentation_node: Any, volume_node: Any) -> tuple[np.ndarray, np.ndarray]:
    """First and last voxel (i, j, k) of the volume in which a segmentation is; of all where it is None or empty."""
    whole = np.zeros(3), np.array(volume_node.GetImageData().GetDimensions()) - 1.0
    if segmentation_node is None:
        return whole
    to_volume = np.linalg.inv(ijk_to_world(volume_node)) @ _to_world(segmentation_node)
    corners = [
        _corners(low, high) @ matrix[:3, :3].T + matrix[:3, 3]
        for low, high, to_local in _boxes(segmentation_node)
        for matrix in [to_volume @ to_local]
    ]
    if not corners:
        return whole
    everything = np.concatenate(corners)
    return everything.min(axis=0), everything.max(axis=0)


def _boxes(segmentation_node: Any) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """First and last voxel (i, j, k) of every image of a segmentation with its matrix (4, 4) to the node's RAS mm.

    Segments may share an image; one that is empty, or is nothing but a surface, has none.
    """
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    slicer = import_slicer()
    name = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    content = segmentation_node.GetSegmentation()
    segments = [content.GetNthSegment(number) for number in range(content.GetNumberOfSegments())]
    images = {id(image): image for segment in segments if (image := segment.GetRepresentation(name)) is not None}
    for image in images.values():
        scalars = image.GetPointData().GetScalars()
        if scalars is None or not image.GetNumberOfPoints():
            continue
        values = vtk_to_numpy(scalars).reshape(image.GetDimensions()[::-1])
        voxels = np.argwhere(values)[:, ::-1] + np.array(image.GetExtent()[::2])  # a file may hold a part of the grid
        if len(voxels):
            matrix = vtk.vtkMatrix4x4()
            image.GetImageToWorldMatrix(matrix)
            yield voxels.min(axis=0), voxels.max(axis=0), slicer.util.arrayFromVTKMatrix(matrix)


def _corners(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The eight corners (8, 3) of a box."""
    return np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)


def _in_plane(volume_node: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (3,) in RAS to the right and up in the plane of the slices, and the middle (3,) of the volume."""
    matrix = ijk_to_world(volume_node)
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


def ijk_to_world(volume_node: Any) -> np.ndarray:
    """(4, 4) voxel (i, j, k) to RAS mm of the world; a deformation above the node is left out."""
    return _to_world(volume_node) @ ijk_to_ras(volume_node)


def _to_world(node: Any) -> np.ndarray:
    from .world import matrix_to_world

    parent = node.GetParentTransformNode()
    return matrix_to_world(parent if parent is not None and parent.IsTransformToWorldLinear() else None, node)


def ijk_to_ras(volume_node: Any) -> np.ndarray:
    """(4, 4) voxel (i, j, k) to RAS mm of a volume node, without its parent transform."""
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume_node.GetIJKToRASMatrix(matrix)
    return import_slicer().util.arrayFromVTKMatrix(matrix)

"""Slice views in the plane in which the images were acquired."""

from __future__ import annotations

from typing import Any

import numpy as np

from .headless import import_slicer


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

"""Parent transforms of nodes: the linear ones are applied, deformations are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from .headless import import_slicer
from .sequences import find_browser


def parent_of_sequence(sequence: Any) -> Any | None:
    """The transform node above the node that shows a sequence, None where there is none."""
    browser = find_browser(sequence)
    proxy = browser.GetProxyNode(sequence) if browser is not None else None
    return proxy.GetParentTransformNode() if proxy is not None and proxy.IsA("vtkMRMLTransformableNode") else None


def matrix_to_world(parent: Any, node: Any) -> np.ndarray:
    """(4, 4) from under the transform node ``parent`` to the world, identity for None.

    Raises `CardiacMotionError`, naming ``node``, when the transform is a deformation.
    """
    import vtk

    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise CardiacMotionError(
            f"{node.GetName()!r} is under the deformation {parent.GetName()!r}; "
            "harden the transform, or take the node out of it"
        )
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return import_slicer().util.arrayFromVTKMatrix(matrix)

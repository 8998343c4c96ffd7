"""Where a 3D view looks from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .headless import headless_scene

MARGIN = 1.05


def camera_of(view_name: str) -> Any:
    """The camera node of a 3D view by its layout name, None where the view has none yet."""
    scene = headless_scene().scene
    cameras = (
        scene.GetNthNodeByClass(n, "vtkMRMLCameraNode")
        for n in range(scene.GetNumberOfNodesByClass("vtkMRMLCameraNode"))
    )
    return next((camera for camera in cameras if camera.GetLayoutName() == view_name), None)


def look_from_front(
    camera_node: Any, nodes: Iterable[Any], *, elevation_degrees: float = 15.0, aspect: float = 1.0
) -> None:
    """Turn a camera to see all of the nodes from anterior, a little from above, with superior up.

    ``aspect`` is the width of the view over its height. Nodes without an extent, and None, do not count; without any
    the camera stays where it is.
    """
    boxes = []
    for node in nodes:
        bounds = [0.0] * 6
        if node is not None:
            node.GetRASBounds(bounds)
            boxes += [bounds] if bounds[0] <= bounds[1] else []
    if not boxes:
        return
    box = np.array(boxes)
    low, high = box[:, ::2].min(axis=0), box[:, 1::2].max(axis=0)
    center, (width, depth, height) = (low + high) / 2, high - low
    angle = np.deg2rad(elevation_degrees)
    seen = height * np.cos(angle) + depth * np.sin(angle)  # of the height, from above
    half = max(width / aspect, seen) / 2
    distance = depth / 2 + MARGIN * half / np.tan(np.deg2rad(camera_node.GetViewAngle() / 2))
    camera_node.SetFocalPoint(*center)
    camera_node.SetPosition(*(center + distance * np.array([0.0, np.cos(angle), np.sin(angle)])))
    camera_node.SetViewUp(0.0, 0.0, 1.0)
    camera_node.ResetClippingRange()

"""What was recognized in a segmentation, as outlines in our colors; the user's own colors come back afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..io.write import LABEL_COLORS
from .headless import headless_scene
from .segmentations import show_contours


class SegmentPreview:
    """Draws the chosen segments as outlines in the colors of their structures and hides the others, until `stop`."""

    def __init__(self) -> None:
        self._node_id: str | None = None  # a node kept here would outlive its scene
        self._before: dict[str, Any] = {}

    @property
    def shown(self) -> bool:
        """Whether a preview is on."""
        return self._node() is not None

    def show(self, segmentation_node: Any, chosen: Mapping[str, int]) -> None:
        """Preview ``chosen`` = {segment ID: label}; a preview that is on gives way to this one."""
        self.stop()
        segmentation_node.CreateDefaultDisplayNodes()
        display = segmentation_node.GetDisplayNode()
        segments = list(segmentation_node.GetSegmentation().GetSegmentIDs())
        self._node_id = segmentation_node.GetID()
        self._before = {
            "visibility": display.GetVisibility(),
            "fill": display.GetVisibility2DFill(),
            "outline": display.GetVisibility2DOutline(),
            "opacity": display.GetOpacity2DOutline(),
            "thickness": display.GetSliceIntersectionThickness(),
            "segments": {identity: display.GetSegmentVisibility(identity) for identity in segments},
        }
        was_modifying = display.StartModify()
        display.SetVisibility(True)
        show_contours(segmentation_node)
        for identity in segments:
            display.SetSegmentVisibility(identity, identity in chosen)
            if identity in chosen:
                display.SetSegmentOverrideColor(identity, *LABEL_COLORS[chosen[identity]])
        display.EndModify(was_modifying)

    def stop(self) -> None:
        """Give the user's own display back; nothing happens where the segmentation is gone."""
        node = self._node()
        self._node_id = None
        if node is None or node.GetDisplayNode() is None:
            return
        display, before = node.GetDisplayNode(), self._before
        was_modifying = display.StartModify()
        display.SetVisibility(before["visibility"])
        display.SetVisibility2DFill(before["fill"])
        display.SetVisibility2DOutline(before["outline"])
        display.SetOpacity2DOutline(before["opacity"])
        display.SetSliceIntersectionThickness(before["thickness"])
        for identity, visible in before["segments"].items():
            display.UnsetSegmentOverrideColor(identity)
            display.SetSegmentVisibility(identity, visible)
        display.EndModify(was_modifying)

    def _node(self) -> Any | None:
        return headless_scene().scene.GetNodeByID(self._node_id) if self._node_id else None

"""One AHA segment stands out: its curve in the chart, its outline in the slice views and on the wall in 3D."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .aha import segment_title
from .charts import highlight_curve
from .headless import headless_scene
from .models import segment_surface
from .run_folder import adopt
from .run_nodes import all_or_nothing

if TYPE_CHECKING:
    from ..strain import Strain
    from .result_record import Results

SEGMENT = "CardiacMotion.segment"
COLOR = (0.95, 0.25, 0.85)  # on no scale of strain, and no label's


def highlight_segment(results: Results, segment: int, labels: np.ndarray, strain: Strain) -> Any:
    """Outline one AHA segment through the cycle and draw its curve thick, where the chart has it: the model node.

    ``labels`` (K, J, I) of the reference. One segment of a run is outlined at a time.

    Raises
    ------
    CardiacMotionError
        for a segment without wall.
    """
    mesh = segment_surface(labels, strain.segments, segment, strain.affine)
    if results.highlight is None:
        with all_or_nothing(results.run):
            node = _add_model(results)
            adopt(results, "highlight", node)
        results.highlight = node
    node = results.highlight
    node.SetAndObserveMesh(mesh)
    node.SetAttribute(SEGMENT, str(segment))
    node.SetName(f"{results.name} segment {segment_title(segment)}")
    node.SetDisplayVisibility(True)
    highlight_curve(results.series, segment)
    return node


def highlighted_segment(results: Results) -> int | None:
    """The segment that stands out, or None."""
    node = results.highlight
    return int(node.GetAttribute(SEGMENT)) if node is not None and node.GetDisplayVisibility() else None


def end_highlight(results: Results) -> None:
    """No segment stands out."""
    if results.highlight is not None:
        results.highlight.SetDisplayVisibility(False)
    highlight_curve(results.series, None)


def _add_model(results: Results) -> Any:
    model = headless_scene().scene.AddNewNodeByClass("vtkMRMLModelNode", f"{results.name} segment")
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetColor(*COLOR)
    display.SetOpacity(0.55)  # in 3D the strain of the wall below still shows
    display.SetVisibility2D(True)
    display.SetSliceIntersectionThickness(4)
    model.SetAndObserveTransformNodeID(results.proxy(results.motion_to_frame).GetID())
    return model

"""What was computed, read back from the nodes of a run: `read_back`."""

from __future__ import annotations

import json
from typing import Any

from ..motion import Motion
from ..series import ImageSeries
from .read import series_from_nodes
from .results import Results
from .transforms import motion_from_sequence

_RV_INSERTION, _END_SYSTOLE = "CardiacMotion.rv_insertion", "CardiacMotion.end_systole"


def read_back(results: Results) -> tuple[ImageSeries, Motion, int | None]:
    """The series with the labels of the reference, the motion, and the end-systole of a run that is in the scene.

    The labels of other frames were carried there by this very motion and are left out: they would only confirm it. RV
    insertions are in ``meta["rv_insertion"]`` where strain was measured with some.
    """
    motion = motion_from_sequence(results.motion_to_frame)
    series = series_from_nodes(results.cine, results.segmentation)
    kept = {frame: labels for frame, labels in series.labels.items() if frame == motion.stored_reference}
    insertion = _attribute(results.motion_to_frame, _RV_INSERTION)
    meta = {**series.meta, **({"rv_insertion": insertion} if insertion is not None else {})}
    return series.replace(labels=kept, meta=meta), motion, _attribute(results.motion_to_frame, _END_SYSTOLE)


def _attribute(node: Any, name: str) -> Any:
    text = node.GetAttribute(name)
    return None if text is None else json.loads(text)

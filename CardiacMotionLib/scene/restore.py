"""What was computed, read back from the nodes of a run: `read_back`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ..motion import Motion
from ..series import ImageSeries
from .read import series_from_nodes
from .result_record import Results
from .transforms import motion_from_sequence

_RV_INSERTION = "CardiacMotion.rv_insertion"
_SETTINGS = ("end_systole", "layers", "drift_correction")


def read_back(results: Results) -> tuple[ImageSeries, Motion, dict[str, Any]]:
    """The series with the labels of the reference, the motion, and the settings of the strain of a run in the scene.

    The settings are options of `strain`: end_systole, layers, drift_correction, where strain was measured.

    The labels of other frames were carried there by this very motion and are left out: they would only confirm it. RV
    insertions are in ``meta["rv_insertion"]`` where strain was measured with some.
    """
    motion = motion_from_sequence(results.motion_to_frame)
    series = series_from_nodes(results.cine, results.segmentation)
    kept = {frame: labels for frame, labels in series.labels.items() if frame == motion.stored_reference}
    insertion = _attribute(results.motion_to_frame, _RV_INSERTION)
    meta = {**series.meta, **({"rv_insertion": insertion} if insertion is not None else {})}
    found = {name: _attribute(results.motion_to_frame, f"CardiacMotion.{name}") for name in _SETTINGS}
    settings = {name: value for name, value in found.items() if value is not None}
    return series.replace(labels=kept, meta=meta), motion, settings


def stored_insertion(results: Results) -> np.ndarray | None:
    """RV insertions (2, 3) RAS mm of the reference that a run in the scene was measured with; None without any."""
    points = _attribute(results.motion_to_frame, _RV_INSERTION)
    return None if points is None else np.array(points, dtype=float)


def _attribute(node: Any, name: str) -> Any:
    text = node.GetAttribute(name)
    return None if text is None else json.loads(text)

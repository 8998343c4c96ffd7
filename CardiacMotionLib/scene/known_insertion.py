"""The RV insertions that came with a cine, kept on its sequence node so that a saved scene has them too."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

RV_INSERTION = "CardiacMotion.rv_insertion"


def write_insertion(sequence_node: Any, points: Any) -> None:
    """Note the anterior and inferior RV insertion, (2, 3) RAS mm under the sequence's transform; None clears them."""
    text = None if points is None else json.dumps(np.asarray(points, dtype=float).tolist())
    sequence_node.SetAttribute(RV_INSERTION, text)


def read_insertion(sequence_node: Any) -> np.ndarray | None:
    """What `write_insertion` noted, (2, 3); None where there is nothing."""
    text = sequence_node.GetAttribute(RV_INSERTION) if sequence_node is not None else None
    return None if text is None else np.array(json.loads(text))

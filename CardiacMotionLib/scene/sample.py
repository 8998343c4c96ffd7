"""The cine that ships with the project, in the scene."""

from __future__ import annotations

from typing import Any

from ..io.sample import sample_series
from .cines import add_study

SAMPLE_NAME = "Sample cine"


def load_sample() -> tuple[Any, Any]:
    """Add the sample cine, its segmentation of end-diastole and its RV insertions: (sequence, segmentation node)."""
    return add_study(sample_series(), SAMPLE_NAME)

"""A small mapping series for whoever has no data: a phantom that breathes, with its times and labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import Cancelled
from ..phantom import phantom
from ..series import ImageSeries
from .segmentations import add_labels
from .sequences import add_series

NAME = "T1 phantom (MOLLI)"
OPTIONS: dict[str, Any] = {"sequence": "molli", "rows": 80, "columns": 80, "pixel_mm": 3.0, "breathing_mm": 8.0}


def make_map_sample(progress: Callable[[float, str], object] = lambda fraction, text: True) -> ImageSeries:
    """Eight images of one slice of a synthetic heart; takes some seconds, touches no node.

    Raises `Cancelled` when ``progress`` answers False.
    """
    if progress(0.0, "Making a synthetic heart") is False:
        raise Cancelled("cancelled before it began")
    series = phantom("t1", 3, **OPTIONS).series
    return series.replace(labels={0: series.labels[0]})


def add_map_sample(series: ImageSeries) -> tuple[Any, Any, Any]:
    """(sequence, browser, segmentation) nodes of what `make_map_sample` made."""
    sequence, browser = add_series(series, NAME)
    return sequence, browser, add_labels(series, f"{NAME} heart")

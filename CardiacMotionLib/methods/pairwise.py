"""Running a method that knows two images only on every frame of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from .region import find_region, normalize_intensity, paste

if TYPE_CHECKING:
    from ..series import ImageSeries
    from .protocol import Context

Pair = Callable[[np.ndarray, np.ndarray, np.ndarray, "Context"], torch.Tensor]


def register_pairs(series: ImageSeries, pair: Pair, margin_mm: float, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series`` from ``pair(reference, frame, spacing, context)``.

    ``pair`` is given (K, J, I) images in unit range around the heart and spacing (3,) in mm; it returns (K, J, I, 3)
    in voxels.
    """
    region = find_region(series, context.reference, margin_mm)
    cropped = series.crop(region.box)
    frames = normalize_intensity(cropped.frames)
    inside = torch.zeros(*frames.shape, 3)
    moving = [t for t in range(len(frames)) if t != context.reference]
    for n, t in enumerate(moving):
        part = context.part(n / len(moving), (n + 1) / len(moving))
        part.report(0, f"frame {n + 1} of {len(moving)}")
        inside[t] = pair(frames[context.reference], frames[t], series.spacing, part)
    context.facts["heart_from"] = region.source
    return paste(inside, series, region.box, margin_mm)


def continued(array: np.ndarray, fewest: int) -> np.ndarray:
    """(K, J, I) with edge values continued to at least ``fewest`` voxels an axis; a single slice stays one."""
    missing = [(0, max(0, fewest - n) if n > 1 else 0) for n in array.shape]
    return np.pad(array, missing, mode="edge")

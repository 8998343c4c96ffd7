"""Running a method that registers all images of one slice together on every slice of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..motion import Motion
from .learned import IN_PLANE
from .region import find_region, normalize_intensity, paste

if TYPE_CHECKING:
    from ..series import ImageSeries
    from .protocol import Context

Group = Callable[[np.ndarray, np.ndarray, "Context"], torch.Tensor]


def register_slices(series: ImageSeries, group: Group, margin_mm: float, context: Context) -> Motion:
    """Motion from the canonical space of ``series``, from ``group(frames, spacing, context)`` of every slice.

    ``group`` is given (N, J, I) images in unit range around the heart and spacing (2,) in mm along (i, j); it returns
    (N, J, I, 2) in voxels: what is at x in the canonical space is at x + u(x) in frame n. The mean over the frames is
    taken off: the canonical space is in their middle.
    """
    region = find_region(series, context.reference, margin_mm)
    cropped = series.crop(region.box)
    frames = normalize_intensity(cropped.frames)
    context.facts["heart_from"] = region.source
    if not series.is_2d:
        context.facts.setdefault("notes", []).append(IN_PLANE)
    inside = torch.zeros(*frames.shape, 3)
    levels = cropped.shape[0]
    for k in range(levels):
        part = context.part(k / levels, (k + 1) / levels)
        part.report(0, f"slice {k + 1} of {levels}")
        found = group(frames[:, k], series.spacing[:2], part)
        inside[:, k, ..., :2] = found - found.mean(0)
    return Motion.from_voxels(paste(inside, series, region.box, margin_mm), series, None)

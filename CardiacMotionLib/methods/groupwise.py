"""Running a method that registers all images of one slice together on every slice of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..fields import compose
from ..motion import Motion
from .learned import IN_PLANE
from .region import find_region, normalize_intensity, paste

if TYPE_CHECKING:
    from ..series import ImageSeries
    from .protocol import Context

CENTERINGS = 3  # each leaves of what the mean was off a share as small as its slope

Group = Callable[[np.ndarray, np.ndarray, "Context"], torch.Tensor]


def register_slices(series: ImageSeries, group: Group, margin_mm: float, context: Context) -> Motion:
    """Motion from the canonical space of ``series``, from ``group(frames, spacing, context)`` of every slice.

    ``group`` is given (N, J, I) images in unit range around the heart and spacing (2,) in mm along (i, j); it returns
    (N, J, I, 2) in voxels: what is at x in the canonical space is at x + u(x) in frame n. Then the canonical space is
    brought to the middle of the frames.
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
        inside[:, k, ..., :2] = centered(found)
    return Motion.from_voxels(paste(inside, series, region.box, margin_mm), series, None)


def centered(displacement: torch.Tensor) -> torch.Tensor:
    """Displacements (N, J, I, 2) in voxels from a canonical space whose points are in the middle of those they go to.

    Everything stays where it is in the frames: the same map of the canonical space comes before all displacements.
    """
    for _ in range(CENTERINGS):
        off = displacement.mean(0, keepdim=True)
        displacement = compose(-off.expand_as(displacement), displacement)
    return displacement

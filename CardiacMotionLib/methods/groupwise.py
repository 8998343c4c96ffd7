"""Running a method that registers all images of one slice together on every slice of a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..fields import WindowedNCC, compose, diffusion_energy, gaussian_window, warp
from ..motion import Motion
from .learned import IN_PLANE
from .region import find_region, normalize_intensity, paste

if TYPE_CHECKING:
    from ..series import ImageSeries
    from .protocol import Context

CENTERINGS = 3  # each leaves of what the mean was off a share as small as its slope

WINDOW_MM, SMOOTHNESS = 4.0, 3.0  # of `alignment_loss`
RANK = 2  # of `low_rank`: a recovery has three parameters, but more images than two follow motion, too

Group = Callable[[np.ndarray, np.ndarray, "Context"], torch.Tensor]
Template = Callable[[torch.Tensor], torch.Tensor]


def register_slices(series: ImageSeries, group: Group, margin_mm: float, context: Context) -> Motion:
    """Motion from the canonical space of ``series``, from ``group(frames, spacing, context)`` of every slice.

    ``group`` is given (N, J, I) images in unit range around the heart and spacing (2,) in mm along (i, j); it returns
    (N, J, I, 2) in voxels: what is at x in the canonical space is at x + u(x) in frame n. Then the canonical space is
    brought to the middle of the frames.
    """
    region = find_region(series, context.reference, margin_mm)
    box = (slice(0, series.shape[0]), *region.box[1:])  # slices do not know of each other: none is left out or faded
    cropped = series.crop(box)
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
    return Motion.from_voxels(paste(inside, series, box, margin_mm), series, None)


def centered(displacement: torch.Tensor) -> torch.Tensor:
    """Displacements (N, J, I, 2) in voxels from a canonical space whose points are in the middle of those they go to.

    Everything stays where it is in the frames: the same map of the canonical space comes before all displacements.
    """
    for _ in range(CENTERINGS):
        off = displacement.mean(0, keepdim=True)
        displacement = compose(-off.expand_as(displacement), displacement)
    return displacement


def low_rank(images: torch.Tensor, rank: int = RANK) -> torch.Tensor:
    """The images (N, 1, J, I) as mixtures of ``rank`` images that all share, the best there are; without gradient.

    Tissue that relaxes makes a pixel follow a curve of few parameters, so few images mixed give any of the series, each
    with its own contrast; what moves from image to image they cannot follow. A mean has one contrast for all, which is
    the wrong one beside a null. The idea is that of principal components as a metric (Huizinga 2016).
    """
    flat = images.detach().flatten(1)
    left, values, right = torch.linalg.svd(flat, full_matrices=False)
    kept = max(1, min(rank, len(images) - 1))
    return ((left[:, :kept] * values[:kept]) @ right[:kept]).reshape(images.shape)


def alignment_loss(
    images: torch.Tensor,
    displacement: torch.Tensor,
    spacing: np.ndarray,
    *,
    window_mm: float = WINDOW_MM,
    smoothness: float = SMOOTHNESS,
    squared: bool = True,
    template: Template | None = None,
) -> torch.Tensor:
    """How unlike the images, drawn, are to their template, and how rough the displacement is: ().

    By local correlation; squared, so that dark on bright is like bright on dark.

    Parameters
    ----------
    images, displacement
        (N, 1, J, I) and (N, J, I, 2) in voxels, from the canonical space.
    spacing
        (2,) mm along (i, j).
    window_mm
        Standard deviation of what is seen around a pixel.
    smoothness
        Weight of the squared gradient of the displacement.
    template
        What the drawn images (N, 1, J, I) are compared with, (N, 1, J, I) or (1, 1, J, I); by default their mean.
    """
    drawn = warp(images, displacement)
    sigma = [window_mm / float(mm) for mm in spacing[::-1]]
    windows = [gaussian_window(n, s).to(drawn) for n, s in zip(drawn.shape[1:], (1.0, *sigma), strict=True)]
    alike = WindowedNCC(drawn.mean(0, keepdim=True) if template is None else template(drawn), windows)(drawn)
    if squared:
        alike = alike.square()
    return 1 - alike.mean() + smoothness * diffusion_energy(displacement, torch.as_tensor(spacing))

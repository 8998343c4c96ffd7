"""Where the heart is and how bright its blood is: what every method prepares before it starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from ..errors import CardiacMotionError
from ..series import ImageSeries

Box = tuple[slice, slice, slice]

FADE = 0.8  # share of the margin over which the motion dies out at a side of the box; the rest is spared


@dataclass(frozen=True)
class Region:
    """The part of the images to register.

    Attributes
    ----------
    box
        Slices along (k, j, i) around the heart and a margin.
    weight
        (K, J, I) float32 within the box: 1 in the heart, falling off with distance.
    labels
        (K, J, I) uint8 labels of the reference within the box, all 0 where there are none.
    source
        ``labels`` or ``motion``: how the heart was found.
    """

    box: Box
    weight: np.ndarray
    labels: np.ndarray
    source: str


def find_region(
    series: ImageSeries, reference: int, margin_mm: float, falloff_mm: float = 12.0, least_mm: float = 0.0
) -> Region:
    """The heart from the reference labels, or, where there are none, the largest region whose intensities change.

    The box has sides of ``least_mm`` in plane at least, where the images have.
    """
    labels = series.labels.get(reference, np.zeros(series.shape, np.uint8))
    known = bool(labels.any())
    heart = labels > 0 if known else moving_region(series)
    box = widened(box_around(heart, series.spacing, margin_mm), series, least_mm)
    distance = ndimage.distance_transform_edt(~heart[box], sampling=series.spacing[::-1])
    weight = 0.05 + 0.95 * np.exp(-((distance / falloff_mm) ** 2))
    return Region(box, weight.astype(np.float32), labels[box], "labels" if known else "motion")


def moving_region(series: ImageSeries) -> np.ndarray:
    """(K, J, I) mask of the largest in-plane region whose intensity varies most over time, the same in every slice."""
    variation = series.frames.std(axis=0).mean(axis=0)
    smooth = ndimage.gaussian_filter(variation, 8.0 / series.spacing[1::-1])
    parts, count = ndimage.label(smooth >= 0.5 * smooth.max())
    mass = ndimage.sum_labels(smooth, parts, range(1, count + 1))
    return np.broadcast_to(parts == 1 + int(np.argmax(mass)), series.shape).copy()


def box_around(mask: np.ndarray, spacing: np.ndarray, margin_mm: float) -> Box:
    """Bounding box of a (K, J, I) mask widened in plane by ``margin_mm`` and by two slices, inside the grid."""
    voxels = [2, *(int(np.ceil(margin_mm / mm)) for mm in spacing[1::-1])]
    box = []
    for found, extra, size in zip(ndimage.find_objects(mask.astype(np.uint8))[0], voxels, mask.shape, strict=True):
        box.append(slice(max(0, found.start - extra), min(size, found.stop + extra)))
    return box[0], box[1], box[2]


def widened(box: Box, series: ImageSeries, least_mm: float) -> Box:
    """A box with sides of at least ``least_mm`` in plane about the same middle, moved and cut to the images."""
    sides = [box[0]]
    for part, size, mm in zip(box[1:], series.shape[1:], series.spacing[1::-1], strict=True):
        length = min(size, max(part.stop - part.start, round(least_mm / mm)))
        start = min(max(0, round((part.start + part.stop - length) / 2)), size - length)
        sides.append(slice(start, start + length))
    return sides[0], sides[1], sides[2]


def normalize_intensity(frames: np.ndarray) -> np.ndarray:
    """Frames scaled so that the 1st and 99th percentile of all of them are 0 and 1, clipped at 0 and 1.3.

    Raises `CardiacMotionError` where a frame has nothing to see: it would be one intensity everywhere.
    """
    low, high = np.percentile(frames, (1, 99))
    if high <= low:
        low, high = float(frames.min()), float(frames.max())
    scaled = np.clip((frames - low) / (high - low if high > low else 1), 0, 1.3).astype(np.float32)
    empty = np.flatnonzero(np.ptp(scaled.reshape(len(scaled), -1), axis=1) == 0)
    if len(empty):
        raise CardiacMotionError(
            f"frame {int(empty[0])} has one intensity everywhere around the heart; "
            "every frame needs an image there (do the labels lie on the heart?)"
        )
    return scaled


def fade_widths(series: ImageSeries, margin_mm: float) -> tuple[float, ...]:
    """Voxels along (k, j, i) over which the motion dies out inside a side of the box: two slices, most of a margin."""
    return (3.0, *(max(1.0, FADE * margin_mm / float(mm)) for mm in series.spacing[1::-1]))


def paste(inside: torch.Tensor, series: ImageSeries, box: Box, margin_mm: float) -> torch.Tensor:
    """Displacement (T, k, j, i, 3) of ``box`` on the whole grid of ``series``, faded to zero at the sides of the box.

    Sides of the box that are sides of the image are not faded. In plane the fade takes the outer four fifths of the
    margin ``margin_mm`` that the box has around the heart, through the slices its two slices beyond the heart.
    """
    whole = torch.zeros(len(inside), *series.shape, inside.shape[-1], dtype=inside.dtype)
    widths = fade_widths(series, margin_mm)
    for axis, (part, size, width) in enumerate(zip(box, series.shape, widths, strict=True), start=1):
        place = torch.arange(part.start, part.stop, dtype=inside.dtype)
        ramp = torch.ones_like(place)
        if part.start > 0:
            ramp = torch.minimum(ramp, (place - part.start + 1) / width)
        if part.stop < size:
            ramp = torch.minimum(ramp, (part.stop - place) / width)
        inside = inside * ramp.reshape([-1 if n == axis else 1 for n in range(inside.ndim)])
    whole[(slice(None), *box)] = inside
    return whole

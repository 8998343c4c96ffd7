"""The axes in which every heart lies alike: those of its network, and of the prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...orientation import BASEWARD, RVWARD, base_sign, slice_normal
from ...series import LV_CAVITY, MYOCARDIUM, RV, ImageSeries
from ..region import Region

RADII = 2.5  # LV radii to the unit: the unit ball holds the heart and what moves with it
TYPICAL_RADIUS = 32.0  # mm, outer radius of the LV where there is no label of it
WALL_MM = 9.0  # around a cavity without a wall


@dataclass(frozen=True, eq=False)
class Canonical:
    """Center, axes and unit of a heart.

    Attributes
    ----------
    center
        (3,) RAS mm, centroid of the LV (wall and cavity).
    axes
        (3, 3) rows: from the LV to the RV within the slice, z x x, from apex to base along the slice normal; RAS.
    unit
        mm, 2.5 outer radii of the LV.
    labeled
        Whether labels of the LV gave place and size. Without them a prior cannot be laid on the heart.
    notes
        Sentences for the user about what was guessed.
    """

    center: np.ndarray
    axes: np.ndarray
    unit: float
    labeled: bool
    notes: tuple[str, ...]


def find_canonical(series: ImageSeries, reference: int, region: Region) -> Canonical:
    """Lay the axes through the LV of the reference labels, or, where there are none, through what moves."""
    labels = series.labels.get(reference, np.zeros(series.shape, np.uint8))
    wall, cavity, rv = labels == MYOCARDIUM, labels == LV_CAVITY, labels == RV
    lv, normal, notes = wall | cavity, slice_normal(series.affine), []
    if lv.any():
        sign, note = base_sign(wall, cavity, normal)
        notes += [note] if note else []
        center, unit = _centroid(lv, series), RADII * (_radius(lv, series) + (0 if wall.any() else WALL_MM))
    else:
        sign = 1.0 if normal @ BASEWARD >= 0 else -1.0
        heart = np.zeros(series.shape, bool)
        heart[region.box] = region.weight >= 1
        center, unit = _centroid(heart, series), RADII * TYPICAL_RADIUS
        known = "the other labels" if region.source == "labels" else "what moves"
        notes.append(f"No labels of the LV in frame {reference}: its place and size were guessed from {known}.")
    z = sign * normal
    beside = _centroid(rv, series) - center if lv.any() and rv.any() else RVWARD
    x = beside - (beside @ z) * z
    if lv.any() and not rv.any():
        notes.append("No label of the RV: it was taken to lie right and in front of the LV, as in a patient.")
    if np.linalg.norm(x) <= 0.1 * np.linalg.norm(beside):
        x = series.affine[:3, 0] - (series.affine[:3, 0] @ z) * z
        notes.append("The RV does not lie beside the LV within the slices: the first axis of the image was taken.")
    x /= np.linalg.norm(x)
    return Canonical(center, np.stack((x, np.cross(z, x), z)), float(unit), bool(lv.any()), tuple(notes))


def _centroid(mask: np.ndarray, series: ImageSeries) -> np.ndarray:
    """RAS mm (3,)."""
    return series.affine[:3, :3] @ np.argwhere(mask).mean(0)[::-1] + series.affine[:3, 3]


def _radius(lv: np.ndarray, series: ImageSeries) -> float:
    """Outer radius in mm of the LV where it is wide: of the third quarter of its slices by area."""
    areas = lv.sum((1, 2))[lv.any((1, 2))] * float(np.prod(series.spacing[:2]))
    return float(np.sqrt(np.percentile(areas, 75) / np.pi))

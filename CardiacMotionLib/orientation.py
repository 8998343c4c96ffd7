"""Which end of a short-axis stack is the base, and on which side of the LV the RV lies."""

from __future__ import annotations

import numpy as np

BASEWARD = np.array([0.5, -0.5, 0.7])  # the apex of a heart points left, anterior and inferior; RAS
RVWARD = np.array([0.8, 0.6, 0.0])  # the RV lies to the right and in front of the LV; RAS
TAPER = 0.15  # relative difference in area that tells the two ends of a ventricle apart


def slice_normal(affine: np.ndarray) -> np.ndarray:
    """Unit normal (3,) of the slices in RAS, along increasing k whatever the handedness of ``affine`` (4, 4)."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    return normal if normal @ affine[:3, 2] >= 0 else -normal


def base_sign(wall: np.ndarray, cavity: np.ndarray, direction: np.ndarray) -> tuple[float, str]:
    """Tell whether the base lies along increasing k (+1) or decreasing k (-1), and note a guess.

    The base is the end with the larger area; where the ends are alike, the end away from a cap; where there is none,
    the end that lies right, posterior and superior, as in a patient.

    Parameters
    ----------
    wall, cavity
        (K, J, I) bool; either may be empty, not both.
    direction
        (3,) RAS, along increasing k.
    """
    masks = [mask.any((1, 2)) for mask in (wall, cavity) if mask.any()]
    hollow = np.logical_and.reduce(masks)
    slices = np.flatnonzero(hollow if hollow.any() else np.logical_or.reduce(masks))
    area = (wall | cavity).sum((1, 2))[slices]
    third = max(1, len(slices) // 3)
    low, high = area[:third].mean(), area[-third:].mean()
    if len(slices) > 1 and abs(high - low) > TAPER * max(high, low):
        return (1.0, "") if high > low else (-1.0, "")
    solid = np.flatnonzero(wall.any((1, 2)) & ~cavity.any((1, 2))) if cavity.any() else np.zeros(0, int)
    below, above = bool((solid < slices[0]).any()), bool((solid > slices[-1]).any())
    if below != above:
        return (1.0, "") if below else (-1.0, "")
    note = "Apex and base look alike in the labels: the base was taken to be the right, posterior, superior end."
    return (1.0 if direction @ BASEWARD >= 0 else -1.0), "" if len(wall) == 1 else note

"""Slices of a labeled left ventricle in which the wall goes all around the cavity."""

from __future__ import annotations

import numpy as np

CLOSED_SHARE = 0.95  # of the cavity that a closed ring encloses


def closed_rings(wall: np.ndarray, cavity: np.ndarray) -> np.ndarray:
    """(K,) bool: slices whose wall encloses the cavity, gaps of up to two voxels allowed. Masks (K, J, I) bool."""
    from scipy import ndimage

    rings = np.zeros(len(wall), bool)
    for k in np.flatnonzero(wall.any((1, 2)) & cavity.any((1, 2))):
        ring = ndimage.binary_closing(np.pad(wall[k], 2), np.ones((3, 3), bool))
        inside = ndimage.binary_fill_holes(ring)[2:-2, 2:-2] & ~wall[k]
        rings[k] = np.count_nonzero(inside & cavity[k]) >= CLOSED_SHARE * np.count_nonzero(cavity[k])
    return rings

"""From a closed contour in pixels to the pixels inside it."""

from __future__ import annotations

import numpy as np

ON_CONTOUR = 1e-6  # pixels


def inside(contour: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(J, I) bool: pixels whose center lies inside a contour or on it.

    Parameters
    ----------
    contour
        (N, 2) points (i, j), column and row in pixels, the center of the first pixel at 0; closed from the last point
        to the first. A point is inside when a ray from it meets the contour an odd number of times.
    shape
        (J, I) rows and columns of the image.
    """
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    odd, on = np.zeros(shape, bool), np.zeros(shape, bool)
    for (i0, j0), (i1, j1) in zip(contour, np.roll(contour, -1, axis=0), strict=True):
        touched = rows[(rows >= min(j0, j1) - ON_CONTOUR) & (rows <= max(j0, j1) + ON_CONTOUR)]
        if j0 == j1:
            on[np.ix_(touched, (columns >= min(i0, i1)) & (columns <= max(i0, i1)))] = True
            continue
        at = i0 + (touched - j0) * (i1 - i0) / (j1 - j0)  # column where the edge meets each row
        on[touched] |= np.abs(columns - at[:, None]) < ON_CONTOUR
        crossed = (touched >= min(j0, j1)) & (touched < max(j0, j1))
        odd[touched[crossed]] ^= columns > at[crossed, None]
    return odd | on

"""The strain tensor and its measures: Green-Lagrange, and engineering along a direction."""

from __future__ import annotations

import numpy as np


def green_strain(gradient: np.ndarray) -> np.ndarray:
    """E = (F^T F - I) / 2 of deformation gradients (..., 3, 3) in mm per mm."""
    return (np.swapaxes(gradient, -1, -2) @ gradient - np.eye(gradient.shape[-1], dtype=gradient.dtype)) / 2


def project(green: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """n^T E n: strain along unit directions. ``green`` (..., N, 3, 3) and ``directions`` (N, 3) to (..., N)."""
    return np.einsum("...nab,na,nb->...n", green, directions, directions)


def engineering_from_green(green: np.ndarray) -> np.ndarray:
    """Relative change of length e = sqrt(1 + 2 E) - 1 of a line whose Green-Lagrange strain is E (Voigt 2015).

    Fractions of any shape: E = -0.1556 gives -0.17, E = 0.4113 gives 0.35. NaN stays NaN; E is never below -0.5.
    """
    return np.sqrt(np.maximum(1 + 2 * green, 0)) - 1


def green_from_engineering(engineering: np.ndarray) -> np.ndarray:
    """E = e + e^2 / 2, the inverse of `engineering_from_green`. Fractions of any shape."""
    return engineering + engineering**2 / 2

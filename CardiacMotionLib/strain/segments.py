"""The 16 segments of the American Heart Association (Cerqueira 2002), and transmural layers."""

from __future__ import annotations

import numpy as np

from ..errors import CardiacMotionError
from .anatomy import Anatomy
from .axes import LongAxis
from .insertion import Insertion

SEGMENT_NAMES = {
    1: "basal anterior",
    2: "basal anteroseptal",
    3: "basal inferoseptal",
    4: "basal inferior",
    5: "basal inferolateral",
    6: "basal anterolateral",
    7: "mid anterior",
    8: "mid anteroseptal",
    9: "mid inferoseptal",
    10: "mid inferior",
    11: "mid inferolateral",
    12: "mid anterolateral",
    13: "apical anterior",
    14: "apical septal",
    15: "apical inferior",
    16: "apical lateral",
}
BASAL, MID, APICAL = 1, 2, 3
MOST_LAYERS = 9


def slice_levels(rings: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Level of every slice: (K,) 0 outside the ring slices, 1 basal, 2 mid, 3 apical.

    The stretch from the first to the last slice with a closed ring (``rings`` (K,) bool), half a slice added at either
    end, is cut in equal thirds along the axis; a slice belongs to the third that its center is in. ``positions`` (K,)
    mm increase towards the base. One slice alone is mid.
    """
    levels = np.zeros(len(rings), np.uint8)
    chosen = np.flatnonzero(rings)
    if not len(chosen):
        return levels
    along = positions[chosen]
    half = np.ptp(along) / max(chosen[-1] - chosen[0], 1) / 2 or 1.0
    share = (along - along.min() + half) / (np.ptp(along) + 2 * half)  # 0 at the apical end, 1 at the basal end
    levels[chosen] = np.where(share > 2 / 3, BASAL, np.where(share > 1 / 3, MID, APICAL))
    return levels


def aha_segments(anatomy: Anatomy, axis: LongAxis, insertion: Insertion, levels: np.ndarray) -> np.ndarray:
    """AHA number 1..16 of each wall voxel, 0 in slices without a closed ring: (K, J, I) uint8.

    Azimuths are taken in the slice plane about the center of that slice's cavity, from the anterior RV insertion
    through the septum. Basal and mid slices have six sectors of 60 degrees of which the anteroseptal one (2, 8) starts
    at the insertion; apical slices have four of 90 degrees, the septal one (14) centered on the 120 degrees of septum
    of the levels above.
    """
    segments = np.zeros(anatomy.wall.shape, np.uint8)
    used = anatomy.wall & (levels > 0)[:, None, None]
    k, j, i = np.nonzero(used)
    if not len(k):
        return segments
    azimuth = insertion.sense * (axis.azimuth(anatomy.points(used) - axis.centers[k]) - insertion.anterior) % 360
    sixth = (azimuth // 60).astype(int) % 6
    quarter = ((azimuth - 15) % 360 // 90).astype(int) % 4
    numbers = np.where(
        levels[k] == APICAL,
        np.array([14, 15, 16, 13])[quarter],
        np.array([2, 3, 4, 5, 6, 1])[sixth] + np.where(levels[k] == MID, 6, 0),
    )
    segments[k, j, i] = numbers
    return segments


def layer_names(layers: int) -> tuple[str, ...]:
    """Names of the transmural layers from inside out; raises `CardiacMotionError` unless ``layers`` is from 1 to 9."""
    if isinstance(layers, bool) or not isinstance(layers, (int, np.integer)) or not 1 <= layers <= MOST_LAYERS:
        raise CardiacMotionError(f"layers must be a whole number from 1 to {MOST_LAYERS}, got {layers!r}")
    if layers == 1:
        return ("transmural",)
    inner = ("mid",) if layers == 3 else tuple(f"mid{n}" for n in range(1, layers - 1))
    return ("endo", *inner, "epi")


def layers_from_depth(depth: np.ndarray, layers: int) -> np.ndarray:
    """Layer 1 (endo) to ``layers`` (epi) of equal thickness from the transmural depth (N,) in [0, 1]: (N,) uint8."""
    return np.clip(np.floor(depth * layers) + 1, 1, layers).astype(np.uint8)

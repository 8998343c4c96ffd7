"""The labels as strain needs them: one wall, its cavity, the slices in which the wall is a closed ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ..errors import CardiacMotionError
from ..motion import Motion
from ..rings import closed_rings
from ..series import LV_CAVITY, MYOCARDIUM, RV, check_labels

COMPARABLE = 0.25  # a second part with this share of the largest is another heart, not a speck
BRIDGED_MM = 3.0  # half the in-plane gap across which two pieces of wall still belong together


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Masks (K, J, I) bool of one checked left ventricle in the reference frame.

    Attributes
    ----------
    wall, cavity, rv
        LV myocardium, LV cavity and RV; ``rv`` is empty where the labels have none.
    rings
        (K,) bool, slices in which the wall encloses the cavity all around.
    affine
        (4, 4) voxel (i, j, k) to RAS mm.
    notes
        Sentences for the user about what was dropped or is missing.
    """

    wall: np.ndarray
    cavity: np.ndarray
    rv: np.ndarray
    rings: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...]

    @property
    def spacing(self) -> np.ndarray:
        """(3,) voxel size in mm along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000

    @property
    def is_2d(self) -> bool:
        """Whether there is one slice only."""
        return self.wall.shape[0] == 1

    def points(self, mask: np.ndarray) -> np.ndarray:
        """RAS mm (N, 3) of the voxel centers of a mask (K, J, I), in the order of ``np.nonzero``."""
        k, j, i = np.nonzero(mask)
        return np.stack([i, j, k], axis=-1) @ self.affine[:3, :3].T + self.affine[:3, 3]


def read_anatomy(motion: Motion, labels: Any) -> Anatomy:
    """Check labels (K, J, I) of the reference frame and clean them.

    Raises
    ------
    CardiacMotionError
        for labels that are not on the grid of the motion, hold no myocardium or no cavity, or hold two hearts.
    """
    labels = check_labels(labels, motion.displacement.shape[:4], motion.reference)
    for value, name in ((MYOCARDIUM, "LV myocardium (label 2)"), (LV_CAVITY, "LV cavity (label 3)")):
        if not (labels == value).any():
            raise CardiacMotionError(
                f"labels hold no {name}; strain needs myocardium as 2 and the cavity inside it as 3 "
                f"in the reference frame {motion.reference}"
            )
    spacing = motion.spacing
    wall, dropped_wall = _one_part(labels == MYOCARDIUM, spacing, BRIDGED_MM, "myocardia")
    cavity, dropped_cavity = _one_part(labels == LV_CAVITY, spacing, 0.0, "LV cavities")
    near_wall = ndimage.binary_dilation(wall, np.ones((3, 3, 3), bool), iterations=2)
    if not (cavity & near_wall).any():
        raise CardiacMotionError(
            "the LV cavity (label 3) does not touch the LV myocardium (label 2); label both of one ventricle"
        )
    if not (wall.any((1, 2)) & cavity.any((1, 2))).any():
        raise CardiacMotionError(
            "no slice holds both LV myocardium (label 2) and LV cavity (label 3); label both in the same slices"
        )
    notes = []
    if dropped_wall or dropped_cavity:
        notes.append(
            f"Left out {dropped_wall} voxels of myocardium and {dropped_cavity} of LV cavity apart from the ventricle."
        )
    rings = closed_rings(wall, cavity)
    with_wall = np.flatnonzero(wall.any((1, 2)))
    opened = [int(k) for k in with_wall if cavity[k].any() and not rings[k]]
    if opened:
        notes.append(
            f"The wall is no closed ring in slices {opened}: they count for global strain, not for AHA segments."
        )
    missing = sorted(set(range(with_wall[0], with_wall[-1] + 1)) - {int(k) for k in with_wall})
    if missing:
        notes.append(f"Slices {missing} inside the stack have no myocardium label.")
    if not rings.any():
        notes.append(
            "No slice has a closed ring of myocardium: no AHA segments; labels of short-axis slices are expected."
        )
    return Anatomy(wall, cavity, labels == RV, rings, motion.affine, tuple(notes))


def _one_part(mask: np.ndarray, spacing: np.ndarray, bridge_mm: float, name: str) -> tuple[np.ndarray, int]:
    """Keep the largest connected part of a mask (K, J, I) and count the voxels left out; two of like size raise.

    Parts count as connected across ``bridge_mm`` on either side in plane and across missing slices.
    """
    grown = np.pad(mask, ((1, 1), (0, 0), (0, 0)))
    grown = ndimage.binary_dilation(grown, np.ones((3, 1, 1), bool))[1:-1]
    reach = np.maximum(np.round(bridge_mm / spacing[:2]), 1 if bridge_mm else 0).astype(int)  # (i, j)
    if reach.any():
        grown = ndimage.binary_dilation(grown, np.ones((1, 2 * reach[1] + 1, 2 * reach[0] + 1), bool))
    parts, count = ndimage.label(grown, np.ones((3, 3, 3), bool))
    if count == 1:
        return mask, 0
    sizes = np.bincount(parts[mask], minlength=count + 1)[1:]
    order = np.argsort(sizes)[::-1]
    if sizes[order[1]] >= COMPARABLE * sizes[order[0]]:
        raise CardiacMotionError(
            f"labels hold two separate {name} of {sizes[order[0]]} and {sizes[order[1]]} voxels; "
            "strain needs exactly one left ventricle"
        )
    kept = mask & (parts == order[0] + 1)
    return kept, int(np.count_nonzero(mask) - np.count_nonzero(kept))

"""The AHA segments of labels alone, for what is measured in the wall without a motion: maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import LV_CAVITY, MYOCARDIUM, check_labels
from .anatomy import read_anatomy
from .axes import find_long_axis
from .insertion import find_insertion
from .segments import aha_segments, slice_levels


def find_segments(labels: ArrayLike, affine: ArrayLike, rv_insertion: Any = None) -> tuple[np.ndarray, tuple[str, ...]]:
    """AHA number 1..16 of each voxel of the wall, 0 elsewhere, (K, J, I) uint8; and sentences for the user.

    Parameters
    ----------
    labels
        (K, J, I): 1 RV, 2 LV myocardium, 3 LV cavity; short-axis slices along k. All 0 without wall and cavity.
    affine
        (4, 4) voxel (i, j, k) to RAS mm.
    rv_insertion
        (2, 3) RAS mm, anterior and inferior; by default found from the RV label.

    Raises
    ------
    CardiacMotionError
        for labels that are none, two ventricles, insertions far from the wall.
    """
    shape = np.shape(labels)
    if len(shape) != 3:
        raise CardiacMotionError(f"labels must have shape (K, J, I), got {shape}; a single slice is (1, J, I)")
    checked = check_labels(labels, (1, *shape), 0)
    if not ((checked == MYOCARDIUM).any() and (checked == LV_CAVITY).any()):
        return np.zeros(shape, np.uint8), ("No AHA segments: the labels have no LV wall (2) with its cavity (3).",)
    anatomy = read_anatomy(Motion(np.zeros((1, *shape, 3), np.float32), affine), checked)
    axis = find_long_axis(anatomy)
    insertion, notes = find_insertion(rv_insertion, anatomy, axis)
    if insertion is None:
        return np.zeros(shape, np.uint8), (*anatomy.notes, *notes)
    segments = aha_segments(anatomy, axis, insertion, slice_levels(anatomy.rings, axis.positions))
    return segments, (*anatomy.notes, *notes)

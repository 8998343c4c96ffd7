"""Rotation about the long axis, twist and torsion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .axes import LongAxis


def slice_rotation(points: np.ndarray, displacement: np.ndarray, slices: np.ndarray, axis: LongAxis) -> np.ndarray:
    """Rotation in degrees of the wall of each slice about the LV axis, positive counterclockwise seen from the apex.

    The angle is the rigid rotation that fits all wall points of the slice best in the least-squares sense, each frame
    about its own center.

    Parameters
    ----------
    points, slices
        (N, 3) RAS mm and (N,) slice numbers of the wall voxels.
    displacement
        (T, N, 3) RAS mm.
    axis
        The LV axis.

    Returns
    -------
    (T, K) degrees, NaN for slices without wall.
    """
    plane = np.stack([axis.towards[0], axis.towards[1]])
    plane = plane - (plane @ axis.direction)[:, None] * axis.direction
    first = plane[0] / np.linalg.norm(plane[0])
    basis = np.stack([first, np.cross(-axis.direction, first)], axis=1)  # (3, 2)
    angles = np.full((len(displacement), len(axis.centers)), np.nan)
    for k in np.unique(slices):
        here = slices == k
        before = points[here] @ basis
        after = before + displacement[:, here] @ basis  # (T, n, 2)
        before = before - before.mean(0)
        after = after - after.mean(1, keepdims=True)
        cross = (before[:, 0] * after[..., 1] - before[:, 1] * after[..., 0]).sum(1)
        angles[:, k] = np.degrees(np.arctan2(cross, (before * after).sum((1, 2))))
    return angles


def rotation_table(times: np.ndarray, angles: np.ndarray, rings: np.ndarray, axis: LongAxis) -> pd.DataFrame:
    """Basal and apical rotation and twist (apical - basal) in degrees, torsion (twist over distance) in degrees/cm.

    Base and apex are the outermost slices with a closed ring (``rings`` (K,) bool); the distance is that of the two
    along the axis in the reference. ``angles`` (T, K) degrees. NaN when there are fewer than two such slices.
    """
    table = pd.DataFrame({"frame": np.arange(len(times)), "time_ms": times})
    columns = ("basal_deg", "apical_deg", "twist_deg", "torsion_deg_per_cm")
    closed = np.flatnonzero(rings)
    if len(closed) < 2:
        return table.assign(**dict.fromkeys(columns, np.nan))
    order = closed[np.argsort(axis.positions[closed])]
    apex, base = order[0], order[-1]
    twist = angles[:, apex] - angles[:, base]
    distance_cm = (axis.positions[base] - axis.positions[apex]) / 10
    return table.assign(
        **dict(zip(columns, (angles[:, base], angles[:, apex], twist, twist / distance_cm), strict=True))
    )

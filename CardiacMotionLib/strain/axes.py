"""Directions of the heart: the long axis, and radial, circumferential and longitudinal at every point of the wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..orientation import base_sign, slice_normal
from .anatomy import Anatomy

ANTERIOR = np.array([0.0, 1.0, 1.0])  # the anterior wall of the LV faces anterior and superior; RAS
FEWEST_CENTERS = 3  # slices below which a line through the cavity's centers is no better than the slice normal
ALONG_AXIS = 0.1  # sine of the angle to the axis below which the wall is a cap and the axis has no direction in it


@dataclass(frozen=True, eq=False)
class LongAxis:
    """The LV axis and the frame in which azimuths are measured.

    Attributes
    ----------
    direction
        (3,) unit vector in RAS from apex to base, along the centers of the cavity.
    normal
        (3,) unit normal of the slices, towards the base.
    centers
        (K, 3) RAS mm, center of the cavity in each slice, NaN where there is none.
    positions
        (K,) mm along ``direction`` of the slice centers, increasing towards the base; NaN where there is none.
    towards
        (2, 3) unit vectors in the slice plane from which azimuths are counted: the first towards the anterior wall, the
        second 90 degrees counterclockwise of it seen from the apex.
    notes
        How apex and base were told apart where the shape does not say.
    """

    direction: np.ndarray
    normal: np.ndarray
    centers: np.ndarray
    positions: np.ndarray
    towards: np.ndarray
    notes: tuple[str, ...]

    def azimuth(self, offsets: np.ndarray) -> np.ndarray:
        """Degrees (N,) of offsets (N, 3) mm from the center of a slice, counterclockwise seen from the apex."""
        return np.degrees(np.arctan2(offsets @ self.towards[1], offsets @ self.towards[0]))


def find_long_axis(anatomy: Anatomy) -> LongAxis:
    """Find the LV axis of a short-axis stack: the line through the cavity's centers in slices with a closed ring.

    With fewer than three such slices it is the slice normal. The base is the end with the larger area; where the ends
    are alike, the end away from a cap; where there is none, the end that lies right, posterior and superior, as in a
    patient.
    """
    affine, spacing = anatomy.affine, anatomy.spacing
    normal = slice_normal(affine)
    centers = np.full((len(anatomy.wall), 3), np.nan)
    for k in np.flatnonzero(anatomy.cavity.any((1, 2))):
        j, i = (index.mean() for index in np.nonzero(anatomy.cavity[k]))
        centers[k] = affine[:3, :3] @ (i, j, k) + affine[:3, 3]
    trusted = np.flatnonzero(anatomy.rings)
    direction = normal
    if len(trusted) >= FEWEST_CENTERS:
        direction = np.polyfit(trusted * spacing[2], centers[trusted], 1)[0]  # slope of each coordinate over the stack
        direction /= np.linalg.norm(direction)
    sign, note = base_sign(anatomy.wall, anatomy.cavity, direction)
    direction, normal = sign * direction, sign * normal
    first = ANTERIOR - (ANTERIOR @ normal) * normal
    if np.linalg.norm(first) < 0.3:  # a stack that faces anterior and superior itself: count from the patient's right
        first = np.eye(3)[0] - normal[0] * normal
    first /= np.linalg.norm(first)
    towards = np.stack([first, np.cross(-normal, first)])
    return LongAxis(direction, normal, centers, centers @ direction, towards, (note,) if note else ())


def wall_directions(outward: np.ndarray, points: np.ndarray, slices: np.ndarray, axis: LongAxis) -> np.ndarray:
    """Find the unit directions at wall points: (N, 3, 3), rows radial, circumferential, longitudinal in RAS.

    Radial is outward, across the wall. Longitudinal is the axis (apex to base) projected on the wall. Circumferential
    is longitudinal x radial: clockwise seen from the apex, counterclockwise seen from the base. At the tip of a cap,
    where the axis is across the wall, longitudinal is the direction that leads away from the axis.

    Parameters
    ----------
    outward
        (N, 3) RAS unit vectors across the wall.
    points, slices
        (N, 3) RAS mm and (N,) slice numbers of the wall voxels.
    axis
        The LV axis.
    """
    longitudinal = axis.direction - (outward @ axis.direction)[:, None] * outward
    cap = np.linalg.norm(longitudinal, axis=1) < ALONG_AXIS
    if cap.any():
        known = np.flatnonzero(np.isfinite(axis.centers[:, 0]))
        nearest = known[np.abs(slices[cap][:, None] - known).argmin(1)]
        away = points[cap] - axis.centers[nearest]
        away -= (away @ axis.direction)[:, None] * axis.direction
        away += 1e-6 * axis.towards[0]  # a voxel on the axis itself
        longitudinal[cap] = away - (away * outward[cap]).sum(1, keepdims=True) * outward[cap]
    longitudinal /= np.linalg.norm(longitudinal, axis=1, keepdims=True)
    return np.stack([outward, np.cross(longitudinal, outward), longitudinal], axis=1)


def plane_directions(outward: np.ndarray, axis: LongAxis) -> np.ndarray:
    """Find them for one slice: (N, 3, 3), rows radial and circumferential in its plane, and its normal."""
    radial = outward - (outward @ axis.normal)[:, None] * axis.normal
    radial = radial / np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 1e-12)
    normal = np.broadcast_to(axis.normal, radial.shape)
    return np.stack([radial, np.cross(normal, radial), normal], axis=1)

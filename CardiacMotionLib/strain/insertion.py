"""Where the right ventricle joins the left: the anterior and inferior insertion that the AHA segments start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from ..errors import CardiacMotionError
from .anatomy import Anatomy
from .axes import ANTERIOR, LongAxis

NO_CONTACT_MM = 6.0  # an RV cavity further than this from the LV wall does not touch it
FAR_FROM_WALL_MM = 30.0  # a given insertion further than this from the LV wall is a mistake
PLAUSIBLE_SEPTUM = (20.0, 220.0)  # degrees of contact between RV and LV in a slice worth using
LEAST_SEPARATION = 15.0  # degrees between two insertions
CLEAR_LEAD = 0.1  # of the distance between two insertions; with less neither is ahead of the other
EXCHANGED = (
    "The anterior RV insertion lies inferior and posterior of the inferior one: the points look exchanged, and then so "
    "are anterior and inferior segments."
)
CLOCKWISE = (
    "Anterior, septal and inferior wall run clockwise seen from the apex: apex and base, or left and right, may be "
    "swapped in the image geometry, and then the sign of rotation is too."
)


@dataclass(frozen=True, eq=False)
class Insertion:
    """The two RV insertions and the direction in which the septum lies.

    Attributes
    ----------
    points
        (2, 3) RAS mm on the epicardium: anterior, inferior.
    anterior
        Azimuth of the anterior insertion in degrees, see `LongAxis.azimuth`.
    sense
        +1 when the septum follows the anterior insertion counterclockwise seen from the apex (as in any heart whose
        orientation is right), -1 when clockwise.
    notes
        Sentences for the user.
    """

    points: np.ndarray
    anterior: float
    sense: int
    notes: tuple[str, ...]


def find_insertion(rv_insertion: Any, anatomy: Anatomy, axis: LongAxis) -> tuple[Insertion | None, tuple[str, ...]]:
    """The insertions that were given, or else those that the RV label shows; and sentences for the user.

    None, with the reason, where there are neither.
    """
    found = (
        given_insertion(rv_insertion, anatomy, axis)
        if rv_insertion is not None
        else insertion_from_label(anatomy, axis)
    )
    if found is not None:
        return found, found.notes
    why = (
        "the RV label does not touch a closed ring of LV wall"
        if anatomy.rv.any()
        else "the labels have no RV (label 1)"
    )
    advice = "give rv_insertion, the anterior and inferior RV insertion as (2, 3) RAS mm"
    return None, (f"No AHA segments: {why}; {advice}.",)


def given_insertion(rv_insertion: Any, anatomy: Anatomy, axis: LongAxis) -> Insertion:
    """Check the insertions that the caller gave: (2, 3) RAS mm, anterior and inferior.

    The septum lies on the side of the RV label, or where there is none along the shorter arc.

    Raises
    ------
    CardiacMotionError
        when the points have another shape, lie far from the wall or in the same direction.
    """
    try:
        points = np.asarray(rv_insertion, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CardiacMotionError(
            "rv_insertion must be two points (2, 3) in RAS mm, anterior and inferior, all numbers"
        ) from error
    if points.shape != (2, 3) or not np.isfinite(points).all():
        raise CardiacMotionError(
            f"rv_insertion must be two finite points (2, 3) in RAS mm, anterior and inferior; got shape {points.shape}"
        )
    wall = anatomy.points(anatomy.wall)
    for name, point in zip(("anterior", "inferior"), points, strict=True):
        distance = float(np.linalg.norm(wall - point, axis=1).min())
        if distance > FAR_FROM_WALL_MM:
            raise CardiacMotionError(
                f"rv_insertion: the {name} point {np.round(point, 1).tolist()} is {distance:.0f} mm from the LV wall; "
                "give RAS mm (not LPS, not voxels) on the epicardium where the RV joins"
            )
    anterior, inferior = (_azimuth_of(point, axis) for point in points)
    arc = (inferior - anterior) % 360
    if min(arc, 360 - arc) < LEAST_SEPARATION:
        raise CardiacMotionError(
            f"rv_insertion: seen from the LV center the points are {min(arc, 360 - arc):.0f} degrees apart; "
            "give the anterior and the inferior end of the septum"
        )
    sense = 1 if arc <= 180 else -1
    if anatomy.rv.any():
        to_rv = (_azimuth_of(anatomy.points(anatomy.rv).mean(0), axis) - anterior) % 360
        sense = 1 if to_rv < arc else -1
    exchanged = sense == -1 and _lead(points) < -CLEAR_LEAD
    notes = (EXCHANGED,) if exchanged else _orientation_note(sense)
    return Insertion(points, anterior, sense, ("RV insertions as given.", *notes))


def insertion_from_label(anatomy: Anatomy, axis: LongAxis) -> Insertion | None:
    """Find the insertions where the contact of the RV label with the LV wall ends; None when it touches no closed ring.

    In each slice the contact is the wall next to the RV; its two ends are the insertions, and the median over the
    slices is taken. The anterior one is that which lies further anterior and superior in the patient; where both are
    alike in that (a world that is not a patient's) it is the one that the septum follows counterclockwise seen from the
    apex.
    """
    ends = {int(k): arc for k in np.flatnonzero(anatomy.rings) if (arc := _contact(anatomy, axis, int(k))) is not None}
    if not ends:
        return None
    first, last = (_median_angle(np.array([arc[n] for arc in ends.values()])) for n in (0, 1))
    used = np.array(sorted(ends))
    middle = int(used[len(used) // 2])
    points = np.stack([_epicardium(anatomy, axis, middle, angle) for angle in (first, last)])
    ahead = _lead(points) > -CLEAR_LEAD
    sense = 1 if ahead else -1
    anterior = first if ahead else last
    note = (
        f"RV insertions found from the RV label in {len(ends)} slices; correct them with rv_insertion if they are off."
    )
    return Insertion(points if ahead else points[::-1].copy(), anterior, sense, (note, *_orientation_note(sense)))


def _lead(points: np.ndarray) -> float:
    """How far the first of two points (2, 3) RAS mm is anterior and superior of the second, -1 to 1."""
    apart = points[0] - points[1]
    return float(apart @ ANTERIOR / np.linalg.norm(ANTERIOR) / max(float(np.linalg.norm(apart)), 1e-12))


def _orientation_note(sense: int) -> tuple[str, ...]:
    return () if sense == 1 else (CLOCKWISE,)


def _azimuth_of(point: np.ndarray, axis: LongAxis) -> float:
    """Azimuth in degrees of a point (3,) RAS mm about the center of the slice level it is in."""
    known = np.flatnonzero(np.isfinite(axis.centers[:, 0]))
    nearest = known[np.abs((axis.centers[known] - point) @ axis.normal).argmin()]
    return float(axis.azimuth((point - axis.centers[nearest])[None])[0])


def _slice_points(anatomy: Anatomy, mask: np.ndarray, k: int) -> np.ndarray:
    j, i = np.nonzero(mask)
    return np.stack([i, j, np.full(len(i), k)], axis=-1) @ anatomy.affine[:3, :3].T + anatomy.affine[:3, 3]


def _contact(anatomy: Anatomy, axis: LongAxis, k: int) -> tuple[float, float] | None:
    """First and last azimuth (counterclockwise seen from the apex) of the wall of slice ``k`` that the RV touches."""
    if not anatomy.rv[k].any():
        return None
    sampling = (anatomy.spacing[1], anatomy.spacing[0])
    distance = ndimage.distance_transform_edt(~anatomy.rv[k], sampling)
    nearest = distance[anatomy.wall[k]].min()
    if nearest > NO_CONTACT_MM:
        return None
    touching = anatomy.wall[k] & (distance <= nearest + 0.5 * max(sampling))
    angles = np.sort(axis.azimuth(_slice_points(anatomy, touching, k) - axis.centers[k]))
    gaps = np.diff(angles, append=angles[0] + 360)
    widest = int(gaps.argmax())
    if not PLAUSIBLE_SEPTUM[0] <= 360 - gaps[widest] <= PLAUSIBLE_SEPTUM[1]:
        return None
    return float(angles[(widest + 1) % len(angles)]), float(angles[widest])


def _median_angle(angles: np.ndarray) -> float:
    mean = np.angle(np.exp(1j * np.radians(angles)).mean(), deg=True)
    return float(mean + np.median((angles - mean + 180) % 360 - 180))


def _epicardium(anatomy: Anatomy, axis: LongAxis, k: int, angle: float) -> np.ndarray:
    """Point (3,) RAS mm of the outer edge of the wall of slice ``k`` at an azimuth."""
    offsets = _slice_points(anatomy, anatomy.wall[k], k) - axis.centers[k]
    off = np.abs((axis.azimuth(offsets) - angle + 180) % 360 - 180)
    radius = np.linalg.norm(offsets[off <= max(10.0, off.min())], axis=1).max()
    turn = np.radians(angle)
    return axis.centers[k] + radius * (np.cos(turn) * axis.towards[0] + np.sin(turn) * axis.towards[1])

"""People: hearts and chests drawn from groups of adults, by seed.

Means and spreads are our choice within what cine MR studies report of adults at rest (for healthy ones Petersen 2017,
doi 10.1186/s12968-017-0327-9), not a fit to any cohort; the groups differ in them and in where the wall is thick, thin
or late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..methods.protocol import option
from .anatomy import Anatomy, Patch
from .breathing import Breathing
from .kinematics import Kinematics
from .state import Region
from .thorax import Thorax
from .timing import Timing

Spread = tuple[float, float, float, float]  # mean, SD, least, most


@dataclass(frozen=True)
class Group:
    """Statistics of a group: volume in mL, fractions in %, wall in mm, twist in degrees.

    ``length_to_width`` is that of the LV, ``rv_to_lv`` the ratio of the volumes at end-diastole.
    """

    title: str
    volume: Spread
    ejection_fraction: Spread
    wall: Spread
    shortening: Spread
    twist: Spread
    length_to_width: Spread
    rv_to_lv: Spread


AVERAGE = "average"
AVERAGE_RV = (0.8, 0.0, 0.8, 0.8)  # its stroke over the LV's: the plain heart has a quiet RV
GROUPS = {
    AVERAGE: Group(
        "a plain heart, to compare methods on: seeds differ in details only",
        (82, 2, 76, 88),
        (57, 0, 57, 57),
        (9, 0, 9, 9),
        (14, 0, 14, 14),
        (12, 0, 12, 12),
        (1.288, 0.01, 1.26, 1.32),
        (0.98, 0.0, 0.98, 0.98),
    ),
    "normal": Group(
        "healthy",
        (135, 26, 85, 210),
        (60, 4.5, 51, 71),
        (7.6, 0.8, 6.6, 10.0),
        (15, 1.6, 11, 19),
        (12, 2.5, 7, 18),
        (1.62, 0.1, 1.4, 1.85),
        (1.08, 0.1, 0.85, 1.3),
    ),
    "hcm": Group(
        "hypertrophic cardiomyopathy",
        (115, 20, 80, 160),
        (67, 4, 58, 75),
        (10.5, 1.0, 9, 12.5),
        (11, 1.8, 7, 15),
        (13, 3, 7, 20),
        (1.62, 0.1, 1.4, 1.85),
        (1.12, 0.1, 0.9, 1.4),
    ),
    "dcm": Group(
        "dilated cardiomyopathy",
        (205, 24, 160, 250),
        (30, 7, 15, 44),
        (7.6, 0.8, 6.6, 9.5),
        (7, 1.6, 3.5, 11),
        (5, 2, 1, 10),
        (1.38, 0.08, 1.2, 1.55),
        (0.8, 0.1, 0.6, 1.05),
    ),
    "ischemic": Group(
        "infarct with an akinetic or dyskinetic wall",
        (165, 26, 110, 235),
        (42, 6, 28, 54),
        (8.4, 0.9, 6.8, 10.5),
        (10, 1.8, 6, 14),
        (8, 2, 3, 13),
        (1.5, 0.1, 1.3, 1.75),
        (0.88, 0.1, 0.65, 1.15),
    ),
    "lbbb": Group(
        "left bundle branch block",
        (185, 26, 130, 245),
        (37, 6, 24, 49),
        (7.8, 0.9, 6.6, 10),
        (9, 1.8, 5, 13),
        (5, 2, 0, 9),
        (1.45, 0.09, 1.25, 1.65),
        (0.85, 0.1, 0.65, 1.1),
    ),
}
TERRITORIES = {"anterior": (0.9, 0.85, 0.3, 0.3), "inferior": (-1.75, 0.6, 0.5, 0.3), "lateral": (2.9, 0.6, 0.5, 0.3)}


@dataclass(frozen=True)
class HeartOptions:
    """What can be asked of the heart, whatever the examination; what is not asked for is drawn for group and seed."""

    group: str = option(
        AVERAGE,
        "kind of heart: one plain average heart, people of a group, or of any group",
        choices=(*GROUPS, "any"),
    )
    end_diastolic_volume_ml: float | None = option(
        None, "volume of the LV cavity at end-diastole", unit="mL", minimum=60, maximum=300
    )
    ejection_fraction: float | None = option(None, "ejection fraction of the LV", unit="%", minimum=0, maximum=78)
    wall_mm: float | None = option(None, "thickness of the LV wall at end-diastole", unit="mm", minimum=5, maximum=16)
    shortening: float | None = option(None, "shortening of the LV from apex to base", unit="%", minimum=0, maximum=22)
    twist: float | None = option(
        None,
        "rotation of the apex against the base, counterclockwise seen from the apex",
        unit="degrees",
        minimum=-25,
        maximum=25,
    )
    sliding: bool = option(False, "whether the heart slides in the pericardium: the motion has a jump there")
    papillary: bool | None = option(
        None, "papillary muscles and trabeculae in the cavities; else in all groups but average"
    )
    texture: float = option(0.1, "standard deviation of the wall's own pattern, of its signal", minimum=0, maximum=0.5)


@dataclass(frozen=True, eq=False)
class Person:
    """A heart in its chest.

    ``to_patient`` (4, 4) takes heart coordinates to patient coordinates (RAS mm about the middle of the LV); ``scar``
    is the scarred part of the wall; ``drawn`` what was asked for or drawn, in the units of `HeartOptions`.
    """

    group: str
    kinematics: Kinematics
    thorax: Thorax
    to_patient: np.ndarray
    scar: Patch | None
    drawn: dict[str, Any]

    @property
    def anatomy(self) -> Anatomy:
        """The shape of the heart at end-diastole."""
        return self.kinematics.anatomy


def draw_person(options: HeartOptions, rng: np.random.Generator) -> Person:
    """Draw a person; the same generator state and options give the same one.

    The numbers are drawn in the same order whatever is asked for, so that an option changes nothing but itself.
    """
    of_group, of_shape, of_motion, of_chest = rng.spawn(4)
    anyone = str(of_group.choice([name for name in GROUPS if name != AVERAGE]))
    name = anyone if options.group == "any" else options.group
    group = GROUPS[name]
    asked = {
        "end_diastolic_volume_ml": _draw(group.volume, of_shape, options.end_diastolic_volume_ml),
        "wall_mm": _draw(group.wall, of_shape, options.wall_mm),
        "ejection_fraction": _draw(group.ejection_fraction, of_motion, options.ejection_fraction),
        "shortening": _draw(group.shortening, of_motion, options.shortening),
        "twist": _draw(group.twist, of_motion, options.twist),
    }
    anatomy = _draw_anatomy(group, asked["wall_mm"], of_shape)
    region, scar, thickenings = _lesion(name, asked["wall_mm"], of_group)
    anatomy = replace(anatomy, thickenings=thickenings)
    papillary = name != AVERAGE if options.papillary is None else options.papillary
    if name == AVERAGE:
        anatomy = replace(anatomy, taper=2.0, ellipticity=0.0, waviness=(0.0, 0.0), flattening=0.0, thickenings=())
    if not papillary:
        anatomy = replace(anatomy, papillary_radius=0.0, trabeculation=0.0)
    anatomy = anatomy.scaled_to(asked["end_diastolic_volume_ml"])
    anatomy = anatomy.with_rv(_draw(group.rv_to_lv, of_shape, None) * asked["end_diastolic_volume_ml"])

    to_patient = _orientation(anatomy, of_chest)
    down, front = to_patient[:3, :3].T @ np.array([0.0, 0.15, -1.0]), to_patient[:3, :3].T @ np.array([0.0, 1.0, 0.15])
    kinematics = Kinematics(
        anatomy,
        asked["ejection_fraction"] / 100,
        asked["shortening"] / 100,
        math.radians(asked["twist"]),
        base_share=of_motion.uniform(0.25, 0.42),
        rv_stroke=_draw(AVERAGE_RV if name == AVERAGE else (0.97, 0.04, 0.85, 1.1), of_motion, None),
        region=region,
        timing=Timing() if name == AVERAGE else _draw_timing(name, of_motion),
        breathing=Breathing(_unit(down), _unit(front), (0.0, 0.0, anatomy.length / 2)),
        sliding=options.sliding,
    )
    drawn = {"group": name, "papillary": papillary, **asked}
    return Person(name, kinematics, Thorax.sample(anatomy, of_chest), to_patient, scar, drawn)


def _draw(spread: Spread, rng: np.random.Generator, asked: float | None) -> float:
    mean, sd, least, most = spread
    drawn = float(np.clip(rng.normal(mean, sd), least, most))
    return drawn if asked is None else float(asked)


def _draw_anatomy(group: Group, wall: float, rng: np.random.Generator) -> Anatomy:
    ratio = _draw(group.length_to_width, rng, None)
    radius = 25.0
    return Anatomy(
        wall=wall,
        endo_radius=radius,
        length=2 * radius * ratio,
        taper=rng.uniform(1.85, 2.35),
        ellipticity=abs(rng.normal(0, 0.025)),
        ellipse_angle=rng.uniform(0, math.pi),
        flattening=float(np.clip(rng.normal(0.03, 0.03), -0.02, 0.12)),
        waviness=(rng.normal(0, 0.008), rng.normal(0, 0.008)),
        rv_half_angle=rng.uniform(1.15, 1.4),
        rv_outflow=rng.uniform(0.1, 0.3),
        rv_length=rng.uniform(0.74, 0.86),
        rv_wall=rng.uniform(2.6, 3.8),
        fat=rng.uniform(1.2, 3.0),
        groove_fat=rng.uniform(2.0, 9.0),
        papillary_angles=(rng.normal(2.25, 0.15), rng.normal(-2.35, 0.15)),
        papillary_radius=rng.uniform(3.6, 6.2),
        trabeculation=rng.uniform(1.0, 4.5),
    )


def _lesion(
    group: str, wall: float, rng: np.random.Generator
) -> tuple[Region | None, Patch | None, tuple[tuple[Patch, float], ...]]:
    """What contracts differently, what is scarred, and where the wall is thicker or thinner than elsewhere."""
    if group == "hcm":
        factor = min(rng.uniform(1.3, 1.7), 16 / wall)
        septum = Patch(rng.normal(0.35, 0.3), rng.uniform(0.7, 1.0), rng.uniform(0.45, 0.75), rng.uniform(0.25, 0.5))
        return None, None, ((septum, factor - 1),)
    if group == "ischemic":
        angle, spread, height, reach = TERRITORIES[str(rng.choice(list(TERRITORIES)))]
        patch = Patch(rng.normal(angle, 0.15), spread * rng.uniform(0.9, 1.2), rng.normal(height, 0.05), reach)
        thinning = rng.uniform(min(max(-0.4, 6.3 / wall - 1), 0.0), 0.0)
        return Region(patch, rng.uniform(-0.2, 0.3)), patch, ((patch, thinning),)
    if group == "lbbb":
        patch = Patch(rng.normal(0.0, 0.15), rng.uniform(0.8, 1.0), 0.55, 1.0)
        region = Region(patch, rng.uniform(0.35, 0.6), early=rng.uniform(0.3, 0.5), advance=rng.uniform(0.045, 0.07))
        return region, None, ()
    mild = Patch(rng.uniform(-math.pi, math.pi), 0.8, rng.uniform(0.3, 0.7), 0.4)
    return None, None, ((mild, float(np.clip(rng.normal(0.02, 0.06), -0.05, 0.15))),)


def _draw_timing(group: str, rng: np.random.Generator) -> Timing:
    late = 0.03 if group == "lbbb" else 0.0
    closure = float(np.clip(rng.normal(0.375, 0.018), 0.33, 0.42)) + late
    return Timing(
        opening=0.05 + late,
        closure=closure,
        filling=closure + rng.uniform(0.06, 0.09),
        diastasis=closure + rng.uniform(0.26, 0.32),
        atrial=rng.uniform(0.81, 0.86),
        atrial_share=rng.uniform(0.15, 0.38),
    )


def _orientation(anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """(4, 4) heart to patient: apex to the left, to the front and down, RV to the front and right."""
    axis = np.array([0.64, -0.58, 0.50]) + rng.normal(0, 0.07, 3)
    septum = np.array([0.55, 0.83, 0.10]) + rng.normal(0, 0.07, 3)
    z = np.array(_unit(axis))
    x = np.array(_unit(septum - (septum @ z) * z))
    turn = np.eye(4)
    turn[:3, :3] = np.stack((x, np.cross(z, x), z), axis=-1)
    turn[:3, 3] = -turn[:3, 2] * anatomy.length / 2
    return turn


def _unit(vector: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in vector / np.linalg.norm(vector))
    return x, y, z

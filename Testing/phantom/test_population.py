"""People: groups with the statistics of adults, each the same for the same seed, and an option changes only itself."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hearts import person

from CardiacMotionLib.phantom.population import AVERAGE, GROUPS

ILL = [name for name in GROUPS if name != AVERAGE]


def measured(group: str, seed: int) -> tuple[float, float, float, float]:
    """End-diastolic volume (mL), ejection fraction (%), thinnest and thickest wall (mm) of somebody."""
    someone = person.__wrapped__(group, seed)  # not kept: there are many of them
    kinematics, heart = someone.kinematics, someone.anatomy
    volumes = [kinematics.volume(kinematics.state(phase)) for phase in np.arange(0, 0.6, 0.02)]
    height, angle = torch.meshgrid(
        torch.linspace(0.35, 0.95, 7).double() * heart.length, torch.arange(24).double() * math.pi / 12, indexing="ij"
    )
    wall = heart.epi_squared(angle.cos(), angle.sin(), height).sqrt() - (
        heart.endo_squared(angle.cos(), angle.sin(), height).sqrt()
    )
    return volumes[0], 100 * (1 - min(volumes) / volumes[0]), float(wall.min()), float(wall.max())


@pytest.fixture(scope="module")
def cohort() -> dict[str, np.ndarray]:
    """(40, 4) of what is measured, for each group of people."""
    return {name: np.array([measured(name, seed) for seed in range(40)]) for name in ILL}


@pytest.mark.parametrize("name", ILL)
def test_everybody_is_a_plausible_adult(cohort, name):
    volume, ejection, thinnest, thickest = cohort[name].T
    assert volume.min() >= 79.9
    assert volume.max() <= 250.1
    assert ejection.min() >= 14.9
    assert ejection.max() <= 75.1
    assert thinnest.min() > 5.8
    assert thickest.max() < 16.6


def test_groups_differ_as_their_diseases_do(cohort):
    means = {name: values.mean(0) for name, values in cohort.items()}
    assert means["dcm"][0] > means["normal"][0] + 40
    assert means["dcm"][1] < means["ischemic"][1] < means["normal"][1] < means["hcm"][1]
    assert means["hcm"][3] > means["normal"][3] + 4
    assert means["ischemic"][2] < means["normal"][2]
    for values in cohort.values():
        assert (values.std(0)[:2] > 3).all()  # people differ


def test_the_septum_of_hcm_is_the_thickest():
    for seed in range(8):
        heart = person("hcm", seed).anatomy
        patch, more = heart.thickenings[0]
        assert more > 0.15
        angle, level = torch.tensor([patch.angle, patch.angle + math.pi]).double(), torch.tensor(0.6 * heart.length)
        thick, thin = heart.thickness_factor(angle.cos(), angle.sin(), level.expand(2).double())
        assert thick > thin + 0.1
        assert abs(patch.angle) < 1.3  # between the insertions


@pytest.mark.parametrize(("name", "has_region", "has_scar"), [("ischemic", True, True), ("lbbb", True, False)])
def test_regions_and_scars(name, has_region, has_scar):
    someone = person(name, 0)
    assert (someone.kinematics.region is not None) == has_region
    assert (someone.scar is not None) == has_scar
    for healthy in ("average", "normal", "hcm", "dcm"):
        assert person(healthy, 0).kinematics.region is None
        assert person(healthy, 0).scar is None


def test_any_is_each_of_the_groups():
    counts = Counter(person.__wrapped__("any", seed).group for seed in range(60))
    assert set(counts) == set(ILL)
    assert min(counts.values()) >= 4


def test_average_differs_in_details_only():
    one, other = person(AVERAGE, 0), person(AVERAGE, 1)
    assert one.anatomy != other.anatomy
    for name in ("ejection_fraction", "wall_mm", "shortening", "twist"):
        assert one.drawn[name] == other.drawn[name]
    assert one.anatomy.ellipticity == one.anatomy.flattening == 0
    assert one.anatomy.papillary_radius == 0
    assert one.kinematics.timing == other.kinematics.timing


def test_the_same_seed_is_the_same_person(group):
    one, again, other = (person.__wrapped__(group, seed) for seed in (7, 7, 8))
    assert one.kinematics == again.kinematics
    assert one.thorax == again.thorax
    assert np.array_equal(one.to_patient, again.to_patient)
    assert one.kinematics != other.kinematics
    assert one.thorax != other.thorax


@pytest.mark.parametrize(
    ("asked", "of_the_heart"),
    [
        ({"twist": 20.0}, "twist"),
        ({"shortening": 5.0}, "shortening"),
        ({"ejection_fraction": 40.0}, "ejection_fraction"),
        ({"sliding": True}, "sliding"),
    ],
)
def test_an_option_of_the_motion_changes_nothing_but_itself(group, asked, of_the_heart):
    plain, other = person(group, 5), person(group, 5, **asked)
    assert plain.anatomy == other.anatomy
    assert plain.thorax == other.thorax
    assert np.array_equal(plain.to_patient, other.to_patient)
    fields = ("ejection_fraction", "shortening", "twist", "base_share", "rv_stroke", "region", "timing")
    for name in (*fields, "sliding", "breathing"):
        same = getattr(plain.kinematics, name) == getattr(other.kinematics, name)
        assert same == (name != of_the_heart)


def test_an_option_of_the_shape_changes_nothing_but_itself():
    plain = person("normal", 5)
    thick, large, smooth = (
        person("normal", 5, **asked)
        for asked in ({"wall_mm": 12.0}, {"end_diastolic_volume_ml": 210.0}, {"papillary": False})
    )
    assert thick.anatomy.wall == 12
    assert thick.anatomy.taper == plain.anatomy.taper
    assert thick.anatomy.end_diastolic_volume == pytest.approx(plain.anatomy.end_diastolic_volume)
    assert large.anatomy.end_diastolic_volume == pytest.approx(210)
    assert large.anatomy.wall == plain.anatomy.wall
    assert smooth.anatomy.papillary_radius == smooth.anatomy.trabeculation == 0
    for other in (thick, large, smooth):
        assert other.kinematics.timing == plain.kinematics.timing
        assert other.kinematics.twist == plain.kinematics.twist
        assert np.array_equal(other.to_patient[:3, :3], plain.to_patient[:3, :3])


def test_what_is_asked_for_is_what_is_noted():
    someone = person("dcm", 0, twist=3.0, end_diastolic_volume_ml=222.0)
    assert someone.drawn["twist"] == 3
    assert someone.drawn["end_diastolic_volume_ml"] == 222
    assert someone.drawn["group"] == "dcm"
    assert math.degrees(someone.kinematics.twist) == pytest.approx(3)


def test_the_apex_points_to_the_left_and_front_and_the_septum_to_the_right(group):
    for seed in range(3):
        turn = person(group, seed).to_patient[:3, :3]
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)
        apex, septum = -turn[:, 2], turn[:, 0]
        assert apex[0] < -0.3  # RAS: left is negative
        assert apex[1] > 0.3
        assert apex[2] < 0.0
        assert septum[0] > 0.2
        assert septum[1] > 0.4


def test_the_heart_rests_on_the_diaphragm(group):
    someone = person(group, 0)
    bottom = -(someone.anatomy.endo_radius + someone.anatomy.wall)
    assert bottom - 15 < someone.thorax.diaphragm < bottom + 15


@pytest.mark.parametrize("wall", [5.0, 16.0])
def test_the_thinnest_and_the_thickest_wall_may_be_asked_for_in_every_group(group, wall):
    assert person(group, 1, wall_mm=wall).anatomy.wall == wall

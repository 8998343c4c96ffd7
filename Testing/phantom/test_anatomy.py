"""The shape of a heart: volumes and thicknesses that can be checked by hand, labels, surfaces, axes of the wall."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hearts import cylindrical, in_wall, person, scattered, wall_sample
from scipy.integrate import quad
from scipy.spatial import cKDTree

from CardiacMotionLib.phantom.anatomy import Anatomy, Patch, cylinder
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM, RV


def around(count=72):
    """Angles (count,) over the whole circle."""
    return torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)


def test_the_cavity_of_an_ellipsoid_has_the_volume_of_the_closed_form():
    heart = Anatomy()
    apex, equator = 0.9 * heart.wall, 0.8 * heart.length
    below = equator - apex
    area = quad(lambda z: math.pi * heart.endo_radius**2 * (1 - ((equator - z) / below) ** 2), apex, heart.length)[0]
    assert heart.end_diastolic_volume == pytest.approx(area / 1000, rel=2e-4)


def test_scaling_gives_the_volume_and_leaves_the_wall():
    heart = person("hcm", 1).anatomy
    larger = heart.scaled_to(200.0)
    assert larger.end_diastolic_volume == pytest.approx(200, rel=1e-6)
    assert larger.wall == heart.wall
    assert larger.length / larger.endo_radius == pytest.approx(heart.length / heart.endo_radius)


def test_cavity_volume_counted_in_points(group):
    """Share of random points with the label of the cavity, to the accuracy of the count."""
    heart = person(group, 2).anatomy
    points = scattered(heart, 60000)
    box = 235 * 190 * (heart.length + 95) / 1000
    labels = heart.labels(points)
    assert float((labels == LV_CAVITY).double().mean()) * box == pytest.approx(heart.end_diastolic_volume, rel=0.06)
    right = float((labels == RV).double().mean()) * box
    assert 40 < right < 330


def test_labels_are_what_lies_between_the_surfaces():
    heart = Anatomy()
    z, inner, outer = heart.equator, heart.endo_radius, heart.endo_radius + heart.wall
    radius = torch.tensor([0.0, inner - 0.1, inner + 0.1, outer - 0.1, outer + 0.1])
    opposite_the_septum = cylindrical(radius, math.pi, z)
    assert heart.labels(opposite_the_septum).tolist() == [LV_CAVITY, LV_CAVITY, MYOCARDIUM, MYOCARDIUM, 0]
    reach = float(heart.rv_reach(*torch.tensor([1.0, 0.0, z]).double()))
    radius = torch.tensor([outer - 0.1, outer + 0.1, outer + reach - 0.1, outer + reach + 0.1])
    assert heart.labels(cylindrical(radius, 0.0, z)).tolist() == [MYOCARDIUM, RV, RV, 0]
    assert heart.labels(cylindrical(0.0, 0.0, [-0.1, 0.1, 8.0, 8.2, heart.length + 0.1])).tolist() == [0, 2, 2, 3, 0]


def test_papillary_muscles_count_as_cavity():
    bare, furnished = (person("normal", 1, papillary=p).anatomy for p in (False, True))
    points = scattered(bare, 4000)
    assert furnished.papillary_radius > 0 == bare.papillary_radius
    assert torch.equal(bare.labels(points), furnished.labels(points))


def test_a_thickening_is_where_it_is_said_to_be():
    """It grows inwards, so that the epicardium stays."""
    heart = Anatomy(thickenings=((Patch(0.5, 0.6, 0.6, 0.3), 0.5),))
    height = 0.6 * heart.length
    angle = torch.tensor([0.5, 0.5 + math.pi]).double()
    level = torch.full((2,), height).double()
    thin = Anatomy()
    squared = [h.endo_squared(angle.cos(), angle.sin(), level).sqrt() for h in (heart, thin)]
    below = math.sqrt(float(heart.profile(level, heart.equator - heart.endo_apex)[0]))
    assert ((squared[1] - squared[0]) / below).tolist() == pytest.approx([0.5 * heart.wall, 0.0], abs=0.02)
    outer = [h.epi_squared(angle.cos(), angle.sin(), level) for h in (heart, thin)]
    assert torch.equal(*outer)


def test_distances_are_those_to_the_surfaces():
    """Against the nearest of many points on the surface, within 1.5 mm of it."""
    heart = person("normal", 2).anatomy
    height, angle = torch.meshgrid(torch.linspace(0, heart.length + 3, 500).double(), around(720), indexing="ij")
    for surface, distance in ((heart.endo_squared, heart.endo_distance), (heart.epi_squared, heart.epi_distance)):
        squared = surface(angle.cos(), angle.sin(), heart.level(height))
        tree = cKDTree(cylindrical(squared.clamp_min(0).sqrt(), angle, height)[squared > 0].numpy())
        here, there = torch.linspace(0.2, 0.9, 8).double() * heart.length, around(8)[:, None]
        radius = surface(there.cos(), there.sin(), here).sqrt()
        for offset in (-1.5, 1.5):
            points = cylindrical(radius + offset, there, here)
            at = cylinder(points)
            found = distance(at, heart.level(at.z))
            nearest = tree.query(points.numpy())[0] * np.sign(offset)
            assert np.abs(found.numpy() - nearest).max() < 0.25


def test_the_wall_is_as_thick_as_asked():
    """Shortest way from the epicardium to the endocardium at the equator of a plain heart."""
    heart = person("average", 0, wall_mm=11.0).anatomy
    outside = in_wall(heart, 1.0, around(36), 0.8)
    height, angle = torch.meshgrid(torch.linspace(0.5, 1, 300).double() * heart.length, around(720), indexing="ij")
    inside = cylindrical(heart.endo_squared(angle.cos(), angle.sin(), height).sqrt(), angle, height)
    thickness = cKDTree(inside.reshape(-1, 3).numpy()).query(outside.numpy())[0]
    assert thickness == pytest.approx(11, abs=0.1)


def test_the_pericardium_holds_both_ventricles(group):
    for seed in range(3):
        heart = person(group, seed).anatomy
        points = scattered(heart, 20000, seed)
        at, labels = cylinder(points), heart.labels(points)
        for share, beyond in ((labels > RV, 0.0), (labels == RV, heart.rv_wall)):
            sac = heart.pericardium_squared(at.cos, at.sin, at.z)[share].sqrt()
            assert (at.radius[share] + beyond < sac).all()


def test_surfaces_have_no_step(group):
    """Neither around the axis nor along it, also where the ventricles level off above the base."""
    heart = person(group, 1).anatomy
    height = torch.linspace(heart.endo_apex + 3, heart.length + 20, 800, dtype=torch.float64)[:, None]
    angle = torch.linspace(-math.pi, math.pi, 721, dtype=torch.float64)
    level = heart.level(height)
    for squared in (
        heart.endo_squared(angle.cos(), angle.sin(), level),
        heart.epi_squared(angle.cos(), angle.sin(), level),
        heart.pericardium_squared(angle.cos(), angle.sin(), height.expand(-1, 721)),
    ):
        radius = squared.sqrt()
        assert torch.allclose(radius[:, 0], radius[:, -1])
        assert radius.diff(dim=1).abs().max() < 1.2  # mm in half a degree
        assert radius[30:].diff(dim=0).abs().max() < 0.3  # mm in a tenth of a millimeter


def test_axes_of_the_wall_are_right_handed_and_stand_on_it(group):
    heart = person(group, 1).anatomy
    points = wall_sample(heart, 400)
    points = points[points[:, 2] > 0.2 * heart.length]
    axes = heart.wall_axes(points)
    assert torch.allclose(axes @ axes.mT, torch.eye(3, dtype=torch.float64).expand_as(axes), atol=1e-9)
    assert torch.allclose(torch.linalg.det(axes), torch.ones(len(points)).double(), atol=1e-9)
    at = cylinder(points)
    assert ((axes[:, 0, 0] * at.cos + axes[:, 0, 1] * at.sin) > 0.5).all()  # outwards
    assert ((axes[:, 1, 1] * at.cos - axes[:, 1, 0] * at.sin) > 0.9).all()  # counterclockwise
    assert axes[:, 1, 2].abs().max() < 1e-9
    assert (axes[:, 2, 2] > 0.4).all()  # to the base


def test_the_radial_axis_is_normal_to_the_endocardium():
    heart = person("normal", 1).anatomy
    share, angle = torch.meshgrid(torch.linspace(0.3, 0.9, 7).double(), around(12), indexing="ij")
    radial = heart.wall_axes(in_wall(heart, 0.0, angle, share))[..., 0, :]
    for turn, rise in ((1e-4, 0.0), (0.0, 1e-5)):
        tangent = in_wall(heart, 0.0, angle + turn, share + rise) - in_wall(heart, 0.0, angle - turn, share - rise)
        tangent = tangent / tangent.norm(dim=-1, keepdim=True)
        assert (radial * tangent).sum(-1).abs().max() < 1e-3


def test_insertions_are_where_the_rv_begins(group):
    heart = person(group, 1).anatomy
    anterior, inferior = torch.from_numpy(heart.insertions)
    assert anterior[1] > 0 > inferior[1]
    for point, onto_the_septum in ((anterior, -1), (inferior, 1)):
        angle = math.atan2(point[1], point[0])
        for turned, outside in ((0.03 * onto_the_septum, RV), (-0.03 * onto_the_septum, 0)):
            there = torch.tensor(angle + turned).double()
            outer = heart.epi_squared(there.cos(), there.sin(), point[2]).sqrt()
            assert heart.labels(cylindrical(outer - 0.1, there, point[2])) == MYOCARDIUM
            assert heart.labels(cylindrical(outer + 0.1, there, point[2])) == outside


def test_a_wider_angle_makes_a_wider_rv():
    narrow, wide = (replace(Anatomy(), rv_half_angle=a) for a in (1.0, 1.4))
    points = scattered(narrow, 20000)
    assert (wide.labels(points) == RV).sum() > 1.2 * (narrow.labels(points) == RV).sum()

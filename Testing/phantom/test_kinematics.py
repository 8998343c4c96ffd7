"""The motion of a heart: exact, undone exactly, no volume lost, and the heartbeat that was asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hearts import cylindrical, green, person, scattered, wall_sample
from scipy.integrate import quad

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom.anatomy import cylinder
from CardiacMotionLib.phantom.kinematics import Kinematics
from CardiacMotionLib.phantom.state import State, moments

PHASES = (0.04, 0.15, 0.38, 0.6)


# ---------------------------------------------------------------------- the map is exact


@pytest.mark.parametrize("sliding", [False, True])
def test_forward_then_inverse(group, sliding):
    for seed in (0, 1):
        kinematics = person(group, seed, sliding=sliding).kinematics
        points = scattered(kinematics.anatomy, 2500, seed)
        for phase in PHASES:
            state = kinematics.state(phase)
            moved = kinematics.position(points, state)
            assert (moved - points).norm(dim=-1).max() > 0.1
            assert (kinematics.material(moved, state) - points).abs().max() < 1e-9
            assert (kinematics.position(kinematics.material(points, state), state) - points).abs().max() < 1e-9


@pytest.mark.parametrize("sliding", [False, True])
def test_single_precision_is_enough_for_images(group, sliding):
    kinematics = person(group, 2, sliding=sliding).kinematics
    points, state = scattered(kinematics.anatomy, 1500), kinematics.state(0.35)
    single = kinematics.position(points.float(), state)
    assert single.dtype == torch.float32
    assert (single.double() - kinematics.position(points, state)).abs().max() < 2e-4
    assert (kinematics.material(single, state).double() - points).abs().max() < 1e-3


def test_the_wall_keeps_its_volume(group):
    """Also where contraction varies around and along the wall, as in the regions of infarcts and of a late wall."""
    for seed in (0, 1):
        for sliding in (False, True):
            kinematics = person(group, seed, sliding=sliding).kinematics
            points = wall_sample(kinematics.anatomy, 600, seed)
            for phase in PHASES:
                gradient = kinematics.gradient(points, kinematics.state(phase))
                assert (gradient - torch.eye(3)).abs().max() > 0.003
                assert (torch.linalg.det(gradient) - 1).abs().max() < 1e-9


@pytest.mark.parametrize("sliding", [False, True])
def test_nothing_folds(group, sliding):
    for seed in (0, 1):
        kinematics = person(group, seed, sliding=sliding).kinematics
        points = scattered(kinematics.anatomy, 1200, seed)
        for phase in PHASES:
            assert torch.linalg.det(kinematics.gradient(points, kinematics.state(phase))).min() > 0.05


@pytest.mark.parametrize(
    "extreme",
    [
        {"ejection_fraction": 75.0, "shortening": 22.0, "twist": 25.0, "wall_mm": 16.0},
        {"ejection_fraction": 75.0, "shortening": 0.0, "twist": -25.0, "wall_mm": 5.0},
        {"ejection_fraction": 0.0, "shortening": 22.0, "end_diastolic_volume_ml": 60.0},
        {"ejection_fraction": 70.0, "shortening": 22.0, "end_diastolic_volume_ml": 300.0, "wall_mm": 5.0},
    ],
)
@pytest.mark.parametrize("sliding", [False, True])
def test_the_strongest_motions_do_not_fold(extreme, sliding):
    kinematics = person("average", sliding=sliding, **extreme).kinematics
    points = scattered(kinematics.anatomy, 2000)
    state = kinematics.state(kinematics.timing.closure)
    assert torch.linalg.det(kinematics.gradient(points, state)).min() > 0.02
    assert (kinematics.material(kinematics.position(points, state), state) - points).abs().max() < 1e-8


@pytest.mark.parametrize("sliding", [False, True])
def test_the_gradient_is_the_derivative_of_the_map(group, sliding):
    kinematics = person(group, 3, sliding=sliding).kinematics
    points, state, step = scattered(kinematics.anatomy, 800), kinematics.state(0.3), 1e-5
    at = cylinder(points)
    pericardium = kinematics.anatomy.pericardium_squared(at.cos, at.sin, at.z).clamp_min(0).sqrt()
    points = points[(at.radius - pericardium).abs() > 0.1]
    gradient = kinematics.gradient(points, state)
    for axis in range(3):
        offset = step * torch.eye(3, dtype=torch.float64)[axis]
        ahead, behind = kinematics.position(points + offset, state), kinematics.position(points - offset, state)
        assert (gradient[..., axis] - (ahead - behind) / (2 * step)).abs().max() < 1e-4  # where the map is only C1, too


def test_on_the_axis_the_gradient_is_that_beside_it(group):
    kinematics = person(group).kinematics
    state = kinematics.state(0.3)
    height = torch.linspace(0.3, 0.95, 7) * kinematics.anatomy.length
    height[0] = 0.5 * kinematics.anatomy.endo_apex  # in the apical wall
    on_axis = kinematics.gradient(cylindrical(0.0, 0.0, height), state)
    assert torch.allclose(on_axis, kinematics.gradient(cylindrical(1e-4, 0.7, height), state), atol=1e-3)
    assert float(torch.linalg.det(on_axis)[0]) == pytest.approx(1, abs=1e-9)


def test_the_gradient_has_no_jump_at_the_base_and_the_equator(group):
    kinematics = person(group, 2).kinematics
    heart, state = kinematics.anatomy, kinematics.state(0.3)
    angle = torch.arange(12).double() / 1.91
    for height in (heart.length, heart.equator):
        below, above = (kinematics.gradient(cylindrical(30.0, angle, height + d), state) for d in (-1e-6, 1e-6))
        assert (above - below).abs().max() < 1e-4


@pytest.mark.parametrize("sliding", [False, True])
def test_beyond_its_reach_nothing_moves(group, sliding):
    """And points of the region that moves stay in it; sampled about its border, where that is not obvious."""
    kinematics = person(group, 1, sliding=sliding).kinematics
    generator = torch.Generator().manual_seed(0)
    radius, angle, height = torch.rand(3, 8000, generator=generator, dtype=torch.float64)
    points = cylindrical(30 + 100 * radius, 2 * np.pi * angle, -40 + (kinematics.anatomy.length + 100) * height)
    inside = kinematics.moves(points)
    assert 0.1 < inside.double().mean() < 0.9
    for phase in (0.05, 0.38):
        moved = kinematics.position(points, kinematics.state(phase))
        assert (moved - points)[~inside].abs().max() < 1e-10
        assert kinematics.moves(moved)[inside].all()


# ---------------------------------------------------------------------- against what is derived by hand


@pytest.mark.parametrize("phase", [0.04, 0.2, 0.38, 0.55])
def test_strain_of_the_pure_ellipsoid_is_the_closed_form(phase):
    """An ellipsoid of one thickness that empties by e(Z), shortens by lambda and twists in proportion to the height.

    With a^2(Z) the squared endocardial radius, e(Z) = E s(Z) and the stretch lambda(Z), which falls from 1 at the apex
    to its least at a fifth of the length: z' = lambda, r^2 = (R^2 - e a^2) / lambda, theta = Theta + omega(Z); so F in
    cylinder axes has F_rR = R / (lambda r), F_rZ = -((e a^2)' + lambda' r^2) / (2 lambda r), F_tT = r / R,
    F_tZ = r omega', F_zZ = lambda. E is such that the asked share of the volume is ejected.
    """
    someone = person("average", twist=15.0)
    anatomy, kinematics, timing = someone.anatomy, someone.kinematics, someone.kinematics.timing
    length, apex, equator = anatomy.length, 0.9 * anatomy.wall, 0.8 * anatomy.length
    below, ramp = equator - apex, 0.08 * (length - apex)

    def squared(z):
        return anatomy.endo_radius**2 * (1 - ((equator - z) / below) ** 2)

    def share(z):
        x = np.clip((z - apex) / ramp, 0, 1)
        return 6 * x**5 - 15 * x**4 + 10 * x**3

    def share_slope(z):
        x = np.clip((z - apex) / ramp, 0, 1)
        return 30 * x**2 * (1 - x) ** 2 / ramp

    volume = quad(squared, apex, length)[0]
    emptied_by_one = quad(lambda z: share(z) * squared(z), apex, length)[0] / volume
    emptied = someone.drawn["ejection_fraction"] / 100 * timing.ejected(phase) / emptied_by_one
    shortened = someone.drawn["shortening"] / 100 * timing.shortened(phase)
    least = (0.9 - shortened) / 0.9  # a fifth with half of the shortening on average, four fifths with all of it
    turn = math.radians(15) * timing.twisted(phase) / length

    points = wall_sample(anatomy, 500)
    at = cylinder(points)
    points = points[(at.z > apex + 1).bool()]  # below the cavity nothing is emptied
    x, y, z = points.numpy().T
    radius = np.hypot(x, y)
    stretch = 1 - (1 - least) * np.clip(z / (0.2 * length), 0, 1)
    stretch_slope = np.where(z < 0.2 * length, -(1 - least) / (0.2 * length), 0)
    emptied_there = emptied * share(z)
    slope = emptied * (share_slope(z) * squared(z) + share(z) * 2 * anatomy.endo_radius**2 * (equator - z) / below**2)
    r = np.sqrt((radius**2 - emptied_there * squared(z)) / stretch)
    expected = np.zeros((len(z), 3, 3))
    expected[:, 0, 0], expected[:, 0, 2] = radius / (stretch * r), -(slope + stretch_slope * r**2) / (2 * stretch * r)
    expected[:, 1, 1], expected[:, 1, 2] = r / radius, r * turn
    expected[:, 2, 2] = stretch
    expected = (np.swapaxes(expected, -1, -2) @ expected - np.eye(3)) / 2

    axes = np.zeros((len(z), 3, 3))
    axes[:, 0, 0], axes[:, 0, 1] = x / radius, y / radius
    axes[:, 1, 0], axes[:, 1, 1] = -y / radius, x / radius
    axes[:, 2, 2] = 1
    found = axes @ green(kinematics.gradient(points, kinematics.state(phase))).numpy() @ np.swapaxes(axes, -1, -2)
    assert np.abs(expected).max() > 0.004
    assert np.abs(found - expected).max() < 2e-4 * max(1, np.abs(expected).max())  # E comes from a sum over the cavity


def volume_inside(kinematics: Kinematics, state: State) -> float:
    """Volume in mL enclosed by the moved endocardium and the base, by the divergence theorem over triangles."""
    anatomy = kinematics.anatomy
    share = torch.linspace(0, 1, 161, dtype=torch.float64)[:, None] ** 2
    height = anatomy.endo_apex + (anatomy.length - anatomy.endo_apex) * share
    angle = torch.arange(180, dtype=torch.float64) * (2 * math.pi / 180)
    height, angle = torch.broadcast_tensors(height, angle)
    radius = anatomy.endo_squared(angle.cos(), angle.sin(), height).clamp_min(1e-9).sqrt()
    a = kinematics.position(cylindrical(radius, angle, height), state)
    b = a.roll(-1, dims=1)
    six = (a[:-1] * torch.linalg.cross(b[:-1], b[1:])).sum() + (a[:-1] * torch.linalg.cross(b[1:], a[1:])).sum()
    top = a[-1].mean(0).expand_as(a[-1])
    six = six + (a[-1] * torch.linalg.cross(b[-1], top)).sum()
    return float(six) / 6000


def test_the_volume_of_the_moved_cavity_is_the_one_stated(group):
    someone = person(group, 4)
    kinematics = someone.kinematics
    diastolic = volume_inside(kinematics, kinematics.state(0.0))
    assert diastolic == pytest.approx(someone.drawn["end_diastolic_volume_ml"], rel=3e-3)
    for phase in PHASES:
        state = kinematics.state(phase)
        assert volume_inside(kinematics, state) == pytest.approx(kinematics.volume(state), rel=4e-3)
    systolic = volume_inside(kinematics, kinematics.state(kinematics.timing.closure))
    assert 100 * (1 - systolic / diastolic) == pytest.approx(someone.drawn["ejection_fraction"], abs=0.2)


@pytest.mark.parametrize("asked", [0.0, 30.0, 57.0, 70.0])
def test_the_ejection_fraction_is_the_one_asked_for(asked):
    kinematics = person("normal", 5, ejection_fraction=asked).kinematics
    left = kinematics.volume(kinematics.state(kinematics.timing.closure)) / kinematics.volume(kinematics.state(0.0))
    assert 100 * (1 - left) == pytest.approx(asked, abs=1e-6)


def test_shortening_and_twist_are_those_asked_for(group):
    kinematics = person(group, shortening=12.0, twist=9.0).kinematics
    length = kinematics.anatomy.length
    most = max(np.linspace(0.3, 0.5, 201), key=kinematics.timing.shortened)
    points = cylindrical(3.0, 0.4, [1e-6, length - 1e-6])
    apex, base = kinematics.position(points, kinematics.state(most))
    assert float(1 - (base[2] - apex[2]) / length) == pytest.approx(0.12, abs=1e-4)

    apex, base = kinematics.position(points, kinematics.state(kinematics.timing.closure))
    turned = [math.degrees(math.atan2(p[1], p[0]) - 0.4) for p in (apex, base)]
    assert turned[1] - turned[0] == pytest.approx(9, abs=1e-3)
    assert turned[0] < 0 < turned[1]  # seen from the apex, the apex turns counterclockwise
    assert turned[1] / 9 == pytest.approx(kinematics.base_share, abs=1e-3)


# ---------------------------------------------------------------------- over the cycle


def test_the_cycle_closes(group):
    kinematics = person(group, 1).kinematics
    points = scattered(kinematics.anatomy, 400)
    assert torch.equal(kinematics.position(points, kinematics.state(0.0)), points)
    assert torch.equal(kinematics.position(points, kinematics.state(1.0)), points)
    assert (kinematics.position(points, kinematics.state(1 - 1e-5)) - points).abs().max() < 1e-3
    assert (kinematics.position(points, kinematics.state(1e-5)) - points).abs().max() < 1e-3


def test_isovolumic_phases_keep_the_volume_but_not_the_shape(group):
    kinematics = person(group, 1).kinematics
    timing, points = kinematics.timing, wall_sample(kinematics.anatomy, 300)
    for first, last in ((0.0, timing.opening), (timing.closure, timing.filling)):
        states = [kinematics.state(phase) for phase in np.linspace(first, last, 7)]
        assert np.ptp([kinematics.volume(state) for state in states]) < 1e-6
        there = torch.stack([kinematics.position(points, state) for state in states])
        assert (there - there[0]).norm(dim=-1).max() > 0.1


def test_many_moments_at_once_are_each_of_them():
    kinematics = person("lbbb", 1, sliding=True).kinematics
    points = scattered(kinematics.anatomy, 500)
    states = [kinematics.state(phase) for phase in (0.0, 0.1, 0.4)]
    together = moments(states, points)
    there = kinematics.position(points, together)
    assert there.shape == (3, 500, 3)
    for state, at_once in zip(states, there, strict=True):
        assert torch.allclose(at_once, kinematics.position(points, state), atol=1e-10)
    assert torch.allclose(kinematics.material(there, together), points.expand_as(there), atol=1e-9)


@pytest.mark.parametrize("name", ["average", "normal", "dcm"])
def test_the_rv_ejects_what_the_lv_does(name):
    """Volume of the RV cavity: integral of det F over its material, by points."""
    someone = person(name, 0)
    points = scattered(someone.anatomy, 60000)
    points = points[someone.anatomy.labels(points) == 1]
    kinematics = someone.kinematics
    end = kinematics.state(kinematics.timing.closure)
    left = float(torch.linalg.det(kinematics.gradient(points, end)).mean())
    assert kinematics.rv_volume(end) / kinematics.rv_volume(State()) == pytest.approx(left, abs=0.02)
    stroke = kinematics.volume(State()) - kinematics.volume(end)
    assert kinematics.rv_volume(State()) - kinematics.rv_volume(end) == pytest.approx(
        kinematics.rv_stroke * stroke, rel=0.02
    )
    assert kinematics.rv_volume(State()) == pytest.approx(someone.anatomy.rv_volume, rel=0.02)


def test_a_heart_that_does_not_eject_keeps_its_rv():
    kinematics = person("average", 0, ejection_fraction=0.0).kinematics
    end = kinematics.state(kinematics.timing.closure)
    assert kinematics.rv_volume(end) == pytest.approx(kinematics.rv_volume(State()), rel=0.02)


def test_more_than_a_ventricle_can_eject_is_refused():
    with pytest.raises(CardiacMotionError, match=r"would empty parts of this ventricle by .* use a smaller one"):
        person("lbbb", 1, ejection_fraction=78.0).kinematics.state(0.4)

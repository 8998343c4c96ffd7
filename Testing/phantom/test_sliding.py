"""The pericardium: a jump along it where the heart slides, no gap across it."""

from __future__ import annotations

import math

import pytest
import torch
from hearts import cylindrical, person, wall_sample

from CardiacMotionLib.phantom.kinematics import Kinematics
from CardiacMotionLib.phantom.state import State

PHASES = (0.04, 0.15, 0.38, 0.6)


def both_sides(kinematics: Kinematics, state: State) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Displacement just inside and just outside the pericardium beside the ventricles, and the normal there."""
    anatomy = kinematics.anatomy
    share, angle = torch.meshgrid(
        torch.linspace(0.3, 0.9, 13).double(), torch.arange(36).double() / 5.73, indexing="ij"
    )
    height = (share * anatomy.length).clone().requires_grad_(True)
    turned = angle.clone().requires_grad_(True)
    radius = anatomy.pericardium_squared(turned.cos(), turned.sin(), height).sqrt()
    along, around = torch.autograd.grad(radius.sum(), (height, turned))
    radius = radius.detach()
    outwards = torch.stack((torch.ones_like(radius), -around / radius, -along), dim=-1)  # in cylinder axes
    outwards = outwards / outwards.norm(dim=-1, keepdim=True)
    cos, sin = angle.cos(), angle.sin()
    normal = torch.stack(
        (
            cos * outwards[..., 0] - sin * outwards[..., 1],
            sin * outwards[..., 0] + cos * outwards[..., 1],
            outwards[..., 2],
        ),
        dim=-1,
    )
    points = cylindrical(radius, angle, height.detach())
    inner, outer = points - 1e-6 * normal, points + 1e-6 * normal
    return kinematics.position(inner, state) - inner, kinematics.position(outer, state) - outer, normal


def test_sliding_is_a_jump_along_the_pericardium(group):
    kinematics = person(group, 1, sliding=True).kinematics
    inside, outside, normal = both_sides(kinematics, kinematics.state(kinematics.timing.closure))
    jump = inside - outside
    along = jump - (jump * normal).sum(-1, keepdim=True) * normal
    assert along.norm(dim=-1).median() > 1.0
    assert along.norm(dim=-1).max() > 2.0


def test_sliding_leaves_no_gap(group):
    """While the motion is still small, nothing of the jump is along the normal; later see the next test."""
    kinematics = person(group, 1, sliding=True).kinematics
    little = kinematics.state(0.0)._replace(shortened=1e-4, twisted=1e-4, narrowed=1e-4, emptied=(2e-4, 1e-4))
    inside, outside, normal = both_sides(kinematics, little)
    jump = inside - outside
    across = (jump * normal).sum(-1).abs()
    assert jump.norm(dim=-1).median() > 1e-3
    assert across.max() < 2e-3 * jump.norm(dim=-1).max()
    assert (inside * normal).sum(-1).abs().median() > 1e-4  # and yet the pericardium moves


@pytest.mark.parametrize("phase", [0.15, 0.38])
def test_both_sides_of_a_sliding_pericardium_meet(group, phase):
    """The images of both sides are one surface: what is a hair off it belongs to the one side or to the other."""
    kinematics = person(group, 1, sliding=True).kinematics
    state, anatomy = kinematics.state(phase), kinematics.anatomy
    height = torch.linspace(0.05, 1.2, 24, dtype=torch.float64)[:, None] * anatomy.length
    angle = torch.arange(60, dtype=torch.float64) * (2 * math.pi / 60)
    radius = anatomy.pericardium_squared(angle.cos(), angle.sin(), height).sqrt()
    for side in (-1e-4, 1e-4):
        points = cylindrical(radius + side, angle, height)
        back = kinematics.material(kinematics.position(points, state), state)
        assert (back - points).abs().max() < 1e-8


def test_at_the_lower_pole_of_a_sliding_pericardium_no_gap_opens(group):
    kinematics = person(group, 1, sliding=True).kinematics
    radius, angle, height = torch.rand(3, 4000, generator=torch.Generator().manual_seed(0)).double()
    points = cylindrical(6 * radius, 2 * math.pi * angle, 4 * height - kinematics.anatomy.fat - 1)
    state = kinematics.state(0.38)
    assert (kinematics.position(kinematics.material(points, state), state) - points).abs().max() < 1e-9


def test_without_sliding_there_is_no_jump(group):
    kinematics = person(group, 1).kinematics
    inside, outside, _ = both_sides(kinematics, kinematics.state(0.38))
    assert inside.norm(dim=-1).max() > 1
    assert (inside - outside).abs().max() < 1e-4


def test_sliding_changes_nothing_in_the_heart(group):
    slides, sticks = (person(group, 1, sliding=s).kinematics for s in (True, False))
    points = wall_sample(slides.anatomy, 500)
    there = [k.position(points, k.state(0.3)) for k in (slides, sticks)]
    assert torch.allclose(*there, atol=1e-9)

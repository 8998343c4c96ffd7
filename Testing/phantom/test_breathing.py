"""Breathing: a shear that keeps volumes and is undone exactly, the chest wall stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hearts import person, scattered

from CardiacMotionLib.phantom.breathing import Breathing
from CardiacMotionLib.phantom.state import moments

AMOUNTS = (14.0, -5.0)


@pytest.fixture(scope="module")
def breathing():
    return person("normal").kinematics.breathing


def test_the_inverse_undoes_it(breathing):
    points = 2 * scattered(person("normal").anatomy)
    there = breathing.shift(points, AMOUNTS)
    assert (there - points).norm(dim=-1).max() > 10
    assert (breathing.unshift(there, AMOUNTS) - points).abs().max() < 1e-12
    assert (breathing.shift(breathing.unshift(points, AMOUNTS), AMOUNTS) - points).abs().max() < 1e-12


def test_it_keeps_volumes(breathing):
    points = (2 * scattered(person("normal").anatomy, 500)).requires_grad_(True)
    there = breathing.shift(points, AMOUNTS)
    rows = [torch.autograd.grad(there[:, a].sum(), points, retain_graph=True)[0] for a in range(3)]
    gradient = torch.stack(rows, dim=-2)
    assert (gradient - torch.eye(3)).abs().max() > 0.1
    assert (torch.linalg.det(gradient) - 1).abs().max() < 1e-12


def test_the_heart_is_carried_whole_and_the_chest_wall_stays(breathing):
    along, across, center = torch.tensor([breathing.along, breathing.across, breathing.center], dtype=torch.float64)
    assert along.norm() == pytest.approx(1)
    assert across.norm() == pytest.approx(1)
    assert float(along @ across) == pytest.approx(0, abs=1e-12)
    near = center + 0.5 * breathing.inner * torch.eye(3).double()
    assert torch.allclose(breathing.shift(near, AMOUNTS) - near, AMOUNTS[0] * along + AMOUNTS[1] * across, atol=1e-12)
    beside = torch.linalg.cross(along, across)
    far = center + beside * (breathing.outer + 1)
    assert torch.equal(breathing.shift(far, AMOUNTS), far)


def test_breathing_in_carries_the_heart_down_and_to_the_front():
    someone = person("normal")
    middle = torch.tensor(someone.kinematics.breathing.center, dtype=torch.float64)
    turn = torch.from_numpy(someone.to_patient[:3, :3])
    moved = turn @ (someone.kinematics.breathing.shift(middle, (10.0, 3.0)) - middle)
    assert moved[2] < -9
    assert moved[1] > 3


def test_the_beat_comes_first_and_both_are_undone():
    kinematics = person("normal").kinematics
    points = scattered(kinematics.anatomy)
    beat, both = kinematics.state(0.3), kinematics.state(0.3, (9.0, 3.0))
    expected = kinematics.breathing.shift(kinematics.position(points, beat), (9.0, 3.0))
    assert torch.equal(kinematics.position(points, both), expected)
    assert (kinematics.material(expected, both) - points).abs().max() < 1e-10
    held = kinematics.state(0.0, (9.0, 3.0))
    assert not held.beating
    assert torch.equal(kinematics.position(points, held), kinematics.breathing.shift(points, (9.0, 3.0)))


def test_many_moments_at_once_are_each_of_them():
    kinematics = person("normal").kinematics
    points = scattered(kinematics.anatomy, 300)
    states = [kinematics.state(phase, (amount, -amount / 3)) for phase, amount in ((0.0, 0.0), (0.2, 4.0), (0.6, 11.0))]
    together = kinematics.position(points, moments(states, points))
    alone = torch.stack([kinematics.position(points, state) for state in states])
    assert torch.allclose(together, alone, atol=1e-10)
    assert np.ptp(together[:, 0].numpy(), axis=0).max() > 1


def test_no_breath_changes_nothing():
    points = torch.rand(10, 3)
    assert torch.equal(Breathing().shift(points, (0.0, 0.0)), points)

"""What contracts differently: left bundle branch block, infarcts, and what does not: plain hearts, the apex."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hearts import circumferential, cylindrical, in_wall, person

from CardiacMotionLib.phantom.state import State

PHASES = (0.04, 0.15, 0.38, 0.6)


def middle_of_the_wall(someone, angles) -> torch.Tensor:
    """(A, 5, 3) points in the middle of the wall at directions (A,), at mid heights."""
    return in_wall(someone.anatomy, 0.5, torch.as_tensor(angles)[:, None], torch.linspace(0.45, 0.65, 5))


@pytest.mark.parametrize("seed", range(4))
def test_lbbb_has_a_septal_flash_and_a_late_lateral_wall(seed):
    someone = person("lbbb", seed)
    kinematics, timing = someone.kinematics, someone.kinematics.timing
    points = middle_of_the_wall(someone, [0.0, math.pi])
    phases = np.linspace(0, 0.6, 61)
    septum, lateral = np.array(
        [circumferential(someone, points, kinematics.state(p)).mean(-1).numpy() for p in phases]
    ).T
    before = phases <= timing.opening
    assert septum[before].min() < -0.01  # it contracts before anything is ejected
    assert lateral[before].max() > 0.005  # and stretches the lateral wall
    assert lateral.min() < septum.min() - 0.02
    assert phases[lateral.argmin()] > timing.closure - 0.05
    flash = septum[phases < timing.opening + 0.08].min()
    assert septum[(phases > phases[septum.argmin()]) | (phases < timing.opening)].max() > flash
    assert (
        np.abs([kinematics.volume(kinematics.state(p)) - kinematics.volume(State()) for p in phases[before]]).max()
        < 1e-6
    )


def test_the_septum_of_lbbb_is_ahead():
    """It lets go before the valve closes, while the rest of the wall still contracts."""
    kinematics = person("lbbb", 0).kinematics
    late = [kinematics.state(kinematics.timing.closure - ahead).emptied for ahead in (0.05, 0.0)]
    assert late[1][1] < late[0][1] + 1e-3
    assert late[1][0] > late[0][0] + 1e-3
    along = replace(kinematics, region=replace(kinematics.region, advance=0.0))
    assert (
        along.state(kinematics.timing.opening + 0.1).emptied[1]
        < kinematics.state(kinematics.timing.opening + 0.1).emptied[1] - 0.02
    )


@pytest.mark.parametrize("seed", range(4))
def test_an_infarct_does_not_contract_and_the_rest_does(seed):
    someone = person("ischemic", seed)
    kinematics, patch = someone.kinematics, someone.kinematics.region.patch
    assert someone.scar == patch
    core = in_wall(someone.anatomy, 0.5, patch.angle, max(patch.height, 0.35))
    remote = in_wall(someone.anatomy, 0.5, patch.angle + math.pi, torch.linspace(0.4, 0.7, 5))
    state = kinematics.state(kinematics.timing.closure)
    assert circumferential(someone, core, state) > -0.06
    assert circumferential(someone, remote, state).mean() < -0.1


def test_a_plain_heart_contracts_alike_all_around():
    someone = person("average", 0)
    points = middle_of_the_wall(someone, torch.arange(12) * math.pi / 6)
    strain = circumferential(someone, points, someone.kinematics.state(0.37)).mean(-1)
    assert strain.max() - strain.min() < 1e-9
    assert strain.mean() < -0.12


@pytest.mark.parametrize("name", ["average", "normal", "hcm", "dcm"])
def test_the_apex_contracts_like_the_base(name):
    someone = person(name, 3)
    anatomy, kinematics = someone.anatomy, someone.kinematics
    end = kinematics.state(kinematics.timing.closure)
    angle = torch.arange(24, dtype=torch.float64) * (math.pi / 12)
    ecc = {}
    for share in (0.28, 0.6, 0.9):
        height = torch.full_like(angle, share * anatomy.length)
        inner, outer = (f(angle.cos(), angle.sin(), height) for f in (anatomy.endo_squared, anatomy.epi_squared))
        points = cylindrical(((inner + outer) / 2).sqrt(), angle, height)
        ecc[share] = circumferential(someone, points, end)
    assert all(values.max() < -0.02 for values in ecc.values())
    assert ecc[0.28].mean() < 0.6 * ecc[0.6].mean()

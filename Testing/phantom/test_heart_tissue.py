"""What is painted in a thick slice, against many thin ones."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from CardiacMotionLib.phantom.acquisition import Acquisition
from CardiacMotionLib.phantom.examination import Examination
from CardiacMotionLib.phantom.slices import StackOptions
from CardiacMotionLib.phantom.tissues import bssfp_contrast

THICKNESS = 10.0
LYING = StackOptions(group="normal", slices=1, rows=64, columns=64, pixel_mm=1.6, thickness_mm=THICKNESS, texture=0.0)


def drawn(examination, height, thickness, apart):
    """The end-diastolic heart (J, I) in a slice at a height, painted for planes that are ``apart`` mm."""
    affine = examination.grid.affine.copy()
    affine[:3, 3] += affine[:3, 2] / affine[2, 2] * (height - 0.52 * examination.person.anatomy.length)
    painter = copy.copy(examination.acquisition.painter)
    painter.apart = apart
    kinematics = examination.person.kinematics
    grid = replace(examination.grid, affine=affine, thickness=thickness)
    return (
        Acquisition(kinematics, painter, grid).draw([kinematics.state(0.0)], bssfp_contrast()[:, None])[0].signal[0, 0]
    )


@pytest.mark.parametrize("height", [4.0, 20.0])
def test_a_thick_slice_through_the_apex_shows_no_steps_of_the_planes_it_is_painted_on(height):
    examination = Examination.begin("cine", 2, LYING)
    offsets = np.linspace(-0.48, 0.48, 17) * THICKNESS
    truth = sum(drawn(examination, height + offset, 0.3, 0.1) for offset in offsets) / len(offsets)

    def error(apart):
        return float((drawn(examination, height, THICKNESS, apart) - truth).square().mean().sqrt())

    assert examination.acquisition.painter.apart == pytest.approx(THICKNESS / 3)
    assert error(examination.acquisition.painter.apart) < 0.8 * error(0.0)


def test_upright_walls_are_as_sharp_in_thick_slices_as_in_thin_ones():
    examination = Examination.begin("cine", 2, replace(LYING, misalignment=0.0))
    equator = examination.person.anatomy.equator
    thick, thin = (drawn(examination, equator, 0.3, apart) for apart in (THICKNESS / 3, 0.1))
    wall = examination.acquisition.draw([examination.person.kinematics.state(0.0)], bssfp_contrast()[:, None])[0].labels
    assert (thick - thin)[wall[0] == 2].abs().max() < 0.03

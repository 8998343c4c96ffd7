"""Slices: a short-axis stack that covers the heart and lies as scanners lay it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hearts import person

from CardiacMotionLib.phantom.slices import StackOptions, draw_grid, scanner_turn


def grid(seed=0, group="normal", heights=(), slice_shift_mm=0.0, **options):
    """Slices through somebody of a group."""
    asked = StackOptions(group=group, **options)
    anatomy = person(group, seed).anatomy
    return draw_grid(asked, anatomy, np.random.default_rng(seed), heights=heights, slice_shift_mm=slice_shift_mm)


def axes(affine):
    """(3, 3) unit directions of i, j, k in columns."""
    return affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)


def test_size_and_spacing_are_those_asked_for():
    asked = grid(slices=7, rows=50, columns=60, pixel_mm=1.25, thickness_mm=6.5)
    assert asked.shape == (7, 50, 60)
    assert asked.spacing == pytest.approx([1.25, 1.25, 6.5])
    assert asked.thickness == 6.5
    assert asked.through().norm() == pytest.approx(6.5)
    assert asked.centers().shape == (7 * 50 * 60, 3)


@pytest.mark.parametrize("slices", [1, 6, 10, 14])
def test_slices_are_as_thick_as_the_heart_needs_within_reason(group, slices):
    thickness = grid(group=group, slices=slices).thickness
    assert 6 <= thickness <= 10
    length = person(group).anatomy.length
    if slices * 10 > length + 14:
        assert slices * (thickness + 0.25) >= length + 14  # to half a millimeter


def test_directions_are_a_right_handed_frame_from_septum_to_lateral_anterior_to_inferior_apex_to_base():
    for seed in range(5):
        turn = axes(grid(seed).affine)
        assert np.allclose(turn.T @ turn, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)
        assert turn[0, 0] < -0.5  # septum and RV towards +x
        assert turn[1, 1] < -0.5  # anterior towards +y
        assert turn[2, 2] > 0.9


def test_misalignment_is_the_angle_to_the_axis_of_the_lv():
    for asked in (0.0, 12.0, 30.0):
        normal = axes(grid(misalignment=asked).affine)[:, 2]
        assert math.degrees(math.acos(min(normal[2], 1.0))) == pytest.approx(asked, abs=1e-5)
    assert axes(grid(group="average").affine)[2, 2] == pytest.approx(1)
    drawn = [math.degrees(math.acos(axes(grid(seed).affine)[2, 2])) for seed in range(30)]
    assert 2 < np.mean(drawn) < 7


def test_the_heart_is_in_the_middle_and_moves_where_asked():
    here, there = (grid(shift_x_mm=x, shift_y_mm=y) for x, y in ((0.0, 0.0), (11.0, -7.0)))
    turn = axes(here.affine)
    assert np.allclose(here.affine[:3, 3] - there.affine[:3, 3], turn[:, :2] @ [11.0, -7.0])
    middle = here.centers().mean(0).numpy()
    assert abs(middle[2] - 0.52 * person("normal").anatomy.length) < 4
    assert np.hypot(middle[0] - 10, middle[1]) < 14


def test_an_asked_option_leaves_the_others():
    plain = grid(slices=8)
    for asked in ({"tilt": 20.0}, {"rows": 80, "columns": 90}, {"pixel_mm": 2.0}):
        other = grid(slices=8, **asked)
        assert np.allclose(axes(plain.affine), axes(other.affine))
        assert np.allclose(plain.centers().mean(0), other.centers().mean(0))


def test_heights_are_where_the_slices_lie():
    asked = grid(heights=(0.25, 0.5, 0.75), slices=3, misalignment=0.0)
    length = person("normal").anatomy.length
    z = asked.centers().reshape(3, -1, 3)[..., 2].mean(1).numpy()
    assert z == pytest.approx(length * np.array([0.25, 0.5, 0.75]))
    assert asked.thickness == 8


def test_slices_are_shifted_in_plane_and_half_as_much_through_it():
    assert not grid().shifts.any()
    leaning = [grid(seed, slices=40, slice_shift_mm=2.0, misalignment=45.0) for seed in range(9)]
    shifts = np.concatenate([one.shifts @ axes(one.affine) for one in leaning])
    assert shifts.std(0) == pytest.approx([2.0, 2.0, 1.0], rel=0.2)
    moved, still = grid(slices=5, slice_shift_mm=2.0), grid(slices=5)
    offset = (still.centers() - moved.centers()).reshape(5, -1, 3)
    assert np.allclose(offset, moved.shifts[:, None])


def test_the_turn_of_the_scanner_is_a_rotation_by_that_angle():
    for angle in (0.0, 35.0, -120.0):
        turn = scanner_turn(angle)
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert math.degrees(math.acos((np.trace(turn) - 1) / 2)) == pytest.approx(abs(angle), abs=1e-6)

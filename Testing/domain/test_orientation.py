"""Which end of a stack is the base: by area, by a cap, else as in a patient; whatever part of the LV is labeled."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacMotionLib.orientation import base_sign

UP = np.array([0.0, 0.0, 1.0])


def slices(*sizes):
    """(K, 9, 9) bool with a square of each size in its slice."""
    mask = np.zeros((len(sizes), 9, 9), bool)
    for k, size in enumerate(sizes):
        mask[k, :size, :size] = True
    return mask


EMPTY = slices(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("wall", "cavity", "sign"),
    [
        (slices(4, 6, 8, 9), slices(1, 3, 5, 6), 1),
        (slices(9, 8, 6, 4), slices(6, 5, 3, 1), -1),
        (slices(4, 9, 9, 9), slices(0, 5, 5, 5), 1),  # a cap below
        (slices(9, 9, 9, 4), slices(5, 5, 5, 0), -1),
        (slices(3, 5, 7, 9), EMPTY, 1),
        (EMPTY, slices(7, 5, 3, 1), -1),
    ],
)
def test_the_base_is_the_wider_end_or_that_away_from_the_cap(wall, cavity, sign):
    for direction in (UP, -UP):
        assert base_sign(wall, cavity, direction) == (sign, "")


@pytest.mark.parametrize(
    ("wall", "cavity"),
    [
        (slices(9, 9, 9, 9), slices(5, 5, 5, 5)),
        (EMPTY, slices(5, 5, 5, 5)),
    ],
)
def test_ends_that_are_alike_are_guessed_and_said(wall, cavity):
    for direction, sign in ((UP, 1), (-UP, -1)):
        found, note = base_sign(wall, cavity, direction)
        assert found == sign
        assert "Apex and base look alike" in note
    assert base_sign(wall[:1], cavity[:1], UP) == (1, ""), "one slice has no ends"


def test_wall_and_cavity_that_share_no_slice_are_no_end_of_the_program():
    assert base_sign(slices(0, 5, 0, 0), slices(0, 0, 9, 0), UP)[0] == 1
    assert base_sign(slices(0, 9, 0, 0), slices(0, 0, 5, 0), UP)[0] == -1

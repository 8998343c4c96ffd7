"""What strain accepts and what it refuses, in one clear line."""

import numpy as np
import pytest
from analytic_hearts import CAVITY, RV, WALL, Contraction, Grid, cylinder_labels

from CardiacMotionLib import CardiacMotionError, strain
from CardiacMotionLib.motion import Motion

GRID = Grid()
MOTION = Motion(np.zeros((3, *GRID.shape, 3)), GRID.affine)


def refuse(labels, message, **options):
    with pytest.raises(CardiacMotionError, match=message) as caught:
        strain(MOTION, labels, **options)
    assert "\n" not in str(caught.value)


def test_the_package_is_the_function():
    labels = cylinder_labels(GRID)
    assert strain(MOTION, labels).wall.sum() == np.count_nonzero(labels == WALL)
    from CardiacMotionLib.strain import Strain

    assert isinstance(strain(MOTION, labels), Strain)


def test_labels_off_the_grid():
    refuse(cylinder_labels(GRID)[:-1], r"shape \(7, 60, 60\)")


def test_labels_that_are_no_labels():
    refuse(np.full(GRID.shape, 7), r"values \[7\]")


@pytest.mark.parametrize("wrong", [None, {0: cylinder_labels(GRID)}, "labels.nii.gz"])
def test_what_is_not_one_array(wrong):
    refuse(wrong, rf"one array .* got {type(wrong).__name__}; of a series that is series.labels\[0\]")


def test_no_myocardium():
    labels = cylinder_labels(GRID)
    labels[labels == WALL] = 0
    refuse(labels, "no LV myocardium")


def test_no_cavity():
    labels = cylinder_labels(GRID)
    labels[labels == CAVITY] = 0
    refuse(labels, "no LV cavity")


def test_cavity_elsewhere():
    labels = cylinder_labels(GRID, 8.0, 12.0)
    labels[labels == CAVITY] = 0
    labels[:, 50:55, 50:55] = CAVITY
    refuse(labels, "does not touch the LV myocardium")


def test_wall_and_cavity_in_different_slices():
    labels = cylinder_labels(GRID)
    labels[:4][labels[:4] == WALL] = 0
    labels[4:][labels[4:] == CAVITY] = WALL
    refuse(labels, "no slice holds both")


@pytest.mark.parametrize("shift", [22, 30])
def test_two_myocardia(shift):
    labels = cylinder_labels(Grid(), 8.0, 14.0)
    labels[labels == RV] = 0
    both = np.roll(labels, -shift // 2, 2)
    both = np.maximum(both, np.roll(both, shift, 2))
    refuse(both, "two separate (myocardia|LV cavities) .* exactly one left ventricle")


def test_specks_are_dropped_with_a_note():
    labels = cylinder_labels(GRID)
    labels[2, 2:4, 2:4] = WALL
    result = strain(MOTION, labels)
    assert not result.wall[2, 2:4, 2:4].any()
    assert any("Left out 4 voxels of myocardium" in note for note in result.notes)


def test_a_missing_slice_is_not_a_second_heart():
    labels = cylinder_labels(GRID)
    labels[4] = 0
    result = strain(MOTION, labels)
    assert result.wall[3].any()
    assert result.wall[5].any()
    assert any("Slices [4]" in note for note in result.notes)


@pytest.mark.parametrize("frame", [-1, 3, 1.5, "last"])
def test_end_systole_that_does_not_exist(frame):
    refuse(cylinder_labels(GRID), "end_systole must be a frame number from 0 to 2", end_systole=frame)


def test_not_a_motion():
    with pytest.raises(CardiacMotionError, match="needs a Motion, got ndarray"):
        strain(np.zeros((2, *GRID.shape, 3)), cylinder_labels(GRID))


def test_unknown_component():
    with pytest.raises(CardiacMotionError, match="this strain has circumferential, radial, longitudinal"):
        strain(MOTION, cylinder_labels(GRID)).engineering("shear")


def test_a_wall_one_voxel_thick_still_has_directions():
    grid = Grid(shape=(4, 40, 40))
    labels = cylinder_labels(grid, 20.0, 21.8)
    result = strain(grid.motion([None, Contraction(0.95, 0.0, hinge=10).move]), labels)
    assert np.isfinite(result.radial[1][result.wall]).all()
    np.testing.assert_allclose(np.linalg.norm(result.directions("radial")[result.wall], axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("cut", ["i", "j", "k"])
def test_a_heart_at_the_edge_of_the_field_of_view(cut):
    """A wall that touches the border of the array is open there, not an error."""
    labels = cylinder_labels(GRID)
    keep = {"i": (slice(None), slice(None), slice(14, None)), "j": (slice(None), slice(14, None)), "k": (slice(3, 6),)}
    labels = np.ascontiguousarray(labels[keep[cut]])
    motion = Motion(np.zeros((2, *labels.shape, 3)), GRID.affine)
    assert np.isfinite(strain(motion, labels).radial[0][labels == WALL]).all()

"""Strain of a motion with a continuous field: the exact F, which differences over thick slices miss."""

from __future__ import annotations

import numpy as np
import pytest
from analytic_hearts import CAVITY, RV, WALL, Grid, cylinder_labels, rotation
from wave_fields import Clock, Waves

from CardiacMotionLib import ImageSeries, Motion, strain
from CardiacMotionLib.strain.tensor import green_strain

TIMES = np.array([0.0, 200, 400])
# Radians per mm and mm along the axes of the heart: 60 mm along the ventricle, gentler within its slices.
WAVES = (
    ((0.0, 0.0, 0.105), (0.5, -0.4, 2.5)),
    ((0.04, 0.01, 0.03), (-1.0, 0.8, 0.5)),
    ((0.0, 0.05, 0.0), (0.3, -1.5, 0)),
)
GRIDS = {
    "straight": Grid(),
    "oblique": Grid(pose=rotation(35, -25, 40)),
    "mirrored": Grid(pose=rotation(35, -25, 40), axes=(-1, 1, 1)),
}


@pytest.fixture(scope="module", params=GRIDS)
def heart(request):
    """(grid, labels, waves, motion)."""
    grid = GRIDS[request.param]
    waves = Waves(WAVES, grid.center, grid.rotation.T, Clock(0.0, 800.0))
    labels = cylinder_labels(grid)
    series = ImageSeries(np.zeros((3, *grid.shape)), grid.affine, TIMES)
    return grid, labels, waves, Motion.from_field(waves.network_field(), series, 0)


def truth(grid, waves):
    """F (T, K, J, I, 3, 3) in RAS axes."""
    points = grid.heart_points().reshape(-1, 3) @ grid.rotation.T + grid.center
    return waves.gradient(points, TIMES).reshape(3, *grid.shape, 3, 3)


def test_tensor_is_the_closed_form(heart):
    """Every voxel of the wall, those at its edge and in the first and last slice too."""
    grid, labels, waves, motion = heart
    result = strain(motion, labels)
    exact = green_strain(truth(grid, waves))
    found = np.abs(result.green - exact)[:, result.wall].max()
    by_differences = strain(Motion(motion.displacement, motion.affine, times=TIMES), labels)
    missed = np.abs(by_differences.green - exact)[:, result.wall].max()
    assert found < 2e-6
    assert missed > 0.02
    assert not result.green[0][result.wall].any()


def test_components_are_the_closed_form_along_the_directions(heart):
    grid, labels, waves, motion = heart
    result = strain(motion, labels)
    exact = green_strain(truth(grid, waves))[:, result.wall]
    for component in ("circumferential", "radial", "longitudinal"):
        n = result.directions(component)[result.wall]
        np.testing.assert_allclose(
            getattr(result, component)[:, result.wall], np.einsum("na,tnab,nb->tn", n, exact, n), atol=3e-6
        )


def test_volumes_are_sums_of_the_exact_determinant(heart):
    grid, labels, waves, motion = heart
    volume = np.linalg.det(truth(grid, waves)) * np.prod(grid.spacing) / 1000
    table = strain(motion, labels).volumes
    for name, label in (("lv_cavity_ml", CAVITY), ("lv_myocardium_ml", WALL), ("rv_ml", RV)):
        np.testing.assert_allclose(table[name], volume[:, labels == label].sum(1), rtol=1e-6)
    assert np.ptp(table["lv_cavity_ml"]) > 1


def test_the_notes_say_which_derivative_it_was(heart):
    _, labels, _, motion = heart
    said = [note for note in strain(motion, labels).notes if "exact derivative" in note]
    assert len(said) == 1
    assert ".seq.nrrd" in said[0]
    without = strain(Motion(motion.displacement, motion.affine, times=TIMES), labels)
    assert not any("exact derivative" in note for note in without.notes)


def test_one_slice_of_a_planar_field():
    grid = Grid(shape=(1, 60, 60), pose=rotation(35, -25, 40))
    waves = Waves((WAVES[2],), grid.center, grid.rotation.T, Clock(0.0, 800.0))
    series = ImageSeries(np.zeros((3, *grid.shape)), grid.affine, TIMES)
    result = strain(Motion.from_field(waves.network_field(), series, 0), cylinder_labels(grid))
    np.testing.assert_allclose(
        result.green[:, result.wall], green_strain(truth(grid, waves))[:, result.wall], atol=2e-6
    )
    assert result.components == ("circumferential", "radial")

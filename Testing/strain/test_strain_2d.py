"""One slice: in-plane strain only, against an annulus with exact strain."""

import numpy as np
import pytest
from analytic_hearts import CAVITY, RV, WALL, Contraction, Grid, cylinder_labels, rotation
from scipy import ndimage

from CardiacMotionLib import strain
from CardiacMotionLib.motion import Motion


def test_one_slice_has_two_components_and_says_so():
    grid = Grid(shape=(1, 60, 60), pose=rotation(35, -25, 40))
    systole = Contraction(1.0, -200, hinge=20)
    result = strain(grid.motion([None, systole.move]), cylinder_labels(grid))
    assert result.components == ("circumferential", "radial")
    assert set(result.curves.component) == {"circumferential", "radial"}
    assert np.isnan(result.longitudinal).all()
    assert result.longitudinal.shape == (2, 1, 60, 60)
    assert np.isnan(result.function["GLS_percent"])
    assert set(np.unique(result.segments)) == {0, 7, 8, 9, 10, 11, 12}
    assert any("2D" in note for note in result.notes)
    assert any("of that slice" in note for note in result.notes)
    assert result.rotation.twist_deg.isna().all()

    points = grid.heart_points()
    R = np.hypot(points[..., 0], points[..., 1])
    deep = result.wall & (R > 26.5)
    r = systole.radius(R)
    assert np.abs(result.circumferential[1] - ((r / R) ** 2 - 1) / 2)[deep].max() < 0.01
    assert np.abs(result.radial[1] - ((R / r) ** 2 - 1) / 2)[deep].max() < 0.01
    area = systole.radius(24.0) ** 2 / 24**2
    assert result.function["EF_percent"] == pytest.approx(100 * (1 - area), abs=1)


@pytest.fixture(scope="module")
def annulus(shared_data):
    """FIMH 2021 annulus: displacement (mm), Ecc and Err of a deformed state on a 0.5 mm plane; arrays are [x, y]."""
    with np.load(shared_data / "fimh2021_annulus" / "mid_plane.npz") as data:
        planes = {name: data[name][:, :, 0].T for name in data}  # to (J, I) with i along x
    wall = np.isfinite(planes["dispX"])
    nearest = ndimage.distance_transform_edt(~wall, return_distances=False, return_indices=True)
    displacement = np.stack([planes[f"disp{axis}"][tuple(nearest)] for axis in "XYZ"], -1)
    radius = np.hypot(planes["Xref"], planes["Yref"])
    labels = np.where(wall, WALL, np.where(radius < 30, CAVITY, 0)).astype(np.uint8)
    affine = np.diag([0.5, 0.5, 8.0, 1.0])
    affine[:3, 3] = planes["Xref"][0, 0], planes["Yref"][0, 0], planes["Zref"][0, 0]
    motion = Motion(np.stack([np.zeros_like(displacement), displacement])[:, None], affine)
    return planes, labels[None], motion, ndimage.binary_erosion(wall, iterations=2)


def test_fimh_annulus_per_voxel_and_on_average(annulus):
    """The benchmark's strains are Green-Lagrange: Ecc there is ((r / R)^2 - 1) / 2 of its own displacement."""
    planes, labels, motion, interior = annulus
    result = strain(motion, labels)
    for component, name, tolerance in (("circumferential", "ECC", 0.004), ("radial", "ERR", 0.02)):
        error = (getattr(result, component)[1, 0] - planes[name])[interior]
        assert np.abs(error).mean() < tolerance / 4, component
        assert np.abs(error).max() < tolerance, component
        wall = labels[0] == WALL
        row = result.curves.query("component == @component and region == 'global' and frame == 1").iloc[0]
        assert row.green == pytest.approx(planes[name][wall].mean(), abs=0.015)
    assert result.function["GCS_percent"] == pytest.approx(-10, abs=4)


def test_fimh_annulus_rotates_clockwise_from_the_apex(annulus):
    """Its points turn by +2.286 degrees about +z, the base in RAS, which is negative in our convention."""
    _, labels, motion, _ = annulus
    result = strain(motion, labels)
    assert result.slice_rotation[1, 0] == pytest.approx(-2.286, abs=0.01)


def test_rv_in_one_slice():
    grid = Grid(shape=(1, 60, 60))
    labels = cylinder_labels(grid, septum=(20.0, 140.0))
    result = strain(grid.motion([None, Contraction(1.0, -200, hinge=20).move]), labels)
    assert (labels == RV).any()
    anterior = np.degrees(np.arctan2(*(result.rv_insertion[0] - grid.center)[:2]))
    assert anterior == pytest.approx(20, abs=5)

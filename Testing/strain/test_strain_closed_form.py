"""Strain, rotation and volumes against closed forms: a tube and a spheroid whose wall keeps its volume."""

import numpy as np
import pytest
from analytic_hearts import CAVITY, RV, WALL, Contraction, Grid, Spheroid, cylinder_labels, rotation

from CardiacMotionLib import strain
from CardiacMotionLib.motion import Motion

OBLIQUE = rotation(35, -25, 40)
SYSTOLE = Contraction(stretch=0.88, shift=-230.0, twist_per_mm=np.radians(12) / 70, hinge=20.0)
INNER, OUTER = 24.0, 33.0


def closed_form(points):
    """Circumferential, radial and longitudinal Green strain of SYSTOLE in the tube."""
    R = np.hypot(points[..., 0], points[..., 1])
    r = SYSTOLE.radius(R)
    return {
        "circumferential": ((r / R) ** 2 - 1) / 2,
        "radial": ((R / (SYSTOLE.stretch * r)) ** 2 - 1) / 2,
        "longitudinal": (SYSTOLE.stretch**2 + (r * SYSTOLE.twist_per_mm) ** 2 - 1) / 2,
    }


@pytest.fixture(scope="module", params=["straight", "oblique", "mirrored"])
def tube(request):
    grid = {
        "straight": Grid(),
        "oblique": Grid(pose=OBLIQUE),
        "mirrored": Grid(pose=OBLIQUE, axes=(-1, 1, 1)),
    }[request.param]
    motion = grid.motion([None, SYSTOLE.move], times=[0, 300])
    return grid, motion, strain(motion, cylinder_labels(grid, INNER, OUTER))


def deep(grid, result):
    """Wall voxels whose central differences stay inside the wall, where the closed form holds on both sides."""
    points = grid.heart_points()
    R = np.hypot(points[..., 0], points[..., 1])
    return result.wall & (INNER + 2.5 < R)


def test_tensor_of_the_tube_per_voxel(tube):
    grid, _, result = tube
    truth = grid.to_world(SYSTOLE.green(grid.heart_points()))
    error = np.abs(result.green[1] - truth)[deep(grid, result)]
    assert error.max() < 0.005


@pytest.mark.parametrize("component", ["circumferential", "radial", "longitudinal"])
def test_components_of_the_tube_per_voxel_and_on_average(tube, component):
    grid, _, result = tube
    truth = closed_form(grid.heart_points())[component]
    found = getattr(result, component)[1]
    inside = deep(grid, result)
    assert np.abs(found - truth)[inside].max() < 0.012
    table = result.curves
    row = table[(table.component == component) & (table.region == "global") & (table.frame == 1)].iloc[0]
    assert row.green == pytest.approx(truth[result.wall].mean(), abs=0.012)  # the endocardial voxels see the blood
    assert np.isnan(found[~result.wall]).all()


def test_maps_have_the_shapes_the_design_names(tube):
    grid, _, result = tube
    assert result.green.shape == (2, *grid.shape, 3, 3)
    assert result.green.dtype == result.radial.dtype == np.float32
    assert result.radial.shape == result.circumferential.shape == result.longitudinal.shape == (2, *grid.shape)
    assert not np.any(result.green[0][result.wall])


def test_directions_are_those_of_a_tube(tube):
    grid, _, result = tube
    points = grid.heart_points()
    azimuth = np.arctan2(points[..., 1], points[..., 0])
    c, s, zero = np.cos(azimuth), np.sin(azimuth), np.zeros_like(azimuth)
    expected = {
        "radial": np.stack([c, s, zero], -1),
        "circumferential": np.stack([-s, c, zero], -1),  # counterclockwise seen from the base at +z
        "longitudinal": np.broadcast_to([0.0, 0.0, 1.0], points.shape),
    }
    for component, heart_direction in expected.items():
        cosine = (result.directions(component) * (heart_direction @ grid.rotation.T)).sum(-1)[result.wall]
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 2.5, component
    assert result.axis @ grid.rotation[:, 2] == pytest.approx(1, abs=1e-6)


def test_volumes_and_ejection_fraction(tube):
    grid, _, result = tube
    ratio = SYSTOLE.stretch * SYSTOLE.radius(INNER) ** 2 / INNER**2
    assert result.function["EF_percent"] == pytest.approx(100 * (1 - ratio), abs=1.0)
    labels = cylinder_labels(grid, INNER, OUTER)
    voxel_ml = np.prod(grid.spacing) / 1000
    assert result.function["EDV_ml"] == pytest.approx((labels == CAVITY).sum() * voxel_ml, rel=1e-6)
    assert result.function["mass_g"] == pytest.approx((labels == WALL).sum() * voxel_ml * 1.05, rel=1e-6)
    assert result.end_systole == 1
    volumes = result.volumes.set_index("frame")
    assert volumes.lv_myocardium_ml[1] == pytest.approx(volumes.lv_myocardium_ml[0], rel=0.02)  # incompressible
    assert volumes.rv_ml[0] == pytest.approx((labels == RV).sum() * voxel_ml, rel=1e-6)


def test_wall_thickness(tube):
    _, _, result = tube
    at_es = SYSTOLE.radius(OUTER) - SYSTOLE.radius(INNER)
    assert result.function["wall_thickness_ED_mm"] == pytest.approx(OUTER - INNER, rel=0.03)
    assert result.function["wall_thickness_ES_mm"] == pytest.approx(at_es, rel=0.06)


def test_twist_and_torsion(tube):
    _, _, result = tube
    per_cm = 10 * np.degrees(SYSTOLE.twist_per_mm)  # the base at +z turns about +z, which is clockwise from the apex
    row = result.rotation.set_index("frame").loc[1]
    assert per_cm > 0  # as a healthy heart does
    assert row.torsion_deg_per_cm == pytest.approx(per_cm, rel=1e-3)
    assert row.twist_deg == pytest.approx(per_cm * 5.6, rel=1e-3)
    assert row.apical_deg > 0 > row.basal_deg
    assert result.slice_rotation.shape == (2, 8)
    assert result.function["torsion_deg_per_cm"] == pytest.approx(per_cm, rel=1e-3)


def test_the_world_answer_does_not_depend_on_the_order_of_the_voxels():
    """Mirrored and reversed arrays of the same world give the same strain and the same segments at the same places."""
    reference = Grid(pose=OBLIQUE)
    base = strain(reference.motion([None, SYSTOLE.move]), cylinder_labels(reference))
    for flips in ((-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)):
        grid = Grid(pose=OBLIQUE, axes=flips)
        result = strain(grid.motion([None, SYSTOLE.move]), cylinder_labels(grid))
        back = tuple(slice(None, None, f) for f in flips[::-1])
        np.testing.assert_allclose(result.circumferential[1][back], base.circumferential[1], atol=2e-5)
        np.testing.assert_allclose(result.longitudinal[1][back], base.longitudinal[1], atol=2e-5)
        np.testing.assert_array_equal(result.segments[back], base.segments)
        np.testing.assert_allclose(result.rotation["twist_deg"], base.rotation["twist_deg"], atol=1e-4)


def test_rigid_motion_is_no_strain():
    grid = Grid(pose=OBLIQUE)
    turn = rotation(20, 10, -15)
    result = strain(grid.motion([None, lambda points: points @ turn.T + [5.0, -3.0, 9.0]]), cylinder_labels(grid))
    assert np.abs(result.green[1][result.wall]).max() < 1e-5
    assert result.function["EF_percent"] == pytest.approx(0, abs=1e-3)
    assert result.rotation["twist_deg"].iloc[1] == pytest.approx(0, abs=1e-4)


def test_rotation_about_the_axis_is_seen_as_such():
    grid = Grid(pose=OBLIQUE)
    turn = rotation(z=-7)
    result = strain(grid.motion([None, lambda points: points @ turn.T]), cylinder_labels(grid))
    np.testing.assert_allclose(result.slice_rotation[1], 7, atol=1e-3)  # clockwise from the base, so positive


@pytest.mark.parametrize("pose", [None, OBLIQUE])
def test_spheroid(pose):
    """Wall normals of a tapering ventricle with an apical cap, from 8 mm slices; the taper tells the base."""
    grid = Grid(
        shape=(11, 60, 60), pose=None if pose is None else pose @ rotation(x=180)
    )  # base where no patient has it
    heart = Spheroid()
    labels = heart.labels(grid)
    systole = Contraction(stretch=0.88, shift=-120.0, hinge=14.0)
    result = strain(grid.motion([None, systole.move]), labels)
    _, normals = heart.coordinate(grid.heart_points())
    cosine = (result.directions("radial") * (normals @ grid.rotation.T)).sum(-1)[result.wall]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 2.5
    assert result.axis @ grid.rotation[:, 2] == pytest.approx(1, abs=1e-4)

    points = grid.heart_points()
    R = np.hypot(points[..., 0], points[..., 1])
    truth = systole.green(points)
    around = np.cross(np.array([0.0, 0.0, 1.0]), normals)
    around /= np.linalg.norm(around, axis=-1, keepdims=True)
    along = np.cross(normals, around)
    inside = result.wall & (systole.hinge + 2.5 < R)  # the blood of the map does not keep to the closed form
    for component, n in (("radial", normals), ("circumferential", around), ("longitudinal", along)):
        exact = np.einsum("...a,...ab,...b->...", n, truth, n)
        error = (getattr(result, component)[1] - exact)[inside]
        assert np.abs(error).mean() < 0.02, component
        assert abs(error.mean()) < 0.01, component


def test_only_the_box_of_the_heart_is_computed():
    """A field that is nonsense away from the heart changes nothing."""
    grid = Grid()
    labels = cylinder_labels(grid, 12.0, 20.0)
    motion = grid.motion([None, Contraction(0.9, -50.0, hinge=9).move])
    spoiled = motion.displacement.copy()
    spoiled[1, :, :5] = 1000
    result = strain(motion, labels)
    np.testing.assert_array_equal(strain(Motion(spoiled, grid.affine), labels).wall_green, result.wall_green)
    assert result.wall_green.shape == (2, result.wall.sum(), 3, 3)

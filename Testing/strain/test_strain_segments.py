"""AHA segments, RV insertions and layers on rings of known geometry."""

import numpy as np
import pytest
from analytic_hearts import CAVITY, RV, WALL, Grid, cylinder_labels, rotation

from CardiacMotionLib import CardiacMotionError, strain
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.strain.segments import APICAL, BASAL, MID, layer_names, layers_from_depth, slice_levels

OBLIQUE = rotation(35, -25, 40)


def still(grid, frames=2):
    """Make a motion that does not move."""
    return Motion(np.zeros((frames, *grid.shape, 3)), grid.affine)


def azimuth(grid):
    """Degrees from anterior (+y), counterclockwise seen from the apex: through the septum at +x to inferior at -y."""
    points = grid.heart_points()
    return np.degrees(np.arctan2(points[..., 0], points[..., 1])) % 360


def insertion_points(grid, anterior, inferior, radius=33.0):
    angles = np.radians([anterior, inferior])
    heart = np.stack([radius * np.sin(angles), radius * np.cos(angles), np.zeros(2)], -1)
    return heart @ grid.rotation.T + grid.center


@pytest.mark.parametrize("pose", [None, OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize("start", [-40.0, 0.0, 25.0])
def test_segments_are_where_the_aha_puts_them(pose, start):
    """The anterior insertion starts segments 2 and 8; the numbers go on through the septum to the inferior wall."""
    grid = Grid(shape=(6, 60, 60), pose=pose)
    labels = cylinder_labels(grid)
    labels[labels == RV] = 0
    result = strain(still(grid), labels, rv_insertion=insertion_points(grid, start, start + 110))
    turned = (azimuth(grid) - start) % 360
    sectors = {
        **dict(zip((2, 3, 4, 5, 6, 1), np.arange(6) * 60, strict=True)),
        **dict(zip((8, 9, 10, 11, 12, 7), np.arange(6) * 60, strict=True)),
        **dict(zip((14, 15, 16, 13), 15 + np.arange(4) * 90, strict=True)),
    }
    slices = {**dict.fromkeys(range(1, 7), (4, 5)), **dict.fromkeys(range(7, 13), (2, 3))}
    for number, first in sectors.items():
        width = 90 if number > 12 else 60
        expected = (labels == WALL) & ((turned - first) % 360 < width)
        expected[[k for k in range(6) if k not in slices.get(number, (0, 1))]] = False  # the base is at high k
        np.testing.assert_array_equal(result.segments == number, expected, err_msg=f"segment {number}")


def test_insertions_are_found_from_the_rv_label():
    grid = Grid(pose=OBLIQUE)
    labels = cylinder_labels(grid, septum=(10.0, 120.0))
    result = strain(still(grid), labels)
    centered = (result.rv_insertion - grid.center) @ grid.rotation
    found = np.degrees(np.arctan2(centered[:, 0], centered[:, 1]))
    np.testing.assert_allclose(found, [10, 120], atol=4)
    np.testing.assert_allclose(np.hypot(*centered[:, :2].T), 33, atol=1.6)
    assert any("found from the RV label" in note for note in result.notes)
    given = strain(still(grid), labels, rv_insertion=insertion_points(grid, 10.0, 120.0))
    assert np.mean(given.segments[given.wall] == result.segments[given.wall]) > 0.9
    assert any("as given" in note for note in given.notes)


def test_a_mirrored_world_keeps_the_septum_beside_the_rv_and_says_so():
    """Septal segments stay at the RV, and a note warns about the sign of rotation."""
    grid = Grid()
    labels = cylinder_labels(grid, septum=(0.0, 120.0))[:, :, ::-1]  # RV on the left of the patient
    result = strain(still(grid), labels)
    touched = {int(n) for n in np.unique(result.segments[:, :, 1:][(labels[:, :, :-1] == RV)]) if n}
    assert {2, 3, 8, 9, 14} <= touched
    assert not touched & {5, 6, 11, 12, 16}
    assert any("clockwise seen from the apex" in note for note in result.notes)
    assert not any("clockwise seen from the apex" in n for n in strain(still(grid), cylinder_labels(grid)).notes)


def test_given_insertions_without_rv_use_the_shorter_arc_in_either_sense():
    grid = Grid(shape=(1, 60, 60))
    labels = cylinder_labels(grid)
    labels[labels == RV] = 0
    result = strain(still(grid), labels, rv_insertion=insertion_points(grid, 0.0, -120.0))
    septal = (labels == WALL) & ((-azimuth(grid)) % 360 < 120) & (azimuth(grid) > 0)
    assert set(np.unique(result.segments[septal])) == {8, 9}
    assert any("clockwise seen from the apex" in note for note in result.notes)


def test_insertions_that_look_exchanged_are_told():
    grid = Grid(shape=(3, 60, 60))
    points = insertion_points(grid, 10.0, 120.0)
    for given, said in ((points, False), (points[::-1], True)):
        notes = strain(still(grid), cylinder_labels(grid, septum=(10.0, 120.0)), rv_insertion=given).notes
        assert any("look exchanged" in note for note in notes) == said
        assert not any("clockwise seen from the apex" in note for note in notes)


def test_without_insertions_there_are_strains_but_no_segments():
    grid = Grid()
    labels = cylinder_labels(grid)
    labels[labels == RV] = 0
    result = strain(still(grid), labels)
    assert result.rv_insertion is None
    assert not result.segments.any()
    assert set(result.curves.region) == {"global", "endo", "mid", "epi"}
    assert any("give rv_insertion" in note for note in result.notes)


def test_all_sixteen_segments_and_layers_have_curves():
    grid = Grid()
    result = strain(still(grid), cylinder_labels(grid))
    expected = {"global", "endo", "mid", "epi", *map(str, range(1, 17))}
    assert set(result.curves.region) == expected == set(result.summary.region) == set(result.rates.region)
    assert len(result.curves) == 3 * len(expected) * 2


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[1, 2, 3]], r"shape \(1, 3\)"),
        ("left", "all numbers"),
        ([[np.nan, 0, 0], [0, 0, 0]], "finite"),
        ([[700.0, 0, 0], [0, 700.0, 0]], "anterior point .* mm from the LV wall"),
        ([[7.0, 20.0, 30.0], [7.0, 20.5, 30.0]], "0 degrees apart"),
    ],
)
def test_impossible_insertions_are_refused(points, message):
    grid = Grid()
    with pytest.raises(CardiacMotionError, match=message):
        strain(still(grid), cylinder_labels(grid), rv_insertion=points)


@pytest.mark.parametrize("count", [3, 6, 8, 9, 10, 12])
def test_levels_are_thirds_of_the_closed_rings(count):
    rings = np.zeros(count + 3, bool)
    rings[2 : count + 2] = True
    levels = slice_levels(rings, np.arange(count + 3) * 8.0)
    assert not levels[~rings].any()
    used = levels[rings]
    assert np.all(np.diff(used.astype(int)) <= 0)  # apical 3 at low positions, basal 1 at high
    sizes = [np.count_nonzero(used == level) for level in (BASAL, MID, APICAL)]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == count


def test_one_ring_is_mid_ventricular():
    assert slice_levels(np.array([True]), np.array([5.0])).tolist() == [MID]
    assert slice_levels(np.array([False]), np.array([5.0])).tolist() == [0]


def test_open_rings_have_strain_but_no_segment():
    grid = Grid()
    labels = cylinder_labels(grid)
    opened = (azimuth(grid)[-1] > 200) & (azimuth(grid)[-1] < 260) & (labels[-1] == WALL)
    labels[-1][opened] = 0
    result = strain(still(grid), labels)
    assert not result.segments[-1].any()
    assert result.wall[-1].any()
    assert result.segments[-2].any()
    assert any("no closed ring in slices [7]" in note for note in result.notes)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_layers_are_equal_parts_of_the_thickness(layers):
    grid = Grid(shape=(3, 80, 80), spacing=(1.0, 1.0, 8.0))
    labels = cylinder_labels(grid, 22.0, 34.0)
    result = strain(still(grid), labels, layers=layers)
    points = grid.heart_points()
    depth = (np.hypot(points[..., 0], points[..., 1]) - 22) / 12
    expected = np.floor(depth * layers) + 1
    boundary = np.abs(depth * layers - np.round(depth * layers)) < 0.05 * layers
    clear = result.wall & ~boundary
    assert np.mean(result.layers[clear] == expected[clear]) > 0.99
    assert not result.layers[~result.wall].any()
    assert len(result.layer_names) == layers == len(set(result.layer_names))
    assert set(result.layer_names) <= set(result.curves.region)


def test_layer_edges():
    assert layers_from_depth(np.array([0.0, 0.32, 0.34, 0.67, 1.0]), 3).tolist() == [1, 1, 2, 3, 3]
    assert layer_names(3) == ("endo", "mid", "epi")


@pytest.mark.parametrize("layers", [0, -1, 10, 2.5, True, "three"])
def test_impossible_layers_are_refused(layers):
    grid = Grid()
    with pytest.raises(CardiacMotionError, match="layers must be a whole number from 1 to 9"):
        strain(still(grid), cylinder_labels(grid), layers=layers)


def test_apex_and_base_by_taper_when_the_stack_runs_the_other_way():
    """Conical ventricle: whichever way the slices run, the wide end is the base."""
    for flip in (1, -1):
        grid = Grid(axes=(1, 1, flip), pose=rotation(x=180))
        points = grid.heart_points()
        radius = 20 + points[..., 2] * 0.2
        R = np.hypot(points[..., 0], points[..., 1])
        labels = np.where(radius > R, CAVITY, np.where(radius + 9 > R, WALL, 0)).astype(np.uint8)
        result = strain(still(grid), labels)
        assert result.axis @ grid.rotation[:, 2] == pytest.approx(1, abs=1e-6)
        assert not any("look alike" in note for note in result.notes)

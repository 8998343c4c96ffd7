"""Virtual tags: the painted pattern at the reference, and carried by the motion elsewhere."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, TIMES, heart_labels, heart_motion, heart_series

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.scene import add_results, add_series, load_scene, remove_results, save_scene
from CardiacMotionLib.scene.layers import add_layer, remove_layer
from CardiacMotionLib.scene.results import find_results
from CardiacMotionLib.scene.steps import finish
from CardiacMotionLib.scene.tags import LEVELS, TagPattern, tags_layer

STRAIGHT = TagPattern(6.0, 2.0, (0.0,))


def moved_along_i(affine, millimeters) -> Motion:
    """Everything moves along the first image axis by one distance a frame."""
    displacement = np.zeros((len(millimeters), *SHAPE, 3))
    direction = affine[:3, 0] / np.linalg.norm(affine[:3, 0])
    displacement[:] = np.array(millimeters)[:, None, None, None, None] * direction
    return Motion(displacement, affine, 0, TIMES[: len(millimeters)])


def drawn(motion, pattern, labels=None):
    layer = tags_layer(motion, pattern, labels)
    return layer, [frame.astype(float) / (LEVELS - 1) for frame in layer.frames]


def test_a_line_is_half_as_dark_at_half_its_width_and_comes_back_after_the_spacing():
    across = np.array([0.0, 1.0, 3.0, 6.0, -6.0, 7.0])
    points = np.stack([across, np.full_like(across, 4.2)], axis=-1)
    np.testing.assert_allclose(STRAIGHT.darkness(points), [1, 0.5, 0, 1, 1, 0.5], atol=1e-6)


def test_two_sets_of_lines_darken_one_after_the_other():
    both = TagPattern(6.0, 2.0, (0.0, 90.0))
    points = np.array([[1.0, 1.0], [1.0, 3.0], [3.0, 3.0], [0.0, 3.0]])
    np.testing.assert_allclose(both.darkness(points), [0.75, 0.5, 0.0, 1.0], atol=1e-6)


@pytest.mark.parametrize(("spacing", "width"), [(0.0, 1.0), (np.nan, 1.0), (6.0, 6.0), (6.0, 0.0)])
def test_a_pattern_that_cannot_be_painted_is_refused(spacing, width):
    with pytest.raises(CardiacMotionError, match="tag"):
        TagPattern(spacing, width)


def test_the_reference_shows_the_pattern_itself_on_pixels_finer_than_the_cine(affine):
    layer, frames = drawn(moved_along_i(affine, (0.0, 2.0)), TagPattern())
    spacing = np.linalg.norm(layer.affine[:3, :3], axis=0)
    np.testing.assert_allclose(spacing, (0.5, 0.5, 8.0))
    assert frames[0].shape == (SHAPE[0], 3 * SHAPE[1], 3 * SHAPE[2])
    j, i = np.indices(frames[0].shape[1:])
    middle = affine @ [(SHAPE[2] - 1) / 2, (SHAPE[1] - 1) / 2, 0, 1]
    world = np.stack([i, j, 0 * i, np.ones_like(i)], -1) @ layer.affine.T - middle
    axes = affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)
    expected = TagPattern().darkness(world[..., :3] @ axes)
    for plane in frames[0]:
        np.testing.assert_allclose(plane, expected, atol=0.5 / (LEVELS - 1) + 1e-5)


def test_a_translation_moves_the_tags_by_exactly_that(affine):
    _layer, frames = drawn(moved_along_i(affine, (0.0, 2.0, -3.5)), TagPattern())
    for frame, pixels in ((1, 4), (2, -7)):  # of 0.5 mm
        moved = np.roll(frames[0], pixels, axis=2)[:, :, 8:-8]
        np.testing.assert_allclose(frames[frame][:, :, 8:-8], moved, atol=1.01 / (LEVELS - 1))
        assert np.abs(frames[frame] - frames[0]).max() > 0.5


def test_no_motion_leaves_the_pattern():
    _layer, frames = drawn(moved_along_i(AFFINES["axial"], (0.0, 0.0, 0.0)), TagPattern())
    np.testing.assert_array_equal(frames[1], frames[0])
    np.testing.assert_array_equal(frames[2], frames[0])


def test_with_labels_the_tags_are_on_the_heart_only_and_go_with_it():
    affine, labels = AFFINES["axial"], np.zeros(SHAPE, np.uint8)
    labels[2, 12:15, 13:16] = 2
    layer, frames = drawn(moved_along_i(affine, (0.0, 6.0)), STRAIGHT, labels)
    whole, everywhere = drawn(moved_along_i(affine, (0.0, 6.0)), STRAIGHT)
    assert frames[0].size < everywhere[0].size
    offset = np.round((layer.affine[:3, 3] - whole.affine[:3, 3]) / (0.5, 0.5, 8.0)).astype(int)
    k, j, i = frames[0].shape
    same = everywhere[0][offset[2] : offset[2] + k, offset[1] : offset[1] + j, offset[0] : offset[0] + i]
    fine = np.kron(labels > 0, np.ones((1, 3, 3), bool))
    heart = fine[offset[2] : offset[2] + k, offset[1] : offset[1] + j, offset[0] : offset[0] + i]
    np.testing.assert_array_equal(frames[0][heart], same[heart])
    for frame in frames:
        assert frame.sum() > 0
    column = [np.argwhere(frame.any((0, 1)))[:, 0].mean() for frame in frames]
    assert column[1] - column[0] == pytest.approx(12, abs=1)  # 6 mm of 0.5 mm


@pytest.fixture
def run(scene):
    series, motion = heart_series(AFFINES["oblique"]), heart_motion(AFFINES["oblique"])
    sequence, _ = add_series(series, "Cine")
    return add_results(sequence, series, motion, name="Run"), motion


def test_tags_play_with_the_cine_survive_a_saved_scene_and_go_with_the_run(scene, run, tmp_path):
    import slicer

    results, motion = run
    before = scene.GetNumberOfNodes()
    sequence = finish(add_layer(results, tags_layer(motion, TagPattern(), heart_labels())))
    assert results.layers == {"tags": sequence}
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 1
    proxy = results.proxy(sequence)
    assert proxy.IsA("vtkMRMLLabelMapVolumeNode")
    clear, dark = np.zeros(4), np.zeros(4)
    colors = proxy.GetDisplayNode().GetColorNode()
    colors.GetColor(0, clear), colors.GetColor(LEVELS - 1, dark)
    assert clear[3] == 0
    assert dark[3] > 0.7
    shown = slicer.util.arrayFromVolume(sequence.GetNthDataNode(2)).copy()
    save_scene(tmp_path / "scene.mrb")
    load_scene(tmp_path / "scene.mrb")
    (found,) = find_results()
    kept = found.layers["tags"].GetNthDataNode(2)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(kept), shown)
    assert found.proxy(found.layers["tags"]).GetDisplayNode().GetColorNode().GetName() == colors.GetName()
    remove_layer(found, "layer:tags")
    assert found.layers == {}
    assert scene.GetNumberOfNodesByClass("vtkMRMLLabelMapVolumeNode") == 0
    remove_results(found)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 1
    assert scene.GetNodesByName(colors.GetName()).GetNumberOfItems() == 0
    assert scene.GetNumberOfNodes() < before


def test_who_stops_in_the_middle_leaves_nothing(scene, run):
    results, motion = run
    before = scene.GetNumberOfNodes()
    steps = add_layer(results, tags_layer(motion, TagPattern(), heart_labels()))
    assert 0 < next(steps) < next(steps) < 1
    steps.close()
    assert scene.GetNumberOfNodes() == before
    assert results.layers == {}

"""Registered images against the reference: difference, tiles, and the pair that alternates."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, TIMES, drifting_heart, heart_labels, heart_motion, heart_series

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError, ImageSeries
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.scene import add_results, add_series, remove_results, show_segments
from CardiacMotionLib.scene.compare import (
    add_reference_image,
    checkerboard,
    checkerboard_layer,
    difference_layer,
    reference_image,
    registered_layer,
)
from CardiacMotionLib.scene.extra_overlays import makeable_overlays, overlay_layer, strain_rate, walls_of
from CardiacMotionLib.scene.layers import add_layer, starting_window, title_of
from CardiacMotionLib.scene.overlays import OUTSIDE
from CardiacMotionLib.scene.results import find_results, rename_results
from CardiacMotionLib.scene.sequences import data_nodes
from CardiacMotionLib.scene.slice_layers import Picture, SliceLayers
from CardiacMotionLib.scene.steps import finish

AFFINE = AFFINES["oblique"]


def stack(layer) -> np.ndarray:
    return np.stack(list(layer.frames))


def shifted(voxels=(0, 2, -1, 3)) -> tuple[ImageSeries, Motion]:
    """A random image moved by whole voxels along i in every frame, and exactly that motion."""
    image = np.random.default_rng(4).normal(100, 20, SHAPE).astype(np.float32)
    frames = np.stack([np.roll(image, shift, axis=2) for shift in voxels])
    displacement = np.zeros((len(voxels), *SHAPE, 3))
    displacement[:] = np.array(voxels)[:, None, None, None, None] * AFFINE[:3, 0]
    return ImageSeries(frames, AFFINE, TIMES), Motion(displacement, AFFINE, 0, TIMES)


def test_the_right_motion_leaves_no_difference_and_none_leaves_all_of_it():
    series, motion = shifted()
    inside = np.s_[:, :, :, 4:-4]
    right = difference_layer(series, motion)
    assert np.abs(stack(right)[inside]).max() < 1e-2
    still = Motion(np.zeros_like(motion.displacement), AFFINE, 0, TIMES)
    np.testing.assert_allclose(stack(difference_layer(series, still)), series.frames - series.frames[0], atol=1e-4)
    assert right.window[1] == pytest.approx(np.percentile(np.abs(series.frames - series.frames[0]), 99))
    assert right.window[0] == -right.window[1]


def test_the_checkerboard_has_tiles_of_the_wanted_size_of_both_images():
    series, motion = shifted()
    board = checkerboard(SHAPE, motion.spacing, 6.0)  # 4 pixels of 1.5 mm
    assert board[0, 0, :9].tolist() == [False] * 4 + [True] * 4 + [False]
    assert board[0, :9, 0].tolist() == board[0, 0, :9].tolist()
    still = Motion(np.zeros_like(motion.displacement), AFFINE, 0, TIMES)
    tiles = stack(checkerboard_layer(series, still, 6.0))
    np.testing.assert_allclose(tiles[1][board], series.frames[1][board], rtol=1e-5)
    np.testing.assert_allclose(tiles[1][~board], series.frames[0][~board])
    with pytest.raises(CardiacMotionError, match="tiles"):
        checkerboard_layer(series, still, 0.0)


def test_a_canonical_space_is_compared_with_the_mean_of_what_was_registered():
    series, motion = drifting_heart(AFFINE)
    np.testing.assert_allclose(reference_image(series, motion), motion.warp(series).mean(axis=0), atol=1e-5)


@pytest.fixture
def run(scene):
    series, motion = heart_series(AFFINE), heart_motion(AFFINE)
    strain = CardiacMotionLib.strain(motion, series.labels[0])
    sequence, _ = add_series(series, "Cine")
    return add_results(sequence, series, motion, strain, name="Run"), series, motion, strain


def test_the_pair_is_shown_like_the_cine_and_goes_with_the_run(scene, run):
    import slicer

    results, series, motion, _ = run
    cine = results.proxy(results.cine)
    cine.GetDisplayNode().SetWindowLevelMinMax(13, 77)
    registered = finish(add_layer(results, registered_layer(series, motion)))
    still = add_reference_image(results, reference_image(series, motion), motion.affine)
    assert set(results.layers) == {"registered", "reference_image"}
    for node in (results.proxy(registered), still):
        display = node.GetDisplayNode()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (13, 77)
        assert display.GetColorNodeID() == cine.GetDisplayNode().GetColorNodeID()
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(still), series.frames[0])
    drawn = np.stack([slicer.util.arrayFromVolume(node) for node in data_nodes(registered)])
    np.testing.assert_allclose(drawn, motion.warp(series), atol=1e-4)
    assert registered.GetAttribute("CardiacMotion.method") == "known"
    remove_results(results)
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1  # the cine


def test_a_layer_made_again_replaces_the_first(scene, run):
    results, series, motion, _ = run
    finish(add_layer(results, checkerboard_layer(series, motion, 6.0)))
    before = scene.GetNumberOfNodes()
    again = finish(add_layer(results, checkerboard_layer(series, motion, 12.0)))
    assert scene.GetNumberOfNodes() == before
    assert results.layers == {"checkerboard": again}


class TestOverlaysOnDemand:
    def test_displacement_is_the_distance_from_the_place_in_the_reference(self, run):
        import slicer

        results, _, motion, strain = run
        walls = walls_of(results)
        np.testing.assert_array_equal(walls[0], heart_labels() == 2)
        sequence = finish(add_layer(results, overlay_layer("displacement", motion, strain, walls)))
        assert results.overlays["displacement"] is sequence
        assert title_of(sequence) == "Displacement (mm)"
        assert starting_window(sequence) == (0.0, 10.0)
        drawn = [slicer.util.arrayFromVolume(node) for node in data_nodes(sequence)]
        for frame, wall in enumerate(walls):
            np.testing.assert_array_equal(drawn[frame] != OUTSIDE, wall)
        assert np.abs(drawn[0][walls[0]]).max() < 1e-5
        point = (AFFINE @ [22.0, 14.0, 2.0, 1.0])[:3]  # in the wall of the reference
        moved = motion.track(point[None])[2, 0]
        i, j, k = np.round(np.linalg.solve(AFFINE, [*moved, 1.0])[:3]).astype(int)
        assert drawn[2][k, j, i] == pytest.approx(np.linalg.norm(moved - point), abs=0.25)

    def test_rate_of_strain_is_that_of_a_known_ramp(self, run):
        *_, strain = run
        rate = strain_rate(strain)
        engineering = strain.engineering("circumferential")
        wall = heart_labels() == 2
        seconds = (TIMES[2] - TIMES[0]) / 1000
        expected = (engineering[2] - engineering[0])[wall] / seconds  # frames are as good as equally spaced
        np.testing.assert_allclose(rate[1][wall], expected, atol=0.02)
        curve = strain.rates[(strain.rates["component"] == "circumferential") & (strain.rates["region"] == "global")]
        np.testing.assert_allclose(np.nanmean(rate, axis=(1, 2, 3)), curve["rate_per_s"], atol=0.02)

    def test_what_can_be_made_is_what_is_known(self, scene, run):
        results, series, motion, strain = run
        assert makeable_overlays(results) == ["displacement", "strain_rate"]
        assert makeable_overlays(add_results(results.cine, series, motion)) == ["displacement"]
        counted = series.replace(times=None)
        untimed = Motion(motion.displacement, AFFINE, 0)
        sequence, _ = add_series(counted, "Counted")
        of_untimed = CardiacMotionLib.strain(untimed, heart_labels())
        assert makeable_overlays(add_results(sequence, counted, untimed, of_untimed)) == ["displacement"]
        with pytest.raises(CardiacMotionError, match="times"):
            overlay_layer("strain_rate", untimed, of_untimed, walls_of(results))
        with pytest.raises(CardiacMotionError, match="no strain"):
            overlay_layer("strain_rate", motion, None, None)
        with pytest.raises(CardiacMotionError, match="displacement"):
            overlay_layer("magic", motion, strain, None)

    def test_the_spread_of_strain_over_samples(self, run):
        import slicer

        results, series, motion, _ = run
        samples = [Motion(a * motion.displacement, AFFINE, 0, TIMES) for a in (0.9, 1.1)]
        sampled = Motion(motion.displacement, AFFINE, 0, TIMES, {"drawn": 2}, samples=samples)
        strain = CardiacMotionLib.strain(sampled, heart_labels())
        again = add_results(results.cine, series, sampled, strain)
        assert makeable_overlays(again) == ["displacement", "strain_rate", "ecc_spread"]
        walls = walls_of(again)
        sequence = finish(add_layer(again, overlay_layer("ecc_spread", sampled, strain, walls)))
        assert title_of(sequence) == "SD of Ecc (%)"
        assert starting_window(sequence) == (0.0, 5.0)
        drawn = [slicer.util.arrayFromVolume(node) for node in data_nodes(sequence)]
        wall = heart_labels() == 2
        np.testing.assert_allclose(drawn[0][wall], 0, atol=1e-4)
        expected = 100 * np.mean(strain.spread("circumferential")[2][wall])
        assert expected > 0.1
        assert np.mean(drawn[2][walls[2]]) == pytest.approx(expected, rel=0.15)
        with pytest.raises(CardiacMotionError, match="the samples of this run are not there any more"):
            overlay_layer("ecc_spread", motion, CardiacMotionLib.strain(motion, heart_labels()), walls)


class TestViews:
    @pytest.fixture
    def views(self, scene):
        import slicer

        made = []
        for name in ("Red", "Green"):
            made.append(slicer.vtkMRMLSliceCompositeNode())
            made[-1].SetLayoutName(name)
            scene.AddNode(made[-1])
        return made

    def test_views_are_given_back_except_for_what_the_user_changed(self, scene, run, views):
        results, *_ = run
        scout = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Scout")
        cine = results.proxy(results.cine)
        overlay = results.proxy(results.overlays["circumferential"])
        for view in views:
            view.SetBackgroundVolumeID(scout.GetID())
            view.SetForegroundOpacity(0.3)
        layers = SliceLayers()
        layers.show(Picture(cine, overlay, 0.6))
        for view in views:
            assert view.GetBackgroundVolumeID() == cine.GetID()
            assert view.GetForegroundVolumeID() == overlay.GetID()
            assert view.GetForegroundOpacity() == 0.6
        views[1].SetForegroundVolumeID(scout.GetID())
        layers.show(Picture(cine, overlay, 0.6))  # nothing new: the user's choice stays
        assert views[1].GetForegroundVolumeID() == scout.GetID()
        layers.fade(0.0)
        assert views[0].GetForegroundOpacity() == 0.0
        layers.restore()
        for view in views:
            assert view.GetBackgroundVolumeID() == scout.GetID()
            assert view.GetForegroundOpacity() == 0.3
        assert views[0].GetForegroundVolumeID() is None
        assert views[1].GetForegroundVolumeID() == scout.GetID()

    def test_a_map_that_was_there_is_no_part_of_the_picture(self, scene, run, views):
        results, *_ = run
        other = results.proxy(results.overlays["radial"])
        for view in views:
            view.SetForegroundVolumeID(other.GetID())
        SliceLayers().show(Picture(results.proxy(results.cine)))
        assert [view.GetForegroundVolumeID() for view in views] == [None, None]

    def test_what_others_of_ours_put_there_stays_when_the_picture_changes(self, scene, run, views):
        results, *_ = run
        cine, overlay = results.proxy(results.cine), results.proxy(results.overlays["radial"])
        layers = SliceLayers()
        layers.show(Picture(cine, overlay, 0.6))
        show_segments(results)
        layers.fade(0.2)
        layers.show(Picture(cine, overlay, 0.5))
        layers.show(Picture(cine, results.proxy(results.overlays["circumferential"]), 0.5))
        for view in views:
            assert view.GetLabelVolumeID() == results.proxy(results.segments).GetID()
            assert view.GetForegroundVolumeID() == results.proxy(results.overlays["circumferential"]).GetID()
            assert view.GetForegroundOpacity() == 0.5

    def test_a_view_that_starts_with_what_the_others_show_does_not_keep_it(self, scene, run, views):
        results, *_ = run
        cine, overlay = results.proxy(results.cine), results.proxy(results.overlays["radial"])
        layers = SliceLayers()
        layers.show(Picture(cine, overlay))
        views[1].CopyContent(views[0])  # as a layout does for a view of its own
        late = SliceLayers()
        late.show(Picture(cine, overlay))
        late.restore()
        for view in views:
            assert view.GetForegroundVolumeID() is None
            assert view.GetBackgroundVolumeID() == cine.GetID()

    def test_what_was_there_comes_back_when_the_run_was_deleted(self, scene, run, views):
        results, *_ = run
        scout = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Scout")
        views[0].SetForegroundVolumeID(scout.GetID())
        layers = SliceLayers()
        layers.show(Picture(results.proxy(results.cine), results.proxy(results.overlays["radial"])))
        remove_results(results)
        layers.restore()
        assert views[0].GetForegroundVolumeID() == scout.GetID()

    def test_an_image_that_is_gone_is_not_put_back(self, scene, run, views):
        results, *_ = run
        scout = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Scout")
        views[0].SetForegroundVolumeID(scout.GetID())
        layers = SliceLayers()
        layers.show(Picture(results.proxy(results.cine), results.proxy(results.overlays["radial"])))
        scene.RemoveNode(scout)
        layers.restore()
        assert views[0].GetForegroundVolumeID() is None
        assert views[0].GetBackgroundVolumeID() == results.proxy(results.cine).GetID()  # was empty


def test_a_renamed_run_is_found_by_its_new_name(scene, run):
    results, *_ = run
    rename_results(results, " Second reader ")
    assert results.motion_to_frame.GetName() == "Second reader motion to frame"
    (found,) = find_results()
    assert found.name == "Second reader"
    with pytest.raises(CardiacMotionError, match="empty"):
        rename_results(results, "  ")

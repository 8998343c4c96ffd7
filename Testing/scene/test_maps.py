"""Maps in the scene: values, units, colors and place, found again after a save, and gone when removed."""

import json

import numpy as np
import pytest
from small_hearts import AFFINES, heart_labels, heart_motion, heart_series, node_names
from small_maps import small_maps

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.report import MapRun, with_labels
from CardiacMotionLib.scene import (
    add_map_run,
    add_maps,
    add_series,
    find_maps,
    find_results,
    load_scene,
    remove_maps,
    render_map,
    save_scene,
    series_from_nodes,
    show_frame,
    show_map,
)
from CardiacMotionLib.scene.map_colors import CONTRAST_T1_MS, NATIVE_T1_MS, PALETTES, shown_maps, styles
from CardiacMotionLib.scene.map_views import find_map, set_window, window_of
from CardiacMotionLib.scene.maps import add_map_run_in_steps
from CardiacMotionLib.scene.sequences import data_nodes, index_of


@pytest.fixture
def added(scene, affine):
    series, maps = heart_series(affine), small_maps(affine)
    sequence, _ = add_series(series, "T1 series")
    registered = series.replace(frames=series.frames[::-1])
    return add_maps(maps, sequence, registered=registered, labels=heart_labels(), facts={"method": "known"}), maps


def legend_of(node):
    import slicer

    return slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node)


def test_a_map_has_its_values_place_quantity_and_unit(added, affine):
    import slicer

    results, maps = added
    assert list(results.maps) == ["T1", "T1_SD", "A", "R2"]
    for name, node in results.maps.items():
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), maps.maps[name])
    node = results.maps["T1"]
    assert node.GetVoxelValueQuantity().GetAsPrintableString() == '(113063, DCM, "T1")'
    assert node.GetVoxelValueUnits().GetAsPrintableString() == '(ms, UCUM, "millisecond")'
    assert results.maps["T1_SD"].GetVoxelValueQuantity().GetCodeValue() == "386136009"
    assert results.maps["R2"].GetVoxelValueUnits().GetCodeValue() == "1"
    matrix = slicer.vtkMRMLScalarVolumeNode.GetIJKToRASMatrix
    import vtk

    found = vtk.vtkMatrix4x4()
    matrix(node, found)
    np.testing.assert_allclose(slicer.util.arrayFromVTKMatrix(found), affine)


def test_a_map_is_shown_with_colors_window_and_legend_and_nan_is_hidden(added):
    results, _ = added
    display = results.maps["T1"].GetDisplayNode()
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, NATIVE_T1_MS)
    assert display.GetColorNode().GetName() == "CardiacMotion Lipari"
    assert display.GetColorNode().GetAttribute("Category") == "CardiacMotion"
    assert display.GetApplyThreshold()
    assert not display.GetInterpolate()
    assert (display.GetLowerThreshold(), display.GetUpperThreshold()) == (0, 1500)
    assert legend_of(results.maps["T1"]).GetTitleText() == "T1 (ms)"
    assert legend_of(results.maps["T1_SD"]).GetTitleText() == "SD of T1 (ms)"
    assert not legend_of(results.maps["T1"]).GetVisibility()


def test_t1_after_contrast_agent_has_a_window_of_its_own():
    native, after = small_maps(AFFINES["axial"]), small_maps(AFFINES["axial"], (900.0, 300.0, 450.0, 290.0))
    assert styles(native)["T1"].window == (0, NATIVE_T1_MS)
    assert styles(after, heart_labels())["T1"].window == (0, CONTRAST_T1_MS)
    assert styles(after, heart_labels())["T1_SD"].window == (0, CONTRAST_T1_MS / 10)
    assert shown_maps(native) == ["T1", "T1_SD", "R2"]
    assert styles(native)["A"].window[1] == pytest.approx(0.5)


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_colors_grow_lighter_or_darker_all_the_way(name):
    """So that the order of values is seen in gray too."""
    position, *color = np.array(PALETTES[name]).T
    assert (np.diff(position) > 0).all()
    assert (position[0], position[-1]) == (0, 1)
    lightness = np.array([0.2126, 0.7152, 0.0722]) @ np.array(color)
    assert (np.diff(lightness) > 0).all() or (np.diff(lightness) < 0).all()


def test_registered_images_are_played_with_the_series(added):
    import slicer

    results, _ = added
    assert index_of(results.registered) == index_of(results.series)
    assert results.browser.IsSynchronizedSequenceNode(results.registered)
    show_frame(results.browser, 1)
    images = [slicer.util.arrayFromVolume(node) for node in data_nodes(results.registered)]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(results.image), images[1])


def test_registered_images_can_be_fitted_again(scene, tmp_path):
    series = heart_series(AFFINES["axial"])
    series = series.replace(meta={"name": "T1", "inversion_times": [100.0, 1100.0, np.inf, 180.0], "model": "stone"})
    sequence, _ = add_series(series, "T1 series")
    results = add_maps(small_maps(AFFINES["axial"]), sequence, registered=series)
    save_scene(tmp_path / "maps.mrb")
    for registered in (results.registered, reloaded(tmp_path / "maps.mrb").registered):
        found = series_from_nodes(registered)
        assert found.meta["inversion_times"] == series.meta["inversion_times"]


def reloaded(path):
    load_scene(path)
    (found,) = find_maps()
    return found


def test_show_map_puts_it_over_the_registered_images(scene, added):
    results, _ = added
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Red")
    show_map(results, "T1_SD", opacity=0.8)
    assert composite.GetForegroundVolumeID() == results.maps["T1_SD"].GetID()
    assert composite.GetBackgroundVolumeID() == results.image.GetID()
    assert composite.GetForegroundOpacity() == pytest.approx(0.8)
    assert legend_of(results.maps["T1_SD"]).GetVisibility()
    show_map(results, "T1")
    assert not legend_of(results.maps["T1_SD"]).GetVisibility()
    with pytest.raises(CardiacMotionError, match="has no map 'T2'; it has T1, T1_SD, A, R2"):
        show_map(results, "T2")


def test_provenance_is_on_every_node(added):
    results, maps = added
    for node in (*results.maps.values(), results.registered, results.labels):
        assert node.GetAttribute("CardiacMotion.model") == "molli"
        assert node.GetAttribute("CardiacMotion.method") == "known"
        assert json.loads(node.GetAttribute("CardiacMotion.acquisition")) == maps.acquisition
        assert node.GetAttribute("CardiacMotion.series") == "T1 series"


def test_everything_is_found_again_after_saving(scene, added, tmp_path):
    import slicer

    results, maps = added
    save_scene(tmp_path / "maps.mrb")
    load_scene(tmp_path / "maps.mrb")
    (found,) = find_maps()
    assert find_results() == []
    assert (found.name, list(found.maps)) == (results.name, list(maps.maps))
    assert found.series.GetName() == "T1 series"
    assert found.registered.GetNumberOfDataNodes() == 4
    assert found.labels.GetSegmentation().GetNumberOfSegments() == 3
    node = found.maps["T1"]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(node), maps.maps["T1"])
    assert node.GetVoxelValueUnits().GetCodeValue() == "ms"
    assert node.GetDisplayNode().GetColorNode().GetName() == "CardiacMotion Lipari"
    assert legend_of(node).GetTitleText() == "T1 (ms)"
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    assert hierarchy.GetItemName(found.folder) == results.name
    assert hierarchy.GetItemByDataNode(node) != hierarchy.GetInvalidItemID()


def test_removed_maps_leave_the_scene_as_it_was(scene):
    series = heart_series(AFFINES["oblique"])
    sequence, _ = add_series(series, "T1 series")
    before = node_names(scene)
    results = add_maps(small_maps(AFFINES["oblique"]), sequence, registered=series, labels=heart_labels())
    assert node_names(scene) != before
    remove_maps(results)
    assert node_names(scene) == before
    assert find_maps() == []


def test_maps_alone_need_no_series(scene):
    results = add_maps(small_maps(AFFINES["axial"]))
    assert results.image is None
    assert results.name == "molli maps"
    assert [found.name for found in find_maps()] == ["molli maps"]
    _, browser = add_series(heart_series(AFFINES["axial"]), "What the user looks at")
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Red")
    composite.SetBackgroundVolumeID(browser.GetProxyNode(browser.GetMasterSequenceNode()).GetID())
    background = composite.GetBackgroundVolumeID()
    show_map(results, "T1")
    assert composite.GetForegroundVolumeID() == results.maps["T1"].GetID()
    assert composite.GetBackgroundVolumeID() == background


def test_what_does_not_fit_is_refused_and_leaves_nothing(scene):
    affine = AFFINES["axial"]
    series, maps = heart_series(affine), small_maps(affine)
    sequence, _ = add_series(series, "T1 series")
    before = node_names(scene)
    for given, message in (
        ({"registered": series.crop((slice(0, 5), slice(0, 20), slice(0, 30)))}, "are not on one grid"),
        ({"registered": series.replace(frames=series.frames[:3], times=None)}, "has 4 frames, the registered images 3"),
        ({"labels": heart_labels()[:2]}, "labels of frame 0 have shape"),
    ):
        with pytest.raises(CardiacMotionError, match=message):
            add_maps(maps, sequence, **given)
    with pytest.raises(CardiacMotionError, match="need series_node"):
        add_maps(maps, registered=series)
    assert node_names(scene) == before


def test_rendered_map_has_its_colors_and_shows_the_image_through_the_hole(scene, tmp_path):
    from PIL import Image

    affine = AFFINES["axial"]
    series = heart_series(affine)
    sequence, _ = add_series(series, "T1 series")
    results = add_maps(small_maps(affine), sequence, labels=heart_labels())
    names = node_names(scene)
    path = render_map(results, tmp_path / "map.png", contours=False, size=(300, 300), slice_index=2)
    assert node_names(scene) == names
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    cavity = np.abs(picture - np.array([0.913, 0.601, 0.451]) * 255).max(-1) < 8  # T1 1500 of 2000 ms
    wall = np.abs(picture - np.array([0.646, 0.385, 0.403]) * 255).max(-1) < 8  # 1000 ms
    gray = (np.ptp(picture, axis=-1) < 4) & (picture.max(-1) > 60)  # images and the text of the legend
    assert min(cavity.sum(), wall.sum()) > 1500
    rows, columns = np.nonzero(wall)
    inside = gray[rows.min() : rows.max(), columns.min() : columns.max()]
    assert inside.sum() > 50
    for wrong, message in (
        ({"name": "T2"}, "no map 'T2'"),
        ({"frame": 9}, "frame must be"),
        ({"slice_index": 5}, "slice"),
    ):
        with pytest.raises(CardiacMotionError, match=message):
            render_map(results, tmp_path / "no.png", **wrong)


@pytest.fixture
def compared(scene):
    """(results, run) of maps before and after registration, each with a T1 of the wall of its own."""
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine), heart_motion(affine)
    series = series.replace(labels={0: heart_labels()})
    registered = series.replace(frames=motion.warp(series))
    before, after = small_maps(affine, (700.0, 1450.0, 1100.0, 1500.0)), small_maps(affine)
    run = with_labels(MapRun(series, before, motion, registered, after), 0, heart_labels())
    sequence, _ = add_series(series, "T1 series")
    return add_map_run(run, sequence), run


def column(table, name):
    return [table.GetTable().GetValueByName(row, name).ToString() for row in range(table.GetNumberOfRows())]


def test_maps_before_registration_are_there_to_compare(scene, compared, tmp_path):
    import slicer

    results, run = compared
    for found in now_and_reloaded(results, tmp_path):
        assert list(found.before) == ["T1", "T1_SD", "R2"]
        assert list(found.maps) == ["T1", "T1_SD", "A", "R2"]
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(found.before["T1"]), run.before["T1"])
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(found.maps["T1"]), run.after["T1"])
        assert legend_of(found.before["T1"]).GetTitleText() == "T1 (ms), before"
        assert found.notes == results.notes
        assert found.notes[0] == "a note"
        assert json.loads(found.fact("motion"))["method"] == "known"


def now_and_reloaded(results, folder):
    yield results
    save_scene(folder / "maps.mrb")
    yield reloaded(folder / "maps.mrb")


def test_regions_and_scores_are_tables(scene, compared, tmp_path):
    results, run = compared
    for found in now_and_reloaded(results, tmp_path):
        assert set(found.tables) == {"regions", "scores"}
        rows = zip(
            *(column(found.tables["regions"], name) for name in ("Map", "Region", "Mean before", "Mean after")),
            strict=True,
        )
        values = {(title, region): (before, after) for title, region, before, after in rows}
        assert values["T1 (ms)", "LV myocardium"] == ("1100", "1000")
        assert values["R\N{SUPERSCRIPT TWO} of the fit", "LV cavity"] == ("0.98", "0.98")
        assert values["T1 (ms)", "8 mid anteroseptal"] == ("1100", "1000")
        assert not any("A" in title.split()[0] for title, _ in values)
        scores = zip(
            *(column(found.tables["scores"], name) for name in ("metric", "registration", "value")), strict=True
        )
        assert float({(m, r): v for m, r, v in scores}["D_PCA1", "before registration"]) == pytest.approx(
            run.scores.query("metric == 'D_PCA1'")["value"].iloc[0], rel=1e-4
        )


def test_before_and_after_share_window_and_lie_over_their_own_images(scene, compared):
    results, _ = compared
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", "Red")
    set_window(results, "T1", 800, 1300)
    assert window_of(results, "T1") == (800, 1300, "ms")
    for before, image in ((True, results.series), (False, results.registered)):
        show_map(results, "T1", before=before)
        node = find_map(results, "T1", before=before)
        display = node.GetDisplayNode()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (800, 1300)
        assert composite.GetForegroundVolumeID() == node.GetID()
        assert composite.GetBackgroundVolumeID() == results.browser.GetProxyNode(image).GetID()
        assert results.labels_before.GetDisplayVisibility() == before
        assert results.labels.GetDisplayVisibility() != before
    with pytest.raises(CardiacMotionError, match="no map 'A' before registration; it has T1, T1_SD, R2"):
        show_map(results, "A", before=True)
    with pytest.raises(CardiacMotionError, match="from low to high, got 9 to 9"):
        set_window(results, "T1", 9, 9)


def test_values_of_nodes_are_maps_again(compared):
    results, run = compared
    found = results.values()
    np.testing.assert_array_equal(found["T1"], run.after["T1"])
    np.testing.assert_allclose(found.affine, run.after.affine)
    assert (found.units, found.model) == (run.after.units, "molli")
    assert found.acquisition == run.after.acquisition
    assert (found.fitted == np.isfinite(run.after["T1"])).all()


def test_a_compared_run_leaves_nothing_when_it_is_removed(scene):
    series = heart_series(AFFINES["axial"])
    sequence, _ = add_series(series, "T1 series")
    names = node_names(scene)
    results = add_map_run(MapRun(series, small_maps(AFFINES["axial"])), sequence)
    assert results.before == {}
    remove_maps(results)
    assert node_names(scene) == names


def test_the_picture_before_registration_is_another(scene, compared, tmp_path):
    results, _ = compared
    paths = [
        render_map(results, tmp_path / f"{before}.png", before=before, size=(200, 200)) for before in (True, False)
    ]
    assert len({path.read_bytes() for path in paths}) == 2


def test_steps_that_are_given_up_leave_nothing(scene):
    series = heart_series(AFFINES["axial"]).replace(labels={0: heart_labels()})
    sequence, _ = add_series(series, "T1 series")
    names = node_names(scene)
    run = with_labels(MapRun(series, small_maps(AFFINES["axial"])), 0, heart_labels())
    steps = add_map_run_in_steps(run, sequence)
    shares = [next(steps) for _ in range(3)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1
    assert node_names(scene) != names
    steps.close()
    assert node_names(scene) == names

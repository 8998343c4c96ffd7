"""Results in the scene: what is there, where it is, and that it goes away again."""

import json

import numpy as np
import pytest
from small_hearts import (
    AFFINES,
    SHAPE,
    TIMES,
    drifting_heart,
    heart_labels,
    heart_motion,
    heart_series,
    node_names,
)

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import (
    add_labels,
    add_results,
    add_series,
    find_results,
    match_segments,
    remove_results,
    show_frame,
    show_overlay,
)
from CardiacMotionLib.scene import results as results_module
from CardiacMotionLib.scene.arrows import show_arrows
from CardiacMotionLib.scene.drawing import draw
from CardiacMotionLib.scene.overlays import OUTSIDE, carry_to_frames, hide_overlay
from CardiacMotionLib.scene.sequences import data_nodes, index_of
from CardiacMotionLib.scene.steps import finish


@pytest.fixture(scope="module")
def known():
    """(series, motion, strain) by name of the grid, computed once."""
    made = {}
    for name, affine in AFFINES.items():
        series, motion = heart_series(affine), heart_motion(affine)
        made[name] = series, motion, CardiacMotionLib.strain(motion, series.labels[0])
    return made


@pytest.fixture
def run(scene, known):
    series, motion, strain = known["oblique"]
    sequence, _ = add_series(series, "Cine")
    return add_results(sequence, series, motion, strain, name="Run"), series, motion, strain


def arrays(sequence):
    import slicer

    return np.stack([slicer.util.arrayFromVolume(node) for node in data_nodes(sequence)])


def item_count(scene):
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene).GetNumberOfItems()


def test_one_browser_plays_everything_at_the_index_values_of_the_cine(scene, run):
    results, _, motion, _ = run
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 1
    sequences = [results.motion_to_frame, results.frame_to_reference, results.segmentation, *results.overlays.values()]
    assert len(sequences) == 7
    for sequence in sequences:
        assert index_of(sequence) == index_of(results.cine)
        assert results.browser.IsSynchronizedSequenceNode(sequence)
        assert not results.browser.GetSaveChanges(sequence)
        assert results.proxy(sequence) is not None
    show_frame(results.browser, 2)
    import slicer

    shown = slicer.util.arrayFromVolume(results.proxy(results.overlays["radial"]))
    np.testing.assert_array_equal(shown, arrays(results.overlays["radial"])[2])
    assert len(motion) == results.browser.GetNumberOfItems()


@pytest.mark.parametrize("measure", ["green", "engineering"])
def test_overlay_has_the_strain_in_percent_where_the_wall_is(scene, known, measure):
    series, motion, strain = known["left_handed"]
    sequence, _ = add_series(series, "Cine")
    results = add_results(sequence, series, motion, strain, measure=measure)
    overlay = arrays(results.overlays["circumferential"])
    expected = strain.engineering("circumferential") if measure == "engineering" else strain.circumferential
    wall = heart_labels() == 2
    assert (overlay[0] != OUTSIDE).sum() == wall.sum()
    assert (overlay[~np.stack([motion.warp_labels(heart_labels(), t) == 2 for t in range(4)])] == OUTSIDE).all()
    for frame in (1, 2):
        carried = overlay[frame][overlay[frame] != OUTSIDE]
        assert abs(carried.mean() - 100 * np.nanmean(expected[frame])) < 1.0
        assert carried.min() >= 100 * np.nanmin(expected[frame]) - 1e-3


def test_overlay_moves_with_the_material():
    affine = AFFINES["axial"]
    motion = heart_motion(affine)
    label = np.broadcast_to(
        np.indices(SHAPE)[2].astype(float), (4, *SHAPE)
    )  # every reference voxel carries its own column
    wall = heart_labels() == 2
    values = np.where(wall, label, np.nan)
    walls = np.stack([motion.warp_labels(heart_labels(), t) == 2 for t in range(4)])
    carried = list(carry_to_frames(values, motion, walls))
    np.testing.assert_allclose(carried[0][wall], label[0][wall])
    point = np.array([22.0, 14.0, 2.0])  # in the middle of the wall
    moved = motion.track((affine[:3, :3] @ point + affine[:3, 3])[None])[2, 0]
    i, j, k = np.round((moved - affine[:3, 3]) / (1.5, 1.5, 8.0)).astype(int)
    assert carried[2][k, j, i] == pytest.approx(22.0, abs=0.8)
    assert abs(i - 22) >= 0


def test_overlay_display_hides_the_outside_and_has_a_fixed_symmetric_window(run):
    import slicer

    results, *_ = run
    for component, window in (("circumferential", 60), ("radial", 120), ("longitudinal", 60), ("jacobian", 60)):
        proxy = results.proxy(results.overlays[component])
        display = proxy.GetDisplayNode()
        assert (display.GetWindow(), display.GetLevel()) == (window, 0)
        assert display.GetApplyThreshold()
        assert display.GetLowerThreshold() > OUTSIDE
        assert np.isfinite(slicer.util.arrayFromVolume(proxy)).all()
        assert slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(proxy).GetTitleText() == proxy.GetName()
        color = display.GetColorNode()
        assert color.IsA("vtkMRMLProceduralColorNode")
        assert not color.GetHideFromEditors()
        low, middle, high = (np.array(color.GetColorTransferFunction().GetColor(v)) for v in (-1, 0, 1))
        assert low[2] > low[0]  # blue shortens
        assert high[0] > high[2]  # red lengthens
        assert middle.min() > 0.9
    assert results.proxy(results.overlays["circumferential"]).GetName() == "Ecc (%)"


def test_volume_change_is_the_jacobian_in_percent(run):
    results, _, motion, _ = run
    overlay = arrays(results.overlays["jacobian"])
    wall = heart_labels() == 2
    assert np.abs(overlay[0][wall]).max() < 1e-3
    expected = 100 * (motion.jacobian_determinant()[2][wall].mean() - 1)
    assert overlay[2][overlay[2] != OUTSIDE].mean() == pytest.approx(expected, abs=1.0)


def test_show_overlay_is_the_foreground_with_one_visible_legend(scene, run):
    import slicer

    results, *_ = run
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    show_overlay(results.overlays["circumferential"])
    show_overlay(results.overlays["radial"])
    assert composite.GetBackgroundVolumeID() == results.proxy(results.cine).GetID()
    assert composite.GetForegroundVolumeID() == results.proxy(results.overlays["radial"]).GetID()
    assert composite.GetForegroundOpacity() == pytest.approx(0.6)
    overlays = [results.proxy(sequence) for sequence in results.overlays.values()]
    visible = [p.GetName() for p in overlays if slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(p).GetVisibility()]
    assert visible == ["Err (%)"]
    hide_overlay()
    assert composite.GetForegroundVolumeID() is None
    with pytest.raises(CardiacMotionError, match="played by no sequence browser"):
        show_overlay(scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Loose"))


def test_labels_are_carried_through_the_cycle(run):
    import slicer

    results, _, motion, _ = run
    for frame in range(4):
        show_frame(results.browser, frame)
        node = results.proxy(results.segmentation)
        assert match_segments(node) == {"RV": 1, "LV_myocardium": 2, "LV_cavity": 3}
        cavity = slicer.util.arrayFromSegmentBinaryLabelmap(node, "LV_cavity", results.proxy(results.cine))
        np.testing.assert_array_equal(cavity > 0, motion.warp_labels(heart_labels(), frame) == 3)


def test_wall_model_is_the_reference_wall_and_moves(run):
    import slicer
    import vtk

    results, _, motion, strain = run
    mesh = results.wall.GetMesh()
    edges = vtk.vtkFeatureEdges()
    edges.SetInputData(mesh)
    edges.FeatureEdgesOff()
    edges.ManifoldEdgesOff()
    edges.Update()
    assert edges.GetOutput().GetNumberOfCells() == 0  # closed
    mass = vtk.vtkMassProperties()
    mass.SetInputData(mesh)
    voxels = (heart_labels() == 2).sum() * 1.5 * 1.5 * 8.0
    assert mass.GetVolume() == pytest.approx(voxels, rel=0.06)
    points = slicer.util.arrayFromModelPoints(results.wall).copy()
    show_frame(results.browser, 2)
    results.wall.HardenTransform()
    moved = slicer.util.arrayFromModelPoints(results.wall)
    distance = np.linalg.norm(moved - motion.track(points)[2], axis=1)
    assert np.median(distance) < 0.01  # beyond the end slices the transform fades, Motion continues its edge
    assert np.linalg.norm(moved - points, axis=1).max() > 1.0
    colors = slicer.util.arrayFromModelPointData(results.wall, "Ecc (%)")
    assert colors.mean() == pytest.approx(100 * np.nanmean(strain.circumferential[strain.end_systole]), abs=2.0)


def test_bullseye_cells_have_the_segments_end_systolic_values(run):
    import slicer

    results, _, _, strain = run
    values = slicer.util.arrayFromModelCellData(results.bullseye, "Ecc (%)")
    segments = slicer.util.arrayFromModelCellData(results.bullseye, "AHA segment")
    summary = strain.summary.query("component == 'circumferential' and measure == 'green'").set_index("region")[
        "end_systolic"
    ]
    for segment in np.unique(segments):
        np.testing.assert_allclose(values[segments == segment], 100 * summary[str(segment)], rtol=1e-5)
    assert results.bullseye_values.GetNumberOfControlPoints() == len(np.unique(segments))
    assert results.bullseye.GetDisplayNode().GetScalarRange() == (-30.0, 30.0)


def test_bullseye_has_anterior_up_septum_left_and_base_outside():
    from CardiacMotionLib.scene.bullseye import segment_sector

    middle = {
        segment: (start + end) / 2 % 360 for segment in range(1, 17) for _, _, start, end in [segment_sector(segment)]
    }
    assert middle[1] == middle[7] == middle[13] == 90  # anterior up
    assert middle[4] == middle[10] == middle[15] == 270  # inferior down
    assert middle[14] == 180  # septal on the left
    assert middle[16] == 0  # lateral on the right
    assert 90 < middle[2] < 180 < middle[3] < 270  # anteroseptal above inferoseptal, both left
    assert segment_sector(1)[0] > segment_sector(7)[0] > segment_sector(13)[0]


def test_tables_and_chart_hold_the_curves(scene, run):
    import slicer

    results, _, _, strain = run
    table = results.tables["curves:circumferential"]
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "Time (ms)"), TIMES)
    curve = strain.curves.query("component == 'circumferential' and region == 'global'").sort_values("frame")["green"]
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "Ecc global (%)"), 100 * curve, rtol=1e-6)
    frame = slicer.util.dataframeFromTable(results.tables["summary"])
    assert set(frame["measure"]) == {"green", "engineering"}
    assert len(frame) == len(strain.summary)
    function = slicer.util.dataframeFromTable(results.tables["function"]).set_index("quantity")["value"].astype(float)
    assert function["EF_percent"] == pytest.approx(strain.function["EF_percent"])
    names = [results.chart.GetNthPlotSeriesNode(n).GetName() for n in range(results.chart.GetNumberOfPlotSeriesNodes())]
    assert names == [*(f"{short} global (%)" for short in ("Ecc", "Err", "Ell")), "Current frame"]
    assert "Green-Lagrange" in results.chart.GetTitle()
    for number in range(results.chart.GetNumberOfPlotSeriesNodes()):
        series = results.chart.GetNthPlotSeriesNode(number)
        columns = [series.GetTableNode().GetColumnName(c) for c in range(series.GetTableNode().GetNumberOfColumns())]
        assert series.GetXColumnName() in columns
        assert series.GetYColumnName() in columns


def test_a_thin_wall_has_no_holes():
    import vtk

    from CardiacMotionLib.scene.models import wall_surface

    affine = AFFINES["oblique"]
    k, j, i = np.indices((6, 40, 40))
    radius = np.hypot(i - 20, j - 20) / (1.1 - 0.12 * k)  # a cone: rings of neighboring slices do not overlap
    labels = np.where(radius < 12, 3, np.where(radius < 15, 2, 0)).astype(np.uint8)
    surface = wall_surface(labels, affine)
    assert surface.GetNumberOfPoints() > 500
    connected = vtk.vtkPolyDataConnectivityFilter()
    connected.SetInputData(surface)
    connected.SetExtractionModeToAllRegions()
    connected.Update()
    assert connected.GetNumberOfExtractedRegions() == 1
    faces, edges = surface.GetNumberOfPolys(), 1.5 * surface.GetNumberOfPolys()
    assert (
        surface.GetNumberOfPoints() - edges + faces == 0
    )  # a tube with a thick wall is a torus; a hole would take 2 away


def test_time_marker_follows_the_browser_until_the_run_is_removed(run):
    import slicer

    results, *_ = run
    marker = results.tables["time_marker"]
    for frame in (2, 1, 3):
        results.browser.SetSelectedItemNumber(frame)
        np.testing.assert_allclose(slicer.util.arrayFromTableColumn(marker, "Time (ms)"), TIMES[frame])
    browser = results.browser
    remove_results(results)
    browser.SetSelectedItemNumber(0)
    np.testing.assert_allclose(slicer.util.arrayFromTableColumn(marker, "Time (ms)"), TIMES[3])


@pytest.mark.parametrize("shape", [SHAPE, (1, 28, 30)])
def test_arrows_of_a_canonical_motion_start_in_its_wall(scene, affine, shape):
    import slicer

    series, motion = drifting_heart(affine, shape)
    sequence, _ = add_series(series, "Cine")
    display = show_arrows(add_results(sequence, series, motion)).GetDisplayNode()
    tails = slicer.util.arrayFromMarkupsControlPoints(display.GetGlyphPointsNode())
    voxels = (tails - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    np.testing.assert_allclose(voxels, np.round(voxels), atol=0.05)
    i, j, k = np.round(voxels).astype(int).T
    assert (heart_labels(shape)[k, j, i] == 2).all()
    assert len(tails) >= 10 * (1 if shape[0] == 1 else 3)


def test_provenance_is_on_the_nodes(run):
    results, *_ = run
    for node in (
        results.motion_to_frame,
        results.overlays["radial"],
        results.chart,
        results.bullseye,
        results.tables["summary"],
    ):
        assert node.GetAttribute("CardiacMotion.method") == "known"
        assert json.loads(node.GetAttribute("CardiacMotion.options")) == {"a": 1}
        assert node.GetAttribute("CardiacMotion.seed") == "7"
        assert node.GetAttribute("CardiacMotion.version") == CardiacMotionLib.__version__
        assert node.GetAttribute("CardiacMotion.cine") == "Cine"
        assert node.GetAttribute("CardiacMotion.reference") == "0"
        assert node.GetAttribute("CardiacMotion.measure") == "Green-Lagrange"


def test_folder_stands_beside_the_cine(scene, known):
    import slicer

    series, motion, strain = known["axial"]
    sequence, browser = add_series(series, "Cine")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.CreateItem(study, browser.GetProxyNode(sequence))
    results = add_results(sequence, series, motion, strain, name="Run")
    assert hierarchy.GetItemName(results.folder) == "Run"
    assert hierarchy.GetItemParent(results.folder) == study
    for node in (results.motion_to_frame, results.proxy(results.segmentation), results.chart, results.bullseye):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == results.folder


def test_removing_a_run_leaves_the_scene_as_it_was(scene, known):
    series, motion, strain = known["oblique"]
    sequence, _ = add_series(series, "Cine")
    add_labels(series)
    before, items = node_names(scene), item_count(scene)
    results = add_results(sequence, series, motion, strain)
    show_arrows(results)
    assert len(node_names(scene)) > len(before) + 40
    remove_results(results)
    assert node_names(scene) == before
    assert item_count(scene) == items


def test_two_runs_are_independent(scene, known):
    series, motion, strain = known["oblique"]
    sequence, browser = add_series(series, "Cine")
    first = add_results(sequence, series, motion, strain, name="First")
    between = node_names(scene)
    second = add_results(sequence, series, motion, strain, name="Second", measure="engineering")
    assert [found.name for found in find_results()] == ["First", "Second"]
    remove_results(second)
    assert node_names(scene) == between
    assert first.proxy(first.overlays["radial"]).GetDisplayNode().GetColorNode() is not None
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") == 1
    assert browser.GetNumberOfSynchronizedSequenceNodes(True) == 9


@pytest.mark.parametrize("failing", ["add_chart", "add_overlay_in_steps", "file_run", "play_with"])
def test_a_failure_in_the_middle_leaves_the_scene_as_it_was(scene, known, monkeypatch, failing):
    series, motion, strain = known["oblique"]
    sequence, browser = add_series(series, "Cine")
    show_frame(browser, 1)
    before, items = node_names(scene), item_count(scene)

    def fail(*_arguments, **_options):
        raise RuntimeError("disk full")

    monkeypatch.setattr(results_module, failing, fail)
    with pytest.raises(RuntimeError, match="disk full"):
        add_results(sequence, series, motion, strain)
    assert node_names(scene) == before
    assert item_count(scene) == items
    assert browser.GetSelectedItemNumber() == 1
    assert browser.GetNumberOfSynchronizedSequenceNodes(True) == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_steps_that_are_not_taken_to_the_end_leave_the_scene_as_it_was(scene, known, share):
    series, motion, strain = known["oblique"]
    sequence, browser = add_series(series, "Cine")
    before, items = node_names(scene), item_count(scene)
    steps = results_module.add_results_in_steps(sequence, series, motion, strain)
    while next(steps) < share:
        pass
    own = scene.AddNewNodeByClass("vtkMRMLTextNode", "Made by the user meanwhile")
    next(steps)
    show_frame(browser, 2)
    steps.close()
    assert scene.IsNodePresent(own)
    scene.RemoveNode(own)
    assert node_names(scene) == before
    assert item_count(scene) == items
    assert browser.GetSelectedItemNumber() == 2
    assert browser.GetNumberOfSynchronizedSequenceNodes(True) == 1


def test_what_was_drawn_elsewhere_is_what_is_shown(scene, known):
    import slicer

    series, motion, strain = known["oblique"]
    sequence, _ = add_series(series, "Cine")
    drawing = draw(series, motion, strain, measure="engineering")
    with pytest.raises(CardiacMotionError, match="drawing is of engineering strain"):
        finish(results_module.add_results_in_steps(sequence, series, motion, strain, drawing=drawing))
    steps = results_module.add_results_in_steps(
        sequence, series, motion, strain, measure="engineering", drawing=drawing
    )
    results = finish(steps)
    shown = slicer.util.arrayFromVolume(results.overlays["radial"].GetNthDataNode(2))
    np.testing.assert_array_equal(shown, drawing.overlays["radial"][2])
    assert results.wall.GetMesh().GetNumberOfPoints() > 100


def test_what_does_not_fit_is_refused_before_anything_is_added(scene, known):
    series, motion, strain = known["oblique"]
    other = heart_series(AFFINES["axial"])
    short, _ = add_series(heart_series(AFFINES["oblique"], times=TIMES[:3]), "Short")
    sequence, _ = add_series(series, "Cine")
    before = node_names(scene)
    for arguments, message in (
        ((short, series, motion, strain), "'Short' has 3 frames, the motion 4"),
        ((sequence, other, motion, strain), "not on one grid"),
    ):
        with pytest.raises(CardiacMotionError, match=message):
            add_results(*arguments)
    series, canonical = drifting_heart(AFFINES["oblique"])
    moved = CardiacMotionLib.strain(canonical.expressed_in(0), series.labels[0])
    with pytest.raises(CardiacMotionError, match=r"motion starts from the canonical space; give motion\.expr"):
        add_results(sequence, series, canonical, moved)
    with pytest.raises(CardiacMotionError, match="unknown strain measure"):
        add_results(sequence, series, motion, strain, measure="natural")
    assert node_names(scene) == before


def test_motion_alone_and_motion_with_labels(scene):
    series, motion = heart_series(AFFINES["oblique"]), heart_motion(AFFINES["oblique"])
    sequence, _ = add_series(series, "Cine")
    bare = add_results(sequence, series.replace(labels={}), motion, name="Bare")
    assert bare.segmentation is None
    assert bare.overlays == {}
    assert bare.tables == {}
    with pytest.raises(CardiacMotionError, match="has no labels; arrows need"):
        show_arrows(bare)
    labeled = add_results(sequence, series, motion, name="Labeled")
    assert list(labeled.overlays) == ["jacobian"]
    assert labeled.wall is not None
    assert labeled.chart is None


def test_labels_that_the_method_found_are_shown(scene):
    """Where the cine has none of its own."""
    series, motion = heart_series(AFFINES["oblique"]), heart_motion(AFFINES["oblique"])
    motion.labels = series.labels[0]
    sequence, _ = add_series(series, "Cine")
    results = add_results(sequence, series.replace(labels={}), motion, name="Found")
    assert results.segmentation is not None
    assert results.wall is not None
    assert list(results.overlays) == ["jacobian"]


def test_list_of_volumes_gets_a_sequence_of_its_own(scene, known):
    import slicer

    series, motion, strain = known["axial"]
    volumes = [slicer.util.addVolumeFromArray(frame, series.affine, "Frame") for frame in series.frames]
    before = node_names(scene)
    results = add_results(volumes, series, motion, strain)
    assert results.cine.GetNumberOfDataNodes() == 4
    np.testing.assert_array_equal(arrays(results.cine), series.frames)
    remove_results(results)
    assert node_names(scene) == before


def test_single_slice_has_no_longitudinal_strain(scene):
    affine, shape = AFFINES["oblique"], (1, 28, 30)
    series, motion = heart_series(affine, shape), heart_motion(affine, shape, along_mm=0.0)
    strain = CardiacMotionLib.strain(motion, series.labels[0])
    sequence, _ = add_series(series, "Slice")
    results = add_results(sequence, series, motion, strain)
    assert set(results.overlays) == {"circumferential", "radial", "jacobian"}
    assert results.wall.GetMesh().GetNumberOfPoints() > 100
    assert results.chart.GetNumberOfPlotSeriesNodes() == 3

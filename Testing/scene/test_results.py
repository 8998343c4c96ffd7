"""Results in the scene: what is there, where it is, and that it goes away again."""

import json

import numpy as np
import pytest
from small_hearts import AFFINES, TIMES, arrays, drifting_heart, heart_motion, heart_series, node_names

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import add_labels, add_results, add_series, find_results, remove_results, show_frame
from CardiacMotionLib.scene import results as results_module
from CardiacMotionLib.scene.arrows import show_arrows
from CardiacMotionLib.scene.drawing import draw
from CardiacMotionLib.scene.sequences import index_of
from CardiacMotionLib.scene.steps import finish


def item_count(scene):
    import slicer

    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene).GetNumberOfItems()


def test_one_browser_plays_everything_at_the_index_values_of_the_cine(scene, run_with_strain):
    results, _, motion, _ = run_with_strain
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


def test_provenance_is_on_the_nodes(run_with_strain):
    results, *_ = run_with_strain
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


@pytest.mark.parametrize("loaded", [False, True])
def test_a_folder_of_the_users_stays_when_a_run_goes(scene, run, loaded):
    """Nodes of the run may have been put there."""
    import slicer

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(run.motion_to_frame), patient)
    own = run.folder
    (found,) = find_results() if loaded else (run,)
    remove_results(found)
    assert hierarchy.GetItemName(patient) == "Patient"
    assert hierarchy.GetItemName(own) == ""


def test_a_run_of_single_volumes_is_found_again(scene, known):
    import slicer

    series, motion, strain = known
    volumes = [
        slicer.util.addVolumeFromArray(frame, series.affine, f"Frame {t}") for t, frame in enumerate(series.frames)
    ]
    results = add_results(volumes, series, motion, strain, name="Run")
    (found,) = find_results()
    assert found.cine is results.cine


def test_a_run_of_the_second_cine_of_a_browser_is_found_with_it(scene, known):
    from CardiacMotionLib.scene.sequences import play_with

    series, motion, strain = known
    _first, browser = add_series(series, "Magnitude")
    second, alone = add_series(series, "Phase")
    scene.RemoveNode(alone)
    play_with(browser, second)
    add_results(second, series, motion, strain, name="Run")
    (found,) = find_results()
    assert found.cine is second
    assert found.browser is browser


def test_folder_stands_beside_the_cine(scene, hearts):
    import slicer

    series, motion, strain = hearts["axial"]
    sequence, browser = add_series(series, "Cine")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.CreateItem(study, browser.GetProxyNode(sequence))
    results = add_results(sequence, series, motion, strain, name="Run")
    assert hierarchy.GetItemName(results.folder) == "Run"
    assert hierarchy.GetItemParent(results.folder) == study
    for node in (results.motion_to_frame, results.proxy(results.segmentation), results.chart, results.bullseye):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == results.folder


def test_removing_a_run_leaves_the_scene_as_it_was(scene, hearts):
    series, motion, strain = hearts["oblique"]
    sequence, _ = add_series(series, "Cine")
    add_labels(series)
    before, items = node_names(scene), item_count(scene)
    results = add_results(sequence, series, motion, strain)
    show_arrows(results)
    assert len(node_names(scene)) > len(before) + 40
    remove_results(results)
    assert node_names(scene) == before
    assert item_count(scene) == items


def test_two_runs_are_independent(scene, hearts):
    series, motion, strain = hearts["oblique"]
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
def test_a_failure_in_the_middle_leaves_the_scene_as_it_was(scene, hearts, monkeypatch, failing):
    series, motion, strain = hearts["oblique"]
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
def test_steps_that_are_not_taken_to_the_end_leave_the_scene_as_it_was(scene, hearts, share):
    series, motion, strain = hearts["oblique"]
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


def test_what_was_drawn_elsewhere_is_what_is_shown(scene, hearts):
    import slicer

    series, motion, strain = hearts["oblique"]
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


def test_what_does_not_fit_is_refused_before_anything_is_added(scene, hearts):
    series, motion, strain = hearts["oblique"]
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


def test_list_of_volumes_gets_a_sequence_of_its_own(scene, hearts):
    import slicer

    series, motion, strain = hearts["axial"]
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

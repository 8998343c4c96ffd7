"""Scenes and nodes through files."""

import os

import numpy as np
import pytest
from small_hearts import AFFINES, drifting_heart, heart_labels, heart_motion, heart_series, node_names

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import (
    add_results,
    add_series,
    find_results,
    load_scene,
    load_sequence,
    motion_from_sequence,
    remove_results,
    save_node,
    save_scene,
    series_from_nodes,
    show_frame,
)
from CardiacMotionLib.scene.arrows import show_arrows
from CardiacMotionLib.scene.headless import headless_scene
from CardiacMotionLib.scene.sequences import data_nodes, index_of
from CardiacMotionLib.scene.transforms import GRAIN_MM


@pytest.fixture
def known(hearts):
    return hearts["left_handed"]


@pytest.fixture
def run(run, known):
    """(results, series, motion)."""
    return run, *known[:2]


def at_voxels_of(series, arrays, affine):
    """Arrays (T, K, J, I) on the grid of affine at the voxels of a series.

    Slicer reads a left-handed image as a right-handed one, mirrored in memory and in the same place of the world.
    """
    k, j, i = np.indices(series.shape)
    world = np.stack([i, j, k], axis=-1) @ series.affine[:3, :3].T + series.affine[:3, 3]
    voxel = (world - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    i, j, k = np.moveaxis(np.round(voxel).astype(int), -1, 0)
    np.testing.assert_allclose(voxel, np.round(voxel), atol=1e-3)
    return arrays[:, k, j, i]


def values_in_world(volume, series):
    import slicer
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return at_voxels_of(series, slicer.util.arrayFromVolume(volume)[None], slicer.util.arrayFromVTKMatrix(matrix))[0]


def test_scene_comes_back_playing(run, tmp_path):
    import slicer

    results, series, motion = run
    path = save_scene(tmp_path / "scene.mrb")
    overlay = slicer.util.arrayFromVolume(data_nodes(results.overlays["radial"])[2]).copy()
    index = index_of(results.cine)
    headless_scene(fresh=True)
    load_scene(path)
    (loaded,) = find_results()
    assert loaded.name == "Run"
    assert index_of(loaded.cine) == index
    read = series_from_nodes(loaded.cine, loaded.segmentation)
    np.testing.assert_allclose(at_voxels_of(series, read.frames, read.affine), series.frames)
    labels = at_voxels_of(series, np.stack([read.labels[t] for t in range(4)]), read.affine)
    np.testing.assert_array_equal(labels[0], heart_labels())
    np.testing.assert_array_equal(labels[2], motion.warp_labels(heart_labels(), 2))
    for sequence in (loaded.motion_to_frame, loaded.frame_to_reference):
        np.testing.assert_allclose(motion_from_sequence(sequence).displacement, motion.displacement, atol=GRAIN_MM)
    np.testing.assert_allclose(values_in_world(data_nodes(loaded.overlays["radial"])[2], series), overlay)
    show_frame(loaded.browser, 2)
    proxy = loaded.proxy(loaded.overlays["radial"])
    np.testing.assert_allclose(values_in_world(proxy, series), overlay)
    assert proxy.GetDisplayNode().GetColorNode().GetName() == "CardiacMotion diverging"
    assert proxy.GetDisplayNode().GetApplyThreshold()
    assert loaded.wall.GetParentTransformNode() is loaded.proxy(loaded.motion_to_frame)
    np.testing.assert_allclose(
        slicer.util.arrayFromTableColumn(loaded.tables["time_marker"], "Time (ms)"), motion.times[2]
    )
    assert loaded.chart.GetNumberOfPlotSeriesNodes() == 4
    assert loaded.motion_to_frame.GetAttribute("CardiacMotion.method") == "known"


def test_a_canonical_motion_comes_back_with_its_labels(scene, affine, tmp_path):
    series, motion = drifting_heart(affine)
    sequence, _ = add_series(series, "Cine")
    made = add_results(sequence, series, motion, name="Run")
    assert list(made.overlays) == ["jacobian"]
    assert made.wall is not None
    save_scene(tmp_path / "scene.mrb")
    headless_scene(fresh=True)
    load_scene(tmp_path / "scene.mrb")
    (found,) = find_results()
    assert found.motion_to_frame.GetAttribute("CardiacMotion.reference") == "-1"
    for moving in (found.motion_to_frame, found.frame_to_reference):
        back = motion_from_sequence(moving)
        assert back.reference is None
        assert "notes" not in back.provenance
        np.testing.assert_allclose(back.displacement, motion.displacement, atol=GRAIN_MM)
    read = series_from_nodes(found.cine, found.segmentation)
    labels = at_voxels_of(series, np.stack([read.labels[t] for t in range(4)]), read.affine)
    for frame, shift in enumerate((-3, 2, -2, 3)):
        np.testing.assert_array_equal(labels[frame] == 2, np.roll(heart_labels(), shift, axis=2) == 2)
    points = slicer_points(found.wall)
    voxels = (points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    assert np.abs(voxels[:, :2].mean(axis=0) - (15, 14)).max() < 0.3  # the wall is drawn in the canonical space
    tails = show_arrows(found).GetDisplayNode().GetGlyphPointsNode()
    assert tails.GetNumberOfControlPoints() > 10
    remove_results(found)
    assert find_results() == []


def slicer_points(model):
    import slicer

    return slicer.util.arrayFromModelPoints(model)


def test_a_run_is_removed_whole_after_loading(scene, tmp_path):
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine), heart_motion(affine)
    sequence, _ = add_series(series, "Cine")
    alone = node_names(scene)
    add_results(sequence, series, motion, CardiacMotionLib.strain(motion, series.labels[0]))
    path = save_scene(tmp_path / "scene.mrb")
    scene = headless_scene(fresh=True).scene
    load_scene(path)
    (loaded,) = find_results()
    remove_results(loaded)
    left = [name for name in node_names(scene) if "Storage" not in name]
    assert left == [name for name in alone if "Storage" not in name]
    assert find_results() == []


@pytest.mark.parametrize("kind", ["cine", "overlay", "motion_to_frame", "frame_to_reference"])
def test_sequences_through_seq_nrrd(run, tmp_path, kind):
    results, series, _ = run
    node = {"cine": results.cine, "overlay": results.overlays["radial"]}.get(kind) or getattr(results, kind)
    loaded = load_sequence(save_node(node, tmp_path / "one.seq.nrrd"))
    assert loaded.GetNumberOfDataNodes() == 4
    np.testing.assert_allclose([float(v) for v in index_of(loaded).values], [float(v) for v in index_of(node).values])
    assert index_of(loaded).unit == "ms"
    if kind in ("cine", "overlay"):
        for before, after in zip(data_nodes(node), data_nodes(loaded), strict=True):
            np.testing.assert_allclose(values_in_world(after, series), values_in_world(before, series))


def test_segmentation_sequence_needs_seq_mrb(run, tmp_path):
    results, *_ = run
    with pytest.raises(
        CardiacMotionError, match=r"cannot be written as 'labels.seq.nrrd'; use a name ending in .*\.seq\.mrb"
    ):
        save_node(results.segmentation, tmp_path / "labels.seq.nrrd")
    loaded = load_sequence(save_node(results.segmentation, tmp_path / "labels.seq.mrb"))
    assert loaded.GetNthDataNode(2).GetSegmentation().GetNumberOfSegments() == 3


def test_table_and_model_files(run, tmp_path):
    results, *_ = run
    path = save_node(results.tables["curves:radial"], tmp_path / "radial.csv")
    assert path.read_text().splitlines()[0].startswith('"Time (ms)"') or path.read_text().startswith("Time (ms)")
    assert save_node(results.wall, tmp_path / "wall.vtk").stat().st_size > 1000


def test_places_and_names_that_cannot_be_written_are_refused(run, tmp_path):
    results, *_ = run
    with pytest.raises(CardiacMotionError, match="does not exist; make it first"):
        save_scene(tmp_path / "nowhere" / "scene.mrb")
    with pytest.raises(CardiacMotionError, match=r"use a name ending in \.mrb"):
        save_scene(tmp_path / "scene.zip")
    with pytest.raises(CardiacMotionError, match="cannot be written as"):
        save_node(results.chart if results.chart.IsA("vtkMRMLStorableNode") else results.wall, tmp_path / "thing.xyz")
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(CardiacMotionError, match="no permission"):
            save_scene(tmp_path / "scene.mrb")


def test_files_that_cannot_be_read_are_refused(scene, tmp_path):
    before = node_names(scene)
    broken = tmp_path / "broken.seq.nrrd"
    broken.write_text("NRRD0005\nnothing\n")
    with pytest.raises(CardiacMotionError, match="cannot be read as a sequence"):
        load_sequence(broken)
    with pytest.raises(CardiacMotionError, match="no such file"):
        load_sequence(tmp_path / "none.seq.nrrd")
    with pytest.raises(CardiacMotionError, match="no such file"):
        load_scene(tmp_path / "none.mrb")
    with pytest.raises(CardiacMotionError, match="not a scene bundle"):
        load_scene(broken)
    assert node_names(scene) == before


def test_saving_leaves_no_other_files_beside_the_scene(run, tmp_path):
    save_scene(tmp_path / "scene.mrb")
    assert [path.name for path in tmp_path.iterdir()] == ["scene.mrb"]


def test_scene_is_found_by_a_relative_path(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_scene("scene.mrb")
    load_scene("scene.mrb")
    assert [found.name for found in find_results()] == ["Run"]

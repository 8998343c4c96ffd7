"""Arrays out of the nodes of runs, for files."""

import numpy as np
import pytest
from small_hearts import AFFINES, heart_labels, heart_motion, heart_series
from small_maps import small_maps

import CardiacMotionLib
from CardiacMotionLib.io import read_series, write_segmentation
from CardiacMotionLib.report.export import Export, motion_steps, write_folder
from CardiacMotionLib.scene import add_maps, add_results, add_series, load_sequence, motion_from_sequence
from CardiacMotionLib.scene.export import overlay_values, stored_maps


@pytest.fixture
def run(scene):
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine), heart_motion(affine)
    cine, _browser = add_series(series, "Cine")
    strain = CardiacMotionLib.strain(motion, series.labels[0])
    return add_results(cine, series, motion, strain), series, motion, strain


def test_overlays_are_those_in_the_scene_without_their_marker_for_outside(run):
    results, series, _motion, strain = run
    values = overlay_values(results)
    assert set(values) == set(results.overlays)
    first = values["circumferential"][0]
    np.testing.assert_array_equal(np.isfinite(first), series.labels[0] == 2)
    assert np.abs(first[np.isfinite(first)]).max() < 1e-3  # nothing is strained in the reference
    later = values["circumferential"][2]
    assert np.nanmean(later) == pytest.approx(100 * np.nanmean(strain.circumferential[2]), abs=2)


def test_slicer_takes_both_files_of_a_motion_as_what_they_are(run, tmp_path):
    _results, series, motion, _strain = run
    folder = write_folder({"motion": motion_steps(Export(series, motion), ["transforms"])}, tmp_path / "out")
    point = (series.affine @ [20, 14, 2, 1])[:3]
    there = motion.track(point[None])[2, 0]
    assert np.linalg.norm(there - point) > 0.5
    moving = load_sequence(folder / "motion.seq.nrrd").GetNthDataNode(2)
    np.testing.assert_allclose(moving.GetTransformToParent().TransformPoint(point), there, atol=1e-3)
    drawing = load_sequence(folder / "motion_to_reference.seq.nrrd").GetNthDataNode(2)
    np.testing.assert_allclose(drawing.GetTransformFromParent().TransformPoint(point), there, atol=1e-3)
    back = motion_from_sequence(load_sequence(folder / "motion_to_reference.seq.nrrd"))
    np.testing.assert_allclose(back.displacement, motion.displacement, atol=1e-3)


def test_slicer_reads_a_segmentation_with_its_names_and_colors(scene, affine, tmp_path):
    import slicer

    labels = heart_labels()
    path = write_segmentation(labels, affine, tmp_path / "reference.seg.nrrd")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    segmentation = node.GetSegmentation()
    names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
    assert names == ["RV", "LV myocardium", "LV cavity"]
    assert segmentation.GetNthSegment(1).GetColor() == pytest.approx((0.35, 0.80, 0.35))
    volume = slicer.util.addVolumeFromArray(np.zeros(labels.shape, np.float32), affine, "Grid")
    for number, label in enumerate((1, 2, 3)):
        name = segmentation.GetNthSegmentID(number)
        found = slicer.util.arrayFromSegmentBinaryLabelmap(node, name, volume)
        np.testing.assert_array_equal(found > 0, labels == label)
    read = read_series(path)
    np.testing.assert_array_equal(read.frames[0], labels)


@pytest.mark.parametrize("registered", [False, True])
def test_maps_are_read_back_with_units_and_labels(scene, registered):
    affine = AFFINES["oblique"]
    maps, series = small_maps(affine), heart_series(affine)
    sequence, _browser = add_series(series, "T1 series")
    results = add_maps(maps, sequence, registered=series if registered else None, labels=heart_labels())
    stored = stored_maps(results)
    assert dict(stored.maps.units) == dict(maps.units)
    assert stored.maps.model == "molli"
    assert stored.maps.acquisition["inversion_times"] == maps.acquisition["inversion_times"]
    np.testing.assert_array_equal(stored.maps["T1"], maps["T1"])
    np.testing.assert_allclose(stored.maps.affine, affine)
    np.testing.assert_array_equal(stored.labels, heart_labels())
    assert (stored.registered is not None) == registered
    wall = stored.maps.summary(stored.labels)
    assert wall[(wall["region"] == "LV myocardium") & (wall["parameter"] == "T1")]["mean"].item() == pytest.approx(1000)

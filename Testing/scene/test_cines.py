"""Everything that holds a cine becomes a sequence with its times; the original stays as it was."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_hearts import AFFINES, TIMES, heart_labels, heart_series

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io import write_labels, write_series
from CardiacMotionLib.scene import (
    add_series,
    add_study,
    load_sample,
    load_scene,
    open_cine,
    save_scene,
    series_from_nodes,
    to_sequence,
)
from CardiacMotionLib.scene.cines import COMPONENTS, FILE, SEQUENCE, cine_kind
from CardiacMotionLib.scene.sequences import find_browser, find_sequence, index_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def series():
    return heart_series(AFFINES["oblique"])


def components_volume(scene, series, class_name="vtkMRMLVectorVolumeNode"):
    """A volume whose voxels have a component a frame, as a 4D NRRD file or the MultiVolumeImporter gives."""
    import slicer

    values = np.moveaxis(series.frames, 0, -1).copy()
    return slicer.util.addVolumeFromArray(values, series.affine, "Beating", class_name)


def named_like_multi_volume(node, tag, unit, labels):
    node.SetAttribute("MultiVolume.FrameLabels", labels)
    node.SetAttribute("MultiVolume.FrameIdentifyingDICOMTagName", tag)
    node.SetAttribute("MultiVolume.FrameIdentifyingDICOMTagUnits", unit)
    node.SetAttribute("MultiVolume.NumberOfFrames", str(len(labels.split(","))))


def volume_of_file(scene, series, path):
    """The first frame as a volume that was loaded from ``path``, as Slicer does with a 4D file."""
    import slicer

    node = slicer.util.addVolumeFromArray(series.frames[0], series.affine, "Loaded")
    node.AddDefaultStorageNode()
    node.GetStorageNode().SetFileName(str(path))
    return node


def test_what_is_a_sequence_already_stays_what_it_is(scene, series):
    sequence, browser = add_series(series, "Cine")
    for node in (sequence, browser, browser.GetProxyNode(sequence)):
        assert cine_kind(node) == SEQUENCE
        assert to_sequence(node) is sequence
    assert scene.GetNumberOfNodesByClass("vtkMRMLSequenceNode") == 1


def test_a_sequence_without_a_browser_gets_one(scene, series):
    sequence, browser = add_series(series, "Cine")
    scene.RemoveNode(browser)
    assert find_browser(to_sequence(sequence)) is not None


def test_components_become_frames_and_the_volume_stays(scene, affine):
    series = heart_series(affine)
    volume = components_volume(scene, series)
    assert cine_kind(volume) == COMPONENTS
    sequence = to_sequence(volume)
    read = series_from_nodes(sequence)
    np.testing.assert_array_equal(read.frames, series.frames)
    np.testing.assert_allclose(read.affine, affine, atol=1e-9)
    assert not read.timed
    assert volume.GetImageData().GetNumberOfScalarComponents() == len(series)


def test_times_of_a_multi_volume_are_kept_as_they_are_written(scene, series):
    volume = components_volume(scene, series)
    named_like_multi_volume(volume, "TriggerTime", "ms", "0,33.1,66.3,99.4")
    sequence = to_sequence(volume)
    assert index_of(sequence).values == ("0", "33.1", "66.3", "99.4")
    np.testing.assert_allclose(series_from_nodes(sequence).times, TIMES)


def test_inversion_times_of_a_multi_volume_are_no_times_of_the_heartbeat(scene, series):
    volume = components_volume(scene, series)
    named_like_multi_volume(volume, "InversionTime", "ms", "100,900,180,1000")
    read = series_from_nodes(to_sequence(volume))
    assert read.meta["inversion_times"] == [100, 180, 900, 1000]  # a sequence sorts its items
    np.testing.assert_array_equal(read.frames, series.frames[[0, 2, 1, 3]])
    assert not read.timed


@pytest.mark.parametrize("labels", ["0,0,0,0", "a,b,c,d", "0,33"])
def test_labels_that_are_no_times_leave_the_frames_counted(scene, series, labels):
    volume = components_volume(scene, series)
    named_like_multi_volume(volume, "TriggerTime", "ms", labels)
    assert not series_from_nodes(to_sequence(volume)).timed


def test_the_sequence_lies_where_the_volume_lay(scene, series):
    import slicer

    shift = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (10, -20, 5)
    shift.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    volume = components_volume(scene, series)
    volume.SetAndObserveTransformNodeID(shift.GetID())
    np.testing.assert_allclose(series_from_nodes(to_sequence(volume)).affine, matrix @ series.affine, atol=1e-9)


@pytest.mark.parametrize("suffix", [".nii.gz", ".seq.nrrd"])
def test_a_volume_of_a_4d_file_becomes_all_its_frames(scene, series, tmp_path, suffix):
    path = write_series(series, tmp_path / f"cine{suffix}")
    volume = volume_of_file(scene, series, path)
    assert cine_kind(volume) == FILE
    read = series_from_nodes(to_sequence(volume))
    assert len(read) == len(series)
    np.testing.assert_allclose(read.times, TIMES, atol=1e-6)
    assert find_sequence(volume) is None


def test_what_is_no_cine_is_refused_with_advice(scene, series, tmp_path):
    import slicer

    single = slicer.util.addVolumeFromArray(series.frames[0], series.affine, "Scout")
    color = slicer.util.addVolumeFromArray(np.zeros((2, 8, 8, 3), np.uint8), None, "Photo", "vtkMRMLVectorVolumeNode")
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "Surface")
    for node, words in ((single, "single image"), (color, "single image"), (model, "no image"), (None, "no cine")):
        assert cine_kind(node) is None
        with pytest.raises(CardiacMotionError, match=words):
            to_sequence(node)
    path = write_series(series.replace(frames=series.frames[:1], times=None), tmp_path / "one.nii.gz")
    with pytest.raises(CardiacMotionError, match=r"its file one\.nii\.gz holds no more"):
        to_sequence(volume_of_file(scene, series, path))


def test_a_file_is_opened_with_the_labels_beside_it(scene, series, tmp_path):
    path = write_series(series, tmp_path / "patient.nii.gz")
    write_labels(series.replace(labels={2: series.labels[0]}), tmp_path, name="patient")
    write_labels(series, tmp_path, name="another")
    sequence, segmentation = open_cine(path)
    assert sequence.GetName() == "patient"
    read = series_from_nodes(sequence, segmentation)
    assert list(read.labels) == [2]
    np.testing.assert_array_equal(read.labels[2], series.labels[0])


def test_a_cine_without_labels_opens_without(scene, series, tmp_path):
    _, segmentation = open_cine(write_series(series, tmp_path / "cine.seq.nrrd"))
    assert segmentation is None


def test_labels_of_every_frame_become_a_sequence_of_segmentations(scene, series):
    labels = {t: np.roll(heart_labels(), t, axis=2) for t in range(len(series))}
    sequence, segmentation = add_study(series.replace(labels=labels), "Cine")
    assert find_sequence(segmentation) is not None
    read = series_from_nodes(sequence, segmentation)
    for frame, drawn in labels.items():
        np.testing.assert_array_equal(read.labels[frame], drawn)


def test_the_sample_comes_with_labels_and_insertions_and_survives_saving(scene, tmp_path):
    from CardiacMotionLib.io import sample_series

    load_sample()
    sample = sample_series()
    save_scene(tmp_path / "study.mrb")
    scene.Clear()
    load_scene(tmp_path / "study.mrb")
    segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    sequence = scene.GetFirstNodeByClass("vtkMRMLSequenceNode")
    read = series_from_nodes(sequence, segmentation)
    np.testing.assert_allclose(read.meta["rv_insertion"], sample.meta["rv_insertion"])
    np.testing.assert_array_equal(read.labels[0], sample.labels[0])
    np.testing.assert_allclose(read.times, sample.times)


def test_insertions_move_with_the_cine(scene, series):
    import slicer

    points = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
    sequence, browser = add_series(series.replace(meta={"rv_insertion": points}), "Cine")
    np.testing.assert_array_equal(series_from_nodes(sequence).meta["rv_insertion"], points)
    shift = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[:3, 3] = (10, -20, 5)
    shift.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    browser.GetProxyNode(sequence).SetAndObserveTransformNodeID(shift.GetID())
    np.testing.assert_allclose(series_from_nodes(sequence).meta["rv_insertion"], points + np.array([10.0, -20.0, 5.0]))


FRESH_SLICER = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "pandas", "nibabel", "nrrd", "matplotlib", "safetensors"):
            raise ModuleNotFoundError(f"no {name} in this Slicer")

sys.meta_path.insert(0, Absent())
from CardiacMotionLib.checks import checks_of
from CardiacMotionLib.scene import add_volume_chart, load_sample, series_from_nodes
from CardiacMotionLib.scene.volume_chart import curve_of_labels

cine, segmentation = load_sample()
series = series_from_nodes(cine, segmentation)
assert checks_of(series)
chart, table = add_volume_chart(curve_of_labels(series), cine, 0, 9)
assert table.GetNumberOfRows() == 1
"""


def test_a_fresh_slicer_shows_the_sample_before_anything_is_installed():
    done = subprocess.run([sys.executable, "-c", FRESH_SLICER], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]

"""From nodes to a series: every shape a cine and its labels have in a scene."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, TIMES, heart_labels, heart_motion, heart_series

from CardiacMotionLib import CardiacMotionError, read_series
from CardiacMotionLib.scene import add_labels, add_series, load_sequence, save_node, series_from_nodes
from CardiacMotionLib.scene.headless import module_logic
from CardiacMotionLib.scene.segmentations import add_label_sequence
from CardiacMotionLib.scene.sequences import SequenceIndex, index_of, new_sequence, show_frame, times_of
from CardiacMotionLib.scene.transforms import grid_transform


@pytest.fixture
def oblique():
    return AFFINES["oblique"]


def volume_nodes(series):
    import slicer

    return [slicer.util.addVolumeFromArray(frame, series.affine, "Frame") for frame in series.frames]


def label_map(labels, affine, name="Labels"):
    import slicer

    return slicer.util.addVolumeFromArray(labels, affine, name, "vtkMRMLLabelMapVolumeNode")


def linear_transform(scene, matrix):
    import slicer

    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node


@pytest.mark.parametrize("kind", ["sequence", "browser", "proxy", "list"])
def test_cine_comes_back_from_every_kind_of_node(scene, affine, kind):
    series = heart_series(affine)
    sequence, browser = add_series(series, "Cine")
    show_frame(browser, 2)
    node = {
        "sequence": sequence,
        "browser": browser,
        "proxy": browser.GetProxyNode(sequence),
        "list": volume_nodes(series),
    }[kind]
    read = series_from_nodes(node)
    np.testing.assert_array_equal(read.frames, series.frames)
    np.testing.assert_allclose(read.affine, affine, atol=1e-9)
    assert read.timed == (kind != "list")
    if kind != "list":
        np.testing.assert_allclose(read.times, TIMES)


def test_single_slice_over_time(scene, oblique):
    series = heart_series(oblique, (1, 28, 30))
    sequence, _ = add_series(series, "Slice")
    read = series_from_nodes(sequence, add_labels(series))
    assert read.is_2d
    np.testing.assert_array_equal(read.labels[0], series.labels[0])


@pytest.mark.parametrize(
    ("name", "unit", "values", "times"),
    [
        ("time", "ms", ("0", "33.1"), (0, 33.1)),
        ("time", "s", ("0.0", "0.0331"), (0, 33.1)),
        ("TriggerTime", "ms", ("12.5", "40"), (12.5, 40)),
        ("time", "s", ("0", "1"), None),  # what Slicer writes when nobody gave times
        ("frame", "", ("0", "1"), None),
        ("time", "", ("0", "33"), None),
        ("phase", "ms", ("ED", "ES"), None),
    ],
)
def test_index_values_become_times_only_when_they_are(name, unit, values, times):
    read, note = times_of(SequenceIndex(name, unit, values))
    if times is None:
        assert read is None
        assert name in note
    else:
        np.testing.assert_allclose(read, times)
        assert note is None


def test_index_that_does_not_increase_is_refused():
    with pytest.raises(CardiacMotionError, match="do not increase"):
        times_of(SequenceIndex("time", "ms", ("0", "40", "20")))


def test_times_keep_their_text(scene, oblique):
    sequence, _ = add_series(heart_series(oblique, times=(0.0, 33.1, 1 / 3 + 50, 99.0)), "Cine")
    assert index_of(sequence).values == ("0", "33.1", "50.33333333", "99")


def test_segmentation_comes_back_on_the_image_grid(scene, affine):
    series = heart_series(affine)
    sequence, _ = add_series(series, "Cine")
    read = series_from_nodes(sequence, add_labels(series))
    assert list(read.labels) == [0]
    np.testing.assert_array_equal(read.labels[0], heart_labels())


def test_segmentation_belongs_to_the_frame_it_says_or_is_told(scene, oblique):
    series = heart_series(oblique).replace(labels={2: heart_labels()})
    sequence, _ = add_series(series, "Cine")
    node = add_labels(series)
    assert list(series_from_nodes(sequence, node).labels) == [2]
    assert list(series_from_nodes(sequence, node, frame=3).labels) == [3]
    node.RemoveAttribute("CardiacMotion.frame")
    read = series_from_nodes(sequence, node)
    assert list(read.labels) == [0]
    assert "first frame" in read.meta["notes"][0]
    with pytest.raises(CardiacMotionError, match="frames run from 0 to 3"):
        series_from_nodes(sequence, node, frame=4)


def test_segmentation_on_another_grid_is_resampled(scene, oblique):
    import slicer

    series = heart_series(oblique)
    sequence, _ = add_series(series, "Cine")
    fine = np.repeat(np.repeat(heart_labels(), 2, axis=1), 2, axis=2)
    fine_affine = oblique.copy()
    fine_affine[:3, :2] /= 2
    fine_affine[:3, 3] -= oblique[:3, 0] / 4 + oblique[:3, 1] / 4
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Fine")
    module_logic("Segmentations").ImportLabelmapToSegmentationNode(label_map(fine, fine_affine), node)
    for number, name in enumerate(("RV", "Myo", "LV")):
        node.GetSegmentation().GetNthSegment(number).SetName(name)
    assert (
        slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, node.GetSegmentation().GetNthSegmentID(0)) is not None
    )
    read = series_from_nodes(sequence, node)
    assert (read.labels[0] == heart_labels()).mean() > 0.97


def test_closed_surface_is_voxelized_without_changing_the_node(scene, oblique):
    series = heart_series(oblique)
    sequence, _ = add_series(series, "Cine")
    node = add_labels(series)
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation("Binary labelmap")
    read = series_from_nodes(sequence, node)
    overlap = (
        2
        * ((read.labels[0] == 3) & (heart_labels() == 3)).sum()
        / ((read.labels[0] == 3).sum() + (heart_labels() == 3).sum())
    )
    assert overlap > 0.85
    assert not node.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_sequence_of_segmentations_gives_labels_of_every_frame(scene, oblique):
    series, motion = heart_series(oblique), heart_motion(oblique)
    sequence, browser = add_series(series, "Cine")
    carried = np.stack([motion.warp_labels(heart_labels(), frame) for frame in range(4)])
    labels = add_label_sequence(carried, oblique, index_of(sequence), browser, "Labels")
    for node in (labels, browser.GetProxyNode(labels)):
        read = series_from_nodes(sequence, node)
        assert sorted(read.labels) == [0, 1, 2, 3]
        np.testing.assert_array_equal(read.labels[2], carried[2])


def test_sequence_of_some_frames_is_matched_by_its_index(scene, oblique):
    series = heart_series(oblique)
    sequence, _ = add_series(series, "Cine")
    maps = [label_map(heart_labels(), oblique), label_map(np.where(heart_labels() == 1, 0, heart_labels()), oblique)]
    labels = new_sequence("Labels", SequenceIndex("time", "ms", ("33.10", "99.4")), maps)
    read = series_from_nodes(sequence, labels)
    assert sorted(read.labels) == [1, 3]
    assert not (read.labels[3] == 1).any()
    odd = new_sequence("Odd", SequenceIndex("time", "ms", ("33.10", "98")), maps)
    with pytest.raises(CardiacMotionError, match="cannot be matched to the 4 frames"):
        series_from_nodes(sequence, odd)


def test_label_map_values_and_their_mapping(scene, oblique):
    series = heart_series(oblique)
    sequence, _ = add_series(series, "Cine")
    other = np.array([0, 600, 205, 500])[heart_labels()]
    with pytest.raises(CardiacMotionError, match="holds values"):
        series_from_nodes(sequence, label_map(other.astype(np.int16), oblique))
    read = series_from_nodes(
        sequence, label_map(other.astype(np.int16), oblique), segment_labels={"205": 2, "500": 3, "600": 1}
    )
    np.testing.assert_array_equal(read.labels[0], heart_labels())


def test_linear_transforms_above_the_nodes_are_applied(scene, oblique):
    series = heart_series(oblique)
    sequence, browser = add_series(series, "Cine")
    segmentation = add_labels(series)
    matrix = np.eye(4)
    matrix[:3, 3] = (10, -5, 3)
    transform = linear_transform(scene, matrix)
    browser.GetProxyNode(sequence).SetAndObserveTransformNodeID(transform.GetID())
    segmentation.SetAndObserveTransformNodeID(transform.GetID())
    read = series_from_nodes(sequence, segmentation)
    np.testing.assert_allclose(read.affine, matrix @ oblique, atol=1e-9)
    np.testing.assert_array_equal(read.labels[0], heart_labels())


def test_labels_elsewhere_do_not_follow_the_image(scene):
    affine = AFFINES["axial"]
    series = heart_series(affine)
    sequence, _ = add_series(series, "Cine")
    segmentation = add_labels(series)
    matrix = np.eye(4)
    matrix[0, 3] = 3.0
    segmentation.SetAndObserveTransformNodeID(linear_transform(scene, matrix).GetID())
    read = series_from_nodes(sequence, segmentation)
    np.testing.assert_array_equal(read.labels[0][:, :, 2:], heart_labels()[:, :, :-2])
    matrix[0, 3] = 500.0
    segmentation.SetAndObserveTransformNodeID(linear_transform(scene, matrix).GetID())
    with pytest.raises(CardiacMotionError, match="does not overlap"):
        series_from_nodes(sequence, segmentation)


def test_deformed_cine_is_refused(scene, oblique):
    sequence, browser = add_series(heart_series(oblique), "Cine")
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Warp")
    transform.SetAndObserveTransformToParent(grid_transform(heart_motion(oblique).displacement[2], oblique))
    browser.GetProxyNode(sequence).SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(CardiacMotionError, match="under the deformation 'Warp'; harden"):
        series_from_nodes(sequence)


def test_what_is_no_cine_is_refused_in_one_line(scene, oblique):
    import slicer

    series = heart_series(oblique)
    single = volume_nodes(series)[0]
    cases = [
        (single, "is one frame"),
        (None, "no cine was chosen"),
        ([], "list of cine volumes is empty"),
        (scene.AddNewNodeByClass("vtkMRMLSequenceNode", "Empty"), "'Empty' is empty"),
        (scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Bare"), "plays no sequence"),
        ([single, slicer.util.addVolumeFromArray(np.zeros((5, 28, 28)), oblique, "Other")], "on another grid"),
        ([single, add_labels(series)], "is not an image"),
    ]
    for node, message in cases:
        with pytest.raises(CardiacMotionError, match=message) as error:
            series_from_nodes(node)
        assert "\n" not in str(error.value)


def test_color_images_are_refused(scene, oblique):
    import slicer

    color = slicer.util.addVolumeFromArray(np.zeros((*SHAPE, 3), np.uint8), oblique, "RGB", "vtkMRMLVectorVolumeNode")
    with pytest.raises(CardiacMotionError, match="3 components a voxel"):
        series_from_nodes([color, color])


def test_acquisition_of_a_mapping_series_lives_on_the_sequence(scene, tmp_path):
    meta = {"inversion_times": [np.inf, 135.0, 1135.0, 2135.0], "is_tag": [False, True, False, True], "model": "stone"}
    series = heart_series(AFFINES["oblique"]).replace(meta={"name": "T1", **meta})
    sequence, _ = add_series(series, "T1")
    assert sequence.GetAttribute("CardiacMotion.inversion_times") == "inf 135.0 1135.0 2135.0"
    assert {key: series_from_nodes(sequence).meta[key] for key in meta} == meta
    save_node(sequence, tmp_path / "t1.seq.nrrd")
    assert {key: read_series(tmp_path / "t1.seq.nrrd").meta[key] for key in meta} == meta
    assert {key: series_from_nodes(load_sequence(tmp_path / "t1.seq.nrrd")).meta[key] for key in meta} == meta


def test_index_over_inversion_time_is_no_time_of_the_heartbeat(scene):
    sequence, _ = add_series(heart_series(AFFINES["axial"]), "T1")
    sequence.SetIndexName("InversionTime")
    series = series_from_nodes(sequence)
    assert series.meta["inversion_times"] == [0.0, 33.1, 66.3, 99.4]
    assert not series.timed
    assert series.meta["notes"] == []

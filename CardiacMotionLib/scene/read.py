"""From nodes to an `ImageSeries`: a cine in any of the shapes it has in a scene, and its segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import LV_CAVITY, MYOCARDIUM, RV, ImageSeries
from .headless import import_slicer
from .segment_names import LabelMapping, match_segments
from .segmentations import FRAME, oriented_image
from .sequences import SequenceIndex, data_nodes, find_browser, find_sequence, index_of, times_of


def series_from_nodes(
    cine_node: Any,
    segmentation_node: Any = None,
    *,
    segment_labels: LabelMapping | None = None,
    frame: int | None = None,
) -> ImageSeries:
    """The series that nodes of the scene show.

    Parameters
    ----------
    cine_node
        A sequence node of scalar volumes, the volume that shows such a sequence, the sequence browser that plays it, or
        a list of scalar volume nodes, one a frame. Index values with the unit ms, s or us become times.
    segmentation_node
        A segmentation or label map of one frame, or a sequence of them (or the node that shows such a sequence),
        matched to the cine by its index. Segments are resampled onto the image grid; overlaps go to the cavity, then
        the myocardium, then the RV.
    segment_labels
        See `match_segments`; for label maps {"voxel value": label}.
    frame
        Frame that a segmentation of one frame was drawn in. By default the one `add_labels` noted on the node, else the
        first (and ``meta["notes"]`` says so).

    Raises
    ------
    CardiacMotionError
        for nodes that cannot be read as a series; the message names the node and what would be right.

    Linear transforms above the nodes are applied. A node under a deformation is refused, because its image would have
    to be resampled.
    """
    volumes, index, name, parent = _cine_volumes(cine_node)
    affine = _world_affine(volumes[0], parent)
    for number, volume in enumerate(volumes):
        _check_volume(volume, number, volumes[0])
    slicer = import_slicer()
    frames = np.stack([slicer.util.arrayFromVolume(volume) for volume in volumes])
    notes = []
    times = None
    if index is not None:
        times, note = times_of(index)
        notes += [note] if note else []
    labels: dict[int, np.ndarray] = {}
    if segmentation_node is not None:
        labels, note = _read_labels(segmentation_node, segment_labels, frame, frames.shape, affine, index)
        notes += [note] if note else []
    meta = {"name": name, "source": name, "notes": notes}
    return ImageSeries(frames, affine, times, labels, meta)


def cine_sequence(cine_node: Any) -> Any | None:
    """The sequence node behind a cine node (sequence, its proxy volume, its browser), None for a list of volumes."""
    if isinstance(cine_node, (list, tuple)):
        return None
    if cine_node is None:
        raise CardiacMotionError("no cine was chosen; choose a volume sequence")
    if cine_node.IsA("vtkMRMLSequenceNode"):
        return cine_node
    if cine_node.IsA("vtkMRMLSequenceBrowserNode"):
        master = cine_node.GetMasterSequenceNode()
        if master is None:
            raise CardiacMotionError(
                f"sequence browser {cine_node.GetName()!r} plays no sequence; choose the browser of a cine"
            )
        return master
    found = find_sequence(cine_node)
    if found is None:
        raise CardiacMotionError(
            f"{cine_node.GetName()!r} ({cine_node.GetNodeTagName()}) is one frame; motion needs a volume "
            "sequence over the heart beat: load the cine as a volume sequence, or pass a list of volumes"
        )
    return found[0]


def _cine_volumes(cine_node: Any) -> tuple[list[Any], SequenceIndex | None, str, Any]:
    """(volume of every frame, index or None, name, parent transform node or None)."""
    sequence = cine_sequence(cine_node)
    if sequence is None:
        volumes = list(cine_node)
        if not volumes:
            raise CardiacMotionError("the list of cine volumes is empty; give one scalar volume per frame")
        parents = {volume.GetTransformNodeID() for volume in volumes}
        if len(parents) > 1:
            raise CardiacMotionError(
                "the cine volumes are under different transforms; put all frames under one, or harden them"
            )
        return volumes, None, volumes[0].GetName(), volumes[0].GetParentTransformNode()
    volumes = data_nodes(sequence)
    if not volumes:
        raise CardiacMotionError(f"sequence {sequence.GetName()!r} is empty; choose a sequence of scalar volumes")
    return volumes, index_of(sequence), sequence.GetName(), parent_of_sequence(sequence)


def parent_of_sequence(sequence: Any) -> Any | None:
    """The transform node above the node that shows a sequence, None where there is none."""
    browser = find_browser(sequence)
    proxy = browser.GetProxyNode(sequence) if browser is not None else None
    return proxy.GetParentTransformNode() if proxy is not None and proxy.IsA("vtkMRMLTransformableNode") else None


def _check_volume(volume: Any, number: int, first: Any) -> None:
    if not volume.IsA("vtkMRMLScalarVolumeNode") or volume.GetImageData() is None:
        raise CardiacMotionError(
            f"item {number} of the cine is not an image ({volume.GetNodeTagName()}); "
            "choose a sequence of scalar volumes"
        )
    components = volume.GetImageData().GetNumberOfScalarComponents()
    if components != 1:
        raise CardiacMotionError(
            f"frame {number} of the cine has {components} components a voxel; magnitude images with one are needed"
        )
    same = volume.GetImageData().GetDimensions() == first.GetImageData().GetDimensions()
    if not same or not np.allclose(_affine(volume), _affine(first), atol=1e-3):
        raise CardiacMotionError(
            f"frame {number} of the cine is on another grid than frame 0; "
            "all frames need the same size, spacing and position"
        )


def _affine(volume: Any) -> np.ndarray:
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return import_slicer().util.arrayFromVTKMatrix(matrix)


def _world_affine(volume: Any, parent: Any) -> np.ndarray:
    return _matrix_to_world(parent, volume) @ _affine(volume)


def _matrix_to_world(parent: Any, node: Any) -> np.ndarray:
    import vtk

    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise CardiacMotionError(
            f"{node.GetName()!r} is under the deformation {parent.GetName()!r}; "
            "harden the transform, or take the node out of it"
        )
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return import_slicer().util.arrayFromVTKMatrix(matrix)


# ---------------------------------------------------------------------- labels


def _read_labels(
    node: Any,
    segment_labels: LabelMapping | None,
    frame: int | None,
    shape: tuple[int, ...],
    affine: np.ndarray,
    index: SequenceIndex | None,
) -> tuple[dict[int, np.ndarray], str | None]:
    """({frame: labels}, sentence for the user or None)."""
    found = None if node.IsA("vtkMRMLSequenceNode") else find_sequence(node)
    sequence = node if node.IsA("vtkMRMLSequenceNode") else found and found[0]
    if sequence and frame is None:
        parent = parent_of_sequence(sequence)
        frames = _frames_of(sequence, index, shape[0])
        pairs = zip(frames, data_nodes(sequence), strict=True)
        return {t: _labels_of(one, parent, segment_labels, shape[1:], affine) for t, one in pairs}, None
    if node.IsA("vtkMRMLSequenceNode"):
        raise CardiacMotionError(
            f"{node.GetName()!r} is a sequence with its own frames; "
            "leave the frame out, or choose a single segmentation"
        )
    said = node.GetAttribute(FRAME)
    if frame is None and said is not None:
        frame = int(said)
    chosen = 0 if frame is None else frame
    if not 0 <= chosen < shape[0]:
        raise CardiacMotionError(
            f"the segmentation is said to belong to frame {chosen}, but frames run from 0 to {shape[0] - 1}"
        )
    note = f"The segmentation {node.GetName()!r} was taken to be drawn in the first frame." if frame is None else None
    return {chosen: _labels_of(node, node.GetParentTransformNode(), segment_labels, shape[1:], affine)}, note


def _frames_of(sequence: Any, index: SequenceIndex | None, number_of_frames: int) -> list[int]:
    """Frame of the cine that every item of a label sequence belongs to."""
    own = index_of(sequence)
    if index is not None and own.unit == index.unit:
        places = {_number(value): t for t, value in enumerate(index.values)}
        matched = [places.get(_number(value)) for value in own.values]
        if None not in matched:
            return [t for t in matched if t is not None]
    if len(own.values) == number_of_frames:
        return list(range(number_of_frames))
    raise CardiacMotionError(
        f"the {len(own.values)} items of {sequence.GetName()!r} cannot be matched to the "
        f"{number_of_frames} frames of the cine; give them index values of the cine"
    )


def _number(text: str) -> float | str:
    try:
        return round(float(text), 6)
    except ValueError:
        return text


def _labels_of(
    node: Any, parent: Any, segment_labels: LabelMapping | None, shape: tuple[int, ...], affine: np.ndarray
) -> np.ndarray:
    """Labels (K, J, I) uint8 of one segmentation or label map node on the image grid."""
    to_world = _matrix_to_world(parent, node)
    if node.IsA("vtkMRMLSegmentationNode"):
        return _labels_of_segmentation(node, to_world, segment_labels, shape, affine)
    if not node.IsA("vtkMRMLScalarVolumeNode") or node.GetImageData() is None:
        raise CardiacMotionError(
            f"{node.GetName()!r} ({node.GetNodeTagName()}) holds no labels; choose a segmentation or a label map"
        )
    mapping = {int(key): value for key, value in (segment_labels or {"1": RV, "2": MYOCARDIUM, "3": LV_CAVITY}).items()}
    values = import_slicer().util.arrayFromVolume(node)
    unknown = sorted({int(v) for v in np.unique(values)} - {0, *mapping})
    if unknown and not segment_labels:
        raise CardiacMotionError(
            f"label map {node.GetName()!r} holds values {unknown[:8]}; "
            "expected 1 RV, 2 LV myocardium, 3 LV cavity, or a mapping in segment_labels"
        )
    masks = {int(label): oriented_image(values == value, to_world @ _affine(node)) for value, label in mapping.items()}
    return _paint(masks, shape, affine)


def _labels_of_segmentation(
    node: Any, to_world: np.ndarray, segment_labels: LabelMapping | None, shape: tuple[int, ...], affine: np.ndarray
) -> np.ndarray:
    import vtk

    slicer = import_slicer()
    chosen = match_segments(node, segment_labels)
    segmentation = node.GetSegmentation()
    representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    if not segmentation.ContainsRepresentation(representation):
        copy = slicer.vtkSegmentation()  # converting must not change the user's node
        copy.DeepCopy(segmentation)
        geometry = slicer.vtkSegmentationConverter.SerializeImageGeometry(
            oriented_image(np.zeros(shape, np.uint8), np.linalg.inv(to_world) @ affine)
        )
        copy.SetConversionParameter(slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName(), geometry)
        if not copy.CreateRepresentation(representation):
            raise CardiacMotionError(
                f"segmentation {node.GetName()!r} cannot be made into voxels; "
                "create its binary label map in Segment Editor"
            )
        segmentation = copy
    masks = {}
    for identity, label in chosen.items():
        segment = segmentation.GetSegment(identity)
        stored = segment.GetRepresentation(representation)
        mask = slicer.vtkOrientedImageData()
        threshold = vtk.vtkImageThreshold()
        threshold.SetInputData(stored)
        threshold.ThresholdBetween(segment.GetLabelValue(), segment.GetLabelValue())
        threshold.SetInValue(1)
        threshold.SetOutValue(0)
        threshold.SetOutputScalarTypeToUnsignedChar()
        threshold.Update()
        mask.ShallowCopy(threshold.GetOutput())
        matrix = vtk.vtkMatrix4x4()
        stored.GetImageToWorldMatrix(matrix)
        mask.SetGeometryFromImageToWorldMatrix(
            slicer.util.vtkMatrixFromArray(to_world @ slicer.util.arrayFromVTKMatrix(matrix))
        )
        masks[label] = mask
    return _paint(masks, shape, affine)


def _paint(masks: dict[int, Any], shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Masks {label: oriented image} on the grid, the inner structure over the outer."""
    from vtk.util.numpy_support import vtk_to_numpy

    slicer = import_slicer()
    reference = oriented_image(np.zeros(shape, np.uint8), affine)
    labels = np.zeros(shape, np.uint8)
    for label in sorted(masks):
        image = slicer.vtkOrientedImageData()
        resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
        if not resample(masks[label], reference, image, False, False):
            raise CardiacMotionError(
                "a segment cannot be resampled onto the cine; check that segmentation and cine are in the same place"
            )
        on_grid = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(shape)
        labels[on_grid > 0] = label
    if not labels.any():
        raise CardiacMotionError(
            "the segmentation does not overlap the cine; check that both are of the same heart, in the same place"
        )
    return labels

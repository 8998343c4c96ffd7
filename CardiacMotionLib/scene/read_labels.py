"""From segmentation nodes and label maps to labels on the grid of a cine."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import LV_CAVITY, MYOCARDIUM, RV
from .headless import import_slicer
from .segment_names import LabelMapping, match_segments
from .segmentations import FRAME, oriented_image
from .sequences import SequenceIndex, data_nodes, find_sequence, index_of
from .slice_plane import ijk_to_ras
from .world import matrix_to_world, parent_of_sequence


def read_labels(
    node: Any,
    segment_labels: LabelMapping | None,
    frame: int | None,
    shape: tuple[int, ...],
    affine: np.ndarray,
    index: SequenceIndex | None,
) -> tuple[dict[int, np.ndarray], str | None]:
    """Labels of a segmentation node: ({frame: (K, J, I) uint8}, sentence for the user or None).

    The arguments are those of `series_from_nodes`; ``shape`` is that of the frames (T, K, J, I), ``affine`` their world
    grid.
    """
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
    to_world = matrix_to_world(parent, node)
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
    masks = {
        int(label): oriented_image(values == value, to_world @ ijk_to_ras(node)) for value, label in mapping.items()
    }
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

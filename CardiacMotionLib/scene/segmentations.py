"""Labels as segmentations: of one frame, or carried through the cycle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..io.write import LABEL_COLORS
from ..series import LABEL_NAMES, ImageSeries
from .headless import headless_scene, import_slicer
from .sequences import SequenceIndex, new_sequence_in_steps, play_with
from .steps import Steps, finish

FRAME = "CardiacMotion.frame"


def add_labels(series: ImageSeries, name: str = "Heart", *, frame: int | None = None) -> Any:
    """Segmentation node of one labeled frame, by default the first.

    The frame is kept in the attribute ``CardiacMotion.frame``, where `series_from_nodes` looks for it.

    Raises
    ------
    CardiacMotionError
        when the series has no labels, or none in that frame.
    """
    if not series.labels:
        raise CardiacMotionError("the series has no labels; read it with labels to show them as a segmentation")
    chosen = min(series.labels) if frame is None else frame
    if chosen not in series.labels:
        raise CardiacMotionError(f"frame {chosen} has no labels; labeled frames are {sorted(series.labels)}")
    node = headless_scene().scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    fill_segmentation(node, series.labels[chosen], series.affine)
    node.SetAttribute(FRAME, str(chosen))
    node.CreateDefaultDisplayNodes()
    show_contours(node)
    return node


def add_label_sequence(labels: np.ndarray, affine: np.ndarray, index: SequenceIndex, browser: Any, name: str) -> Any:
    """Segmentation sequence node of labels (T, K, J, I) uint8, played by ``browser`` as contours."""
    return finish(add_label_sequence_in_steps(labels, affine, index, browser, name))


def add_label_sequence_in_steps(
    labels: np.ndarray, affine: np.ndarray, index: SequenceIndex, browser: Any, name: str
) -> Steps[Any]:
    """`add_label_sequence`, a frame a step."""
    slicer = import_slicer()

    def segmentations() -> Iterator[Any]:
        for of_frame in labels:
            node = slicer.vtkMRMLSegmentationNode()
            node.SetName(name)
            fill_segmentation(node, of_frame, affine)
            yield node

    sequence = yield from new_sequence_in_steps(name, index, segmentations())
    proxy = play_with(browser, sequence)
    proxy.CreateDefaultDisplayNodes()
    show_contours(proxy)
    return sequence


def fill_segmentation(node: Any, labels: np.ndarray, affine: np.ndarray) -> None:
    """Segments RV, LV myocardium and LV cavity, sharing one label map (K, J, I) on the grid of ``affine``.

    All three are made even where one is empty, so that every frame of a sequence has the same segments.
    """
    slicer = import_slicer()
    image = oriented_image(labels, affine)
    converter = slicer.vtkSegmentationConverter
    segmentation = node.GetSegmentation()
    segmentation.SetSourceRepresentationName(converter.GetSegmentationBinaryLabelmapRepresentationName())
    segmentation.SetConversionParameter(
        converter.GetReferenceImageGeometryParameterName(), converter.SerializeImageGeometry(image)
    )
    for label, title in LABEL_NAMES.items():
        segment = slicer.vtkSegment()
        segment.SetName(title)
        segment.SetColor(*LABEL_COLORS[label])
        segment.SetLabelValue(label)
        segment.AddRepresentation(converter.GetSegmentationBinaryLabelmapRepresentationName(), image)
        segmentation.AddSegment(segment, title.replace(" ", "_"))


def oriented_image(values: np.ndarray, affine: np.ndarray) -> Any:
    """``vtkOrientedImageData`` uint8 of values (K, J, I) on the grid of ``affine`` (4, 4)."""
    from vtk.util.numpy_support import numpy_to_vtk

    slicer = import_slicer()
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*values.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(values, dtype=np.uint8).ravel(), deep=True))
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(affine))
    return image


def show_contours(segmentation_node: Any) -> None:
    """Outlines only, so that image and overlay stay visible."""
    display = segmentation_node.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(2)

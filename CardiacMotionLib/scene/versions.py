"""Whether nodes have changed since they were read, without reading them."""

from __future__ import annotations

from typing import Any

from .sequences import data_nodes, find_browser, find_sequence


def version_of(node: Any) -> tuple[Any, ...]:
    """A value that differs when `series_from_nodes` would read something else from a cine or segmentation node.

    Of a node that shows a sequence it is that of the sequence: playing it changes nothing.
    """
    if node is None:
        return ()
    found = None if node.IsA("vtkMRMLSequenceNode") else find_sequence(node)
    sequence = node if node.IsA("vtkMRMLSequenceNode") else found and found[0]
    if sequence is None:
        return (node.GetID(), *_content(node), *_transform(node))
    browser = find_browser(sequence)
    proxy = browser.GetProxyNode(sequence) if browser is not None else None
    contents = tuple(_content(one) for one in data_nodes(sequence))
    return (sequence.GetID(), sequence.GetMTime(), contents, *_transform(proxy))


def _content(node: Any) -> tuple[int, ...]:
    """Modification times of a node and of the image or segments in it."""
    if node.IsA("vtkMRMLSegmentationNode"):
        segmentation = node.GetSegmentation()
        segments = [segmentation.GetNthSegment(n) for n in range(segmentation.GetNumberOfSegments())]
        name = segmentation.GetSourceRepresentationName()
        parts = [part for one in segments for part in (one, one.GetRepresentation(name)) if part is not None]
        return (segmentation.GetMTime(), *(part.GetMTime() for part in parts))
    image = node.GetImageData() if node.IsA("vtkMRMLVolumeNode") else None
    return (node.GetMTime(), image.GetMTime()) if image is not None else (node.GetMTime(),)


def _transform(node: Any) -> tuple[Any, ...]:
    parent = node.GetParentTransformNode() if node is not None and node.IsA("vtkMRMLTransformableNode") else None
    return () if parent is None else (parent.GetID(), parent.GetTransformToWorldMTime())

"""From nodes to an `ImageSeries`: a cine in any of the shapes it has in a scene, and its segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from .acquisition import Acquired, acquisition_of
from .headless import import_slicer
from .known_insertion import read_insertion
from .read_labels import read_labels
from .segment_names import LabelMapping
from .sequences import SequenceIndex, data_nodes, find_sequence, index_of, times_of
from .slice_plane import ijk_to_ras
from .world import matrix_to_world, parent_of_sequence


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
        a list of scalar volume nodes, one a frame. Index values with the unit ms, s or us become times; those of an
        index ``InversionTime`` or such, and attributes ``CardiacMotion.inversion_times`` and so on of the sequence, the
        acquisition of a mapping series in ``meta``; see `acquisition_of`.
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

    RV insertions that `add_series` noted on the sequence become ``meta["rv_insertion"]``.

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
    sequence = cine_sequence(cine_node)
    acquired = Acquired({}, "") if sequence is None else acquisition_of(sequence, files=False)
    if index is not None:
        times, note = times_of(index)
        notes += [note] if note else []
    labels: dict[int, np.ndarray] = {}
    if segmentation_node is not None:
        labels, note = read_labels(segmentation_node, segment_labels, frame, frames.shape, affine, index)
        notes += [note] if note else []
    meta = {"name": name, "source": name, "notes": [*notes, *acquired.notes], **acquired.values}
    insertion = read_insertion(cine_sequence(cine_node))
    if insertion is not None:
        to_world = matrix_to_world(parent, volumes[0])
        meta["rv_insertion"] = insertion @ to_world[:3, :3].T + to_world[:3, 3]
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
    if not same or not np.allclose(ijk_to_ras(volume), ijk_to_ras(first), atol=1e-3):
        raise CardiacMotionError(
            f"frame {number} of the cine is on another grid than frame 0; "
            "all frames need the same size, spacing and position"
        )


def _world_affine(volume: Any, parent: Any) -> np.ndarray:
    return matrix_to_world(parent, volume) @ ijk_to_ras(volume)

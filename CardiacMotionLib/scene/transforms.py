"""Motion as transform nodes, in both directions, and back.

The displacement u maps points of the reference to frame t. One grid serves both directions, and u is never negated:

- set as the transform **to** parent it moves what belongs to the reference (model, contour, segmentation at
  end-diastole) to frame t;
- set as the transform **from** parent it is what a resampler asks, "where does this point of the output come from?", so
  a volume of frame t under it is drawn in the reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..io.motion_files import frames_at_rest, taken_as_canonical
from ..motion import Motion, known_reference
from .headless import import_slicer
from .sequences import SequenceIndex, data_nodes, index_of, new_sequence_in_steps, times_of
from .steps import Steps, finish

PADDING = "CardiacMotion.padding"
PROVENANCE = "CardiacMotion.provenance"
REFERENCE = "CardiacMotion.reference"
REST_MM = 1e-3
GRAIN_MM = 1 / 1024  # displacements in the scene are multiples of it: the doubles that Slicer stores compress better


def grid_transform(displacement: np.ndarray, affine: np.ndarray) -> Any:
    """``vtkOrientedGridTransform`` of a displacement (K, J, I, 3) in RAS mm on the grid of ``affine`` (4, 4).

    Beyond the grid VTK continues the displacement at its edge, see `pad_to_rest`. A grid of one slice acts at every
    depth.
    """
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    slicer = import_slicer()
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    directions = np.eye(4)
    directions[:3, :3] = affine[:3, :3] / spacing
    image = vtk.vtkImageData()
    image.SetDimensions(*displacement.shape[2::-1])
    image.SetSpacing(*spacing)
    image.SetOrigin(*affine[:3, 3])
    vectors = numpy_to_vtk(np.ascontiguousarray(displacement, dtype=np.float32).reshape(-1, 3), deep=True)
    vectors.SetName("displacement")
    image.GetPointData().SetScalars(vectors)
    transform = slicer.vtkOrientedGridTransform()
    transform.SetGridDirectionMatrix(slicer.util.vtkMatrixFromArray(directions))
    transform.SetDisplacementGridData(image)
    return transform


def pad_to_rest(displacement: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Continue a displacement outward until it is at rest: (displacement, affine, padding along (k, j, i)).

    Outside its grid a transform repeats the displacement at the edge and would drag the chest along. The border added
    here continues the edge and fades linearly to zero, over at least twice the largest edge displacement so that
    nothing folds. Across the slices the edge is first continued by one slice, because the outer half of an end slice is
    still heart. An axis that already ends at rest is not padded, neither is a single slice, which acts at every depth.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)[::-1]  # k, j, i
    padding, weights = [], []
    for axis in (1, 2, 3):
        size = displacement.shape[axis]
        edge = max(float(np.abs(displacement.take(side, axis)).max()) for side in (0, -1))
        held = 1 if axis == 1 else 0
        fade = 0 if edge < REST_MM or size == 1 else int(np.ceil(2 * edge / spacing[axis - 1]))
        padding.append(held + fade if fade else 0)
        ramp = np.linspace(1, 0, fade + 1)[1:] if fade else np.zeros(0)
        outside = np.concatenate([np.ones(held if fade else 0), ramp])
        weights.append(np.concatenate([outside[::-1], np.ones(size), outside]).astype(np.float32))
    pad_k, pad_j, pad_i = padding
    if not any(padding):
        return displacement, affine, (0, 0, 0)
    padded = np.pad(displacement, ((0, 0), *((n, n) for n in padding), (0, 0)), mode="edge")
    padded *= weights[0][:, None, None, None]
    padded *= weights[1][:, None, None]
    padded *= weights[2][:, None]
    moved = affine.copy()
    moved[:3, 3] -= affine[:3, :3] @ np.array([pad_i, pad_j, pad_k], dtype=float)
    return padded, moved, (pad_k, pad_j, pad_i)


def add_transform_sequences(motion: Motion, index: SequenceIndex, name: str) -> tuple[Any, Any]:
    """Two sequences of transform nodes for a motion: (motion_to_frame, frame_to_reference), see the head of this file.

    The reference frame holds a grid of zeros, not a linear identity, because Slicer cannot write a sequence that mixes
    the two. Both sequences share their grids in memory.
    """
    return finish(add_transform_sequences_in_steps(motion, grids_of(motion), index, name))


@dataclass(frozen=True)
class Grids:
    """Displacements as transforms hold them.

    Attributes
    ----------
    displacement
        (T, K', J', I', 3) float32 RAS mm, at rest at the border.
    affine
        (4, 4) of the padded grid.
    padding
        Voxels that were added on each side along (k, j, i).
    """

    displacement: np.ndarray
    affine: np.ndarray
    padding: tuple[int, int, int]


def grids_of(motion: Motion) -> Grids:
    """The displacements of a motion, padded by `pad_to_rest` and rounded."""
    padded, affine, padding = pad_to_rest(motion.displacement, motion.affine)
    return Grids(np.round(padded / GRAIN_MM) * np.float32(GRAIN_MM), affine, padding)


def add_transform_sequences_in_steps(
    motion: Motion, grids: Grids, index: SequenceIndex, name: str
) -> Steps[tuple[Any, Any]]:
    """`add_transform_sequences` of `grids_of` the motion, a frame a step."""
    slicer = import_slicer()

    def empty(label: str) -> Iterator[Any]:
        for _ in index.values:
            node = slicer.vtkMRMLTransformNode()
            node.SetName(label)
            yield node

    names = (f"{name} motion to frame", f"{name} frame to reference")
    to_frame = yield from new_sequence_in_steps(names[0], index, empty(names[0]))
    to_reference = yield from new_sequence_in_steps(names[1], index, empty(names[1]))
    pairs = zip(data_nodes(to_frame), data_nodes(to_reference), grids.displacement, strict=True)
    for moving, drawing, displacement in pairs:
        grid = grid_transform(displacement, grids.affine)
        moving.SetAndObserveTransformToParent(grid)
        drawing.SetAndObserveTransformFromParent(grid)
        yield
    for sequence in (to_frame, to_reference):
        sequence.SetAttribute(PADDING, json.dumps(grids.padding))
        sequence.SetAttribute(REFERENCE, str(motion.stored_reference))
        sequence.SetAttribute(PROVENANCE, json.dumps(motion.provenance, default=str))
    return to_frame, to_reference


def motion_from_sequence(sequence_node: Any) -> Motion:
    """The `Motion` in a sequence of grid transforms of either direction, as `add_transform_sequences` makes them.

    A sequence from elsewhere is taken as it is: its first frame of zeros is the reference. Without such a frame the
    motion starts from the canonical space of all frames, and a note in its provenance says so.

    Raises
    ------
    CardiacMotionError
        when the node is no sequence of grid transforms on one grid.
    """
    grids = [_stored_grid(sequence_node, node) for node in data_nodes(sequence_node)]
    affines = [_affine_of(grid) for grid in grids]
    displacement = np.stack([_displacement_of(grid) for grid in grids])
    if not all(np.allclose(affine, affines[0], atol=1e-4) for affine in affines):
        raise CardiacMotionError(
            f"the transforms of {sequence_node.GetName()!r} are on different grids; one grid for all frames is needed"
        )
    pad_k, pad_j, pad_i = _padding(sequence_node)
    _, k, j, i, _ = displacement.shape
    displacement = displacement[:, pad_k : k - pad_k, pad_j : j - pad_j, pad_i : i - pad_i]
    affine = _without_padding(affines[0], (pad_k, pad_j, pad_i))
    provenance = json.loads(sequence_node.GetAttribute(PROVENANCE) or "{}")
    stored = sequence_node.GetAttribute(REFERENCE)
    if stored is not None:
        reference = known_reference(stored)
    else:
        reference = next(iter(frames_at_rest(displacement)), None)
        if reference is None:
            provenance = taken_as_canonical(provenance, sequence_node.GetName())
    return Motion(displacement, affine, reference, times_of(index_of(sequence_node))[0], provenance)


def reference_grid(sequence_node: Any) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Affine (4, 4) and shape (K, J, I) of the grid on which a motion was computed, without the border around it."""
    grid = _stored_grid(sequence_node, sequence_node.GetNthDataNode(0))
    padding = _padding(sequence_node)
    i, j, k = grid.GetDisplacementGrid().GetDimensions()
    pad_k, pad_j, pad_i = padding
    return _without_padding(_affine_of(grid), padding), (k - 2 * pad_k, j - 2 * pad_j, i - 2 * pad_i)


def _stored_grid(sequence_node: Any, node: Any) -> Any:
    """The grid transform in one of the data nodes of a sequence, whichever direction holds it."""
    slicer = import_slicer()
    candidates = (
        [node.GetTransformToParent(), node.GetTransformFromParent()] if node.IsA("vtkMRMLTransformNode") else []
    )
    stored = [one for one in candidates if isinstance(one, slicer.vtkOrientedGridTransform) and _is_forward(one)]
    if not stored:
        raise CardiacMotionError(
            f"{sequence_node.GetName()!r} is not a sequence of grid transforms; choose a motion made by CardiacMotion"
        )
    return stored[0]


def _padding(sequence_node: Any) -> tuple[int, int, int]:
    """Width (k, j, i) of the border that `pad_to_rest` added."""
    k, j, i = json.loads(sequence_node.GetAttribute(PADDING) or "[0, 0, 0]")
    return k, j, i


def _without_padding(affine: np.ndarray, padding: tuple[int, int, int]) -> np.ndarray:
    pad_k, pad_j, pad_i = padding
    inner = affine.copy()
    inner[:3, 3] += affine[:3, :3] @ np.array([pad_i, pad_j, pad_k], dtype=float)
    return inner


def _is_forward(grid: Any) -> bool:
    """Whether the grid holds what it is asked for, rather than being inverted by iteration."""
    grid.Update()
    return grid.GetDisplacementGrid() is not None and not grid.GetInverseFlag()


def _affine_of(grid: Any) -> np.ndarray:
    slicer = import_slicer()
    image = grid.GetDisplacementGrid()
    affine = np.eye(4)
    directions = grid.GetGridDirectionMatrix()
    axes = slicer.util.arrayFromVTKMatrix(directions)[:3, :3] if directions is not None else np.eye(3)
    affine[:3, :3] = axes * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def _displacement_of(grid: Any) -> np.ndarray:
    from vtk.util.numpy_support import vtk_to_numpy

    image = grid.GetDisplacementGrid()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(*image.GetDimensions()[::-1], 3)
    return values * grid.GetDisplacementScale() + grid.GetDisplacementShift()

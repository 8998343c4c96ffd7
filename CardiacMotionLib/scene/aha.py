"""The AHA segments over the moving wall: a label map that plays with the cine, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import MYOCARDIUM
from ..strain.segments import SEGMENT_NAMES
from .colors import CATEGORY, CATEGORY_NAME
from .headless import headless_scene, import_slicer
from .sequences import SequenceIndex, data_nodes, new_sequence_in_steps, play_with, show_frame
from .steps import Steps, finish

if TYPE_CHECKING:
    from .result_record import Results

COLOR_NODE_NAME = "CardiacMotion AHA segments"
_WALLS = (  # apart for every common color blindness (Okabe and Ito 2008), and neighbors differ in lightness too
    (0.00, 0.45, 0.70),  # anterior
    (0.34, 0.71, 0.91),  # anteroseptal, apical septal
    (0.00, 0.62, 0.45),  # inferoseptal
    (0.84, 0.37, 0.00),  # inferior
    (0.90, 0.62, 0.00),  # inferolateral
    (0.80, 0.47, 0.65),  # anterolateral, apical lateral
)
_APICAL_WALLS = (0, 1, 3, 5)
_WHITE = (0.0, 0.25, 0.5)  # mixed into the colors of the basal, mid and apical level


def level_of(segment: int) -> int:
    """0 basal, 1 mid, 2 apical."""
    return min((segment - 1) // 6, 2)


def wall_color(segment: int) -> tuple[float, float, float]:
    """Color of the wall that a segment belongs to, the same at every level."""
    return _WALLS[_APICAL_WALLS[segment - 13] if segment > 12 else (segment - 1) % 6]


def segment_color(segment: int) -> tuple[float, float, float]:
    """Color of AHA segment 1..16: its wall's, lighter towards the apex."""
    white = _WHITE[level_of(segment)]
    red, green, blue = (channel + white * (1 - channel) for channel in wall_color(segment))
    return red, green, blue


def segment_title(segment: int) -> str:
    """For example ``7 mid anterior``."""
    return f"{segment} {SEGMENT_NAMES[segment]}"


def carry_segments(segments: np.ndarray, motion: Motion, walls: np.ndarray) -> np.ndarray:
    """Segments (K, J, I) of the reference where their material is in every frame: (T, K, J, I) uint8.

    ``walls`` (T, K, J, I) bool is the wall in every frame (`Motion.warp_labels`); the segments cover it where the
    reference has segments in the slices that the material comes from.
    """
    carried = np.zeros(walls.shape, np.uint8)
    if not segments.any():
        return carried
    slices = segments.any(axis=(1, 2))
    filled = segments.copy()
    for k in np.flatnonzero(slices):
        spacing = motion.spacing[1::-1]
        nearest = distance_transform_edt(segments[k] == 0, spacing, return_distances=False, return_indices=True)
        filled[k] = segments[k][tuple(nearest)]
    to_voxel = np.linalg.inv(motion.affine[:3, :3]).T
    last = np.array(motion.shape) - 1
    for frame, wall in enumerate(walls):
        back = motion.inverse(frame)[wall] @ to_voxel  # (N, 3) voxels i, j, k
        source = np.round(np.argwhere(wall) + back[:, ::-1]).astype(int).clip(0, last)
        carried[frame][wall] = filled[tuple(source.T)]
    return carried


def walls_of(motion: Motion, labels: np.ndarray) -> np.ndarray:
    """The wall of reference labels (K, J, I) in every frame: (T, K, J, I) bool."""
    return np.stack([motion.warp_labels(labels, frame) == MYOCARDIUM for frame in range(len(motion))])


def add_segments(carried: np.ndarray, affine: np.ndarray, index: SequenceIndex, browser: Any, name: str) -> Any:
    """Label map sequence node of carried segments (T, K, J, I), played by ``browser``.

    Its color node names the segments, so that the data probe says them. `show_segments` puts the overlay into the
    views.
    """
    return finish(add_segments_in_steps(carried, affine, index, browser, name))


def add_segments_in_steps(
    carried: np.ndarray, affine: np.ndarray, index: SequenceIndex, browser: Any, name: str
) -> Steps[Any]:
    """`add_segments`, a frame a step."""
    slicer = import_slicer()
    title = f"{name} AHA segments"
    volume = slicer.vtkMRMLLabelMapVolumeNode()
    volume.SetName(title)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))

    def volumes() -> Iterator[Any]:
        for segments in carried:
            slicer.util.updateVolumeFromArray(volume, segments)
            yield volume

    sequence = yield from new_sequence_in_steps(title, index, volumes())
    proxy = play_with(browser, sequence)
    proxy.CreateDefaultDisplayNodes()
    proxy.GetDisplayNode().SetAndObserveColorNodeID(_color_node().GetID())
    return sequence


def update_segments(results: Results, carried: np.ndarray) -> None:
    """Give the overlay of a run other segments (T, K, J, I)."""
    util = import_slicer().util
    for node, segments in zip(data_nodes(results.segments), carried, strict=True):
        util.updateVolumeFromArray(node, segments)
    show_frame(results.browser, results.browser.GetSelectedItemNumber())


def show_segments(results: Results, *, opacity: float = 0.5) -> None:
    """Put the AHA segments over the cine in every slice view, above a strain overlay."""
    if results.segments is None:
        raise CardiacMotionError(
            f"run {results.name!r} has no AHA segments; place the RV insertions, from which they are counted"
        )
    for composite in _composites():
        composite.SetBackgroundVolumeID(results.proxy(results.cine).GetID())
        composite.SetLabelVolumeID(results.proxy(results.segments).GetID())
        composite.SetLabelOpacity(opacity)
    if results.segment_numbers is not None:
        results.segment_numbers.SetDisplayVisibility(True)


def hide_segments(results: Results) -> None:
    """Take the AHA segments of a run out of the slice views; a label map of the user's stays."""
    proxy = None if results.segments is None else results.proxy(results.segments)
    for composite in _composites():
        if proxy is not None and composite.GetLabelVolumeID() == proxy.GetID():
            composite.SetLabelVolumeID(None)
    if results.segment_numbers is not None:
        results.segment_numbers.SetDisplayVisibility(False)


def add_numbers(segments: np.ndarray, affine: np.ndarray, name: str, transform_node: Any) -> Any:
    """Markups with the number of every segment in the middle of its wall in every slice, moving with the heart.

    ``segments`` (K, J, I) of the reference; ``transform_node`` the node that plays motion to frame. Hidden until
    `show_segments`.
    """
    markups = headless_scene().scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", f"{name} AHA numbers")
    markups.CreateDefaultDisplayNodes()
    display = markups.GetDisplayNode()
    display.SetVisibility(False)
    display.SetVisibility3D(False)
    display.SetGlyphScale(0.01)
    display.SetTextScale(2.5)
    for color in (display.SetSelectedColor, display.SetColor):
        color(1.0, 1.0, 1.0)
    display.SetPropertiesLabelVisibility(False)
    display.SetPointLabelsVisibility(True)
    markups.SetAndObserveTransformNodeID(transform_node.GetID())
    fill_numbers(markups, segments, affine)
    return markups


def fill_numbers(markups: Any, segments: np.ndarray, affine: np.ndarray) -> None:
    """Write the numbers of segments (K, J, I) into the markups of `add_numbers`."""
    import vtk

    with import_slicer().util.NodeModify(markups):
        markups.SetLocked(False)
        markups.RemoveAllControlPoints()
        for k in np.flatnonzero(segments.any(axis=(1, 2))):
            for segment in np.unique(segments[k][segments[k] > 0]):
                voxels = np.argwhere(segments[k] == segment)
                middle = voxels[((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1).argmin()]  # a voxel of the wall
                place = affine[:3, :3] @ np.array([middle[1], middle[0], k], float) + affine[:3, 3]
                number = markups.AddControlPoint(vtk.vtkVector3d(*place), str(segment))
                markups.SetNthControlPointDescription(number, segment_title(int(segment)))
        markups.SetLocked(True)


def _color_node() -> Any:
    """The color table of the segments with their names, made on first use and shared by all runs."""
    scene = headless_scene().scene
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLColorTableNode")
        if node.GetName() == COLOR_NODE_NAME:
            return node
    colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode", COLOR_NODE_NAME)
    colors.SetTypeToUser()
    colors.SetAttribute(CATEGORY, CATEGORY_NAME)
    colors.SetHideFromEditors(False)  # a hidden color node is not saved with the scene
    colors.SetNumberOfColors(len(SEGMENT_NAMES) + 1)
    colors.SetColor(0, "no segment", 0.0, 0.0, 0.0, 0.0)
    for segment in SEGMENT_NAMES:
        colors.SetColor(segment, segment_title(segment), *segment_color(segment), 1.0)
    return colors


def _composites() -> list[Any]:
    scene = headless_scene().scene
    count = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    return [scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode") for number in range(count)]

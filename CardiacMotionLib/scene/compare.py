"""Registered images against the reference: every frame drawn in the reference, beside, between or minus its image.

Where the motion is right the two agree: nothing jumps when they alternate, edges go on from tile to tile, and the
difference is noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import ImageSeries
from .colors import diverging_color_node
from .headless import headless_scene, import_slicer
from .layers import LAYER, Layer, describe_layer, file_under, in_colors, like_the_cine
from .run_nodes import all_or_nothing

if TYPE_CHECKING:
    from .result_record import Results

REGISTERED, CHECKERBOARD, DIFFERENCE, STILL = "registered", "checkerboard", "difference", "reference_image"
DIFFERENCE_PERCENTILE = 99.0  # of the difference before registration is the window: what is left is seen against it


def reference_image(series: ImageSeries, motion: Motion) -> np.ndarray:
    """(K, J, I) float32: the reference frame; the mean of all registered frames where that is a canonical space."""
    if motion.reference is None:
        return motion.warp(series).mean(axis=0)
    return series.frames[motion.reference].astype(np.float32)


def registered_layer(series: ImageSeries, motion: Motion) -> Layer:
    """Every frame drawn in the reference, in the window of the cine; it alternates with `add_reference_image`."""
    return Layer(LAYER + REGISTERED, "Registered cine", motion.affine, motion.warp(series), like_the_cine)


def difference_layer(series: ImageSeries, motion: Motion) -> Layer:
    """Every frame drawn in the reference minus the reference, in the intensities of the cine.

    The window is what the frames differ by where they are not registered (99th percentile), so that a good motion is
    pale.
    """
    still = reference_image(series, motion)
    largest = float(np.percentile(np.abs(series.frames - still), DIFFERENCE_PERCENTILE))
    window = (-largest, largest) if largest > 0 else (-1.0, 1.0)
    frames = motion.warp(series) - still
    dress = in_colors(diverging_color_node, window, everywhere=True)
    label_format = "%.0f" if largest >= 10 else "%.2g"
    return Layer(LAYER + DIFFERENCE, "Registered - reference", motion.affine, frames, dress, window, label_format)


def checkerboard_layer(series: ImageSeries, motion: Motion, tile_mm: float = 15.0) -> Layer:
    """Tiles of every frame drawn in the reference between tiles of the reference, about ``tile_mm`` wide.

    Raises
    ------
    CardiacMotionError
        for a tile that is not above 0 mm.
    """
    if not (np.isfinite(tile_mm) and tile_mm > 0):
        raise CardiacMotionError(f"the tiles of a checkerboard must be above 0 mm wide, got {tile_mm:g}")
    board = checkerboard(motion.shape, motion.spacing, tile_mm)
    still = reference_image(series, motion)
    frames = _tiles(motion.warp(series), still, board)
    return Layer(LAYER + CHECKERBOARD, checkerboard_title(tile_mm), motion.affine, frames, like_the_cine)


def checkerboard_title(tile_mm: float) -> str:
    """What a checkerboard is called; one of the same title is the same."""
    return f"Checkerboard of {tile_mm:g} mm"


def checkerboard(shape: tuple[int, int, int], spacing: np.ndarray, tile_mm: float) -> np.ndarray:
    """(K, J, I) bool, True on every other tile in the plane of the slices; a tile is at least a pixel."""
    _, j, i = np.indices(shape)
    step_i, step_j = (max(round(tile_mm / spacing[axis]), 1) for axis in (0, 1))
    return (i // step_i + j // step_j) % 2 == 1


def add_reference_image(results: Results, image: np.ndarray, affine: np.ndarray) -> Any:
    """Add the still image (K, J, I) that the registered frames are compared with; returns its volume node."""
    slicer = import_slicer()
    with all_or_nothing(results.run):
        node = headless_scene().scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Reference image")
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))
        slicer.util.updateVolumeFromArray(node, image)
        node.CreateDefaultDisplayNodes()
        like_the_cine(node, results)
        describe_layer(node, LAYER + STILL, "Reference image", None, results)
        file_under(results, node)
    results.layers[STILL] = node
    return node


def _tiles(registered: np.ndarray, still: np.ndarray, board: np.ndarray) -> Iterator[np.ndarray]:
    for frame in registered:
        yield np.where(board, frame, still).astype(np.float32)

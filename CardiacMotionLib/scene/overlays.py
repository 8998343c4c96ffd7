"""Strain and volume change as volume sequences that lie on the moving wall of the cine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from .colors import TITLE, WINDOW_PERCENT, add_legend, diverging_color_node
from .headless import headless_scene, import_slicer
from .run_nodes import RUN
from .sequences import SequenceIndex, find_browser, new_sequence_in_steps, play_with
from .steps import Steps, finish

if TYPE_CHECKING:
    from ..motion import Motion

OUTSIDE = -1000.0  # percent; no wall can have it, and the display threshold hides it
_SHOWN_PERCENT = (-500.0, 1000.0)
TITLE_ATTRIBUTE, WINDOW_ATTRIBUTE = "CardiacMotion.title", "CardiacMotion.window"
CINE = "CardiacMotion.cine"  # role of the reference to the cine's sequence
PLAIN = "CardiacMotion.plain"  # attribute of the composite node of a slice view that shows images only


def carry_to_frames(values: np.ndarray, motion: Motion, walls: np.ndarray) -> Iterator[np.ndarray]:
    """Values of reference voxels where their material is in every frame.

    Yields T arrays (K, J, I) float32, NaN outside the wall.

    Parameters
    ----------
    values
        (T, K, J, I), NaN outside the wall of the reference: what a voxel of the **reference** has in frame t.
    motion
        Of the same grid.
    walls
        (T, K, J, I) bool, the wall in every frame (`Motion.warp_labels`). The overlay covers exactly this.
    """
    import torch  # what shows an overlay needs none of it
    from scipy.ndimage import distance_transform_edt

    from .. import fields

    known = np.isfinite(values).all(axis=0)
    # Continue the values past the wall first: interpolating with NaN would eat half a voxel of wall all around.
    nearest = distance_transform_edt(~known, sampling=motion.spacing[::-1], return_distances=False, return_indices=True)
    affine = torch.as_tensor(motion.affine)
    for frame, (value, wall) in enumerate(zip(values, walls, strict=True)):
        filled = torch.from_numpy(value[tuple(nearest)].astype(np.float32))
        voxels = torch.from_numpy(np.argwhere(wall)[:, ::-1].astype(np.float32))  # (N, 3) i, j, k
        back = fields.world_to_voxel(torch.from_numpy(motion.inverse(frame)[wall]), affine)
        carried = np.full(wall.shape, np.nan, np.float32)
        carried[wall] = fields.sample_at(filled[None, None], (voxels + back)[None])[0, 0].numpy()
        yield carried


def add_overlay(
    component: str, values: np.ndarray, motion: Motion, walls: np.ndarray, index: SequenceIndex, browser: Any
) -> Any:
    """Volume sequence of one map in percent over the moving wall, played by ``browser``; returns the sequence node.

    ``component`` is circumferential, radial, longitudinal or jacobian; ``values`` and ``walls`` as in
    `carry_to_frames`, values in percent.
    """
    volumes = overlay_volumes(values, motion, walls)
    return finish(add_overlay_in_steps(component, volumes, motion.affine, index, browser))


def overlay_volumes(values: np.ndarray, motion: Motion, walls: np.ndarray) -> np.ndarray:
    """What the volumes of an overlay hold: (T, K, J, I) float32, `OUTSIDE` off the wall. See `carry_to_frames`."""
    return np.nan_to_num(np.stack(list(carry_to_frames(values, motion, walls))), copy=False, nan=OUTSIDE)


def add_overlay_in_steps(
    component: str, images: np.ndarray, affine: np.ndarray, index: SequenceIndex, browser: Any
) -> Steps[Any]:
    """`add_overlay` of `overlay_volumes` on the grid of ``affine``, a frame a step."""
    slicer = import_slicer()
    title = TITLE[component]
    volume = slicer.vtkMRMLScalarVolumeNode()
    volume.SetName(title)
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(affine))

    def volumes() -> Iterator[Any]:
        for image in images:
            slicer.util.updateVolumeFromArray(volume, image)
            yield volume

    sequence = yield from new_sequence_in_steps(title, index, volumes())
    sequence.SetAttribute(TITLE_ATTRIBUTE, title)
    sequence.SetAttribute(WINDOW_ATTRIBUTE, json.dumps((-WINDOW_PERCENT[component], WINDOW_PERCENT[component])))
    proxy = play_with(browser, sequence)
    proxy.CreateDefaultDisplayNodes()
    _style(proxy.GetDisplayNode(), WINDOW_PERCENT[component])
    add_legend(proxy, title, visible=False)
    return sequence


def _style(display: Any, window_percent: float) -> None:
    display.SetAndObserveColorNodeID(diverging_color_node().GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(-window_percent, window_percent)
    display.AutoThresholdOff()
    display.SetThreshold(*_SHOWN_PERCENT)
    display.ApplyThresholdOn()
    display.InterpolateOff()  # between wall and outside there is nothing to interpolate


def show_overlay(sequence_node: Any, *, opacity: float = 0.6) -> None:
    """Put an overlay over its cine in every slice view, with its legend; other overlays' legends are hidden.

    Raises
    ------
    CardiacMotionError
        for a sequence that no browser plays.
    """
    browser = find_browser(sequence_node)
    proxy = browser.GetProxyNode(sequence_node) if browser is not None else None
    if browser is None or proxy is None:
        raise CardiacMotionError(
            f"overlay {sequence_node.GetName()!r} is played by no sequence browser; "
            "choose an overlay made by CardiacMotion"
        )
    cine = browser.GetProxyNode(sequence_node.GetNodeReference(CINE) or browser.GetMasterSequenceNode())
    for composite in overlay_views():
        composite.SetBackgroundVolumeID(cine.GetID())
        composite.SetForegroundVolumeID(proxy.GetID())
        composite.SetForegroundOpacity(opacity)
    show_legend(proxy)


def show_legend(displayable_node: Any) -> None:
    """Show the legend of a node that is in the views, where it has one, and hide the other legends of ours."""
    hide_legends()
    legend = import_slicer().vtkSlicerColorLogic.GetColorLegendDisplayNode(displayable_node)
    if legend is not None:
        legend.SetVisibility(True)
        legend.Modified()  # a view decides whether to draw it by what its layers show at that moment


def hide_overlay() -> None:
    """Take the foreground out of every slice view and hide the overlays' legends."""
    hide_legends()
    for composite in overlay_views():
        composite.SetForegroundVolumeID(None)


def overlay_views() -> list[Any]:
    """The composite nodes of the slice views in which overlays and maps are shown: all but those marked `PLAIN`."""
    scene = headless_scene().scene
    count = scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")
    composites = [scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode") for number in range(count)]
    return [composite for composite in composites if not composite.GetAttribute(PLAIN)]


def copy_layers(composite_node: Any, background: Any) -> None:
    """Show in one slice view what another shows over the volume ``background``; only the volume where none does."""
    others = [other for other in overlay_views() if other is not composite_node and other.GetForegroundVolumeID()]
    source = next((other for other in others if other.GetBackgroundVolumeID() == background.GetID()), None)
    composite_node.SetBackgroundVolumeID(background.GetID())
    composite_node.SetForegroundVolumeID(None if source is None else source.GetForegroundVolumeID())
    if source is not None:
        composite_node.SetForegroundOpacity(source.GetForegroundOpacity())
        composite_node.SetCompositing(source.GetCompositing())


def hide_legends() -> None:
    """Hide the legends of all overlays of ours; the user's own stay."""
    scene = headless_scene().scene
    titles = set(TITLE.values())
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLColorLegendDisplayNode")):
        legend = scene.GetNthNodeByClass(number, "vtkMRMLColorLegendDisplayNode")
        if legend.GetTitleText() in titles or legend.GetAttribute(RUN):
            legend.SetVisibility(False)

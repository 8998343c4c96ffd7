"""Pictures of slice and 3D views drawn without a screen, for files, reports and tests.

These are MRML's own views with their displayable managers in an offscreen window: what a picture shows is what Slicer
will show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from .arrows import hide_arrows, show_arrows
from .headless import headless_scene, import_slicer
from .map_record import MapResults
from .map_views import find_map, show_map
from .offscreen import View, node_ids, offscreen_host, remove_new, slice_view, view_3d, write_png
from .overlays import hide_legends, hide_overlay, show_overlay
from .result_record import Results
from .sequences import show_frame
from .slice_plane import show_heart


def render_slice(
    results: Results,
    path: str | Path,
    *,
    overlay: str | None = "circumferential",
    frame: int | None = None,
    slice_index: int | None = None,
    contours: bool = True,
    arrows: bool = False,
    opacity: float = 0.6,
    size: tuple[int, int] = (800, 800),
) -> Path:
    """Draw one slice of the cine with overlay, contours, arrows and legend into a PNG file.

    Parameters
    ----------
    results
        Of `add_results`.
    overlay
        A key of ``results.overlays``, or None for the bare cine.
    frame, slice_index
        By default the frame that the browser shows and the middle slice of the heart.
    contours, arrows
        Whether to draw the carried labels, and the displacement from the reference.
    size
        (width, height) in pixels.

    Raises
    ------
    CardiacMotionError
        for an overlay, frame or slice that does not exist; inside the application, whose own views should be captured
        instead.
    """
    host = offscreen_host()
    if overlay is not None and overlay not in results.overlays:
        raise CardiacMotionError(
            f"run {results.name!r} has no overlay {overlay!r}; it has {', '.join(results.overlays) or 'none'}"
        )
    cine = results.proxy(results.cine)
    _check_range("frame", frame, results.cine.GetNumberOfDataNodes())
    _check_range("slice_index", slice_index, cine.GetImageData().GetDimensions()[2])
    with _as_it_was(results), slice_view(host, size) as view:
        if frame is not None:
            show_frame(results.browser, frame)
        if results.segmentation is not None:
            results.proxy(results.segmentation).SetDisplayVisibility(contours)
        if arrows:
            show_arrows(results)
        if overlay is None:
            hide_overlay()
            view.logic.GetSliceCompositeNode().SetBackgroundVolumeID(cine.GetID())
        else:
            show_overlay(results.overlays[overlay], opacity=opacity)
            _draw_legend(host.scene, results.proxy(results.overlays[overlay]))
        labels = None if results.segmentation is None else results.proxy(results.segmentation)
        _aim(view, cine, labels, slice_index, size)
        return write_png(view.window, path)


def render_map(
    results: MapResults,
    path: str | Path,
    *,
    name: str | None = None,
    frame: int | None = None,
    slice_index: int | None = None,
    contours: bool = True,
    opacity: float = 1.0,
    before: bool = False,
    size: tuple[int, int] = (800, 800),
) -> Path:
    """Draw one slice of a map over its images, with legend and the contours of the labels, into a PNG file.

    Parameters
    ----------
    results
        Of `add_maps`.
    name
        A key of ``results.maps``; by default the first.
    frame, slice_index
        Of the images behind, where there are any; by default the frame that the browser shows and the middle slice of
        the heart.
    contours, opacity, size
        As in `render_slice`.
    before
        Whether to draw the map of the images as acquired.

    Raises
    ------
    CardiacMotionError
        for a map, frame or slice that does not exist; inside the application.
    """
    host = offscreen_host()
    name = next(iter(results.maps)) if name is None else name
    volume = find_map(results, name, before=before)
    _check_range("slice_index", slice_index, volume.GetImageData().GetDimensions()[2])
    if frame is not None and results.browser is None:
        raise CardiacMotionError(f"{results.name!r} has no images, so it has no frame {frame}")
    _check_range("frame", frame, 0 if results.series is None else results.series.GetNumberOfDataNodes())
    outlines = [node for node in (results.labels, results.labels_before) if node is not None]
    with _scene_as_it_was(results.browser, *outlines), slice_view(host, size) as view:
        if frame is not None:
            show_frame(results.browser, frame)
        show_map(results, name, opacity=opacity, before=before)
        for node in [] if contours else outlines:
            node.SetDisplayVisibility(False)
        _draw_legend(host.scene, volume)
        _aim(view, volume, results.labels, slice_index, size)
        return write_png(view.window, path)


def render_3d(
    results: Results,
    path: str | Path,
    *,
    frame: int | None = None,
    size: tuple[int, int] = (1000, 700),
    azimuth: float = 0.0,
    elevation: float = 15.0,
) -> Path:
    """Draw the colored wall at a frame and the bullseye beside it, seen from anterior, into a PNG file.

    ``azimuth`` and ``elevation`` in degrees turn the camera away from anterior; the rest as in `render_slice`.
    """
    host = offscreen_host()
    if results.wall is None:
        raise CardiacMotionError(
            f"run {results.name!r} has no wall model; add the results with labels of the reference frame"
        )
    _check_range("frame", frame, results.cine.GetNumberOfDataNodes())
    with _as_it_was(results), view_3d(host, size) as view:
        if frame is not None:
            show_frame(results.browser, frame)
        hide_legends()
        shown = results.bullseye if results.bullseye is not None else results.wall
        _draw_legend(host.scene, shown)
        view.window.Render()
        camera = view.renderer.GetActiveCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(0, 1, 0)
        camera.SetViewUp(0, 0, 1)
        camera.Azimuth(azimuth)
        camera.Elevation(elevation)
        view.renderer.ResetCamera(_bounds([results.wall, results.bullseye]))
        camera.Zoom(1.25)
        view.renderer.ResetCameraClippingRange()
        return write_png(view.window, path)


def _draw_legend(scene: Any, displayable: Any) -> None:
    """Draw a legend in a view that is younger than it: views only notice legends that are added while they exist."""
    slicer = import_slicer()
    original = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(displayable)
    if original is None:
        return
    primary = original.GetPrimaryDisplayNode()
    original.SetVisibility(False)
    legend = slicer.vtkMRMLColorLegendDisplayNode()
    legend.CopyContent(original)
    legend.SetVisibility(True)
    scene.AddNode(legend)
    displayable.AddAndObserveDisplayNodeID(legend.GetID())
    legend.SetAndObservePrimaryDisplayNode(primary)
    legend.Modified()


def _aim(view: View, volume: Any, labels: Any, slice_index: int | None, size: tuple[int, int]) -> None:
    """Turn the slice into the volume's plane and fit it around the heart, the segmentation ``labels`` or None."""
    show_heart(volume, view.node, labels, slice_index=slice_index, size=size)
    view.logic.UpdatePipeline()
    view.mapper.SetInputConnection(view.logic.GetImageDataConnection())


# ---------------------------------------------------------------------- small things


def _check_range(name: str, value: int | None, count: int) -> None:
    if value is not None and not 0 <= value < count:
        raise CardiacMotionError(f"{name} must be from 0 to {count - 1}, got {value}")


@contextmanager
def _as_it_was(results: Results) -> Iterator[None]:
    """Give the scene back as it was: frame, visible legends, contours and arrows."""
    labels = None if results.segmentation is None else results.proxy(results.segmentation)
    with _scene_as_it_was(results.browser, *([] if labels is None else [labels])):
        try:
            yield
        finally:
            hide_arrows(results)


@contextmanager
def _scene_as_it_was(browser: Any, *labels: Any) -> Iterator[None]:
    """Give the scene back as it was: the frame of a browser, visible legends, and the contours of segmentations."""
    scene = headless_scene().scene
    frame = None if browser is None else browser.GetSelectedItemNumber()
    contours = [node.GetDisplayVisibility() for node in labels]
    count = scene.GetNumberOfNodesByClass("vtkMRMLColorLegendDisplayNode")
    legends = [scene.GetNthNodeByClass(number, "vtkMRMLColorLegendDisplayNode") for number in range(count)]
    visible = [legend.GetVisibility() for legend in legends]
    before = node_ids(scene)
    try:
        yield
    finally:
        remove_new(scene, before)
        if frame is not None:
            show_frame(browser, frame)
        for legend, was in zip(legends, visible, strict=True):
            legend.SetVisibility(was)
        for node, was in zip(labels, contours, strict=True):
            node.SetDisplayVisibility(was)


def _bounds(models: list[Any]) -> list[float]:
    bounds = np.array([model.GetMesh().GetBounds() for model in models if model is not None])
    low, high = bounds[:, ::2].min(axis=0), bounds[:, 1::2].max(axis=0)
    return [float(value) for pair in zip(low, high, strict=True) for value in pair]

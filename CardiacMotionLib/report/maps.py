"""Parameter maps as pictures: before and after registration on one scale, with SD, R2 and the outline of the wall."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

from ..errors import CardiacMotionError
from ..mapping.maps import ParameterMaps
from ..scene.map_colors import PALETTES, MapStyle, shown_maps, styles
from ..series import LV_CAVITY, MYOCARDIUM
from .cine import display, pixel_aspect
from .figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN_MM = 30.0  # of image shown around the heart
NOT_FITTED = (0.55, 0.55, 0.55)


@dataclass(frozen=True, eq=False)
class Panel:
    """Maps to be drawn in a row: what they are, and the labels (K, J, I) of their space or None."""

    title: str
    maps: ParameterMaps
    labels: np.ndarray | None = None


def plot_maps(panels: list[Panel], path: str | Path) -> Path:
    """Draw maps of one series, a row of the picture for each of ``panels`` and slice, all on the scale of the last one.

    Of a stack up to three slices through the heart. Pixels without a fit are gray, where none was tried black.

    Raises
    ------
    CardiacMotionError
        for maps on different grids, or a file type that cannot be drawn.
    """
    return save_figure(draw_maps(panels), path)


def draw_maps(panels: list[Panel]) -> Figure:
    """The figure of `plot_maps`."""
    last = panels[-1].maps
    for panel in panels:
        if panel.maps.shape != last.shape or set(panel.maps.maps) != set(last.maps):
            raise CardiacMotionError(
                f"{panel.title}: maps {', '.join(panel.maps.maps)} of {panel.maps.shape} cannot stand beside "
                f"{', '.join(last.maps)} of {last.shape}; draw maps of one series"
            )
    names, known = shown_maps(last), styles(last, panels[-1].labels)
    region = heart_region([panel.labels for panel in panels], last)
    slices, box = choose_slices(region), crop_box(region, last.spacing)
    rows = [(panel, k) for k in slices for panel in panels]
    ratio = _height_over_width(last, box)
    figure = new_figure(2.9 * len(names) + 0.4, (2.45 * ratio + 0.25) * len(rows) + 0.7)
    axes = figure.subplots(len(rows), len(names), squeeze=False)
    for line, (panel, k) in zip(axes, rows, strict=True):
        for axis, name in zip(line, names, strict=True):
            _draw(axis, panel, name, known[name], k, box)
        where = f"\nslice {k + 1} of {last.shape[0]}" if last.shape[0] > 1 else ""
        line[0].set_ylabel(panel.title + where, fontsize=10)
    for column, name in enumerate(names):
        axes[0, column].set_title(known[name].title, fontsize=11)
        _color_bar(figure, list(axes[:, column]), known[name])
    figure.supxlabel(
        "Gray: no plausible fit. Black: no signal, not fitted. Every map has one scale in all rows.", fontsize=8
    )
    return figure


def choose_slices(region: np.ndarray) -> list[int]:
    """Up to three slices k of a mask (K, J, I): at one sixth, half and five sixths of its extent."""
    filled = np.flatnonzero(region.any(axis=(1, 2)))
    if not len(filled):
        return [len(region) // 2]
    return sorted({int(filled[int(share * len(filled))]) for share in (1 / 6, 1 / 2, 5 / 6)})


def crop_box(region: np.ndarray, spacing: np.ndarray) -> tuple[slice, slice]:
    """Slices (j, i) around a mask (K, J, I) with a margin; everything where it is empty."""
    if not region.any():
        return slice(None), slice(None)
    box = []
    for axis, size in ((1, spacing[1]), (2, spacing[0])):
        filled = np.flatnonzero(region.any(axis=tuple({0, 1, 2} - {axis})))
        margin = round(MARGIN_MM / size)
        box.append(slice(max(int(filled[0]) - margin, 0), int(filled[-1]) + margin + 1))
    return box[0], box[1]


def color_map(palette: str) -> Colormap:
    """The colors of `map_colors` for matplotlib, NaN clear."""
    points = [(position, color) for position, *color in PALETTES[palette]]
    colors = LinearSegmentedColormap.from_list(f"CardiacMotion {palette}", points)
    return colors.with_extremes(bad=(0, 0, 0, 0))


def heart_region(labels: list[np.ndarray | None], maps: ParameterMaps) -> np.ndarray:
    """(K, J, I) bool: what is labeled in any of ``labels``, else where a fit was tried."""
    labeled = [one > 0 for one in labels if one is not None and one.any()]
    return np.any(labeled, axis=0) if labeled else maps.attempted


def _height_over_width(maps: ParameterMaps, box: tuple[slice, slice]) -> float:
    corner = np.zeros(maps.shape[1:])[box]
    height, width = display(corner, maps.affine).shape
    return float(np.clip(pixel_aspect(maps.affine) * height / width, 0.5, 2.0))


def _draw(axis: Axes, panel: Panel, name: str, style: MapStyle, k: int, box: tuple[slice, slice]) -> None:
    maps = panel.maps
    low, high = style.window
    aspect = pixel_aspect(maps.affine)
    tried = display(maps.attempted[k][box], maps.affine)
    axis.imshow(np.where(tried[..., None], NOT_FITTED, 0.0), aspect=aspect)
    values = display(maps.maps[name][k][box], maps.affine)
    axis.imshow(values, cmap=color_map(style.palette), vmin=low, vmax=high, interpolation="nearest", aspect=aspect)
    if panel.labels is not None:
        draw_outline(axis, display(panel.labels[k][box], maps.affine))
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def draw_outline(axis: Axes, labels: np.ndarray) -> None:
    """Lines around and within the wall of a slice (J, I) of labels, seen on bright and dark."""
    for inside in (np.isin(labels, (MYOCARDIUM, LV_CAVITY)), labels == LV_CAVITY):
        if inside.any() and not inside.all():
            axis.contour(inside.astype(float), levels=[0.5], colors="black", linewidths=2.2)
            axis.contour(inside.astype(float), levels=[0.5], colors="white", linewidths=1.0)


def _color_bar(figure: Figure, axes: list[Axes], style: MapStyle) -> None:
    low, high = style.window
    mappable = ScalarMappable(Normalize(low, high), color_map(style.palette))
    ticks = np.linspace(low, high, style.ticks)
    bar = figure.colorbar(
        mappable,
        ax=axes,
        orientation="horizontal",
        shrink=0.85,
        aspect=25,
        pad=0.02,
        extend="min" if low > 0 else "max",
        ticks=list(ticks),
    )
    bar.ax.set_xticklabels([style.label_format % tick for tick in ticks])
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)

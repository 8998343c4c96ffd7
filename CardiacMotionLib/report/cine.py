"""The beating heart with its strain: every frame of the cine with the overlay where the wall is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image

from ..errors import CardiacMotionError
from ..scene.colors import SHORT_NAMES
from ..scene.overlays import carry_to_frames
from ..whole_files import writing
from .figures import new_figure, png_bytes
from .wording import COLOR_MAP, COLOR_RANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..motion import Motion
    from ..series import ImageSeries
    from ..strain import Strain

MARGIN = 18.0  # mm of image shown around the wall


def write_cine(
    series: ImageSeries, motion: Motion, strain: Strain, path: str | Path, *, component: str = "circumferential"
) -> Path:
    """Write the animated cine with overlay as an endless ``.gif`` or ``.webp`` at the speed of the heart.

    Raises
    ------
    CardiacMotionError
        for another file type, or when the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".gif", ".webp"):
        raise CardiacMotionError(f"cannot animate into {path.name!r}: use a name ending in .gif or .webp")
    first, *rest = cine_frames(series, motion, strain, component)
    with writing(path) as temporary:
        first.save(temporary, save_all=True, append_images=rest, duration=frame_duration(motion), loop=0)
    return path


def frame_duration(motion: Motion) -> int:
    """Time in ms that one frame is shown: the true one where it is known, else 50."""
    return max(round(float(np.diff(motion.times).mean())), 20) if motion.timed and len(motion) > 1 else 50


def cine_frames(
    series: ImageSeries, motion: Motion, strain: Strain, component: str = "circumferential"
) -> list[Image.Image]:
    """A picture of every frame: up to three slices from base to apex, the patient's left at the right."""
    slices = choose_slices(strain)
    reference_wall = np.where(strain.wall, 2, 0).astype(np.uint8)
    walls = np.stack([motion.warp_labels(reference_wall, frame) > 0 for frame in range(len(motion))])
    overlays = carry_to_frames(100 * getattr(strain, component), motion, walls)
    view = _View(series, strain, component, slices)
    return [view.draw(frame, overlay) for frame, overlay in enumerate(overlays)]


def choose_slices(strain: Strain) -> list[int]:
    """Up to three slices k through the wall, at one sixth, half and five sixths of its extent, base first."""
    filled = np.flatnonzero(strain.wall.any(axis=(1, 2)))
    chosen = sorted({int(filled[round(share * (len(filled) - 1))]) for share in (1 / 6, 1 / 2, 5 / 6)})
    towards_base = float(strain.affine[:3, 2] @ strain.axis) > 0
    return chosen[::-1] if towards_base else chosen


def display(image: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A slice (J, I) turned so that the patient's left is at the right and anterior or superior at the top.

    Short-axis slices then stand as in the bullseye: right ventricle and septum at the left.
    """
    i_axis, j_axis = affine[:3, 0], affine[:3, 1]
    if _turned(affine):
        image, i_axis, j_axis = image.T, j_axis, i_axis
    if i_axis[0] > 0:  # to the patient's right
        image = image[:, ::-1]
    if j_axis[1] + j_axis[2] > 0:  # to anterior or superior
        image = image[::-1]
    return image


def pixel_aspect(affine: np.ndarray) -> float:
    """Height of a pixel over its width, in a slice that `display` turned."""
    width, height = np.linalg.norm(affine[:3, :2], axis=0)
    return float(width / height if _turned(affine) else height / width)


def _turned(affine: np.ndarray) -> bool:
    """Whether rows become columns: j runs more from left to right than i does."""
    (i, j), (width, height) = np.abs(affine[0, :2]), np.linalg.norm(affine[:3, :2], axis=0)
    return bool(i * height < j * width)


class _View:
    """The same crop, window and colors for every frame."""

    def __init__(self, series: ImageSeries, strain: Strain, component: str, slices: list[int]):
        self.series, self.strain, self.component, self.slices = series, strain, component, slices
        self.box = _crop_box(strain.wall, series.spacing)
        self.window = np.percentile(series.frames[(slice(None), slice(None), *self.box)][:, slices], (1, 99.5))
        self.pixel_ratio = pixel_aspect(series.affine)

    def draw(self, frame: int, overlay: np.ndarray) -> Image.Image:
        """One frame with its overlay (K, J, I) in percent, NaN where there is no wall."""
        low, high = self.window
        limit = COLOR_RANGE[self.component]
        figure = self._empty_figure()
        for axis, k in zip(figure.axes, self.slices, strict=False):
            picture = display(self.series.frames[frame, k][self.box], self.series.affine)
            colored = display(overlay[k][self.box], self.series.affine)
            axis.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="bicubic", aspect=self.pixel_ratio)
            axis.imshow(
                colored,
                cmap=COLOR_MAP,
                vmin=-limit,
                vmax=limit,
                alpha=0.6,
                interpolation="nearest",
                aspect=self.pixel_ratio,
            )
            axis.set_title(f"slice {k + 1} of {self.series.shape[0]}", fontsize=8)
        figure.suptitle(self._caption(frame), fontsize=9, x=0.02, ha="left", family="monospace")
        return Image.open(io.BytesIO(png_bytes(figure, dpi=110))).convert("RGB")

    def _caption(self, frame: int) -> str:
        time = f"{self.strain.times[frame]:4.0f} ms" if self.strain.timed else f"frame {frame}"
        marks = {self.strain.reference: "  reference", self.strain.end_systole: "  end-systole"}
        return time + marks.get(frame, "")

    def _empty_figure(self) -> Figure:
        figure = new_figure(2.5 * len(self.slices) + 0.9, 2.9)
        for axis in figure.subplots(1, len(self.slices), squeeze=False)[0]:
            axis.axis("off")
        limit = COLOR_RANGE[self.component]
        bar = figure.colorbar(
            ScalarMappable(Normalize(-limit, limit), matplotlib.colormaps[COLOR_MAP]),
            ax=figure.axes,
            shrink=0.8,
            pad=0.02,
        )
        bar.set_label(f"{SHORT_NAMES[self.component]} (%), Green-Lagrange", fontsize=8)
        bar.ax.tick_params(labelsize=7)
        return figure


def _crop_box(wall: np.ndarray, spacing: np.ndarray) -> tuple[slice, slice]:
    """Slices (j, i) around the wall (K, J, I) with a margin."""
    box = []
    for axis, size in ((1, spacing[1]), (2, spacing[0])):
        filled = np.flatnonzero(wall.any(axis=tuple({0, 1, 2} - {axis})))
        margin = round(MARGIN / size)
        box.append(slice(max(int(filled[0]) - margin, 0), int(filled[-1]) + margin + 1))
    return box[0], box[1]

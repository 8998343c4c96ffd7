"""What first weights of the network show before any step: arrows, lengths, histogram (paper 000, figure 5)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..series import MYOCARDIUM
from .cine import display
from .figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..prior.zero_shot import Inspection, Scores

INSIDE, OUTSIDE = "#D55E00", "#0072B2"
ARROW_MM = 5.0  # from one arrow to the next
TRUTH = "truth"
TITLES = {"prior": "prior", "drawn weights": "drawn weights, no prior", TRUTH: "true motion"}
NOTICE = "Before any step of a fit. Research use only: not a medical device."


def plot_inspection(inspection: Inspection, path: str | Path) -> Path:
    """Draw into a .png, .svg or .pdf."""
    return save_figure(draw_inspection(inspection), path)


def draw_inspection(inspection: Inspection) -> Figure:
    """A row a field: arrows over the mid slice at end-systole, length of the displacement, histogram in and around.

    First weights share their scales; the truth, where it is known, has its own.
    """
    slice_ = _Slice(inspection)
    lengths = {name: np.linalg.norm(field, axis=-1) for name, field in inspection.fields.items()}
    of_weights = float(max(np.percentile(length, 99.5) for name, length in lengths.items() if name != TRUTH))
    figure = new_figure(11.5, 3.5 * len(lengths) + 0.4)
    rows = figure.subplots(len(lengths), 3, squeeze=False, width_ratios=(1, 1.12, 1.25))
    for (name, field), (arrows, colored, histogram) in zip(inspection.fields.items(), rows, strict=True):
        longest = float(np.percentile(lengths[name], 99.5)) if name == TRUTH else of_weights
        slice_.draw_arrows(arrows, field)
        arrows.set_title(TITLES[name], fontsize=10, loc="left")
        slice_.draw_lengths(colored, lengths[name], longest)
        _draw_histogram(histogram, lengths[name], inspection.labels > 0, longest)
        histogram.set_title(_caption(inspection.scores[name]), fontsize=9, loc="left")
    figure.suptitle(f"{inspection.series.meta.get('name', '')}: {NOTICE}", fontsize=9, x=0.01, ha="left")
    return figure


def _caption(scores: Scores) -> str:
    cosine = "" if scores.agreement is None else f"; cosine to truth {scores.agreement:.2f}"
    return f"{scores.inside_mm:.2f} mm in, {scores.outside_mm:.2f} mm around the heart{cosine}"


class _Slice:
    """The slice through the middle of the wall, turned as a reader expects it."""

    def __init__(self, inspection: Inspection):
        series = inspection.series
        self.affine = series.affine
        self.k = int(np.median(np.flatnonzero((inspection.labels == MYOCARDIUM).any((1, 2)))))
        self.image = display(series.frames[inspection.frame, self.k], self.affine)
        self.labels = display(inspection.labels[self.k], self.affine)
        rows, columns = np.indices(series.shape[1:])
        i, j = display(columns, self.affine), display(rows, self.affine)
        along = np.array([[i[0, 1] - i[0, 0], j[0, 1] - j[0, 0]], [i[1, 0] - i[0, 0], j[1, 0] - j[0, 0]]])
        self.to_picture = along @ np.linalg.inv(self.affine[:3, :3])[:2]  # RAS mm to (columns, rows) of the picture
        width, height = (float(np.linalg.norm(self.affine[:3, :2] @ step)) for step in along)  # mm of its pixels
        self.aspect = height / width
        self.stride = max(1, round(ARROW_MM / width)), max(1, round(ARROW_MM / height))

    def draw_arrows(self, axis: Axes, field: np.ndarray) -> None:
        """The motion, as long as it is, from where the tissue was at the reference, over the image of the frame."""
        across, down = self.stride
        moved = np.stack([display(part, self.affine) for part in np.moveaxis(field[self.k], -1, 0)], -1)
        arrows = moved[down // 2 :: down, across // 2 :: across] @ self.to_picture.T
        y, x = np.mgrid[down // 2 : len(moved) : down, across // 2 : moved.shape[1] : across]
        self._empty(axis)
        axis.imshow(self.image, cmap="gray", aspect=self.aspect, vmax=np.percentile(self.image, 99.5))
        axis.quiver(x, y, *np.moveaxis(arrows, -1, 0), color="#F0E442", angles="xy", scale_units="xy", scale=1)
        self._outline(axis, "white")

    def draw_lengths(self, axis: Axes, length: np.ndarray, longest: float) -> None:
        """Length of the displacement in three dimensions."""
        self._empty(axis)
        shown = display(length[self.k], self.affine)
        picture = axis.imshow(shown, cmap="viridis", aspect=self.aspect, vmin=0, vmax=longest)
        self._outline(axis, "white")
        bar = axis.figure.colorbar(picture, ax=axis, shrink=0.85)
        bar.set_label("length of the displacement (mm)", fontsize=8)
        bar.ax.tick_params(labelsize=7)

    def _outline(self, axis: Axes, color: str) -> None:
        for label in np.unique(self.labels[self.labels > 0]):
            axis.contour(self.labels == label, levels=[0.5], colors=color, linewidths=0.7)

    @staticmethod
    def _empty(axis: Axes) -> None:
        axis.set_xticks([])
        axis.set_yticks([])


def _draw_histogram(axis: Axes, length: np.ndarray, heart: np.ndarray, longest: float) -> None:
    """Lengths in the whole box, heart and surroundings each with an area of 1."""
    bins = np.linspace(0, longest, 61).tolist()
    for where, name, color in ((heart, "heart", INSIDE), (~heart, "around", OUTSIDE)):
        axis.hist(length[where], bins, density=True, color=color, alpha=0.55, label=name)
        axis.axvline(length[where].mean(), color=color, linewidth=1.5, linestyle="--")
    axis.set_xlabel("length of the displacement (mm); dashed: mean", fontsize=8)
    axis.set_yticks([])
    axis.tick_params(labelsize=7)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)

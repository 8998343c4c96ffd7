"""The images that were fitted, one after the other: as acquired, and beside that registered."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from .cine import display, pixel_aspect
from .figures import new_figure, png_bytes
from .map_run import MapRun
from .maps import choose_slices, crop_box, draw_outline, heart_region

FRAME_MS = 500  # that an image is shown
NAMES = {"inversion_times": "TI", "saturation_times": "TS", "echo_times": "TE"}


def image_frames(run: MapRun) -> list[Image.Image]:
    """A picture of every image, in the slice in the middle of the heart; the outline is that of the maps.

    Every image has its own window, because the contrast changes, and the two beside each other have the same.
    """
    region = heart_region([labels for *_, labels in run.steps], run.maps)
    slices = choose_slices(region)
    k, box = slices[len(slices) // 2], crop_box(region, run.series.spacing)
    return [_draw(run, frame, k, box) for frame in range(len(run.series))]


def caption(run: MapRun, frame: int) -> str:
    """Number and preparation of an image: ``3 of 8, TI 1120 ms``."""
    parts = [f"{frame + 1} of {len(run.series)}"]
    for name, short in NAMES.items():
        if name in run.maps.acquisition:
            time = run.maps.acquisition[name][frame]
            parts.append(f"no {short}" if math.isinf(time) else f"{short} {time:.0f} ms")
    return ", ".join(parts)


def _draw(run: MapRun, frame: int, k: int, box: tuple[slice, slice]) -> Image.Image:
    low, high = np.percentile(np.abs(run.series.frames[frame, k][box]), (1, 99.5))
    aspect = pixel_aspect(run.series.affine)
    figure = new_figure(3.2 * len(run.steps), 3.5)
    for axis, (step, images, _, _) in zip(figure.subplots(1, len(run.steps), squeeze=False)[0], run.steps, strict=True):
        picture = display(np.abs(images.frames[frame, k][box]), run.series.affine)
        axis.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), interpolation="bicubic", aspect=aspect)
        if run.labels_after is not None:
            draw_outline(axis, display(run.labels_after[k][box], run.series.affine))
        axis.set_title(step.capitalize() if run.after is not None else "As acquired", fontsize=9)
        axis.axis("off")
    figure.suptitle(caption(run, frame), fontsize=9, x=0.02, ha="left", family="monospace")
    return Image.open(io.BytesIO(png_bytes(figure, dpi=110))).convert("RGB")

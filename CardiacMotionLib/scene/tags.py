"""Virtual tags: a grid painted on the tissue of the reference and carried by the motion, as a tagged scan shows it.

A tagged scan (SPAMM, Axel and Dougherty 1989) magnetizes the tissue in a pattern of dark lines at end-diastole, and
the lines then go where the tissue goes. The same is done here with the motion that was found: every point of a frame
is as dark as the pattern at the place of its material in the reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from .. import fields
from ..errors import CardiacMotionError
from ..motion import Motion
from .colors import tag_color_node
from .layers import LAYER, Layer

if TYPE_CHECKING:
    from .result_record import Results

TAGS = "tags"
LEVELS = 32  # of darkness, 0 is none
FINEST_MM = 0.5  # pixels of the drawing, at most: a cine's own are too coarse for a line
MARGIN_MM, FADE_MM = 8.0, 4.0  # around the heart, and over how much the tags end there


@dataclass(frozen=True)
class TagPattern:
    """Two sets of parallel dark lines in the plane of the slices.

    Attributes
    ----------
    spacing_mm
        From line to line.
    width_mm
        Of a line, where it is half as dark as in its middle.
    angles_degrees
        Of the direction across the lines, from the first axis of the image towards the second: (45, 135) or (0, 90).
    """

    spacing_mm: float = 7.0
    width_mm: float = 1.6
    angles_degrees: tuple[float, ...] = (45.0, 135.0)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.spacing_mm) and self.spacing_mm > 0):
            raise CardiacMotionError(f"the spacing of tags must be above 0 mm, got {self.spacing_mm:g}")
        if not 0 < self.width_mm < self.spacing_mm:
            raise CardiacMotionError(
                f"the width of a tag must be between 0 and the spacing of {self.spacing_mm:g} mm, got {self.width_mm:g}"
            )

    def darkness(self, points_mm: np.ndarray) -> np.ndarray:
        """How dark the pattern is, 0..1, at points (..., 2) in mm along the two axes of the image from its middle.

        A line has the profile cos(pi s / spacing)^(2 n) of its binomial pulses, with n for the wanted width; two sets
        of lines are applied one after the other, as the scanner does.
        """
        power = np.log(0.5) / (2 * np.log(np.cos(np.pi * self.width_mm / (2 * self.spacing_mm))))
        bright = np.ones(points_mm.shape[:-1], np.float32)
        for angle in np.deg2rad(self.angles_degrees):
            across = points_mm[..., 0] * np.cos(angle) + points_mm[..., 1] * np.sin(angle)
            bright *= 1 - np.abs(np.cos(np.pi * across / self.spacing_mm)) ** (2 * power)
        return 1 - bright


def tags_layer(motion: Motion, pattern: TagPattern, labels: np.ndarray | None = None) -> Layer:
    """The tags of every frame as label maps of darkness, drawn over the cine by `tag_color_node`.

    Parameters
    ----------
    motion
        A motion on the grid of the cine.
    pattern
        Of the lines at the reference.
    labels
        (K, J, I) of the reference: tags are drawn on the heart and 8 mm around it. By default everywhere.
    """
    return Layer(
        LAYER + TAGS,
        tags_title(pattern, labels is not None),
        *_fine_frames(motion, pattern, labels),
        _dress,
        kind="vtkMRMLLabelMapVolumeNode",
    )


def tags_title(pattern: TagPattern, on_heart: bool) -> str:
    """What tags of a pattern are called; tags of the same title are the same."""
    angle = "/".join(f"{angle:.0f}" for angle in pattern.angles_degrees)
    place = "heart" if on_heart else "whole image"
    return f"Virtual tags {pattern.spacing_mm:g} mm, {angle} degrees, {place}"


# ---------------------------------------------------------------------- the drawing


def _fine_frames(
    motion: Motion, pattern: TagPattern, labels: np.ndarray | None
) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Affine of the finer grid, and uint8 (K, J', I') of every frame on it."""
    distance = None if labels is None or not labels.any() else _distance_to_heart(labels, motion.spacing)
    box = _box(motion, distance)
    finer = [max(int(np.ceil(motion.spacing[axis] / FINEST_MM)), 1) for axis in (0, 1)]
    i, j, k = (  # the pixels of the finer grid divide those of the cine
        (np.arange(f * (stop - start)) + 0.5) / f - 0.5 + start
        for f, (start, stop) in zip((*finer, 1), box, strict=True)
    )
    grid_k, grid_j, grid_i = np.meshgrid(k, j, i, indexing="ij")
    voxels = np.stack([grid_i, grid_j, grid_k], axis=-1).astype(np.float32)
    affine = motion.affine.copy()
    affine[:3, 0] /= finer[0]
    affine[:3, 1] /= finer[1]
    affine[:3, 3] = motion.affine[:3, :3] @ [i[0], j[0], k[0]] + motion.affine[:3, 3]
    return affine, _levels(motion, pattern, distance, voxels)


def _levels(
    motion: Motion, pattern: TagPattern, distance: np.ndarray | None, voxels: np.ndarray
) -> Iterator[np.ndarray]:
    middle = (np.array(motion.shape[:0:-1]) - 1) / 2  # i, j: two lines cross there
    for frame in range(len(motion)):
        back = 0.0 if frame == motion.reference else _sampled(_backward(motion, frame), voxels)
        material = voxels + back
        dark = pattern.darkness((material[..., :2] - middle) * motion.spacing[:2])
        if distance is not None:
            away = _sampled(torch.from_numpy(distance)[None, None], material)[..., 0]
            dark *= np.clip((MARGIN_MM - away) / FADE_MM, 0, 1)
        yield np.round(dark * (LEVELS - 1)).astype(np.uint8)


def _backward(motion: Motion, frame: int) -> torch.Tensor:
    """(1, 3, K, J, I) voxels from ``frame`` back to the reference."""
    world = torch.from_numpy(motion.inverse(frame))
    return fields.world_to_voxel(world, torch.as_tensor(motion.affine)).movedim(-1, 0)[None]


def _sampled(image: torch.Tensor, voxels: np.ndarray) -> np.ndarray:
    """Values (..., C) of an image (1, C, K, J, I) at voxels (..., 3)."""
    return (
        fields.sample_at(image, torch.from_numpy(np.ascontiguousarray(voxels, dtype=np.float32))[None])[0]
        .movedim(0, -1)
        .numpy()
    )


def _distance_to_heart(labels: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """(K, J, I) float32 mm from the labeled heart, 0 inside."""
    return distance_transform_edt(labels == 0, sampling=spacing[::-1]).astype(np.float32)


def _box(motion: Motion, distance: np.ndarray | None) -> list[tuple[int, int]]:
    """First and past-last voxel along i, j and k that the tags can reach in any frame."""
    if distance is None:
        return [(0, size) for size in motion.shape[::-1]]
    near = distance <= MARGIN_MM
    reach = np.linalg.norm(motion.displacement[:, near], axis=-1).max()
    box = []
    for axis, size in enumerate(motion.shape[::-1]):
        used = np.flatnonzero(near.any(tuple(other for other in range(3) if other != 2 - axis)))
        more = int(np.ceil(reach / motion.spacing[axis]))
        box.append((max(int(used[0]) - more, 0), min(int(used[-1]) + more + 1, size)))
    return box


def _dress(proxy: Any, _results: Results) -> None:
    proxy.GetDisplayNode().SetAndObserveColorNodeID(tag_color_node(LEVELS).GetID())

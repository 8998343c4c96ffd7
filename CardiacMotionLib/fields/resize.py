"""Images and displacement fields on a finer or coarser grid over the same field of view."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

MODES = {2: "bilinear", 3: "trilinear"}


def enlarge(features: Tensor, shape: Sequence[int]) -> Tensor:
    """(B, C, *shape) to (B, C, *shape_out), linear without smoothing before; the grids lie as in `resize_image`."""
    shape = tuple(shape)
    if features.shape[2:] == shape:
        return features
    return interpolate(features, shape, mode=MODES[len(shape)], align_corners=False)


def resize_image(image: Tensor, shape: Sequence[int]) -> Tensor:
    """(B, C, *shape) to (B, C, *shape_out), linear; in plane smoothed first as far as the grid gets coarser.

    The grids have the same outer borders, not the same outer centers: voxel x of n is where voxel (x + 1/2) m/n - 1/2
    of m is.
    """
    shape = tuple(shape)
    if image.shape[2:] == shape:
        return image
    if image.ndim == 4:
        return interpolate(image, shape, mode="bilinear", antialias=True, align_corners=False)
    b, c, k = image.shape[:3]
    plane = interpolate(
        image.flatten(1, 2), shape[1:], mode="bilinear", antialias=True, align_corners=False
    )  # slices as channels
    plane = plane.reshape(b, c, k, *shape[1:])
    return plane if k == shape[0] else interpolate(plane, shape, mode="trilinear", align_corners=False)


def resize_displacement(displacement: Tensor, shape: Sequence[int]) -> Tensor:
    """(B, *shape, d) in voxels to (B, *shape_out, d) in voxels of the new grid: resized, and scaled along each axis.

    The grids lie as in `resize_image`.
    """
    shape = tuple(shape)
    old = displacement.shape[1:-1]
    if old == shape:
        return displacement
    channels = enlarge(displacement.movedim(-1, 1), shape)
    ratio = displacement.new_tensor([new / was for new, was in zip(shape, old, strict=True)][::-1])
    return channels.movedim(1, -1) * ratio

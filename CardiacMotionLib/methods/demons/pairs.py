"""One pair by diffeomorphic demons at three in-plane resolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
import torch

from .. import itk_images
from ..pairwise import register_pairs

if TYPE_CHECKING:
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options

SHRINKS = (4, 2, 1)
THROUGH_PLANE = 0.25  # smoothing through the slices, in slices, over that in plane, in pixels


def register_frames(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``, every frame against the reference on its own."""

    def pair(fixed: np.ndarray, moving: np.ndarray, spacing: np.ndarray, part: Context) -> torch.Tensor:
        return demons(itk_images.image(fixed, spacing), itk_images.image(moving, spacing), options, part)

    return register_pairs(series, pair, options.margin, context)


def demons(fixed: sitk.Image, moving: sitk.Image, options: Options, context: Context) -> torch.Tensor:
    """Displacement (K, J, I, 3) in voxels that draws ``moving`` in ``fixed``.

    The histograms are not matched: the heart empties, so there is less blood in one image than in the other.
    """
    field = _zero_field(fixed)
    for level, shrink in enumerate(SHRINKS):
        context.report(level / len(SHRINKS), f"demons at 1/{shrink} resolution")
        small = [_shrink(image, shrink) for image in (fixed, moving)]
        step = sitk.DiffeomorphicDemonsRegistrationFilter()
        step.SetNumberOfIterations(options.iterations)
        step.SetSmoothDisplacementField(True)
        sigmas = (options.smoothing, options.smoothing, THROUGH_PLANE * options.smoothing)
        step.SetStandardDeviations(sigmas[: fixed.GetDimension()])
        field = step.Execute(*small, sitk.Resample(field, small[0]))
    return itk_images.displacement(sitk.Resample(field, fixed))


def _shrink(image: sitk.Image, shrink: int) -> sitk.Image:
    """In-plane smaller by ``shrink`` after the smoothing that needs, never below eight pixels; slices stay."""
    factors = [max(1, min(shrink, n // 8)) if axis < 2 else 1 for axis, n in enumerate(image.GetSize())]
    if max(factors) == 1:
        return image
    variances = [(0.5 * f * mm) ** 2 if f > 1 else 1e-6 for f, mm in zip(factors, image.GetSpacing(), strict=True)]
    return sitk.Shrink(sitk.DiscreteGaussian(image, variances), factors)


def _zero_field(image: sitk.Image) -> sitk.Image:
    field = sitk.Image(image.GetSize(), sitk.sitkVectorFloat64, image.GetDimension())
    field.CopyInformation(image)
    return field

"""One pair by a free-form deformation refined once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
import torch

from ...errors import Cancelled
from .. import itk_images
from ..pairwise import continued, register_pairs

if TYPE_CHECKING:
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options


FEWEST_SAMPLES = 500  # voxels that fill the joint histogram of the metric, however small the images
FEWEST_VOXELS = 4  # along an axis: the recursive filters of ITK refuse less


def register_frames(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``, every frame against the reference on its own."""

    def pair(fixed: np.ndarray, moving: np.ndarray, spacing: np.ndarray, part: Context) -> torch.Tensor:
        thick_fixed, thick_moving = (
            itk_images.image(continued(array, FEWEST_VOXELS), spacing) for array in (fixed, moving)
        )
        found = free_form(thick_fixed, thick_moving, options, part)
        return found[: fixed.shape[0], : fixed.shape[1], : fixed.shape[2]]

    return register_pairs(series, pair, options.margin, context)


def free_form(fixed: sitk.Image, moving: sitk.Image, options: Options, context: Context) -> torch.Tensor:
    """Displacement (K, J, I, 3) in voxels that draws ``moving`` in ``fixed``: coarse first, then finer on it."""
    field = sitk.Image(fixed.GetSize(), sitk.sitkVectorFloat64, fixed.GetDimension())
    field.CopyInformation(fixed)
    grid = fixed.GetSize(), fixed.GetOrigin(), fixed.GetSpacing(), fixed.GetDirection()
    for level, (coarser, blur_mm) in enumerate(((2, 1.5), (1, 0.0))):
        part = context.part(level / 2, (level + 1) / 2)
        part.report(0, f"free-form deformation, level {level + 1} of 2")
        found = sitk.DisplacementFieldTransform(field)  # takes the field over
        own = _refine(fixed, moving, found, coarser * options.knot_spacing, blur_mm, options, part)
        field = sitk.TransformToDisplacementField(sitk.CompositeTransform([found, own]), sitk.sitkVectorFloat64, *grid)
    return itk_images.displacement(field)


def _refine(
    fixed: sitk.Image,
    moving: sitk.Image,
    found: sitk.Transform,
    knot_mm: float,
    blur_mm: float,
    options: Options,
    context: Context,
) -> sitk.Transform:
    """The deformation that improves on ``found`` when it goes before it."""
    extent = [(n - 1) * mm for n, mm in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    mesh = [max(1, round(mm / knot_mm)) for mm in extent]
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    share = max(options.sampling, min(1.0, FEWEST_SAMPLES / fixed.GetNumberOfPixels()))
    method.SetMetricSamplingPercentage(share, context.seed + 1)  # ITK takes 0 for "from the clock"
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsLBFGSB(
        gradientConvergenceTolerance=1e-5,
        numberOfIterations=options.iterations,
        maximumNumberOfFunctionEvaluations=2 * options.iterations,
    )
    method.SetShrinkFactorsPerLevel([1])
    method.SetSmoothingSigmasPerLevel([blur_mm])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetMovingInitialTransform(found)
    method.SetInitialTransform(sitk.BSplineTransformInitializer(fixed, mesh), inPlace=True)
    method.SetNumberOfThreads(1)  # the metric sums over threads in no fixed order
    cancelled: list[Cancelled] = []

    def tell() -> None:  # ITK passes no exception on
        try:
            context.report(method.GetOptimizerIteration() / (options.iterations + 1), "free-form deformation")
        except Cancelled as answer:
            cancelled.append(answer)
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, tell)
    result = method.Execute(fixed, moving)
    if cancelled:
        raise cancelled[0]
    return result

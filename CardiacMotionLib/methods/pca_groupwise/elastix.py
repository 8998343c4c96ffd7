"""The images of one slice as a stack that elastix registers, and the displacement that its transform stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...fields import evaluate_bspline
from .. import elastix_runs
from ..groupwise import register_slices

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options

SHRINKS = (4, 2, 1)  # smoothing and knot spacing of the three resolutions, of those of the last
FEWEST_PIXELS = 8  # along an axis of a stack; smaller images are continued by their edges
STEPS = (1.0, 0.4, 0.2)  # of the three resolutions, of that of the first


def register_groups(series: ImageSeries, options: Options, context: Context) -> Motion:
    """Motion of ``series`` from its canonical space; every slice is on its own.

    Raises
    ------
    CardiacMotionError
        where the installed itk has no elastix, or elastix gives up.
    """

    def group(frames: np.ndarray, spacing: np.ndarray, part: Context) -> Tensor:
        part.report(0.1, "elastix is at work")
        transform = register_stack(thick_enough(frames), spacing, options, part.seed)
        part.report(0.8, "displacement of every pixel")
        return displacement(transform, frames.shape, spacing)

    return register_slices(series, group, options.margin, context)


def thick_enough(frames: np.ndarray) -> np.ndarray:
    """(N, J, I) with edge values continued to `FEWEST_PIXELS` in plane."""
    missing = [(0, max(0, FEWEST_PIXELS - n)) for n in frames.shape[1:]]
    return np.pad(frames, [(0, 0), *missing], mode="edge")


def register_stack(frames: np.ndarray, spacing: np.ndarray, options: Options, seed: int) -> elastix_runs.Transform:
    """The transform that elastix finds for frames (N, J, I), ``spacing`` (2,) mm along (i, j), in its own words."""
    stack = elastix_runs.image(frames, [*spacing, 1.0])  # it draws all frames in none of them
    return elastix_runs.run_elastix(stack, stack, parameters(spacing, options, seed), "pca_groupwise")


def parameters(spacing: np.ndarray, options: Options, seed: int) -> dict[str, object]:
    """What elastix is told, by its own names: PCA2 of Huizinga 2016, and no mean displacement.

    elastix scales its steps so that the first at each resolution has the given length, however near the images are to
    being aligned. With its default of a voxel the finer resolutions run away, to images that have fewer components
    than truly aligned ones.
    """
    in_plane = [[shrink, shrink, 0] for shrink in SHRINKS]
    return {
        "Registration": "MultiResolutionRegistration",
        "FixedInternalImagePixelType": "float",
        "MovingInternalImagePixelType": "float",
        "FixedImageDimension": 3,
        "MovingImageDimension": 3,
        "UseDirectionCosines": True,
        "Metric": "PCAMetric2",
        "SubtractMean": True,
        "MovingImageDerivativeScales": [1, 1, 0],
        "Transform": "BSplineStackTransform",
        "HowToCombineTransforms": "Compose",
        "FinalGridSpacingInPhysicalUnits": [*(options.knot_spacing * float(mm) for mm in spacing), 1],
        "GridSpacingSchedule": list(SHRINKS),
        "NumberOfResolutions": len(SHRINKS),
        "FixedImagePyramid": "FixedSmoothingImagePyramid",
        "MovingImagePyramid": "MovingSmoothingImagePyramid",
        "ImagePyramidSchedule": [n for level in in_plane for n in level],
        "Interpolator": "ReducedDimensionBSplineInterpolator",
        "BSplineInterpolationOrder": 1,
        "Resampler": "DefaultResampler",
        "ResampleInterpolator": "FinalReducedDimensionBSplineInterpolator",
        "FinalBSplineInterpolationOrder": 1,
        "WriteResultImage": False,
        "Optimizer": "AdaptiveStochasticGradientDescent",
        "ASGDParameterEstimationMethod": "Original",
        "AutomaticParameterEstimation": True,
        "MaximumStepLength": [options.step * step * float(spacing.min()) for step in STEPS],
        "MaximumNumberOfIterations": options.iterations,
        "ImageSampler": "RandomCoordinate",
        "UseRandomSampleRegion": False,
        "FixedImageBSplineInterpolationOrder": 1,
        "NumberOfSpatialSamples": options.samples,
        "NewSamplesEveryIteration": True,
        "CheckNumberOfSamples": False,
        "RequiredRatioOfValidSamples": 0.05,
        "RandomSeed": seed + 1,  # 0 is from the clock
    }


def displacement(transform: elastix_runs.Transform, shape: Sequence[int], spacing: np.ndarray) -> Tensor:
    """Displacement (N, J, I, 2) in voxels of a stack transform at the pixels of ``shape`` (N, J, I).

    The cubic B-spline itself, whose coefficients are those of frame after frame, along i before along j.
    """
    knots = elastix_runs.coefficients(transform).reshape(shape[0], 2, *elastix_runs.grid_size(transform))
    bases = elastix_runs.bases(transform, shape[1:], spacing)
    millimeters = evaluate_bspline(knots.movedim(1, -1), bases)
    return (millimeters / torch.as_tensor(spacing)).to(torch.float32)

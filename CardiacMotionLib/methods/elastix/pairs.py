"""One pair by elastix: three resolutions of a B-spline, correlation of the intensities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ...fields import evaluate_bspline
from .. import elastix_runs
from ..pairwise import continued, register_pairs

if TYPE_CHECKING:
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options

SHRINKS = (4, 2, 1)  # smoothing and knot spacing of the three resolutions, of those of the last
FEWEST_VOXELS = 8  # along an axis: elastix samples in none that is smaller
SLICES_A_KNOT = 2  # the finest control points through the slices


def register_frames(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``, every frame against the reference on its own.

    Raises
    ------
    CardiacMotionError
        where the installed itk has no elastix, or elastix gives up.
    """

    def pair(fixed: np.ndarray, moving: np.ndarray, spacing: np.ndarray, part: Context) -> torch.Tensor:
        axes = 2 if len(fixed) == 1 else 3
        mm = spacing[:axes]
        still, moved = (elastix_runs.image(continued(one, FEWEST_VOXELS).squeeze(), mm) for one in (fixed, moving))
        transform = elastix_runs.run_elastix(still, moved, parameters(mm, options, part.seed), "elastix")
        return displacement(transform, fixed.shape[-axes:], mm)

    return register_pairs(series, pair, options.margin, context)


def parameters(spacing: np.ndarray, options: Options, seed: int) -> dict[str, object]:
    """What elastix is told, by its own names, for images of two or three axes of ``spacing`` mm.

    Those are the values of elastix's own parameter map for B-splines, but for the correlation in the place of mutual
    information (frames of a cine have one contrast), control points that are close together in plane alone, and steps
    of a pixel: elastix would take the mean of all axes, and thick slices would make that several.
    """
    axes = len(spacing)
    through = [1] * (axes - 2)  # slices are thick: they are neither smoothed nor skipped
    knots = [options.knot_spacing] * 2 + [SLICES_A_KNOT * float(mm) for mm in spacing[2:]]
    return {
        "Registration": "MultiResolutionRegistration",
        "FixedInternalImagePixelType": "float",
        "MovingInternalImagePixelType": "float",
        "FixedImageDimension": axes,
        "MovingImageDimension": axes,
        "UseDirectionCosines": True,
        "Metric": "AdvancedNormalizedCorrelation",
        "Transform": "BSplineTransform",
        "HowToCombineTransforms": "Compose",
        "FinalGridSpacingInPhysicalUnits": knots,
        "GridSpacingSchedule": [n for shrink in SHRINKS for n in (shrink, shrink, *through)],
        "NumberOfResolutions": len(SHRINKS),
        "FixedImagePyramid": "FixedSmoothingImagePyramid",
        "MovingImagePyramid": "MovingSmoothingImagePyramid",
        "ImagePyramidSchedule": [n for shrink in SHRINKS for n in (shrink, shrink, *(0 for _ in through))],
        "Interpolator": "LinearInterpolator",
        "Resampler": "DefaultResampler",
        "ResampleInterpolator": "FinalLinearInterpolator",
        "WriteResultImage": False,
        "Optimizer": "AdaptiveStochasticGradientDescent",
        "AutomaticParameterEstimation": True,
        "MaximumStepLength": float(spacing[:2].mean()),
        "MaximumNumberOfIterations": options.iterations,
        "ImageSampler": "RandomCoordinate",
        "FixedImageBSplineInterpolationOrder": 1,
        "NumberOfSpatialSamples": options.samples,
        "NewSamplesEveryIteration": True,
        "CheckNumberOfSamples": False,
        "RequiredRatioOfValidSamples": 0.05,
        "RandomSeed": seed + 1,  # 0 is from the clock
    }


def displacement(transform: elastix_runs.Transform, shape: tuple[int, ...], spacing: np.ndarray) -> torch.Tensor:
    """Displacement (K, J, I, 3) in voxels of a transform at the voxels of ``shape``, (J, I) or (K, J, I).

    The cubic B-spline itself, whose coefficients are those along i, then j, then k.
    """
    axes = len(shape)
    knots = elastix_runs.coefficients(transform).reshape(axes, *elastix_runs.grid_size(transform))
    millimeters = evaluate_bspline(knots.movedim(0, -1), elastix_runs.bases(transform, shape, spacing))
    voxels = (millimeters / torch.as_tensor(spacing)).to(torch.float32)
    return voxels if axes == 3 else torch.nn.functional.pad(voxels, (0, 1))[None]

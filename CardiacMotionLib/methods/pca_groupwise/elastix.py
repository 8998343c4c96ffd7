"""The images of one slice as a stack that elastix registers, and the displacement that its transform stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import itk
import numpy as np
import torch
from torch import Tensor

from ...errors import CardiacMotionError
from ...fields import evaluate_bspline
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


def register_stack(frames: np.ndarray, spacing: np.ndarray, options: Options, seed: int) -> dict[str, tuple[str, ...]]:
    """The transform that elastix finds for frames (N, J, I), ``spacing`` (2,) mm along (i, j), in its own words."""
    if not hasattr(itk, "ElastixRegistrationMethod"):
        raise CardiacMotionError(
            "method pca_groupwise needs elastix, which itk does not have; install the package itk-elastix"
        )
    stack = itk.image_from_array(np.ascontiguousarray(frames, dtype=np.float32))
    stack.SetSpacing([float(spacing[0]), float(spacing[1]), 1.0])
    wanted = itk.ParameterObject.New()
    wanted.AddParameterMap({key: _words(value) for key, value in parameters(spacing, options, seed).items()})
    method = itk.ElastixRegistrationMethod.New(stack, stack)  # it draws all frames in none of them
    method.SetParameterObject(wanted)
    method.SetLogToConsole(False)
    method.SetLogToFile(False)
    method.SetNumberOfThreads(torch.get_num_threads())
    try:
        method.UpdateLargestPossibleRegion()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise CardiacMotionError(f"elastix could not register the images: {reason}; try other options") from error
    return dict(method.GetTransformParameterObject().GetParameterMap(0))


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


def _words(value: object) -> list[str]:
    """A value as elastix reads it."""
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values]


def displacement(transform: Mapping[str, Sequence[str]], shape: Sequence[int], spacing: np.ndarray) -> Tensor:
    """Displacement (N, J, I, 2) in voxels of a stack transform at the pixels of ``shape`` (N, J, I).

    The cubic B-spline itself, whose coefficients are those of frame after frame, along i before along j.
    """
    columns, rows = (int(n) for n in transform["GridSize"])
    knots = np.array([transform["GridSpacing"], transform["GridOrigin"]], dtype=float)
    values = torch.tensor([float(n) for n in transform["TransformParameters"]], dtype=torch.float64)
    coefficients = values.reshape(shape[0], 2, rows, columns).movedim(1, -1)
    bases = []
    for size, mm, knot_mm, first_mm, count in zip(
        shape[1:], spacing[::-1], knots[0, ::-1], knots[1, ::-1], (rows, columns), strict=True
    ):
        distance = np.abs((np.arange(size) * mm - first_mm)[:, None] / knot_mm - np.arange(count))
        weights = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, (2 - distance).clip(0) ** 3 / 6)
        bases.append(torch.from_numpy(weights))
    millimeters = evaluate_bspline(coefficients, bases)
    return (millimeters / torch.as_tensor(spacing)).to(torch.float32)

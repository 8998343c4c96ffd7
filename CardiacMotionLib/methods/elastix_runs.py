"""Running elastix, and evaluating the B-spline that it gives, for the methods that elastix runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import itk
import numpy as np
import torch
from torch import Tensor

from ..errors import CardiacMotionError

Transform = dict[str, tuple[str, ...]]  # in elastix's own words


def image(array: np.ndarray, spacing: Iterable[float]) -> itk.Image:
    """Image of an array whose last axis is the first of ``spacing``: its axes are those of the array, in mm."""
    made = itk.image_from_array(np.ascontiguousarray(array, dtype=np.float32))
    made.SetSpacing([float(mm) for mm in spacing])
    return made


def run_elastix(fixed: itk.Image, moving: itk.Image, parameters: Mapping[str, object], method: str) -> Transform:
    """The transform that elastix finds with ``parameters``, on as many threads as torch has.

    Raises
    ------
    CardiacMotionError
        where the installed itk has no elastix (the message names ``method``), or elastix gives up.
    """
    if not hasattr(itk, "ElastixRegistrationMethod"):
        raise CardiacMotionError(
            f"method {method} needs elastix, which itk does not have; install the package itk-elastix"
        )
    wanted = itk.ParameterObject.New()
    wanted.AddParameterMap({key: _words(value) for key, value in parameters.items()})
    registration = itk.ElastixRegistrationMethod.New(fixed, moving)
    registration.SetParameterObject(wanted)
    registration.SetLogToConsole(False)
    registration.SetLogToFile(False)
    registration.SetNumberOfThreads(torch.get_num_threads())
    try:
        registration.UpdateLargestPossibleRegion()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise CardiacMotionError(f"elastix could not register the images: {reason}; try other options") from error
    return dict(registration.GetTransformParameterObject().GetParameterMap(0))


def _words(value: object) -> list[str]:
    """A value as elastix reads it."""
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values]


def coefficients(transform: Transform) -> Tensor:
    """Its B-spline's coefficients as one row of float64."""
    return torch.tensor([float(n) for n in transform["TransformParameters"]], dtype=torch.float64)


def grid_size(transform: Transform) -> tuple[int, ...]:
    """Control points along the axes of an array: the last is elastix's first."""
    return tuple(int(n) for n in reversed(transform["GridSize"]))


def bases(transform: Transform, shape: Sequence[int], spacing: Iterable[float]) -> list[Tensor]:
    """Cubic basis (size, control points) of every axis at the pixels of ``shape``; ``spacing`` mm, last axis first."""
    found = []
    knots = zip(grid_size(transform), *(reversed(transform[key]) for key in ("GridSpacing", "GridOrigin")), strict=True)
    for size, mm, (count, knot_mm, first_mm) in zip(shape, reversed([*spacing]), knots, strict=True):
        distance = np.abs((np.arange(size) * mm - float(first_mm))[:, None] / float(knot_mm) - np.arange(count))
        weights = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, (2 - distance).clip(0) ** 3 / 6)
        found.append(torch.from_numpy(weights))
    return found

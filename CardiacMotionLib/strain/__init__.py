"""Strain of the left ventricle. The package is also the function: ``strain(motion, labels)`` gives a `Strain`."""

from ..callable_module import make_callable
from .compute import strain
from .result import Strain
from .segments import SEGMENT_NAMES
from .tensor import engineering_from_green, green_from_engineering, green_strain
from .wall_segments import find_segments

__all__ = [
    "SEGMENT_NAMES",
    "Strain",
    "engineering_from_green",
    "find_segments",
    "green_from_engineering",
    "green_strain",
    "strain",
]

make_callable(__name__, strain)

"""Maps of a small heart with known values."""

import numpy as np
from small_hearts import heart_labels

from CardiacMotionLib.mapping.maps import ParameterMaps


def small_maps(affine: np.ndarray, t1: tuple[float, ...] = (700.0, 1450.0, 1000.0, 1500.0)) -> ParameterMaps:
    """T1 by label (background, RV, wall, cavity) in ms, a hole in the wall where nothing was fitted."""
    labels = heart_labels()
    values = np.asarray(t1, np.float32)[labels]
    hole = np.zeros(labels.shape, bool)
    hole[2, 14, 21:23] = True
    values[hole] = np.nan
    maps = {
        "T1": values,
        "T1_SD": np.where(hole, np.nan, np.float32(40)),
        "A": np.where(hole, np.nan, np.float32(0.5)),
        "R2": np.where(hole, np.nan, np.float32(0.98)),
    }
    return ParameterMaps(
        {name: array.astype(np.float32) for name, array in maps.items()},
        {"T1": "ms", "T1_SD": "ms", "A": "a.u.", "R2": "1"},
        affine,
        "molli",
        np.ones(labels.shape, bool),
        ~hole,
        {"inversion_times": [100.0, 1100.0, np.inf, 180.0]},
        {"model": "molli", "sign": "search", "device": "cpu"},
        ("a note",),
    )

"""Arrays without a header: what is in an ``.npz`` file, and a grid for images that do not say where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from ..files import reading

ARRAYS = "file of NumPy arrays"


def array_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """{name: shape} of the arrays in an ``.npz`` file, without reading them; raises for a damaged one."""
    shapes = {}
    with reading(path, ARRAYS), ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                old = np.lib.format.read_magic(file) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
                shapes[name.removesuffix(".npy")] = read(file)[0]
    return shapes


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """{name: array} of an ``.npz`` file; raises `CardiacMotionError` for a damaged one."""
    with reading(path, ARRAYS), np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def plane_affine(spacing: Sequence[float], thickness: float) -> np.ndarray:
    """(4, 4) for images of unknown place: spacing (between columns i, between rows j) mm, thickness mm.

    Columns run to the left of the patient and rows to the back, so that an axial view shows the image as it is stored.
    """
    return np.diag([-float(spacing[0]), -float(spacing[1]), float(thickness), 1.0])

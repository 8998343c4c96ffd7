"""Arrays without a header: what is in an ``.npz`` file, and a grid for images that do not say where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np

from ..files import reading


def array_names(path: Path) -> frozenset[str]:
    """Names of the arrays in an ``.npz`` file, from its directory alone; none when it is not one."""
    try:
        with ZipFile(path) as archive:
            return frozenset(name.removesuffix(".npy") for name in archive.namelist())
    except (BadZipFile, OSError):
        return frozenset()


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """{name: array} of an ``.npz`` file; raises `CardiacMotionError` for a damaged one."""
    with reading(path, "file of NumPy arrays"), np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def plane_affine(spacing: Sequence[float], thickness: float) -> np.ndarray:
    """(4, 4) for images of unknown place: spacing (between columns i, between rows j) mm, thickness mm.

    Columns run to the left of the patient and rows to the back, so that an axial view shows the image as it is stored.
    """
    return np.diag([-float(spacing[0]), -float(spacing[1]), float(thickness), 1.0])

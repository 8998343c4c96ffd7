"""Small images on an oblique grid, written as the layouts of data sets have them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

SHAPE = (3, 8, 7)  # (K, J, I)
TURN = np.linalg.qr(np.array([[1.0, 0.4, 0.2], [-0.3, 1.0, 0.5], [0.1, -0.6, 1.0]]))[0]
AFFINE = np.block([[TURN * (1.5, 1.25, 8.0), np.array([[12.5], [-40.25], [33.0]])], [np.array([0.0, 0.0, 0.0, 1.0])]])


def cine(frames: int = 5, seed: int = 0) -> np.ndarray:
    """(T, K, J, I) int16, no two frames alike."""
    return np.random.default_rng(seed).integers(0, 900, (frames, *SHAPE)).astype(np.int16)


def heart(cavity: int) -> np.ndarray:
    """(K, J, I) in this library's convention: RV, wall, and ``cavity`` columns of cavity, every class told apart."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 1, :] = 1
    labels[:, 3:6, :] = 2
    labels[:, 4, :cavity] = 3
    return labels


def swapped(labels: np.ndarray) -> np.ndarray:
    """The same labels with 1 LV cavity, 2 wall, 3 RV, as M&Ms and UK Biobank write them."""
    return np.array([0, 3, 2, 1], np.uint8)[labels]


def save(path: Path, data: np.ndarray, interval: float = 1.0, unit: str = "unknown", affine=AFFINE) -> Path:
    """Write (T, K, J, I) or (K, J, I) as NIfTI with the frame interval in its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(data.transpose(), affine)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm", unit)
    if data.ndim == 4:
        image.header["pixdim"][4] = interval
    nibabel.save(image, path)
    return path

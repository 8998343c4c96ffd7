"""StrainNet: LV masks over time and the displacement of the myocardium from cine DENSE, as arrays.

Wang et al., StrainNet: Improved myocardial strain analysis of cine MRI by deep learning from DENSE, Radiology:
Cardiothoracic Imaging 5 (2023) e220196. A subject is a folder with ``input.mat`` (``input``, 1 x rows x columns x
frames, the mask of the LV myocardium) and, with a truth, ``label.mat`` (``label``, 2 x rows x columns x frames); or one
``.npz`` with ``mask`` (rows x columns x frames) and ``disp`` and, where known, ``pixel_mm``.

The displacement is in pixels, Lagrangian, on the myocardium at the moment of encoding (end-diastole): component 0 is
along columns (i), component 1 along rows (j). DENSE encodes before the first image, so that the first image is
displaced too; then that moment comes first in the series, as a frame of its own.

Tested on the displacement of one real subject as ``.npz``; ``.mat`` on small files of the published layout.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CardiacMotionError
from ...motion import Motion
from ...series import MYOCARDIUM
from ..files import make_series
from ..matlab import load
from .arrays import array_shapes, load_arrays, plane_affine
from .case import Case, Examination, files_in, folders_within

NAME = "strainnet"
TITLE = "StrainNet: input.mat and label.mat, or .npz with mask and disp (DENSE displacement in pixels)"
INPUT, LABEL = "input.mat", "label.mat"


def find(folder: Path, pixel_mm: float | None = None) -> list[Case]:
    """The subjects in ``folder``, or itself; ``pixel_mm`` is the pixel size where the files do not say it."""
    cases = []
    for f in folders_within(folder):
        files = {file.name: file for file in files_in(f)}
        if INPUT in files:
            facts: dict[str, Any] = {"displacement": LABEL in files, "labeled": ("all",)}
            if f.parent.name in ("train", "test_cine"):
                facts["split"] = f.parent.name.removesuffix("_cine")
            cases.append(Case(f.name, NAME, f, facts, partial(_read, pixel_mm=pixel_mm)))
        cases += [
            Case(
                file.stem,
                NAME,
                file,
                {"displacement": "disp" in names, "labeled": ("all",)},
                partial(_read, pixel_mm=pixel_mm),
            )
            for file in files.values()
            if file.suffix == ".npz" and "mask" in (names := array_shapes(file)) and "magnitude" not in names
        ]
    return cases


def _read(case: Case, pixel_mm: float | None) -> Examination:
    """Masks as the images and labels of a series; the displacement as the true motion."""
    if case.path.is_dir():
        mask = _variable(case.path / INPUT, "input")
        shift = _variable(case.path / LABEL, "label") if (case.path / LABEL).is_file() else None
    else:
        arrays = load_arrays(case.path)
        mask, shift = arrays["mask"], arrays.get("disp")
        pixel_mm = pixel_mm or (float(arrays["pixel_mm"]) if "pixel_mm" in arrays else None)
    wall = _frames(case.path, mask)  # (T, J, I)
    notes = ["The images are masks of the LV myocardium."]
    if pixel_mm is None:
        notes.append("The pixel size is not known: 1 mm was taken. Strains do not depend on it, lengths do.")
    notes.append("The images carry neither orientation nor times.")
    affine = plane_affine((pixel_mm or 1.0, pixel_mm or 1.0), 1.0)
    motion = None
    if shift is not None:
        u = _displacement(case.path, shift, wall.shape)  # (T, J, I, 2) pixels along i and j
        support = np.abs(u).max(axis=(0, 3)) > 0
        if u[0].any():
            wall, u = np.concatenate([support[None], wall]), np.concatenate([np.zeros_like(u[:1]), u])
            notes.append(
                "Frame 0 was put before the images: it is the moment of encoding, on whose myocardium the displacement "
                "is given; image n of the file is frame n + 1."
            )
        notes.append("Outside the myocardium of frame 0, where DENSE gives nothing, its nearest displacement is taken.")
        world = _continued(u, support) @ affine[:3, :2].T  # (T, J, I, 3) RAS mm
        motion = Motion(world[:, None], affine, 0, None, {"method": "cine DENSE", "source": case.path.name})
    frames = wall[:, None].astype(np.float32)
    series = make_series(case.path, frames, affine, notes=notes, name=case.name, end_diastole=0)
    labels = {t: (MYOCARDIUM * volume).astype(np.uint8) for t, volume in enumerate(wall[:, None])}
    return Examination(series.replace(labels=labels), motion)


def _variable(path: Path, name: str) -> np.ndarray:
    content = load(path, [name])
    if name not in content:
        raise CardiacMotionError(f"{path}: no variable {name!r} in this file; expected the StrainNet arrays")
    return np.asarray(content[name])


def _frames(path: Path, mask: np.ndarray) -> np.ndarray:
    """(T, J, I) bool."""
    mask = np.asarray(mask)
    if mask.ndim == 4 and mask.shape[0] == 1:
        mask = mask[0]
    if mask.ndim != 3:
        raise CardiacMotionError(f"{path}: the mask has shape {mask.shape}; expected (rows, columns, frames)")
    return mask.transpose(2, 0, 1) > 0.5


def _displacement(path: Path, shift: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(T, J, I, 2) pixels along i and j."""
    expected = (2, *shape[1:], shape[0])
    if shift.shape != expected:
        raise CardiacMotionError(f"{path}: the displacement has shape {shift.shape}, the mask needs {expected}")
    if not np.isfinite(shift).all():
        raise CardiacMotionError(f"{path}: the displacement has NaN or infinite values; expected pixels, 0 outside")
    return shift.transpose(3, 1, 2, 0).astype(np.float64)


def _continued(displacement: np.ndarray, support: np.ndarray) -> np.ndarray:
    """(T, J, I, 2) equal to ``displacement`` on ``support`` (J, I), elsewhere that of the nearest pixel of it."""
    if not support.any():
        return displacement
    from scipy.ndimage import distance_transform_edt

    j, i = distance_transform_edt(~support, return_distances=False, return_indices=True)
    return displacement[:, j, i]

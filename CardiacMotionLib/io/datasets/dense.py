"""Cine DENSE: magnitude and wrapped phase, from DENSEanalysis workspaces, DICOM series and simulated arrays.

DENSE writes displacement into the phase: with the encoding frequency ke in cycles/mm, phase = 2 pi ke u, known up to
multiples of 2 pi (Aletras et al., J Magn Reson 137 (1999) 247-252; Spottiswoode et al., IEEE TMI 26 (2007) 15-30). The
displacement u is that since the encoding (end-diastole) of the tissue that is at the pixel now. Whatever the source, an
examination has

- the series: magnitude, with the wall (and cavity, where it was drawn) as labels;
- ``maps["phase_x"]``, ``["phase_y"]`` and, where it was encoded, ``["phase_z"]``: (T, K, J, I) rad in (-pi, pi], for
  displacement along the image's columns (i), rows (j) and slices (k), positive toward larger i, j, k. Not unwrapped;
- ``series.meta["encoding_frequency"]``: {"x": cycles/mm, ...}, the scale of the phase included;
- where it is known, the true strain ``maps["Ecc"]``, ``["Err"]`` (T, K, J, I), on the grid of ``maps["wall_ED"]``.

The sources: `dense_workspace` (.dns and .mat), `dense_dicom`, and the ``.npz`` of DENSE_Sim (Barbaroux et al., J
Cardiovasc Magn Reson 27 (2025) 101866).

Tested on two slices of DENSE_Sim; workspaces and DICOM on small files, written as DENSEanalysis reads them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import CardiacMotionError
from ...series import MYOCARDIUM
from ..files import make_series
from .arrays import array_shapes, load_arrays, plane_affine
from .case import Case, Examination, files_in, folders_within
from .dense_dicom import find_dicom
from .dense_phase import wrapped
from .dense_workspace import find_workspace

NAME = "dense"
TITLE = "Cine DENSE: DENSEanalysis workspaces (.dns, .mat), DICOM magnitude and phase, .npz with magnitude and phase_x"
ARRAYS = frozenset({"magnitude", "phase_x", "phase_y", "ke_cyc_per_mm"})


def find(folder: Path) -> list[Case]:
    """The examinations in ``folder``: a group of a workspace, the DENSE series of a DICOM study, a file of arrays."""
    files = [file for f in folders_within(folder) for file in files_in(f)]
    cases = [case for file in files if file.suffix in (".dns", ".mat") for case in find_workspace(file, NAME)]
    cases += [
        Case(file.stem, NAME, file, {"labeled": ("all",) if "mask" in names else ()}, _read_arrays)
        for file in files
        if file.suffix == ".npz" and set(names := array_shapes(file)) >= ARRAYS
    ]
    return cases + find_dicom(folder, NAME)


def _read_arrays(case: Case) -> Examination:
    """DENSE_Sim as arrays: (T, J, I) magnitude, phases and strain, ``mask`` (T + 1, J, I) from the encoding on."""
    arrays = load_arrays(case.path)
    magnitude = arrays["magnitude"].astype(np.float32)[:, None]  # (T, 1, J, I)
    notes = ["The images carry no orientation."]
    spacing, thickness = (1.0, 1.0), 1.0
    if {"FOV_mm", "N"} <= set(arrays):
        spacing = (float(arrays["FOV_mm"][0] / arrays["N"]), float(arrays["FOV_mm"][1] / arrays["N"]))
        thickness = float(arrays["FOV_mm"][2])
    else:
        notes.append("The pixel size is not known: 1 mm was taken.")
    times = arrays.get("tt_ms")
    times = times[1:] if times is not None and len(times) == len(magnitude) + 1 else times
    meta = {
        "name": case.name,
        "encoding_frequency": {"x": float(arrays["ke_cyc_per_mm"]), "y": float(arrays["ke_cyc_per_mm"])},
    }
    series = make_series(case.path, magnitude, plane_affine(spacing, thickness), times, notes=notes, **meta)
    maps = {name: wrapped(arrays[name].astype(np.float32)[:, None]) for name in ("phase_x", "phase_y")}
    for name in ("Ecc", "Err"):
        if f"GT_{name}" in arrays:
            maps[name] = arrays[f"GT_{name}"].astype(np.float32)[:, None]
    if (mask := arrays.get("mask")) is not None:
        if mask.shape != (len(magnitude) + 1, *magnitude.shape[2:]):
            raise CardiacMotionError(
                f"{case.path}: the mask has shape {mask.shape}; expected one image more than the magnitude, which has "
                f"{magnitude[:, 0].shape}"
            )
        wall = (MYOCARDIUM * (mask > 0)).astype(np.uint8)[:, None]
        maps["wall_ED"] = wall[0]
        series = series.replace(labels=dict(enumerate(wall[1:])))
    return Examination(series, maps=maps)

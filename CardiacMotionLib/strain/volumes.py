"""Volumes over the cycle, ejection fraction, mass and wall thickness."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .anatomy import Anatomy

MYOCARDIAL_DENSITY = 1.05  # g/mL
STEADY = 0.05  # relative difference to the largest volume up to which the reference counts as end-diastole


def volume_table(
    times: np.ndarray, cavity: np.ndarray, myocardium: np.ndarray, rv: np.ndarray, anatomy: Anatomy
) -> pd.DataFrame:
    """Volumes in mL per frame.

    Each is the sum over the slices of the reference labels of det F times the voxel volume: disc summation of the
    labels as the motion carries them, without the steps of counting voxels again. ``cavity``, ``myocardium`` and ``rv``
    are (T,) sums of det F over the label.
    """
    return pd.DataFrame(
        {
            "frame": np.arange(len(times)),
            "time_ms": times,
            "lv_cavity_ml": cavity * anatomy.voxel_ml,
            "lv_myocardium_ml": myocardium * anatomy.voxel_ml,
            "rv_ml": rv * anatomy.voxel_ml if anatomy.rv.any() else np.nan,
        }
    )


def mean_thickness(gradient: np.ndarray, deformation: np.ndarray | None = None) -> float:
    """Mean wall thickness in mm: volume of the wall over the mean area of the potential's level surfaces.

    By the coarea formula the integral of the length of grad phi over the wall is the area of its level surfaces
    averaged over phi from 0 to 1. Deformed, the potential moves with the tissue: its gradient becomes F^-T grad phi and
    each voxel weighs det F.

    Parameters
    ----------
    gradient
        (N, 3) RAS per mm, of the potential at the wall voxels of the reference.
    deformation
        (N, 3, 3) F at the same voxels; None for the reference itself.
    """
    if deformation is None:
        return float(1 / np.linalg.norm(gradient, axis=1).mean())
    volume = np.linalg.det(deformation)
    sound = volume > 0.05  # a folded voxel has no thickness
    moved = np.linalg.solve(np.swapaxes(deformation[sound], -1, -2), gradient[sound][..., None])[..., 0]
    return float(volume[sound].sum() / (volume[sound] * np.linalg.norm(moved, axis=1)).sum())


def function_values(
    volumes: pd.DataFrame, end_systole: int, anatomy: Anatomy, thickness: np.ndarray
) -> dict[str, float]:
    """EDV, ESV, SV (mL), EF (%), mass (g), wall thickness (mm) and thickening (%).

    End-diastole is the frame with the largest cavity; ``thickness`` (T,) mm.
    """
    cavity = volumes["lv_cavity_ml"].to_numpy()
    end_diastole = int(cavity.argmax())
    edv, esv = float(cavity[end_diastole]), float(cavity[end_systole])
    at_ed, at_es = float(thickness[end_diastole]), float(thickness[end_systole])
    return {
        "EDV_ml": edv,
        "ESV_ml": esv,
        "SV_ml": edv - esv,
        "EF_percent": 100 * (edv - esv) / edv,
        "mass_g": float(np.count_nonzero(anatomy.wall)) * anatomy.voxel_ml * MYOCARDIAL_DENSITY,
        "wall_thickness_ED_mm": at_ed,
        "wall_thickness_ES_mm": at_es,
        "wall_thickening_percent": 100 * (at_es / at_ed - 1),
    }


def volume_notes(volumes: pd.DataFrame, reference: int, anatomy: Anatomy) -> list[str]:
    """List what the user must know about these volumes."""
    cavity = volumes["lv_cavity_ml"].to_numpy()
    notes = []
    if anatomy.is_2d:
        notes.append("One slice: volumes, mass and EF are of that slice, not of the ventricle.")
    if cavity[reference] < (1 - STEADY) * cavity.max():
        notes.append(
            f"The cavity is largest in frame {int(cavity.argmax())}, not in the reference frame {reference}: "
            "strain is relative to a heart that is not at end-diastole."
        )
    return notes

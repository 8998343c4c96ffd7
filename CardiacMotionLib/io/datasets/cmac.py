"""cMAC, the STACOM 2011 motion tracking challenge: volunteers v1 to v16, cine, 3D tagging, landmarks tracked by hand.

Tobon-Gomez et al., Benchmarking framework for myocardial tracking and deformation algorithms: An open access database,
Medical Image Analysis 17 (2013) 632-648. Two arrangements are read:

- converted: one folder a volunteer with ``vN_cine_4d*.nii.gz`` and, as far as present, ``vN_LVmyo_ED_mask*.nii.gz``,
  ``vN_surf_vol.vtk`` and ``LMKS_GT/<coordinates>``;
- as distributed: ``vN/cSAX/time_1 ...`` with DICOM files and ``vN/3DTAG/NIFTI``, and the ground truth in
  ``GT/SSFP/vN/{MESH,LMKS}/<coordinates>`` beside or above them.

The frame of the meshes and landmarks has the axes of the cine, not of the patient. With (i, j, k) the voxel of the
whole cine and s its voxel size, INRIA_COORDINATES are (-i s_i, -j s_j, k s_k), and VTK_COORDINATES are the LPS position
of the first voxel plus (i s_i, j s_j, k s_k). ``vN_surf_vol.vtk`` is in the former. Landmarks,
``obsO_groundTruthTT.vtk`` for observer O, belong to the phases TT of the tagged series, not to those of the cine.

Tested on the converted cine, mask and mesh of the real volunteer v1; landmarks, VTK_COORDINATES and the folders as
distributed on small files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import CardiacMotionError
from ...series import MYOCARDIUM, ImageSeries
from ..labels import attach_labels
from ..read import read_series
from ..vtk_legacy import read_cells, read_points
from .case import Case, Examination, files_in, folders_within

NAME = "cmac"
TITLE = "cMAC / STACOM 2011: volunteers vN with vN_cine_4d*.nii.gz or cSAX/time_N, meshes and landmarks in VTK"

VOLUNTEER = re.compile(r"v\d+")
CINE = re.compile(r"^(v\d+)_cine_4d.*\.nii(\.gz)?$", re.IGNORECASE)
MASK = re.compile(r"^v\d+_LVmyo_ED_mask.*\.nii(\.gz)?$", re.IGNORECASE)
SURFACE = re.compile(r"^v\d+_surf_vol\.vtk$", re.IGNORECASE)
LANDMARKS = re.compile(r"^obs(\d+)_groundTruth(\d+)\.vtk$", re.IGNORECASE)
INRIA, VTK = "INRIA_COORDINATES", "VTK_COORDINATES"
END_DIASTOLE = 0  # the mesh and the mask are of the first frame
TRIANGLE, TETRAHEDRON = 3, 4
SEARCH = 8  # voxels around the place where the boxes around mesh and mask have the same center
FITS = 0.6  # share of the mesh that lies in the mask where it fits; the rest is the staircase of the voxels


@dataclass(frozen=True)
class Frame:
    """Where meshes and landmarks lie: ``series`` starts at voxel ``crop`` (i, j) of the whole cine."""

    series: ImageSeries
    crop: tuple[int, int] = (0, 0)

    def voxels(self, points: np.ndarray, coordinates: str) -> np.ndarray:
        """(..., 3) voxels (i, j, k) of ``series`` at ``points`` (..., 3) mm."""
        offset = np.array([*self.crop, 0.0])
        first = (self.series.affine @ [*-offset, 1.0])[:3] * (-1, -1, 1)  # LPS mm, of the whole cine
        along = points * (-1, -1, 1) if coordinates == INRIA else points - first
        return along / self.series.spacing - offset

    def world(self, points: np.ndarray, coordinates: str) -> np.ndarray:
        """(..., 3) RAS mm at ``points`` (..., 3) mm."""
        affine = self.series.affine
        return self.voxels(points, coordinates) @ affine[:3, :3].T + affine[:3, 3]


def find(folder: Path) -> list[Case]:
    """The volunteers in ``folder``, or itself."""
    cases = []
    for f in folders_within(folder):
        name = next((m[1] for file in files_in(f) if (m := CINE.match(file.name))), None)
        if name is None and VOLUNTEER.fullmatch(f.name) and (f / "cSAX").is_dir():
            name = f.name
        if name is not None:
            labeled = (END_DIASTOLE,) if any(MASK.match(file.name) for file in files_in(f)) else ()
            cases.append(Case(name, NAME, f, {"group": "volunteer", "labeled": labeled}, _read))
    return cases


def _read(case: Case) -> Examination:
    files = files_in(case.path)
    cine = next((f for f in files if CINE.match(f.name)), case.path / "cSAX")
    mask = next((f for f in files if MASK.match(f.name)), None)
    series = attach_labels(read_series(cine), None if mask is None else {END_DIASTOLE: mask}, {1: MYOCARDIUM})
    mesh, coordinates = _mesh(case)
    notes = list(series.meta["notes"])
    frame: Frame | None = Frame(series)
    if "crop" in cine.stem.lower() and (crop := _crop(series, mesh, coordinates)) is not None:
        frame = Frame(series, crop)
        notes.append(
            f"The cine was taken to start at voxel i {crop[0]}, j {crop[1]} of the whole: there the mesh fits."
        )
    elif "crop" in cine.stem.lower():
        frame = None
        notes.append("Nothing tells where the cine was cropped, so that mesh and landmarks cannot be placed.")
    landmarks: dict[str, np.ndarray] = {}
    if frame is not None:
        landmarks = _landmarks(case, frame)
        if landmarks:
            notes.append("The landmarks are of the phases of the tagged series, which are not the frames of the cine.")
        if mesh is not None:
            triangles = read_cells(mesh).get(TRIANGLE)
            points = read_points(mesh)
            surface = points if triangles is None else points[np.unique(triangles)]
            landmarks["surface_ED"] = frame.world(surface, coordinates)
    tagged = case.path / "3DTAG" / "NIFTI"
    companions = {"tagged": read_series(tagged)} if tagged.is_dir() else {}
    meta = {**series.meta, "name": case.name, "notes": notes, "end_diastole": END_DIASTOLE}
    return Examination(series.replace(meta=meta), companions=companions, landmarks=landmarks)


def _crop(series: ImageSeries, mesh: Path | None, coordinates: str) -> tuple[int, int] | None:
    """First voxel (i, j) of a cine that was cropped in plane: where the mesh lies in the wall mask; None if unknown."""
    if mesh is None or END_DIASTOLE not in series.labels or coordinates != INRIA:
        return None
    points = read_points(mesh)
    tetrahedra = read_cells(mesh).get(TETRAHEDRON)
    inside = points if tetrahedra is None else points[tetrahedra].mean(axis=1)
    voxels = Frame(series).voxels(inside, coordinates)
    wall = series.labels[END_DIASTOLE].T == MYOCARDIUM  # (I, J, K)
    places = np.argwhere(wall)
    centers = [(a.min(axis=0) + a.max(axis=0)) / 2 for a in (voxels, places)]
    i, j = np.rint(centers[0] - centers[1])[:2].astype(int)
    shifts = [(i + a, j + b) for a in range(-SEARCH, SEARCH + 1) for b in range(-SEARCH, SEARCH + 1)]
    shares = [_share_inside(wall, voxels - (*shift, 0)) for shift in shifts]
    best = int(np.argmax(shares))
    return (int(shifts[best][0]), int(shifts[best][1])) if shares[best] >= FITS else None


def _share_inside(mask: np.ndarray, voxels: np.ndarray) -> float:
    places = np.rint(voxels).astype(int)
    valid = ((places >= 0) & (places < mask.shape)).all(axis=1)
    return float(mask[tuple(places[valid].T)].sum() / len(places))


def _mesh(case: Case) -> tuple[Path | None, str]:
    """The end-diastolic mesh and its coordinates."""
    own = next((f for f in files_in(case.path) if SURFACE.match(f.name)), None)
    if own is not None:
        return own, INRIA
    for truth in _truth(case):
        for coordinates in (VTK, INRIA):
            file = truth / "MESH" / coordinates / f"{case.name}.vtk"
            if file.is_file():
                return file, coordinates
    return None, INRIA


def _truth(case: Case) -> Iterator[Path]:
    """The folders GT/SSFP/vN of the ground truth in and above a volunteer's folder."""
    for above in (case.path, *case.path.absolute().parents[:3]):
        if (above / "GT" / "SSFP" / case.name).is_dir():
            yield above / "GT" / "SSFP" / case.name


def _landmarks(case: Case, frame: Frame) -> dict[str, np.ndarray]:
    """{"tagged_obsO": (T, N, 3) RAS mm} of each observer over the phases of the tagged series."""
    for place in (case.path / "LMKS_GT", *(truth / "LMKS" for truth in _truth(case))):
        for coordinates in (VTK, INRIA):
            found: dict[str, dict[int, Path]] = {}
            for file in files_in(place / coordinates) if (place / coordinates).is_dir() else []:
                if m := LANDMARKS.match(file.name):
                    found.setdefault(f"tagged_obs{m[1]}", {})[int(m[2])] = file
            if found:
                return {name: frame.world(_over_time(files), coordinates) for name, files in found.items()}
    return {}


def _over_time(files: dict[int, Path]) -> np.ndarray:
    """(T, N, 3) of one file a phase; raises where a phase is missing or has another number of points."""
    first = files[min(files)]
    missing = sorted(set(range(max(files) + 1)) - set(files))
    if missing:
        raise CardiacMotionError(
            f"{first.parent}: no landmarks of phase {missing[0]}; expected phases 0 to {max(files)}"
        )
    points = {phase: read_points(files[phase]) for phase in sorted(files)}
    for phase, array in points.items():
        if array.shape != points[0].shape:
            raise CardiacMotionError(f"{files[phase]}: {len(array)} landmarks, phase 0 has {len(points[0])}")
    return np.stack(list(points.values()))

"""The files that finished work leaves in a folder: their names, what each is, and the writers that share them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CardiacMotionError

if TYPE_CHECKING:
    from ..strain import Strain
    from .map_run import MapRun

BEFORE = "_before"
FOUND_LABELS = "labels.nii.gz"
STRAIN_FILES = {
    "report.html": "report with animated cine; opens in any browser",
    "overlay.png": "slice view with strain, as Slicer shows it",
    "curves.png": "strain over the cycle",
    "bullseye.png": "end-systolic strain of the AHA segments",
    "tables/strain_summary.csv": "strain by component, region and measure",
    "tables/strain_curves.csv": "strain by frame",
    "tables/strain_rates.csv": "strain rate by frame",
    "tables/volumes.csv": "volumes by frame",
    "tables/rotation.csv": "rotation, twist and torsion by frame",
    "tables/function.csv": "volumes, ejection fraction, mass, global strain",
    "tables/quality.csv": "Dice, folding, volume change and residual by frame",
    FOUND_LABELS: "segmentation that the method found, of the frame where the motion starts",
    "motion.seq.nrrd": "motion as a transform sequence; opens in Slicer",
    "motion_to_reference.seq.nrrd": "the same motion as transforms that draw each frame in the reference",
    "volumes/registered.seq.nrrd": "the cine, every frame drawn in the reference",
    "volumes/circumferential.seq.nrrd": "circumferential strain on the moving wall (%)",
    "volumes/radial.seq.nrrd": "radial strain on the moving wall (%)",
    "volumes/longitudinal.seq.nrrd": "longitudinal strain on the moving wall (%)",
    "volumes/jacobian.seq.nrrd": "volume change on the moving wall (%)",
    "volumes/reference.seg.nrrd": "segmentation of the reference frame",
    "volumes/labels.seq.nrrd": "labels carried through the cycle: 1 RV, 2 LV myocardium, 3 LV cavity",
    "scene.mrb": "everything as a Slicer scene",
}
MAP_FILES = {
    "report.html": "report with maps, regions and quality; opens in any browser",
    "maps.png": "maps with SD and R2, before and after registration",
    "slice.png": "slice view with the first map, as Slicer shows it",
    "tables/maps.csv": "values by region and AHA segment, before and after registration",
    "tables/scores.csv": "good fits, likeness of the images, folding",
    **{
        f"maps/{name}{ending}.nrrd": f"{what}{of}"
        for name, what in (
            ("T1", "T1 (ms)"),
            ("T1_SD", "SD of T1 (ms)"),
            ("T2", "T2 (ms)"),
            ("T2_SD", "SD of T2 (ms)"),
            ("perfusion", "perfusion (mL/g/min)"),
            ("perfusion_SD", "SD of the perfusion (mL/g/min)"),
            ("R2", "R2 of the fit"),
            ("A", "signal of the undisturbed magnetization"),
            ("B", "signal that the preparation takes away"),
        )
        for ending, of in (("", ""), (BEFORE, ", before registration"))
    },
    "labels.nii.gz": "labels in the space of the maps",
    "labels.seg.nrrd": "segmentation in the space of the maps",
    "registered.seq.nrrd": "the images, registered; opens in Slicer",
    "motion.seq.nrrd": "motion as a transform sequence; opens in Slicer",
    "motion_to_reference.seq.nrrd": "the same motion as transforms that draw each image in the reference",
    "scene.mrb": "everything as a Slicer scene",
}


def list_files(folder: Path, known: Mapping[str, str] = STRAIN_FILES) -> list[tuple[str, str]]:
    """Name and meaning of the files that are in ``folder``, those that are ``known`` first."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return [(name, known.get(name, "")) for name in [*known, *sorted(found - set(known))] if name in found]


def write_strain_pictures(strain: Strain, folder: Path) -> None:
    """Curves and bullseye."""
    from . import plot_bullseye, plot_curves

    plot_curves(strain, folder / "curves.png")
    if strain.segments.any():  # without RV insertions there is nothing to draw, and a note says so
        plot_bullseye(strain, None, folder / "bullseye.png")


def write_map_tables(run: MapRun, folder: Path) -> None:
    """Regions and scores, as ``maps.csv`` and ``scores.csv`` in an existing folder."""
    try:
        run.regions.to_csv(folder / "maps.csv", index=False, float_format="%.5g")
        run.scores.to_csv(folder / "scores.csv", index=False, float_format="%.5g")
    except OSError as error:
        raise CardiacMotionError(f"cannot write tables into {folder}: {error.strerror or error}") from error


def write_map_volumes(run: MapRun, folder: Path) -> None:
    """Every map as ``.nrrd`` in ``maps/``, with those before registration, and the registered images."""
    from ..io import write_maps, write_series

    (folder / "maps").mkdir()
    write_maps(run.maps, folder / "maps")
    if run.after is not None and run.registered is not None:
        write_maps(run.before, folder / "maps", ending=BEFORE)
        write_series(run.registered, folder / "registered.seq.nrrd")

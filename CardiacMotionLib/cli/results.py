"""What a finished strain analysis leaves in a folder."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import Terminal

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries
    from ..strain import Strain

FOUND_LABELS = "labels.nii.gz"
FILES = {
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
    FOUND_LABELS: "segmentation that the method found, of the frame where the motion starts",
    "motion.seq.nrrd": "motion as a transform sequence; opens in Slicer",
    "scene.mrb": "everything as a Slicer scene",
}


def list_files(folder: Path, known: Mapping[str, str] = FILES) -> list[tuple[str, str]]:
    """Name and meaning of the files that are in ``folder``, those that are ``known`` first."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return [(name, known.get(name, "")) for name in [*known, *sorted(found - set(known))] if name in found]


def write_strain_files(strain: Strain, folder: Path) -> None:
    """Tables, curves and bullseye."""
    from ..report import plot_bullseye, plot_curves, write_tables

    write_tables(strain, folder / "tables")
    plot_curves(strain, folder / "curves.png")
    if strain.segments.any():  # without RV insertions there is nothing to draw, and a note says so
        plot_bullseye(strain, None, folder / "bullseye.png")


def write_report_page(series: ImageSeries, motion: Motion, strain: Strain, folder: Path) -> None:
    """The page ``report.html``, with the scores of the motion."""
    from ..metrics import evaluate
    from ..report import write_report

    write_report(series, motion, strain, evaluate(motion, series), folder / "report.html")


def write_scene_files(series: ImageSeries, motion: Motion, strain: Strain, folder: Path, terminal: Terminal) -> None:
    """The scene ``scene.mrb`` and the slice view ``overlay.png``; without slicer-core neither, and a note says so."""
    if importlib.util.find_spec("slicer") is None:
        terminal.note(
            "scene.mrb and overlay.png left out: they need slicer-core (pip install 'cardiac-motion[slicer]')"
        )
        return
    from .. import scene

    scene.headless_scene(fresh=True)
    cine, browser = scene.add_series(series, str(series.meta.get("name") or "Cine"))
    results = scene.add_results(cine, series, motion, strain)
    scene.show_overlay(results.overlays[strain.components[0]])
    scene.show_frame(browser, strain.end_systole)
    scene.render_slice(results, folder / "overlay.png", overlay=strain.components[0])
    scene.save_scene(folder / "scene.mrb")


def headline_lines(strain: Strain) -> list[str]:
    """The first numbers of a strain, one a line, each with its unit."""
    from ..report.page import headline

    return [f"  {name:<8} {value:>7} {unit}" for name, value, unit in headline(strain)]

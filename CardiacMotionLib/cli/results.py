"""What a finished strain analysis leaves in a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.files import write_strain_pictures
from .terminal import Terminal

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries
    from ..strain import Strain


def write_strain_files(strain: Strain, folder: Path) -> None:
    """Tables, curves and bullseye."""
    from ..report import write_tables

    write_tables(strain, folder / "tables")
    write_strain_pictures(strain, folder)


def write_report_page(series: ImageSeries, motion: Motion, strain: Strain, folder: Path) -> None:
    """The page ``report.html``, with the scores of the motion."""
    from ..metrics import evaluate
    from ..report import write_report

    write_report(series, motion, strain, evaluate(motion, series), folder / "report.html")


def write_scene_files(series: ImageSeries, motion: Motion, strain: Strain, folder: Path, terminal: Terminal) -> None:
    """The scene ``scene.mrb`` and the slice view ``overlay.png``; without slicer-core neither, and a note says so."""
    if importlib.util.find_spec("slicer") is None:
        terminal.note("scene.mrb and overlay.png left out: they need slicer-core (pip install slicer-core)")
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

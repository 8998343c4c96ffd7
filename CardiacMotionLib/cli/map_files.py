"""What finished maps leave in a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.files import write_map_tables, write_map_volumes
from .terminal import Terminal

if TYPE_CHECKING:
    from ..report import MapRun


def write_map_files(run: MapRun, folder: Path) -> None:
    """Maps, registered images, motion, tables, picture and report."""
    from ..io import write_volume
    from ..report import panels, plot_maps, write_map_report

    write_map_volumes(run, folder)
    if run.after is not None and run.motion is not None:
        run.motion.save(folder / "motion.seq.nrrd")
    if run.labels_after is not None:
        write_volume(run.labels_after, run.maps.affine, folder / "labels.nii.gz")
    (folder / "tables").mkdir()
    write_map_tables(run, folder / "tables")
    plot_maps(panels(run), folder / "maps.png")
    write_map_report(run, folder / "report.html")


def write_scene_files(run: MapRun, folder: Path, terminal: Terminal) -> None:
    """The scene ``scene.mrb`` and the slice view ``slice.png``; without slicer-core neither, and a note says so."""
    if importlib.util.find_spec("slicer") is None:
        terminal.note("scene.mrb and slice.png left out: they need slicer-core (pip install slicer-core)")
        return
    from .. import scene

    scene.headless_scene(fresh=True)
    name = str(run.series.meta.get("name") or "Series")
    sequence, _ = scene.add_series(run.series, name)
    results = scene.add_map_run(run, sequence)
    first = next(iter(results.maps))
    scene.show_map(results, first)
    scene.render_map(results, folder / "slice.png", name=first)
    scene.save_scene(folder / "scene.mrb")


def headline_lines(run: MapRun) -> list[str]:
    """The first numbers of the maps, one a line, each with its unit; before and after with an arrow between."""
    from ..report.map_run import headline

    return [f"  {name:<10} {value} {unit}".rstrip() for name, value, unit in headline(run)]

"""What finished maps leave in a folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CardiacMotionError
from .terminal import Terminal

if TYPE_CHECKING:
    from ..report import MapRun

BEFORE = "_before"
FILES = {
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
    "registered.seq.nrrd": "the images, registered; opens in Slicer",
    "motion.seq.nrrd": "motion as a transform sequence; opens in Slicer",
    "scene.mrb": "everything as a Slicer scene",
}


def write_map_files(run: MapRun, folder: Path) -> None:
    """Maps, registered images, motion, tables, picture and report."""
    from ..io import write_maps, write_series, write_volume
    from ..report import panels, plot_maps, write_map_report

    for name in ("maps", "tables"):
        (folder / name).mkdir()
    write_maps(run.maps, folder / "maps")
    if run.after is not None and run.registered is not None and run.motion is not None:
        write_maps(run.before, folder / "maps", ending=BEFORE)
        write_series(run.registered, folder / "registered.seq.nrrd")
        run.motion.save(folder / "motion.seq.nrrd")
    if run.labels_after is not None:
        write_volume(run.labels_after, run.maps.affine, folder / "labels.nii.gz")
    try:
        run.regions.to_csv(folder / "tables" / "maps.csv", index=False, float_format="%.5g")
        run.scores.to_csv(folder / "tables" / "scores.csv", index=False, float_format="%.5g")
    except OSError as error:
        raise CardiacMotionError(f"cannot write tables into {folder}: {error.strerror or error}") from error
    plot_maps(panels(run), folder / "maps.png")
    write_map_report(run, folder / "report.html")


def write_scene_files(run: MapRun, folder: Path, terminal: Terminal) -> None:
    """The scene ``scene.mrb`` and the slice view ``slice.png``; without slicer-core neither, and a note says so."""
    if importlib.util.find_spec("slicer") is None:
        terminal.note("scene.mrb and slice.png left out: they need slicer-core (pip install 'cardiac-motion[slicer]')")
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

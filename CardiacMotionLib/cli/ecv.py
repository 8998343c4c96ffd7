"""``cardiac-motion ecv``: extracellular volume from T1 before and after contrast agent."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ..errors import CardiacMotionError
from ..report.files import list_files
from .inputs import parse_label_map
from .parameters import AsJson, LabelMap, OutputFolder, Quiet, Verbose
from .staging import staged_folder
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..mapping.maps import ParameterMaps
    from ..report.ecv_run import EcvRun

FILES = {
    "ecv.png": "ECV with its SD",
    "slice.png": "slice view with the ECV, as Slicer shows it",
    "tables/ecv.csv": "values by region and AHA segment",
    "maps/ECV.nrrd": "ECV (%)",
    "maps/ECV_SD.nrrd": "SD of ECV (%)",
    "scene.mrb": "everything as a Slicer scene",
}


def _map_argument(when: str) -> typer.models.ArgumentInfo:
    return typer.Argument(
        help=f"T1 {when} contrast agent in ms: folder that map wrote, or a map as .nrrd, NIfTI or DICOM.",
        show_default=False,
    )


Pre = Annotated[Path, _map_argument("before")]
Post = Annotated[Path, _map_argument("after")]
Hematocrit = Annotated[float, typer.Option(help="Share of the blood, like 0.42.", show_default=False)]
LabelFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        "-l",
        help="Labels on the grid of the maps: 1 RV, 2 LV myocardium, 3 LV cavity, which is the blood. By default "
        "labels.nii.gz of the folder PRE.",
        show_default=False,
    ),
]


def ecv(
    pre: Pre,
    post: Post,
    output: OutputFolder,
    hematocrit: Hematocrit,
    labels: LabelFile = None,
    label_map: LabelMap = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Extracellular volume (ECV) from two T1 maps that lie in one place: map, table by region, picture and scene."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(output) as folder:
        from ..io import read_t1
        from ..report.ecv_run import compute_ecv

        before, after = read_t1(pre), read_t1(post)
        run = compute_ecv(before, after, _labels(pre, before, labels, label_map), hematocrit)
        for note in run.notes:
            terminal.note(note)
        _write(run, folder)
        _write_scene(run, folder, terminal)
        for region, value in _headline(run):
            terminal.result(f"  {region:<14} {value}")
        files = list_files(folder, FILES)
        terminal.result(f"Wrote into {output}:")
        for name, what in files:
            terminal.result(f"  {name:<32} {what}")
        terminal.result("Research use only: not a medical device.")
        terminal.emit(
            files=[output / name for name, _ in files],
            ecv=run.regions.query("parameter == 'ECV'").to_dict("records"),
            blood={name: run.maps.acquisition[name] for name in ("blood_T1_pre", "blood_T1_post")},
        )


def _labels(pre: Path, maps: ParameterMaps, file: Path | None, label_map: list[str] | None) -> np.ndarray:
    """(K, J, I) uint8 on the grid of the maps."""
    from ..io import attach_labels
    from ..series import ImageSeries

    chosen = file or pre / "labels.nii.gz"
    if file is None and not chosen.is_file():
        raise CardiacMotionError(f"{pre} has no labels.nii.gz; give --labels FILE on the grid of the maps")
    grid = ImageSeries(np.nan_to_num(maps["T1"])[None], maps.affine)
    return attach_labels(grid, {0: chosen}, parse_label_map(label_map)).labels[0]


def _write(run: EcvRun, folder: Path) -> None:
    from ..io import write_maps
    from ..report import Panel, plot_maps

    for name in ("maps", "tables"):
        (folder / name).mkdir()
    write_maps(run.maps, folder / "maps")
    run.regions.to_csv(folder / "tables" / "ecv.csv", index=False, float_format="%.5g")
    plot_maps([Panel("Extracellular volume", run.maps, run.labels)], folder / "ecv.png")


def _write_scene(run: EcvRun, folder: Path, terminal: Terminal) -> None:
    if importlib.util.find_spec("slicer") is None:
        terminal.note("scene.mrb and slice.png left out: they need slicer-core (pip install slicer-core)")
        return
    from .. import scene

    scene.headless_scene(fresh=True)
    results = scene.add_ecv_run(run)
    scene.show_map(results, "ECV")
    scene.render_map(results, folder / "slice.png", name="ECV")
    scene.save_scene(folder / "scene.mrb")


def _headline(run: EcvRun) -> list[tuple[str, str]]:
    """ECV of every label, and T1 of the blood."""
    found = run.regions.query("parameter == 'ECV' and region_name == ''")
    rows = [(str(row["region"]), f"{row['mean']:.1f} ± {row['SD']:.1f} %") for _, row in found.iterrows()]
    told = run.maps.acquisition
    return [*rows, ("Blood T1", f"{told['blood_T1_pre']:.0f} → {told['blood_T1_post']:.0f} ms")]

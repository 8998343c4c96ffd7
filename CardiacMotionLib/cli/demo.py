"""``cardiac-motion demo``: the whole path from a cine to strain, on the sample or on one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CardiacMotionError
from ..methods import default_reference
from ..report.files import FOUND_LABELS
from .inputs import read_cine
from .parameters import (
    AsJson,
    Device,
    FramesAxis,
    Labels,
    Method,
    OutputFolder,
    Quiet,
    Reference,
    Seed,
    SeriesUid,
    Verbose,
)
from .register import describe_run, finders, gives_labels, run_method, write_found_labels
from .results import write_report_page, write_scene_files, write_strain_files
from .staging import staged_folder
from .strain import finish
from .terminal import session

OwnCine = Annotated[
    Path | None,
    typer.Argument(help="A cine of your own, with --labels; by default the real one that ships.", show_default=False),
]


def demo(
    output: OutputFolder,
    cine: OwnCine = None,
    labels: Labels = None,
    method: Method = "auto",
    reference: Reference = None,
    device: Device = "auto",
    seed: Seed = 0,
    frames_axis: FramesAxis = None,
    series_uid: SeriesUid = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """From a cine to motion, strain, curves, bullseye, report and Slicer scene, in one go."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(output) as folder:
        from ..strain import strain as analyze

        if cine is None:
            if labels:
                raise CardiacMotionError("--labels needs a cine of your own: demo CINE --labels FILE -o FOLDER")
            from ..io import sample_series

            series = sample_series()
            for note in series.meta["notes"]:
                terminal.note(note)
        else:
            series = read_cine(cine, labels, terminal, frames_axis=frames_axis, series_uid=series_uid)
        if not series.labels and not gives_labels(method):
            raise CardiacMotionError(
                f"{cine} came without labels; strain needs the LV wall of one frame: --labels FILE, or of a stack a "
                f"--method that finds it ({finders()})"
            )
        terminal.say(f"{len(series)} frames, {series.shape[0]} slices of {series.shape[2]} x {series.shape[1]}")
        if reference is None:
            reference = default_reference(series)
        motion = run_method(series, method, terminal, reference=reference, device=device, seed=seed)
        if motion.labeled(series) is not series:
            series = motion.labeled(series)
            write_found_labels(motion, folder / FOUND_LABELS)
        reference_labels = motion.reference_labels(series)
        if reference_labels is None:
            raise CardiacMotionError(
                f"frame {motion.reference}, where the motion starts, has no labels; labeled are {sorted(series.labels)}"
            )
        terminal.say(describe_run(motion))
        terminal.say("Strain, pictures and scene ...")
        motion.save(folder / "motion.seq.nrrd")
        result = analyze(motion, reference_labels, rv_insertion=series.meta.get("rv_insertion"))
        write_strain_files(result, folder)
        write_report_page(series, motion, result, folder)
        write_scene_files(series, motion, result, folder, terminal)
        finish(result, folder, output, terminal)
        terminal.result("Research use only: not a medical device.")

"""``cardiac-motion register``: motion of a cine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CardiacMotionError
from ..methods import describe_options, methods, register
from ..methods.registry import BEST
from .inputs import read_cine
from .option_flags import chosen_options, with_flags
from .parameters import (
    AsJson,
    Cine,
    Device,
    FramesAxis,
    LabelMap,
    Labels,
    Method,
    Output,
    Quiet,
    Reference,
    Seed,
    SeriesUid,
    Verbose,
)
from .staging import check_suffix, staged_file, staged_folder
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries

MOTION_SUFFIXES = (".seq.nrrd", ".npz")
ItkFolder = Annotated[
    Path | None,
    typer.Option(
        help="Also write one ITK displacement field (LPS mm, .nii.gz) a frame into this folder.", show_default=False
    ),
]
LABEL_SUFFIXES = (".nii.gz", ".nii", ".nrrd")
FoundLabels = Annotated[
    Path | None,
    typer.Option(
        help="Also write the segmentation that the method found in the reference frame, of one that finds such, as "
        ".nii.gz or .nrrd.",
        show_default=False,
    ),
]
InitialMotion = Annotated[
    Path | None,
    typer.Option(
        "--init",
        help="Motion of the same cine (.seq.nrrd or .npz) to start from, for methods that refine one.",
        show_default=False,
    ),
]


def command() -> Callable[..., None]:
    """The command with a flag for every option of every registered method."""
    return with_flags(register_cine, {name: describe_options(info.Options) for name, info in methods().items()})


def register_cine(
    cine: Cine,
    output: Output,
    labels: Labels = None,
    method: Method = "auto",
    reference: Reference = None,
    device: Device = "auto",
    seed: Seed = 0,
    init: InitialMotion = None,
    itk: ItkFolder = None,
    found_labels: FoundLabels = None,
    label_map: LabelMap = None,
    frames_axis: FramesAxis = None,
    series_uid: SeriesUid = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **given: Any,
) -> None:
    """Find the motion of a cine and write it as .seq.nrrd (a transform sequence for Slicer) or .npz."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..motion import Motion

        known = methods()
        options = chosen_options(given, describe_options(known[method].Options) if method in known else [])
        if found_labels is not None:
            check_found_labels(method, found_labels)
        with staged_file(output, MOTION_SUFFIXES) as path:
            series = read_cine(
                cine, labels, terminal, label_map=label_map, frames_axis=frames_axis, series_uid=series_uid
            )
            start = None if init is None else Motion.load(init)
            motion = run_method(
                series, method, terminal, reference=reference, device=device, seed=seed, init=start, **options
            )
            motion.save(path)
        if itk is not None:
            from ..io import write_displacement_itk

            with staged_folder(itk) as folder:
                write_displacement_itk(motion, folder)
        terminal.result(describe_run(motion))
        if found_labels is not None:
            write_found_labels(motion, found_labels)
        elif motion.labels is not None and output.suffix != ".npz" and motion.labeled(series) is not series:
            terminal.note(
                f"{output.name} has no place for the segmentation that was found; --found-labels FILE writes it"
            )
        if motion.samples and output.suffix != ".npz":
            terminal.note(f"{output.name} keeps their mean alone; a .npz keeps the {len(motion.samples)} samples, too")
        files = [path for path in (output, itk, found_labels) if path is not None]
        terminal.result(f"Wrote {', '.join(map(str, files))}")
        terminal.emit(files=files, provenance=motion.provenance)


def check_found_labels(method: str, file: Path) -> None:
    """Raise `CardiacMotionError` before the work where there will be nothing to write, or it cannot be written."""
    method = BEST if method == "auto" else method
    if method in methods() and not gives_labels(method):
        raise CardiacMotionError(
            f"--found-labels: {method} finds the motion alone; methods that find a segmentation too are {finders()}"
        )
    check_suffix(file, LABEL_SUFFIXES)


def write_found_labels(motion: Motion, file: Path) -> None:
    """The segmentation that the method found."""
    from ..io import write_volume

    if motion.labels is None:
        raise CardiacMotionError(
            f"--found-labels: the weights {motion.provenance['weights']} tell no regions, so there is no segmentation; "
            "take weights of a network with a memory. The motion was written"
        )
    with staged_file(file, LABEL_SUFFIXES) as path:
        write_volume(motion.labels, motion.affine, path)


def finders() -> str:
    """Names of the methods that find a segmentation."""
    return ", ".join(name for name in methods() if gives_labels(name))


def gives_labels(method: str) -> bool:
    """Whether the method finds a segmentation of the reference frame, too."""
    known = methods()
    return method in known and "labels" in known[method].gives


def run_method(series: ImageSeries, method: str, terminal: Terminal, **choices: Any) -> Motion:
    """``register`` with a progress bar."""
    with terminal.progress("Registering") as progress:
        motion = register(series, method, progress=progress, **choices)
    for note in motion.provenance.get("notes", ()):
        terminal.note(note)
    return motion


def describe_run(motion: Motion) -> str:
    """Method, weights, frames, time and device in one line."""
    made_by = motion.provenance
    by = f"{made_by['method']} with {made_by['weights']}" if "weights" in made_by else made_by["method"]
    found = "" if made_by.get("heart_from") != "motion" else "; no labels, the heart is where the images change most"
    how = f"in {made_by['seconds']:.1f} s on {made_by['device']}"
    return f"{by}: {len(motion)} frames from {motion.origin} {how}{found}"

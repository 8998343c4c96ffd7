"""``cardiac-motion map``: parameter maps of a series, before and after its motion is taken out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..errors import CardiacMotionError
from ..map_pipeline import AUTO, NONE, MapRequest, choose_method, compute_maps, with_acquisition
from ..methods import describe_options, methods
from ..report.files import MAP_FILES, list_files
from .inputs import read_cine
from .map_files import headline_lines, write_map_files, write_scene_files
from .option_flags import chosen_options, with_flags
from .parameters import (
    AsJson,
    Device,
    FramesAxis,
    LabelMap,
    Labels,
    OutputFolder,
    Quiet,
    Seed,
    SeriesUid,
    Verbose,
)
from .register import describe_run
from .staging import staged_folder
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..report.map_run import MapRun
    from ..series import ImageSeries

SeriesFile = Annotated[
    Path,
    typer.Argument(
        help="Images of one anatomy under several preparations: DICOM folder, 4D NIfTI, .nrrd or .seq.nrrd.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        help="molli, stone, ir, sasha, msasha, t2prep or asl; by default what the series or --acquisition says.",
        show_default=False,
    ),
]


def _acquisition(help_text: str, metavar: str | None = None) -> Any:
    return typer.Option(metavar=metavar, help=help_text, show_default=False, rich_help_panel="Acquisition")


def _times(what: str, models: str) -> Any:
    return _acquisition(f"{what} in ms, one an image in the order of the series ({models}).", "MS,MS,...")


InversionTimes = Annotated[
    str | None, _times("Times from the inversion to the image, inf without one,", "molli, stone, ir, asl")
]
SaturationTimes = Annotated[
    str | None, _times("Times from the saturation to the image, inf without one,", "sasha, msasha")
]
EchoTimes = Annotated[str | None, _times("Lengths of the T2 preparation, 0 without one,", "msasha, t2prep")]
Delays = Annotated[str | None, _times("Times from the T2 preparation to the image", "msasha")]
IsTag = Annotated[
    str | None, _acquisition("Whether each image is a tag (1) or a control or baseline (0) (asl).", "0,1,...")
]
T1Blood = Annotated[float | None, _acquisition("T1 of arterial blood in ms (asl; 1550 unless given).")]
Partition = Annotated[float | None, _acquisition("Blood-tissue partition coefficient in mL/g (asl; 1 unless given).")]
Parameters = Annotated[
    int | None,
    _acquisition("2 where the saturation is known to be perfect, 3 where it is not (sasha; 3 unless given)."),
]
AcquisitionFile = Annotated[
    Path | None,
    typer.Option(
        "--acquisition",
        help="TOML file with model, inversion_times and so on; flags go before it, and it before what the series says.",
        show_default=False,
        rich_help_panel="Acquisition",
    ),
]
MapMethod = Annotated[
    str,
    typer.Option(
        "--method",
        "-m",
        help="auto for the best groupwise method that is there, none, or a name that 'cardiac-motion methods' lists.",
    ),
]
GivenMotion = Annotated[
    Path | None,
    typer.Option("--motion", help="Motion of the series (.seq.nrrd or .npz) instead of a method.", show_default=False),
]
Phase = Annotated[
    Path | None,
    typer.Option(
        help="Phase images in rad or as scanners store it (0 to 4095), from which the sign of the signal is found.",
        show_default=False,
    ),
]
Polarity = Annotated[
    str, typer.Option(help="What the images are: auto, signed or magnitude, whose sign is found by fitting.")
]
MapReference = Annotated[
    int | None,
    typer.Option(
        help="Frame to draw the maps in; by default the mean shape of a groupwise method, for others the frame of the "
        "longest time.",
        show_default=False,
    ),
]


def command() -> Callable[..., None]:
    """The command with a flag for every option of every registered method."""
    return with_flags(map_series, {name: describe_options(info.Options) for name, info in methods().items()})


def map_series(
    series: SeriesFile,
    output: OutputFolder,
    model: ModelName = None,
    labels: Labels = None,
    method: MapMethod = "auto",
    motion: GivenMotion = None,
    reference: MapReference = None,
    phase: Phase = None,
    polarity: Polarity = "auto",
    robust: Annotated[bool, typer.Option("--robust", help="A loss in which images out of line pull less.")] = False,
    inversion_times: InversionTimes = None,
    saturation_times: SaturationTimes = None,
    echo_times: EchoTimes = None,
    delays: Delays = None,
    is_tag: IsTag = None,
    t1_blood: T1Blood = None,
    partition: Partition = None,
    parameters: Parameters = None,
    acquisition: AcquisitionFile = None,
    device: Device = "auto",
    seed: Seed = 0,
    label_map: LabelMap = None,
    frames_axis: FramesAxis = None,
    series_uid: SeriesUid = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **given: Any,
) -> None:
    """Parameter maps (T1, T2, perfusion) before and after registration, with SD, R2, regions, report and scene."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(output) as folder:
        from ..motion import Motion

        images = read_cine(
            series, labels, terminal, label_map=label_map, frames_axis=frames_axis, series_uid=series_uid
        )
        flags = {
            "inversion_times": inversion_times,
            "saturation_times": saturation_times,
            "echo_times": echo_times,
            "delays": delays,
            "is_tag": is_tag,
            "t1_blood": t1_blood,
            "partition": partition,
            "parameters": parameters,
        }
        images = with_acquisition(images, *_told(images, model, flags, acquisition))
        if motion is not None and method != AUTO:
            raise CardiacMotionError("give --motion or --method, not both")
        name = NONE if motion is not None else choose_method(method)
        _check_options(given, name, motion)
        request = MapRequest(
            images,
            method,
            motion=None if motion is None else Motion.load(motion),
            reference=reference,
            phase=None if phase is None else _phase(phase, frames_axis, terminal),
            polarity=polarity,
            robust=robust,
            device=device,
            seed=seed,
            options={} if name == NONE else chosen_options(given, describe_options(methods()[name].Options)),
        )
        with terminal.progress("Maps") as progress:
            run = compute_maps(request, progress)
        if phase is not None:
            terminal.say("The sign of the images is from their phase")
        terminal.say("Tables, pictures and scene ...")
        write_map_files(run, folder)
        write_scene_files(run, folder, terminal)
        if name != NONE and run.motion is not None:
            terminal.result(describe_run(run.motion))
        _finish(run, folder, output, terminal)


def _told(
    images: ImageSeries, model: str | None, flags: dict[str, Any], file: Path | None
) -> tuple[str, dict[str, Any]]:
    """The model, and what a fit is told beside the series: flags go before the file, and the file before the series."""
    from ..mapping.acquisition import parse_list, read_acquisition
    from ..mapping.models import MODELS

    told = {} if file is None else read_acquisition(file)
    chosen = model or told.get("model") or images.meta.get("model")
    told.pop("model", None)
    given = {name: value for name, value in flags.items() if value is not None}
    told |= {name: parse_list(name, value) if isinstance(value, str) else value for name, value in given.items()}
    if chosen is None:
        raise CardiacMotionError(f"the series does not say what it measures: give --model {', '.join(MODELS)}")
    return chosen, told


def _phase(file: Path, frames_axis: int | None, terminal: Terminal) -> np.ndarray:
    """(T, K, J, I) rad, of phase images in rad or as scanners give them."""
    from ..io import read_series
    from ..io.datasets.dense_phase import any_radians

    angles, unit = any_radians(file, read_series(file, frames_axis=frames_axis).frames)
    terminal.note(f"The numbers of the phase images were taken to be {unit}")
    return angles


def _check_options(given: dict[str, Any], name: str, motion: Path | None) -> None:
    flags = ", ".join("--" + option.replace("_", "-") for option, value in given.items() if value is not None)
    if name == NONE and flags:
        why = "but the series is not registered; add --method" if motion is None else "with --motion; leave them out"
        raise CardiacMotionError(f"options of a method were given ({flags}), {why}")


def _finish(run: MapRun, folder: Path, output: Path, terminal: Terminal) -> None:
    """Headline numbers, notes and the list of files."""
    from ..report.map_run import notes_of

    made_by = {} if run.motion is None else run.motion.provenance
    for note in notes_of(run):
        terminal.note(note)
    for line in headline_lines(run):
        terminal.result(line)
    files = list_files(folder, MAP_FILES)
    terminal.result(f"Wrote into {output}:")
    for name, what in files:
        terminal.result(f"  {name:<32} {what}")
    terminal.result("Research use only: not a medical device.")
    terminal.emit(
        files=[output / name for name, _ in files],
        model=run.maps.model,
        method=NONE if run.motion is None else made_by.get("method", "unknown"),
        scores=run.scores.to_dict("records"),
    )

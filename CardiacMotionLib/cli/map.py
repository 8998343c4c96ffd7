"""``cardiac-motion map``: parameter maps of a series, before and after its motion is taken out."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..errors import CardiacMotionError
from ..methods import default_reference, describe_options, methods
from .inputs import read_cine
from .map_files import FILES, headline_lines, write_map_files, write_scene_files
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
from .register import describe_run, run_method
from .results import list_files
from .staging import staged_folder
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..mapping.maps import ParameterMaps
    from ..motion import Motion
    from ..report import MapRun
    from ..series import ImageSeries

PREFERRED = ("any2reg", "groupregnet", "pca_groupwise")  # for maps, best first: groupwise, whatever the contrast
NONE = "none"
AROUND_MM = 20.0  # of the labels, in which every pixel is fitted
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
        images, model, told = _with_acquisition(images, model, flags, acquisition)
        signed, polarity = _signed(images, phase, polarity, model, told, terminal)
        name = _method_name(method, motion, terminal)
        _check_reference(reference, name, motion)
        _check_options(given, name, motion)

        mask = _pixels_to_fit(images)

        def fit(fitted: ImageSeries, title: str) -> ParameterMaps:
            from ..mapping.fit import fit_map

            with terminal.progress(title) as progress:
                return fit_map(
                    fitted,
                    model,
                    mask=mask,
                    polarity=polarity,
                    robust=robust,
                    device=device,
                    progress=progress,
                    **told,
                )

        before = fit(signed, "Fitting the images as acquired")
        found = _motion(images, name, motion, reference, terminal, device=device, seed=seed, given=given)
        run = _run(images, signed, before, found, fit)
        terminal.say("Tables, pictures and scene ...")
        write_map_files(run, folder)
        write_scene_files(run, folder, terminal)
        _finish(run, folder, output, terminal)


def _with_acquisition(
    images: ImageSeries, model: str | None, flags: dict[str, Any], file: Path | None
) -> tuple[ImageSeries, str, dict[str, Any]]:
    """The series that knows its acquisition, the model, and what a fit is told beside the series.

    Flags go before the file, and the file before what the series says. Raises `CardiacMotionError` before any work when
    it does not fit the model.
    """
    from ..mapping.acquisition import check_acquisition, parse_list, read_acquisition
    from ..mapping.models import MODELS, check_name

    told = {} if file is None else read_acquisition(file)
    chosen = model or told.pop("model", None) or images.meta.get("model")
    told.pop("model", None)
    given = {name: value for name, value in flags.items() if value is not None}
    told |= {name: parse_list(name, value) if isinstance(value, str) else value for name, value in given.items()}
    if chosen is None:
        raise CardiacMotionError(f"the series does not say what it measures: give --model {', '.join(MODELS)}")
    task = check_acquisition(check_name(chosen), told, images.meta, len(images))
    known = {name: values.tolist() for name, values in task.times.items()}
    return images.replace(meta={**images.meta, **known, "model": chosen}), chosen, told


def _pixels_to_fit(images: ImageSeries) -> np.ndarray | None:
    """(K, J, I) bool: what has signal, and whatever that may be the heart and what lies around; None without labels.

    Beside bright fat the wall can be as dark as air.
    """
    if not images.labels:
        return None
    from scipy.ndimage import distance_transform_edt

    from ..mapping.fit import pixels_above_noise

    heart = np.any([labels > 0 for labels in images.labels.values()], axis=0)
    around = distance_transform_edt(~heart, sampling=images.spacing[::-1]) <= AROUND_MM if heart.any() else heart
    return pixels_above_noise(images.frames) | around


def _signed(
    images: ImageSeries, phase: Path | None, polarity: str, model: str, told: dict[str, Any], terminal: Terminal
) -> tuple[ImageSeries, str]:
    """The images to fit and their polarity: with their sign, where there is phase, from before anything is moved."""
    if phase is None:
        return images, polarity
    import torch

    from ..io import read_series
    from ..io.datasets.dense_phase import radians
    from ..mapping.models import make_model
    from ..mapping.polarity import phase_sensitive

    angles = read_series(phase)
    if angles.frames.shape != images.frames.shape:
        raise CardiacMotionError(
            f"{phase}: phase images of shape {angles.frames.shape} (T, K, J, I), the series has {images.frames.shape}; "
            "give the phase of the same images"
        )
    if polarity != "auto" or not make_model(model).changes_sign:
        raise CardiacMotionError(
            f"--phase is for magnitude images whose signal changes sign (molli, stone, ir) and --polarity auto; "
            f"the model is {model}, the polarity {polarity}"
        )
    values = angles.frames if np.abs(angles.frames).max() <= 2 * np.pi + 1e-3 else radians(phase, angles.frames)
    times = torch.as_tensor(images.meta["inversion_times"], dtype=torch.float64)
    frames = phase_sensitive(torch.from_numpy(images.frames), torch.as_tensor(values), times).numpy()
    terminal.say("The sign of the images is from their phase")
    return images.replace(frames=frames), "signed"


def _method_name(method: str, motion: Path | None, terminal: Terminal) -> str:
    """The method that runs, ``none`` for none."""
    if motion is not None:
        if method != "auto":
            raise CardiacMotionError("give --motion or --method, not both")
        return NONE
    known = methods()
    if method == "auto":
        able = [name for name in PREFERRED if name in known and _can_run(name)]
        if not able:
            terminal.note("Not registered: no groupwise method can run here; --method NAME takes another one")
        return able[0] if able else NONE
    if method != NONE and method not in known:
        raise CardiacMotionError(f"unknown method {method!r}; choose one of auto, none, {', '.join(sorted(known))}")
    return method


def _can_run(name: str) -> bool:
    """Whether a method has its packages and, where it needs some, weights that are found by name."""
    from ..weights import cards

    info = methods()[name]
    has_packages = all(importlib.util.find_spec(package) for package in info.requires)
    return has_packages and ("weights" not in info.needs or bool(cards(name)))


def _check_reference(reference: int | None, name: str, motion: Path | None) -> None:
    if reference is not None and name == NONE and motion is None:
        raise CardiacMotionError("--reference is the frame to draw the maps in; without registration there is none")


def _check_options(given: dict[str, Any], name: str, motion: Path | None) -> None:
    flags = ", ".join("--" + option.replace("_", "-") for option, value in given.items() if value is not None)
    if name == NONE and flags:
        why = "but the series is not registered; add --method" if motion is None else "with --motion; leave them out"
        raise CardiacMotionError(f"options of a method were given ({flags}), {why}")


def _motion(
    images: ImageSeries,
    name: str,
    file: Path | None,
    reference: int | None,
    terminal: Terminal,
    *,
    device: str,
    seed: int,
    given: dict[str, Any],
) -> Motion | None:
    """The motion from a file or a method, None without either."""
    from ..motion import Motion

    if file is not None:
        found = Motion.load(file)
        if found.displacement.shape[:4] != images.frames.shape:
            raise CardiacMotionError(
                f"{file}: a motion of {found.displacement.shape[:4]} (T, K, J, I), the series has "
                f"{images.frames.shape}; give a motion of this series"
            )
        return found if reference is None else found.expressed_in(reference)
    if name == NONE:
        return None
    options = chosen_options(given, describe_options(methods()[name].Options))
    if reference is None and "groupwise" not in methods()[name].needs:
        reference = _clearest(images)
    found = run_method(images, name, terminal, reference=reference, device=device, seed=seed, **options)
    terminal.result(describe_run(found))
    return found


def _clearest(images: ImageSeries) -> int:
    """The frame to register pairs to: that of the longest time, with bright tissues; without times the labeled one.

    Labels of another frame are carried there.
    """
    times = images.meta.get("inversion_times") or images.meta.get("saturation_times")
    return int(np.argmax(times)) if times else default_reference(images)


def _run(
    images: ImageSeries, signed: ImageSeries, before: ParameterMaps, motion: Motion | None, fit: Callable[..., Any]
) -> MapRun:
    """Everything that is written: with the motion, the images drawn in its reference and their maps."""
    from ..report import MapRun, with_labels

    if motion is None:
        run = MapRun(images, before)
    else:
        drawn = (
            {motion.stored_reference: images.labels[motion.stored_reference]}
            if motion.reference in images.labels
            else {}
        )
        registered = images.replace(frames=motion.warp(images), labels=drawn)
        fitted = registered if signed is images else signed.replace(frames=motion.warp(signed), labels={})
        run = MapRun(images, before, motion, registered, fit(fitted, "Fitting the registered images"))
    if not images.labels:
        return run
    labeled = motion is not None and motion.reference in images.labels
    frame = motion.stored_reference if labeled and motion is not None else default_reference(images)
    return with_labels(run, frame, images.labels[frame])


def _finish(run: MapRun, folder: Path, output: Path, terminal: Terminal) -> None:
    """Headline numbers, notes and the list of files."""
    from ..report.map_run import warnings

    for note in (*warnings(run), *run.maps.notes, *run.notes):
        terminal.note(note)
    for line in headline_lines(run):
        terminal.result(line)
    files = list_files(folder, FILES)
    terminal.result(f"Wrote into {output}:")
    for name, what in files:
        terminal.result(f"  {name:<32} {what}")
    terminal.result("Research use only: not a medical device.")
    terminal.emit(
        files=[output / name for name, _ in files],
        model=run.maps.model,
        method=NONE if run.motion is None else run.motion.provenance.get("method", "unknown"),
        scores=run.scores.to_dict("records"),
    )

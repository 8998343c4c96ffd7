"""``cardiac-motion strain``: strain of the left ventricle from a motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CardiacMotionError
from ..methods import default_reference
from ..report.files import list_files
from .inputs import labeled_frame, read_cine, reference_labels
from .parameters import AsJson, FramesAxis, LabelMap, Labels, MotionFile, OutputFolder, Quiet, SeriesUid, Verbose
from .results import headline_lines, write_report_page, write_scene_files, write_strain_files
from .staging import staged_folder
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries
    from ..strain import Strain

Point = tuple[float, float, float]
CineFile = Annotated[
    Path | None,
    typer.Option(
        "--cine",
        "-c",
        help="The cine that was registered: adds report.html, scene.mrb and overlay.png.",
        show_default=False,
    ),
]
Anterior = Annotated[Point | None, typer.Option(help="Anterior RV insertion, RAS mm: X Y Z.", show_default=False)]
Inferior = Annotated[Point | None, typer.Option(help="Inferior RV insertion, RAS mm: X Y Z.", show_default=False)]


def strain(
    motion: MotionFile,
    output: OutputFolder,
    labels: Labels = None,
    cine: CineFile = None,
    rv_anterior: Anterior = None,
    rv_inferior: Inferior = None,
    layers: Annotated[int, typer.Option(min=1, max=9, help="Layers across the wall.")] = 3,
    end_systole: Annotated[
        int | None,
        typer.Option(help="Frame of aortic valve closure; by default that of the smallest cavity.", show_default=False),
    ] = None,
    drift_correction: Annotated[
        bool, typer.Option("--drift-correction", help="Bring the curves back to zero at the end of the cycle.")
    ] = False,
    label_map: LabelMap = None,
    frames_axis: FramesAxis = None,
    series_uid: SeriesUid = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Strain by component, AHA segment and wall layer, with volumes and torsion: tables, curves and bullseye."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(output) as folder:
        if (rv_anterior is None) != (rv_inferior is None):
            raise CardiacMotionError("give both --rv-anterior and --rv-inferior, or neither")
        from ..motion import Motion
        from ..strain import strain as analyze

        found = Motion.load(motion)
        series = None
        if cine is not None:
            series = read_cine(
                cine, labels, terminal, label_map=label_map, frames_axis=frames_axis, series_uid=series_uid
            )
        if found.reference is None:
            found = found.expressed_in(_labeled_frame(found, series, labels, label_map))
        reference = _labels(found, series, labels, label_map, terminal)
        result = analyze(
            found,
            reference,
            rv_insertion=[rv_anterior, rv_inferior] if rv_anterior else None,
            layers=layers,
            end_systole=end_systole,
            drift_correction=drift_correction,
        )
        write_strain_files(result, folder)
        if series is not None:
            write_report_page(series, found, result, folder)
            write_scene_files(series, found, result, folder, terminal)
        finish(result, folder, output, terminal)


def _labeled_frame(
    motion: Motion, series: ImageSeries | None, labels: list[str] | None, label_map: list[str] | None
) -> int:
    """The frame that a motion from a canonical space is to start from."""
    if series is not None and series.labels:
        return default_reference(series)
    frame = labeled_frame(motion, labels, label_map) if labels and series is None else None
    if frame is None:
        raise CardiacMotionError(
            "the motion starts from a canonical space, so it is not known of which frame the labels are: "
            "--labels FRAME=FILE or a file named ..._frameNN, or --cine with labels"
        )
    return frame


def _labels(
    motion: Motion,
    series: ImageSeries | None,
    labels: list[str] | None,
    label_map: list[str] | None,
    terminal: Terminal,
) -> Any:
    """(K, J, I) labels of the motion's reference frame, of the cine where there is one."""
    if series is not None and motion.stored_reference in series.labels:
        return series.labels[motion.stored_reference]
    if not labels and motion.labels is not None and motion.labels.any():
        terminal.note(f"The segmentation of frame {motion.reference} is the one that was found with the motion")
        return motion.labels
    if not labels:
        raise CardiacMotionError(
            f"strain needs the labels of frame {motion.reference}, where the motion starts: --labels FILE"
        )
    return reference_labels(motion, labels, label_map)


def finish(result: Strain, folder: Path, output: Path, terminal: Terminal) -> None:
    """Headline numbers, notes and the list of files."""
    for note in result.notes:
        terminal.note(note)
    for line in headline_lines(result):
        terminal.result(line)
    files = list_files(folder)
    terminal.result(f"Wrote into {output}:")
    for name, what in files:
        terminal.result(f"  {name:<32} {what}")
    terminal.emit(
        files=[output / name for name, _ in files], numbers=dict(result.function), end_systole=result.end_systole
    )

"""``cardiac-motion convert``: images and motion from one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CardiacMotionError
from .inputs import label_files, parse_label_map
from .parameters import AsJson, FramesAxis, LabelMap, Labels, Quiet, SeriesUid, Verbose
from .staging import staged_folder
from .terminal import session

Source = Annotated[Path, typer.Argument(help="A cine in any format that is read, or a motion.", show_default=False)]
Target = Annotated[
    Path,
    typer.Argument(
        help="Images: .seq.nrrd, .nii.gz. Motion: .seq.nrrd, .npz, or .nii.gz, .h5 for an ITK field (LPS mm) a frame.",
        show_default=False,
    ),
]


def convert(
    source: Source,
    target: Target,
    labels: Labels = None,
    label_map: LabelMap = None,
    frames_axis: FramesAxis = None,
    series_uid: SeriesUid = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Convert a cine, with its labels, or a motion into another file format."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(target.parent) as folder:
        from ..io import convert as convert_file

        if source.exists() and target.exists() and target.samefile(source):
            raise CardiacMotionError(f"{target} is the source itself; give another name to write to")
        given = {"label_map": parse_label_map(label_map), "frames_axis": frames_axis, "series_uid": series_uid or None}
        options = {name: value for name, value in given.items() if value is not None}
        written = convert_file(source, folder / target.name, label_files(labels), note=terminal.note, **options)
        files = [target.parent / path.name for path in written]
        terminal.result(
            f"Wrote {', '.join(map(str, files[:3]))}" + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        )
        terminal.emit(files=files)

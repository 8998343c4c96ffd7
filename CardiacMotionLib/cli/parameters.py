"""Arguments and flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Cine = Annotated[
    Path,
    typer.Argument(
        help="Cine: 4D NIfTI, .nrrd or .seq.nrrd, a folder of 3D files, or a DICOM folder.", show_default=False
    ),
]
MotionFile = Annotated[Path, typer.Argument(help="Motion written by register (.seq.nrrd or .npz).", show_default=False)]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        "-l",
        metavar="FILE|FRAME=FILE",
        help="Labels on the cine's grid: 1 RV, 2 LV myocardium, 3 LV cavity. May be repeated, one file a frame.",
        show_default=False,
    ),
]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        metavar="VALUE=LABEL",
        help="For labels of another convention: value or segment name = 0, 1, 2 or 3. May be repeated.",
        show_default=False,
    ),
]
FramesAxis = Annotated[
    int | None,
    typer.Option(min=0, max=2, help="Axis of time of a 3D file that holds one slice over time.", show_default=False),
]
SeriesUid = Annotated[
    list[str] | None,
    typer.Option(
        help="DICOM series to take where a folder holds several. May be repeated to put them together.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write.", show_default=False)]
OutputFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.", show_default=False)]
Method = Annotated[str, typer.Option("--method", "-m", help="auto, or a name that 'cardiac-motion methods' lists.")]
Reference = Annotated[
    int | None,
    typer.Option(
        help="Frame that the motion starts from; by default the labeled one with the largest cavity, else 0.",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Seed = Annotated[int, typer.Option(help="Of every random choice; the same seed repeats the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show where an unexpected error came from.")]

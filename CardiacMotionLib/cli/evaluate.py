"""``cardiac-motion evaluate``: how good a motion is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.table import Table

from .inputs import read_cine
from .parameters import AsJson, Cine, FramesAxis, LabelMap, Labels, MotionFile, Quiet, SeriesUid, Verbose
from .staging import staged_file
from .terminal import Terminal, session

Truth = Annotated[Path | None, typer.Option(help="True motion, for the endpoint error.", show_default=False)]
Csv = Annotated[Path | None, typer.Option("--output", "-o", help="Also write the table as .csv.", show_default=False)]


def evaluate(
    motion: MotionFile,
    cine: Cine,
    labels: Labels = None,
    truth: Truth = None,
    output: Csv = None,
    per_frame: Annotated[
        bool, typer.Option("--per-frame", help="Print every frame instead of mean and extremes.")
    ] = False,
    label_map: LabelMap = None,
    frames_axis: FramesAxis = None,
    series_uid: SeriesUid = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score a motion: overlap of carried labels, distances, folding, residual, and the error where truth is known."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..metrics import evaluate as score
        from ..motion import Motion
        from ..report import summarize_scores

        found = Motion.load(motion)
        series = read_cine(cine, labels, terminal, label_map=label_map, frames_axis=frames_axis, series_uid=series_uid)
        table = score(found, series, truth=Motion.load(truth) if truth else None)
        if output is not None:
            with staged_file(output, (".csv",)) as path:
                table.to_csv(path, index=False)
        if not as_json:
            print_table(table if per_frame else summarize_scores(table), terminal)
        if output is not None:
            terminal.result(f"Wrote {output}")
        records = table.astype(object).where(table.notna(), None).to_dict("records")
        terminal.emit(scores=records, files=[output] if output else [])


def print_table(table: pd.DataFrame, terminal: Terminal) -> None:
    """A table on stdout, numbers to three digits."""
    shown = Table(*table.columns, box=None, pad_edge=False, header_style="bold")
    for row in table.itertuples(index=False):
        shown.add_row(
            *(f"{value:.3f}" if isinstance(value, float) else "" if value is pd.NA else str(value) for value in row)
        )
    terminal.out.print(shown, soft_wrap=False)

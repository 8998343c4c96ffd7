"""``cardiac-motion phantom realism``: how far synthetic cines are from real ones, as numbers."""

from __future__ import annotations

import datetime
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from ..errors import CardiacMotionError
from .parameters import AsJson, Quiet, Verbose
from .staging import staged_file
from .terminal import Terminal, session

if TYPE_CHECKING:
    import pandas as pd

    from ..phantom.realism import Measurement
    from ..series import ImageSeries

Real = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[CINE]...",
        help="Real short-axis cines: files, or folders of ACDC or DICOM. Label files beside a file are used when their "
        "names begin with its name (without a 'cine...' at its end) and say 'seg', 'gt', 'label' or 'mask'.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder to look through, two levels deep, for real cines: files with 'cine' in the name, ACDC folders.",
        show_default=False,
    ),
]


MADE = {"group": "any", "artefacts": "random"}  # as networks meet them in training


def realism(
    cines: Real = None,
    data: Data = None,
    seeds: Annotated[int, typer.Option(min=1, help="Synthetic hearts, seeds 0 to N - 1.", metavar="N")] = 6,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Table to write: .md or .csv.", show_default=False)
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Histograms to draw: .png, .svg or .pdf.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare synthetic cines with real ones: intensities, gradients, edges, contrast, noise, change, spectrum.

    The yardstick is how far real cines are from each other.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, ExitStack() as files:
        page = files.enter_context(staged_file(output, (".md", ".csv"))) if output else None
        drawing = files.enter_context(staged_file(picture, (".png", ".svg", ".pdf"))) if picture else None
        sources = [*(cines or []), *(cines_in(data) if data else [])]
        if len(sources) < 2:
            raise CardiacMotionError(
                f"realism compares with real cines, at least two, got {len(sources)}; name files or give --data FOLDER"
            )
        from ..phantom.realism import compare, measure
        from ..report.realism import EXPLANATION, plot_realism, realism_markdown, realism_summary

        real = [measure(_read(path, terminal)) for path in sources]
        synthetic = _synthetic(seeds, terminal)
        table = compare(real, synthetic)
        if page:
            text = realism_markdown(table, _how(real, seeds)) if page.suffix == ".md" else table.to_csv(index=False)
            page.write_text(text, encoding="utf-8")
        if drawing:
            plot_realism(real, synthetic, drawing)
        written = [path for path in (output, picture) if path]
        if not as_json:
            _show(table, terminal)
        terminal.result(f"{EXPLANATION}\n{realism_summary(table)}")
        if written:
            terminal.result(f"Wrote {' and '.join(map(str, written))}")
        terminal.emit(files=written, real=[m.name for m in real], statistics=table.to_dict("records"))


def cines_in(folder: Path) -> list[Path]:
    """Cine files and ACDC patient folders in a folder and two levels below."""
    from ..io.acdc import is_acdc
    from ..io.files import existing, suffix_of
    from ..io.labels import VOLUME_SUFFIXES, is_label_file

    if not existing(folder).is_dir():
        raise CardiacMotionError(f"--data {folder} is a file; give a folder, or name the file without --data")
    found: list[Path] = []
    for place in sorted([folder, *(p for p in (*folder.glob("*"), *folder.glob("*/*")) if p.is_dir())]):
        if is_acdc(place):
            found.append(place)
            continue
        found += sorted(
            file
            for file in place.iterdir()
            if "cine" in file.name.lower() and suffix_of(file) in VOLUME_SUFFIXES and not is_label_file(file)
        )
    return found


def _read(path: Path, terminal: Terminal) -> ImageSeries:
    from ..io import read_series

    labels = labels_beside(path) if path.is_file() else None
    series = read_series(path, labels or None)
    for note in series.meta.get("notes", ()):
        terminal.note(f"{path.name}: {note}")
    return series


def labels_beside(file: Path) -> list[Path]:
    """Label files of a cine: beside it, with names that begin as its name does before a ``cine...`` at its end."""
    from ..io.files import stem_of
    from ..io.labels import is_label_file

    stem = stem_of(file).lower()
    start = stem[: stem.rindex("cine")].rstrip("_-. ") if "cine" in stem else stem
    return [f for f in sorted(file.parent.iterdir()) if start and f.name.lower().startswith(start) and is_label_file(f)]


def _synthetic(seeds: int, terminal: Terminal) -> list[Measurement]:
    from ..phantom import phantom
    from ..phantom.realism import measure

    found = []
    with terminal.progress("Making synthetic hearts") as progress:
        for seed in range(seeds):
            progress(seed / seeds, f"seed {seed}")
            found.append(measure(phantom("cine", seed, **MADE).series, f"seed {seed}"))
    return found


def _how(real: list[Measurement], seeds: int) -> str:
    import torch

    return (
        f"Made by `cardiac-motion phantom realism --seeds {seeds}` on {datetime.date.today()}, version {__version__}, "
        f'torch {torch.__version__}: `phantom("cine", seed, group="any", artefacts="random")`, seeds 0 to '
        f"{seeds - 1}, beside {', '.join(m.name for m in real)}."
    )


def _show(table: pd.DataFrame, terminal: Terminal) -> None:
    """The table without ranges and distances, for which there is the file."""
    from rich.table import Table

    from ..report.realism import short_number

    shown = Table("statistic", box=None, pad_edge=False, header_style="bold")
    columns = {
        "real": "real_mean",
        "synthetic": "synthetic_mean",
        "gap (SD)": "gap",
        "ratio": "ratio",
        "variety": "variety",
    }
    for heading in columns:
        shown.add_column(heading, justify="right", no_wrap=True)
    for _, row in table.iterrows():
        shown.add_row(row["statistic"], *(short_number(row[key]) for key in columns.values()))
    terminal.out.print(shown, soft_wrap=False)

"""``cardiac-motion datasets``: which cases a folder of a known data set holds, and what one of them is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from ..errors import CardiacMotionError
from .parameters import AsJson, Quiet, Verbose
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..io.datasets import Case, Examination
    from ..series import ImageSeries

Folder = Annotated[Path, typer.Argument(help="Folder of a data set, or of one of its subjects.", show_default=False)]
LayoutName = Annotated[
    str | None,
    typer.Option(
        "--layout",
        help="Layout to take: acdc, cmac, dense, mnms, mnms2, phantom, stone, strainnet, sunnybrook, toml or "
        "ukbiobank. By default the one that the file names are of.",
        show_default=False,
    ),
]
CaseName = Annotated[
    str | None, typer.Option("--read", metavar="NAME", help="Read the case of this name.", show_default=False)
]


def datasets(
    folder: Folder,
    layout: LayoutName = None,
    read: CaseName = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the cases of a data set without reading images, or read one of them."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..io.datasets import find_cases, layout_module

        cases = find_cases(folder, layout)
        if read is not None:
            _show_one(named_case(cases, read, folder), terminal)
            return
        found = cases[0].layout
        title = layout_module(found).TITLE
        terminal.result(f"{found}: {title}")
        if not as_json:
            _show_all(cases, terminal)
        terminal.emit(layout=found, title=title, cases=[_known(case) for case in cases])


def named_case(cases: list[Case], name: str, folder: Path) -> Case:
    """The one case of that name; raises when there is none, or several."""
    found = [case for case in cases if case.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        paths = ", ".join(str(case.path) for case in found)
        raise CardiacMotionError(f"{folder}: {len(found)} cases are called {name} ({paths}); give the folder of one")
    listing = ", ".join(case.name for case in cases[:8]) + (", ..." if len(cases) > 8 else "")
    raise CardiacMotionError(f"{folder}: no case {name!r}; the cases are {listing}")


def _known(case: Case) -> dict[str, Any]:
    return {"name": case.name, "path": case.path, **case.facts}


def _show_all(cases: list[Case], terminal: Terminal) -> None:
    more = [fact for fact in ("group", "vendor", "center", "split") if any(fact in case.facts for case in cases)]
    table = Table("case", *more, "labeled", box=None, pad_edge=False, header_style="bold")
    for case in cases:
        labeled = " ".join(map(str, case.facts.get("labeled", ("?",)))) or "-"  # ?: only reading tells
        table.add_row(case.name, *(str(case.facts.get(fact, "-")) for fact in more), labeled)
    terminal.out.print(table, soft_wrap=False)
    terminal.result(f"{len(cases)} case{'s' if len(cases) != 1 else ''}")


def _show_one(case: Case, terminal: Terminal) -> None:
    examination = case.read()
    for note in examination.series.meta.get("notes", []):
        terminal.note(note)
    terminal.result(f"{case.name} ({case.layout})")
    parts = {"series": examination.series, **examination.companions}
    for name, series in parts.items():
        terminal.result(f"{name}: {_sentence(series)}")
    truth = _truth(examination)
    terminal.result(f"truth: {', '.join(truth) or 'none'}")
    companions = {name: _described(series) for name, series in examination.companions.items()}
    described = {"series": _described(examination.series), "companions": companions, "truth": truth}
    terminal.emit(layout=case.layout, **_known(case), **described)


def _sentence(series: ImageSeries) -> str:
    facts = _described(series)
    size = " x ".join(map(str, facts["size"]))
    spacing = " x ".join(f"{mm:.4g}" for mm in facts["spacing_mm"])
    time = f"{series.times[0]:.4g} to {series.times[-1]:.4g} ms" if series.timed else "untimed"
    labels = f"labels of {' '.join(map(str, facts['labels']))}" if facts["labels"] else "no labels"
    phases = "".join(f", {name.replace('_', '-')} {t}" for name, t in facts["phases"].items())
    return f"{facts['frames']} frames of {size} voxels of {spacing} mm, {time}, {labels}{phases}"


def _described(series: ImageSeries) -> dict[str, Any]:
    return {
        "size": list(series.shape[::-1]),
        "spacing_mm": series.spacing.tolist(),
        "frames": len(series),
        "times_ms": series.times.tolist() if series.timed else None,
        "labels": list(series.labels),
        "phases": {name: series.meta[name] for name in ("end_diastole", "end_systole") if name in series.meta},
    }


def _truth(examination: Examination) -> list[str]:
    motion = ["motion"] if examination.motion is not None else []
    landmarks = [f"landmarks {name}" for name in examination.landmarks]
    return [*motion, *(f"map {name}" for name in examination.maps), *landmarks]

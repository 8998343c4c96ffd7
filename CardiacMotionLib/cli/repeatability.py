"""``cardiac-motion repeatability``: how far strain agrees with itself, between methods and with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .parameters import AsJson, Device, OutputFolder, Quiet, Seed, Verbose
from .staging import staged_folder
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..studies.repeatability import Recipe, Repeats
    from ..studies.subjects import StudySubject

STANDARD = {"frames": 12, "slices": 8, "rows": 80, "columns": 80, "pixel_mm": 2.2}
QUICK = {"frames": 8, "slices": 3, "rows": 64, "columns": 64, "pixel_mm": 3.0}
SUBJECTS, QUICK_SUBJECTS = 10, 3

Synthetic = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help=f"Synthetic hearts of all groups; {SUBJECTS} by default.", show_default=False
    ),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER",
        help="Subjects of a data set with labels of the LV (see datasets). May be repeated.",
        show_default=False,
    ),
]
Methods = Annotated[list[str] | None, typer.Option(help="Methods, each with its defaults. May be repeated, or a,b.")]
Conditions = Annotated[
    list[str] | None,
    typer.Option(help="What is changed: noise, artefacts, crop, slices, frames; all by default. Or a,b."),
]
Repeats_ = Annotated[int, typer.Option(min=2, help="Draws of noise, the first image among them.")]
Sample = Annotated[bool, typer.Option(help="The real cine that ships with the program besides.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes on this machine.")]
QuickRun = Annotated[
    bool, typer.Option("--quick", help=f"{QUICK_SUBJECTS} small hearts, to see that it works; says nothing of strain.")
]


def repeatability(
    output: OutputFolder,
    synthetic: Synthetic = None,
    data: Data = None,
    methods: Methods = None,
    conditions: Conditions = None,
    repeats: Repeats_ = 2,
    sample: Sample = True,
    workers: Workers = 1,
    quick: QuickRun = False,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """See the same subjects again under other conditions, and say how far their strain agrees: ICC, limits, CoV.

    Every run is kept in OUTPUT/runs: stop the study when you like, the same command goes on.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..report.repeatability import write_repeatability
        from ..studies.repeatability import Recipe, run_repeatability
        from ..studies.repeatability_tables import verdicts
        from ..studies.repeatability_views import CONDITIONS

        recipe = Recipe(
            _names(methods) or ("spline", "demons"), _names(conditions) or CONDITIONS, repeats, seed, device
        )
        number = (QUICK_SUBJECTS if quick else SUBJECTS) if synthetic is None else synthetic
        people = _people(number, QUICK if quick else STANDARD, data or [], sample=sample and not quick)
        extra = "".join([" --quick"] * quick + [" --no-sample"] * (not sample) + [" --data FOLDER"] * len(data or []))
        runs = output / "runs"
        try:
            with terminal.progress("Seeing again") as progress:
                found = run_repeatability(people, recipe, runs, workers=workers, progress=progress, told=terminal.say)
        except KeyboardInterrupt:
            terminal.say(f"No table yet; runs that are done stay in {runs}: the same command goes on from there")
            raise
        with staged_folder(output) as folder:
            files = write_repeatability(found, _how(recipe, people, workers, found, extra), folder)
        _tell(found, [output / file.name for file in files], terminal)
        answers = verdicts(found.conditions)
        for verdict in answers:
            terminal.result(f"{_ANSWERS[verdict.holds]}: {verdict.claim}: {verdict.figures}")
        terminal.emit(
            files=[output / file.name for file in files],
            verdicts=[verdict._asdict() for verdict in answers],
            failed=[failure._asdict() for failure in found.failed],
        )


_ANSWERS = {True: "Holds", False: "Does not hold", None: "Not measured"}


def _names(given: Sequence[str] | None) -> tuple[str, ...]:
    """Names that were given one by one or with commas, once each."""
    return tuple(dict.fromkeys(name.strip() for names in given or () for name in names.split(",") if name.strip()))


def _people(number: int, size: dict[str, Any], folders: Sequence[Path], *, sample: bool) -> list[StudySubject]:
    from ..studies.subjects import SampleSubject, case_subjects, synthetic_subjects

    people: list[StudySubject] = [*synthetic_subjects(number, **size)] if number else []
    people += [SampleSubject()] if sample else []
    return [*people, *(subject for folder in folders for subject in case_subjects(folder, data=folder.name))]


def _how(recipe: Recipe, people: Sequence[StudySubject], workers: int, found: Repeats, extra: str) -> list[str]:
    from ..report.markdown import made_by
    from ..studies.subjects import SyntheticSubject

    synthetic = [subject for subject in people if isinstance(subject, SyntheticSubject)]
    seconds = found.table.drop_duplicates(["data", "subject", "view", "method"])["seconds"].sum()
    command = (
        f"cardiac-motion repeatability --synthetic {len(synthetic)} --methods {','.join(recipe.methods)} "
        f"--conditions {','.join(recipe.conditions)} --repeats {recipe.repeats} --workers {workers} "
        f"--seed {recipe.seed}{extra}"
    )
    about = [made_by(command, f"runs of {seconds / 60:.0f} minutes in all, {workers} at a time,")]
    if synthetic:
        options = ", ".join(f"{name} {value}" for name, value in synthetic[0].options.items() if name != "group")
        about.append(f"Synthetic hearts: seeds {synthetic[0].seed} to {synthetic[-1].seed}, {options}.")
    return about


def _tell(found: Repeats, files: Sequence[Path], terminal: Terminal) -> None:
    if found.failed:
        terminal.note(f"{len(found.failed)} runs failed; they are listed in repeatability.md")
    terminal.result(f"Wrote {', '.join(map(str, files))}")

"""``cardiac-motion benchmark``: every method on the same subjects, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import Cancelled, CardiacMotionError
from .option_flags import chosen_options
from .parameters import AsJson, OutputFolder, Quiet, Seed, Verbose
from .scaling import run_scaling
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..studies.subjects import StudySubject

Synthetic = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Synthetic people; 5, one a group, unless given.", show_default=False),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of a data set (see datasets). May be repeated.", show_default=False),
]
LayoutName = Annotated[
    str | None, typer.Option("--layout", help="Layout of the folders, see datasets.", show_default=False)
]
Subjects = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="The first N subjects of each folder.", show_default=False)
]
Methods = Annotated[
    str | None,
    typer.Option(help="Only these methods, besides none and auto: demons,syn.", metavar="NAMES", show_default=False),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="METHOD.OPTION=VALUE", help="Option other than its default: inr.steps=150. May be repeated."
    ),
]
Threads = Annotated[int, typer.Option(min=0, help="On the processor; 0: as each package thinks right.")]
Limit = Annotated[
    float | None,
    typer.Option(min=0.01, metavar="MINUTES", help="Give a run up after so long; 3 unless given, 1 with --scaling."),
]
Scaling = Annotated[
    bool,
    typer.Option("--scaling", help="Time and memory against frames, pixels, slices and number of images instead."),
]
QuickRun = Annotated[bool, typer.Option("--quick", help="Few and small synthetic images: to see that all works.")]


def benchmark(
    output: OutputFolder,
    synthetic: Synthetic = None,
    data: Data = None,
    layout: LayoutName = None,
    subjects: Subjects = None,
    methods: Methods = None,
    options: Set = None,
    threads: Threads = 0,
    limit: Limit = None,
    scaling: Scaling = False,
    quick: QuickRun = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare all methods on the same subjects: accuracy, time and memory.

    Without further flags on five synthetic people and the patient that ships. Every run is in a process of its own;
    stop when you like, the same command goes on. Writes benchmark.csv, .md and .png; with --scaling scaling.csv, .md
    and .png, with the exponents of power laws.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..studies import scaling as curves
        from ..studies.benchmark import LIMIT_MINUTES, Settings, check_options, methods_to_run

        if scaling and (synthetic is not None or data or layout or subjects):
            flags = "--synthetic, --data, --layout and --subjects"
            raise CardiacMotionError(f"--scaling makes its own images of many sizes; leave out {flags}")
        wanted = [name for name in (methods or "").split(",") if name]
        names, missing = curves.methods_to_scale(wanted) if scaling else methods_to_run(wanted)
        chosen = parse_options(options or ())
        check_options(chosen, names)
        for name, how in missing.items():
            terminal.note(f"{name} is left out: not installed ({how})")
        usual = curves.LIMIT_MINUTES if scaling else LIMIT_MINUTES
        settings = Settings(chosen, threads, usual if limit is None else limit, seed)
        try:
            if scaling:
                files, failed = run_scaling(names, missing, settings, quick, output, terminal)
            else:
                people = whom(synthetic, data or (), layout, subjects, quick)
                files, failed = run_benchmark(people, names, missing, settings, output, terminal)
        except (KeyboardInterrupt, Cancelled):
            terminal.say(f"Runs that are done stay in {output / 'runs'}: the same command goes on from there")
            raise
        terminal.result(f"Wrote {', '.join(map(str, files))}")
        terminal.emit(files=files, left_out=missing, failed=failed)


def parse_options(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """{method: {option: value}} of METHOD.OPTION=VALUE, typed as the method's options are."""
    from ..methods import describe_options
    from ..methods import methods as registered
    from ..methods.registry import BEST

    given: dict[str, dict[str, Any]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        method, dot, option = place.partition(".")
        if not (equals and dot and option and value):
            raise CardiacMotionError(f"--set {text!r}: write METHOD.OPTION=VALUE, as in inr.steps=150")
        given.setdefault(method, {})[option] = value
    known = registered()
    for method, values in given.items():
        info = known.get(BEST if method == "auto" else method)
        if info is not None:
            given[method] = chosen_options(values, describe_options(info.Options))
    return given


def whom(
    synthetic: int | None, folders: Sequence[Path], layout: str | None, number: int | None, quick: bool
) -> list[StudySubject]:
    """Subjects of the run; without any choice those of the standard run."""
    from ..studies.benchmark import PEOPLE, QUICK, STANDARD
    from ..studies.subjects import SampleSubject, case_subjects, synthetic_subjects

    if not folders and (layout is not None or number is not None):
        raise CardiacMotionError("--subjects and --layout are of --data FOLDER, and there is none")
    standard = synthetic is None and not folders
    count = (2 if quick else PEOPLE) if standard else synthetic or 0
    people: list[StudySubject] = [*synthetic_subjects(count, **(QUICK if quick else STANDARD))] if count else []
    if standard and not quick:
        people.append(SampleSubject())
    for folder in folders:
        cases = case_subjects(folder, number, layout, data=folder.name)
        people += cases
    if not people:
        raise CardiacMotionError("there are no subjects; ask for --synthetic N, or for --data FOLDER")
    return people


def run_benchmark(
    people: Sequence[StudySubject],
    names: Sequence[str],
    missing: dict[str, str],
    settings: Any,
    output: Path,
    terminal: Terminal,
) -> tuple[list[Path], list[dict[str, str]]]:
    """Do the runs and write table, text and picture."""
    from ..report.benchmark import write_benchmark
    from ..studies.benchmark import execute, plan, table_of

    runs = plan(people, names, settings, output)
    results = []
    failed = []
    with terminal.progress("Benchmark") as progress:
        for run, result in execute(runs, settings, progress):
            results.append((run, result))
            if "reason" in result:
                failed.append({"method": run.method, "subject": run.subject.name, "reason": result["reason"]})
                terminal.note(f"{run.method} on {run.subject.name}: {result['reason']}")
    return write_benchmark(table_of(results), output, settings, missing), failed

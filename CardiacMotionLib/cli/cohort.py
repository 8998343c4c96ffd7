"""``cardiac-motion cohort``: registration, strain, maps and report of many subjects, and what groups have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CardiacMotionError
from ..workers import LOCAL
from .parameters import AsJson, OutputFolder, Quiet, Verbose
from .terminal import OK, PARTLY, Terminal, session

if TYPE_CHECKING:
    from ..studies.cohort import Finished, Summary

Source = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER|TOML",
        help="Folder of a data set (see datasets), or a TOML file that lists several; not with --summary-only.",
        show_default=False,
    ),
]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "-m",
        help="auto, or a name that 'cardiac-motion methods' lists. May be repeated, to compare methods.",
        show_default="auto, or what the TOML file says",
    ),
]
Layout = Annotated[str | None, typer.Option("--layout", help="Layout of the folder, see datasets.", show_default=False)]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--groups", help="Only subjects of this group. May be repeated, or name several: HCM,DCM.", show_default=False
    ),
]
Subjects = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The first N subjects of the folder; all by default.", show_default=False),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Processes on this machine, by default one a core; 0 does all in this process, without Dask.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=0, help="Threads of each worker; by default cores / workers, on another cluster 1.", show_default=False
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Dask scheduler of a cluster elsewhere, which must see images and output under the same paths.",
        show_default=False,
    ),
]
CohortDevice = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", show_default="auto")]
CohortSeed = Annotated[int | None, typer.Option(help="Of every random choice.", show_default="0")]
Write = Annotated[
    list[str] | None,
    typer.Option(
        help="What is kept of every subject: report, pictures, motion, transforms, volumes, itk; may be repeated. "
        "Tables always are.",
        show_default="report, motion",
    ),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try those again that failed before.")]
SummaryOnly = Annotated[
    bool, typer.Option("--summary-only", help="Only make tables, pictures and page of what is done in OUTPUT.")
]


def cohort(
    output: OutputFolder,
    source: Source = None,
    method: Methods = None,
    layout: Layout = None,
    groups: Groups = None,
    subjects: Subjects = None,
    device: CohortDevice = None,
    seed: CohortSeed = None,
    write: Write = None,
    workers: Workers = None,
    threads: Threads = None,
    scheduler: Scheduler = None,
    retry_failed: RetryFailed = False,
    summary_only: SummaryOnly = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Registration, strain or maps, and report of every subject, with tables and pictures of the groups.

    Stop it when you like: the same command goes on where it was. What fails for one subject never stops the others;
    the command then ends with exit code 3.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        finished = None
        if summary_only:
            if source is not None:
                raise CardiacMotionError("--summary-only is of what lies in --output: leave the folder or file out")
        else:
            if source is None:
                raise CardiacMotionError("give the folder of a data set or a TOML file, or --summary-only")
            from ..studies.cohort import MethodChoice, read_cohort, run_cohort

            people, places = read_cohort(
                source,
                layout=layout,
                groups=tuple(name for names in groups or () for name in names.split(",")),
                subjects=subjects,
                methods=tuple(MethodChoice(name) for name in method or ()),
                device=device,
                seed=seed,
                write=None if write is None else tuple(write),
                threads=threads,
            )
            terminal.left = f"what is done stays in {output}; the same command goes on"
            with terminal.progress("Cohort") as progress:
                finished = run_cohort(
                    people,
                    output,
                    workers=places.get("workers") if workers is None else workers,
                    scheduler=scheduler or places.get("scheduler") or LOCAL,
                    retry_failed=retry_failed,
                    progress=progress,
                    told=terminal.say,
                )
        code = _finish(finished, output, terminal)
    raise typer.Exit(code)


def _finish(finished: Finished | None, output: Path, terminal: Terminal) -> int:
    """Summary, what failed, and where everything is; the exit code."""
    from ..report.cohort import PAGE, write_cohort_page
    from ..studies.cohort import summarize
    from ..studies.cohort.records import FAILED
    from ..studies.cohort.summary import NOT_DONE

    summary = summarize(output)
    terminal.say("Tables, pictures and page ...")
    files = [*summary.write(output / "tables"), *write_cohort_page(summary, output)]
    done = len(summary.records) - int(summary.left_out["status"].isin([FAILED, NOT_DONE]).sum())
    terminal.result(f"{done} of {len(summary.records)} done{_before(finished)}")
    _tell_left_out(summary, terminal)
    terminal.result(f"Wrote {output / PAGE}, tables in {output / 'tables'}, subjects in {output / 'subjects'}")
    terminal.result("Research use only: not a medical device.")
    left_out = summary.left_out.to_dict("records")
    terminal.emit(
        files=files,
        done=done,
        done_before=None if finished is None else finished.before,
        seconds=None if finished is None else finished.seconds,
        left_out=left_out,
    )
    return PARTLY if any(one["status"] == FAILED for one in left_out) else OK


def _before(finished: Finished | None) -> str:
    if finished is None:
        return ""
    before = f", {finished.before} of them before" if finished.before else ""
    return f"{before}, in {finished.seconds:.0f} s"


def _tell_left_out(summary: Summary, terminal: Terminal) -> None:
    for row in summary.left_out.to_dict("records"):
        reason = f": {row['reason']}" if row["reason"] else ""
        terminal.result(f"  {row['subject']} ({row['method']}) {row['status']}{reason}")

"""``cardiac-motion reproduce``: what a paper claims, measured on synthetic hearts, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Cancelled, CardiacMotionError
from .parameters import AsJson, Quiet, Verbose
from .terminal import Terminal, session

if TYPE_CHECKING:
    from ..studies.papers.paper import Order, Paper

Name = Annotated[str, typer.Argument(metavar="PAPER", help="inr, lamod, riir, memwarp or any2reg.", show_default=False)]
Tables = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FOLDER",
        help="Measure nothing: make the page of the tables that are in this folder.",
        show_default=False,
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        help="Folder of people, networks and scores, from which a stopped command goes on; by default PAPER_work in "
        "the output folder.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the page and the tables.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of one thread, or threads where there is one process.")]
People = Annotated[
    int | None,
    typer.Option(min=1, help="How many to try on (lamod; any2reg, half as many for ASL).", show_default=False),
]
Quick = Annotated[bool, typer.Option("--quick", help="See that it works: few people and steps, in WORK/quick.")]


def reproduce(
    paper: Name,
    tables: Tables = None,
    work: Work = None,
    output: Output = Path("reproduced"),
    workers: Workers = 1,
    people: People = None,
    quick: Quick = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure the claims of a paper: a page with the paper's figure, ours and a verdict for each, and the full tables.

    Takes hours; stop with Ctrl-C when you like, and the same command goes on.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..studies.papers import load_paper
        from ..studies.papers.page import write_page
        from ..studies.papers.paper import Order

        chosen = load_paper(paper)
        if people is not None and not chosen.any_people:
            raise CardiacMotionError(f"--people is {people}, but how many people {paper} is tried on is fixed")
        if tables is not None:
            page = write_page(chosen, tables, output, f"cardiac-motion reproduce {paper} --from FOLDER")
        else:
            kept = (work or output / f"{paper}_work") / ("quick" if quick else "")
            order = Order(kept, kept if quick else output, workers, quick, people, terminal.say)
            _measure(chosen, order, terminal)
            page = write_page(chosen, order.output, order.output, order.command(paper))
        terminal.result(f"Wrote {page}")
        terminal.emit(page=page)


def _measure(paper: Paper, order: Order, terminal: Terminal) -> None:
    """Say how long it will take, and do it."""
    terminal.say(f"About {hours(paper.minutes(order))} where nothing else runs; everything is kept in {order.work}")
    try:
        paper.measure(order)
    except (Cancelled, KeyboardInterrupt):
        terminal.say(f"No page yet; what is done stays in {order.work}: the same command goes on from there")
        raise


def hours(minutes: float) -> str:
    """A duration, roughly."""
    return f"{minutes / 60:.1f} hours" if minutes >= 90 else f"{max(1, round(minutes))} min"

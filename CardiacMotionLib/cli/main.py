"""``cardiac-motion``: the commands in one application."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from . import (
    benchmark,
    cohort,
    convert,
    datasets,
    demo,
    dense,
    ecv,
    evaluate,
    method_list,
    phantom,
    prior,
    register,
    repeatability,
    reproduce,
    strain,
    train,
    weights,
)
from . import map as map_command
from .terminal import OK, UNEXPECTED, one_line

PROGRAM = "cardiac-motion"


def build(called: str = "") -> typer.Typer:
    """The application. Flags that are costly to find out are there only for the command that is ``called``."""
    app = typer.Typer(
        name=PROGRAM,
        help="Motion and strain from cardiac MR. Research use only: not a medical device.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_top)
    app.command("demo")(demo.demo)
    app.command("register")(register.command())
    app.command("strain")(strain.strain)
    app.command("map")(map_command.command())
    app.command("ecv")(ecv.ecv)
    app.command("evaluate")(evaluate.evaluate)
    app.command("dense")(dense.dense)
    app.command("convert")(convert.convert)
    app.add_typer(phantom.application(called=called == "phantom"), name="phantom")
    app.add_typer(prior.application(called=called == "prior"), name="prior")
    app.command("repeatability")(repeatability.repeatability)
    app.command("cohort")(cohort.cohort)
    app.command("benchmark")(benchmark.benchmark)
    app.command("train")(train.train)
    app.command("reproduce")(reproduce.reproduce)
    app.add_typer(weights.application(), name="weights")
    app.command("datasets")(datasets.datasets)
    app.command("methods")(method_list.methods)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 unexpected error, 2 bad input, 3 all but some, 130 cancelled (Ctrl-C)."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a log in an old code page has no arrows: a ? does
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code."""
    try:
        return (
            build(arguments[0] if arguments else "")(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
            or OK
        )
    except Exception as error:
        if not hasattr(error, "format_message"):  # only errors of usage know how to say themselves
            raise
        return _usage_error(error)


def _usage_error(error: Exception) -> int:
    message = one_line(error.format_message())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    if context is not None and message:
        message = f"Error: {message} See: {context.command_path} --help"
    if message:
        sys.stderr.write(message + "\n")
    return int(getattr(error, "exit_code", UNEXPECTED))


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Motion and strain from cardiac MR. Research use only: not a medical device."""


if __name__ == "__main__":
    main()

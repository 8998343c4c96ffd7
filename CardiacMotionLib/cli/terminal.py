"""What a command says and how it ends: notes on stderr, results on stdout, one line for an error, an exit code."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..errors import Cancelled, CardiacMotionError
from ..methods.protocol import Progress as ProgressCallback

OK, UNEXPECTED, BAD_INPUT, PARTLY, CANCELLED = 0, 1, 2, 3, 130


class PatientConsole(Console):
    """A console that goes on when its reader leaves, as with ``| head``: the files are still wanted."""

    def on_broken_pipe(self) -> None:
        """Print no more, and let the interpreter close the pipe in peace."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


@dataclass
class Terminal:
    """Where one command writes."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    notes: list[str] = field(default_factory=list)
    answer: dict[str, Any] | None = None  # for machines
    left: str = "nothing was written"  # what is said when the command is cancelled
    err: Console = field(default_factory=lambda: PatientConsole(stderr=True, highlight=False, soft_wrap=True))
    out: Console = field(default_factory=lambda: PatientConsole(highlight=False, soft_wrap=True))

    def say(self, text: str) -> None:
        """A line for a person, on stderr, unless quiet."""
        if not self.quiet:
            self.err.print(text, markup=False)

    def note(self, text: str) -> None:
        """Something the user should know about the input or the result; said once, and part of the JSON."""
        if text not in self.notes:
            self.notes.append(text)
            self.say(f"Note: {text}")

    def result(self, text: str = "") -> None:
        """A line of the result for a person, on stdout; nothing with ``--json``."""
        if not self.as_json:
            self.out.print(text, markup=False)

    def emit(self, **content: Any) -> None:
        """The result for machines, printed when the command ends; nothing without ``--json``. NaN becomes null."""
        self.answer = content

    def close(self) -> None:
        """Print the result for machines: one, whatever happened since."""
        if self.as_json and self.answer is not None:
            sys.stdout.write(json.dumps(plain({**self.answer, "notes": self.notes}), indent=2) + "\n")

    @contextmanager
    def progress(self, title: str) -> Iterator[ProgressCallback]:
        """A bar on stderr, for a person at a terminal; yields the ``progress(fraction, text)`` that moves it."""
        hidden = self.quiet or not self.err.is_terminal
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
        )
        if hidden:
            self.say(f"{title} ...")
        with Progress(*columns, console=self.err, transient=True, disable=hidden) as bar:
            task = bar.add_task(title, total=1.0)

            def move(fraction: float, text: str) -> None:
                bar.update(task, completed=fraction, description=f"{title}: {text}" if text else title)

            yield move


@contextmanager
def session(*, as_json: bool, quiet: bool, verbose: bool) -> Iterator[Terminal]:
    """Run the body of a command; turn what goes wrong into one line on stderr and an exit code."""
    terminal = Terminal(as_json, quiet, verbose)
    try:
        yield terminal
        terminal.close()
    except CardiacMotionError as error:
        raise _end(terminal, BAD_INPUT, f"Error: {one_line(error)}") from error
    except (Cancelled, KeyboardInterrupt) as error:
        raise _end(terminal, CANCELLED, f"Cancelled: {terminal.left}") from error
    except Exception as error:
        if verbose:
            terminal.err.print_exception()
        advice = "" if verbose else " (--verbose shows where; please report it)"
        raise _end(
            terminal, UNEXPECTED, f"Unexpected error: {type(error).__name__}: {one_line(error)}{advice}"
        ) from error


def one_line(error: BaseException | str) -> str:
    """A message without its line breaks."""
    return " ".join(str(error).split())


def plain(value: Any) -> Any:
    """``value`` as JSON has it: paths as text, numpy numbers as numbers, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _end(terminal: Terminal, code: int, text: str) -> typer.Exit:
    terminal.err.print(text, markup=False)
    terminal.emit(error=text, exit_code=code)
    terminal.close()
    return typer.Exit(code)

"""Where work runs: the protocol of a runner, and the two that stay in this process."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import Cancelled

Progress = Callable[[float, str], bool]
Work = Callable[[Progress], Any]


class State(enum.Enum):
    """Where a job is. The last three are final."""

    IDLE = "idle"
    RUNNING = "running"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"


End = Callable[[State, Any], None]


class Runner(Protocol):
    """Something that does work, one piece at a time.

    Attributes
    ----------
    share
        Seconds that the caller should `wait` in each poll so that the work gets on. An application with an embedded
        interpreter may keep the interpreter lock while it waits for events; its threads then only run while the main
        thread sleeps in Python.
    """

    share: float

    def launch(self, work: Work, report: Progress, end: End) -> None:
        """Begin ``work(report)``; it does not raise.

        ``report(fraction, text)`` answers whether to go on. ``end(state, value)`` is called once: with FINISHED and
        the result, FAILED and the exception, or CANCELLED and None. Both may be called from any thread.
        """

    def wait(self, seconds: float) -> bool:
        """Let the work run for up to ``seconds``; answers whether it has ended."""

    def cancel(self) -> None:
        """``report`` answers False from now on; tell the work if it could not know."""

    def kill(self) -> None:
        """End work that does not listen, and all it holds, where that is possible."""


def perform(work: Work, report: Progress) -> tuple[State, Any]:
    """Do the work: how it ended, with the result or the exception."""
    try:
        return State.FINISHED, work(report)
    except Cancelled:
        return State.CANCELLED, None
    except Exception as error:  # whatever it is belongs to whoever waits for the work, on another thread
        return State.FAILED, error


class InlineRunner:
    """Runs at once in the calling thread: for tests and scripts."""

    share = 0.0

    def launch(self, work: Work, report: Progress, end: End) -> None:
        """Do the work to its end."""
        end(*perform(work, report))

    def wait(self, seconds: float) -> bool:
        """Nothing to wait for: the work ended in `launch`."""
        return True

    def cancel(self) -> None:
        """``report`` says it."""

    def kill(self) -> None:
        """Nothing runs any more."""


class ThreadRunner:
    """Runs in a daemon thread, which nobody can end: work that does not listen goes on, and nobody waits for it."""

    share = 0.04

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def launch(self, work: Work, report: Progress, end: End) -> None:
        """Start the work in a thread of its own."""

        def run() -> None:
            try:
                outcome = perform(work, report)
            except BaseException as error:  # like the SystemExit of a library, which would end this thread unheard
                outcome = State.FAILED, error
            end(*outcome)

        self._thread = threading.Thread(target=run, name="CardiacMotion work", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Sleep until the thread ends, ``seconds`` at most, which hands it the interpreter; answers whether it did."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """``report`` says it."""

    def kill(self) -> None:
        """A thread cannot be ended from outside."""

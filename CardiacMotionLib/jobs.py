"""Long work beside a user interface: a `Job` is started, watched and cancelled, and reports on the caller's thread.

No Qt and no Slicer here: whoever owns an event loop calls `Job.poll` from a timer, and every callback runs inside
that call. The worker gets plain data and a ``progress`` function; it never touches the scene.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import Cancelled

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


ACTIVE = (State.RUNNING, State.CANCELLING)


class Runner(Protocol):
    """Something that can run a function, now or beside the caller."""

    def launch(self, function: Callable[[], None]) -> None:
        """Run ``function``; it does not raise."""

    def wait(self, seconds: float) -> bool:
        """Let the function run for up to ``seconds``; answers whether it has ended."""


class InlineRunner:
    """Runs at once in the calling thread: for tests and scripts."""

    def launch(self, function: Callable[[], None]) -> None:
        """Run ``function`` to its end."""
        function()

    def wait(self, seconds: float) -> bool:
        """Nothing to wait for: the function ended in `launch`."""
        return True


class ThreadRunner:
    """Runs in a daemon thread."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def launch(self, function: Callable[[], None]) -> None:
        """Start ``function`` in a thread of its own."""
        self._thread = threading.Thread(target=function, name="CardiacMotion", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Sleep until the thread ends, ``seconds`` at most, which hands it the interpreter; answers whether it did.

        An application with an embedded interpreter may keep the interpreter lock while it waits for events; its
        threads then only run while the main thread sleeps in Python.
        """
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()


@dataclass
class Job:
    """One piece of long work.

    Attributes
    ----------
    work
        Called with ``progress(fraction, text)`` in the worker. ``progress`` answers False once the job was cancelled;
        `register` then raises `Cancelled`, and so should any other work.
    runner
        Where it runs, a thread of its own by default.
    on_progress, on_finished, on_failed, on_cancelled
        Called from `poll`: with (fraction 0..1, text), the result of ``work``, the exception it raised, and nothing.
    patience
        Seconds a cancelled worker is given to stop. After that the job counts as cancelled and whatever the worker
        still brings is dropped.
    """

    work: Work
    runner: Runner = field(default_factory=ThreadRunner)
    on_progress: Callable[[float, str], None] = lambda fraction, text: None
    on_finished: Callable[[Any], None] = lambda result: None
    on_failed: Callable[[BaseException], None] = lambda error: None
    on_cancelled: Callable[[], None] = lambda: None
    patience: float = 0.8

    def __post_init__(self) -> None:
        self.state = State.IDLE
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._progress: tuple[float, str] = (0.0, "")
        self._reported: tuple[float, str] | None = None
        self._outcome: tuple[State, Any] | None = None
        self._started = 0.0
        self._cancelled_at = 0.0

    @property
    def active(self) -> bool:
        """Whether the job was started and has not ended."""
        return self.state in ACTIVE

    def start(self) -> None:
        """Hand the work to the runner; raises RuntimeError when it was started before."""
        if self.state is not State.IDLE:
            raise RuntimeError(f"a job runs once; this one is {self.state.value}")
        self.state = State.RUNNING
        self._started = time.monotonic()
        self.runner.launch(self._run)

    def cancel(self) -> None:
        """Ask the worker to stop. `poll` says when it has, ``patience`` seconds later at the latest."""
        if self.state is State.RUNNING:
            self.state = State.CANCELLING
            self._cancelled_at = time.monotonic()
            self._cancel.set()

    def poll(self, wait: float = 0.0) -> State:
        """Give the worker up to ``wait`` seconds, deliver what it reported, and return the state."""
        if not self.active:
            return self.state
        self.runner.wait(wait)
        with self._lock:
            progress, outcome = self._progress, self._outcome
        if self.state is State.CANCELLING:
            if outcome is not None or time.monotonic() - self._cancelled_at > self.patience:
                self._end(State.CANCELLED, None)
            return self.state
        if progress != self._reported:
            self._reported = progress
            self.on_progress(*progress)
        if outcome is not None and self.active:
            self._end(*outcome)
        return self.state

    def wait(self, timeout: float = float("inf")) -> State:
        """Poll until the job ends or ``timeout`` seconds passed; for scripts."""
        deadline = time.monotonic() + timeout
        while self.active and time.monotonic() < deadline:
            self.poll(0.02)
        return self.state

    def remaining_seconds(self) -> float | None:
        """Estimate of the time left from the pace so far; None until there is a pace to judge by (5 % and 2 s)."""
        fraction, elapsed = self._progress[0], time.monotonic() - self._started
        if not self.active or fraction < 0.05 or elapsed < 2.0:
            return None
        return elapsed * (1 - fraction) / fraction

    # ------------------------------------------------------------------ in the worker

    def _run(self) -> None:
        try:
            outcome = (State.FINISHED, self.work(self._report))
        except Cancelled:
            outcome = (State.CANCELLED, None)
        except Exception as error:  # whatever it is belongs to on_failed, on the other thread
            outcome = (State.FAILED, error)
        with self._lock:
            self._outcome = outcome

    def _report(self, fraction: float, text: str) -> bool:
        with self._lock:
            self._progress = (min(max(float(fraction), 0.0), 1.0), str(text))
        return not self._cancel.is_set()

    # ------------------------------------------------------------------ on the caller's thread

    def _end(self, state: State, value: Any) -> None:
        self.state = state
        if state is State.FINISHED:
            self.on_finished(value)
        elif state is State.FAILED:
            self.on_failed(value)
        else:
            self.on_cancelled()

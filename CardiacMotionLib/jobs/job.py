"""One piece of long work: started, watched, cancelled; it ends in exactly one way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .runners import Runner, State, ThreadRunner, Work

ACTIVE = (State.RUNNING, State.CANCELLING)


@dataclass
class Job:
    """One piece of long work.

    Attributes
    ----------
    work
        Called with ``progress(fraction, text)`` where the runner runs. ``progress`` answers False once the job was
        cancelled; `register` then raises `Cancelled`, and so should any other work. For a process it must be picklable.
    runner
        Where it runs, a thread of its own by default.
    on_progress, on_finished, on_failed, on_cancelled
        Called from `poll`: with (fraction 0..1, text), the result of ``work``, the exception it raised, and nothing.
    patience
        Seconds that cancelled work is given to stop. After that it is killed where that is possible, the job counts
        as cancelled, and whatever the work still brings is dropped.
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
        self._started = time.monotonic()
        self.runner.launch(self.work, self._report, self._take)
        self.state = State.RUNNING  # not before: a runner may refuse the work

    def cancel(self) -> None:
        """Ask the work to stop. `poll` says when it has, ``patience`` seconds later at the latest."""
        if self.state is State.RUNNING:
            self.state = State.CANCELLING
            self._cancelled_at = time.monotonic()
            self._cancel.set()
            self.runner.cancel()

    def poll(self, wait: float | None = None) -> State:
        """Give the work up to ``wait`` seconds, by default its runner's share; deliver what it reported."""
        if not self.active:
            return self.state
        self.runner.wait(self.runner.share if wait is None else wait)
        with self._lock:
            progress, outcome = self._progress, self._outcome
        if self.state is State.CANCELLING:
            late = time.monotonic() - self._cancelled_at > self.patience
            if outcome is None and late:
                self.runner.kill()
            if outcome is not None or late:
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

    # ------------------------------------------------------------------ on the runner's threads

    def _take(self, state: State, value: Any) -> None:
        with self._lock:
            self._outcome = (state, value)

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

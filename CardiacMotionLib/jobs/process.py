"""Work in a process of its own: it cannot hold up the window, it can be ended, and its end frees a GPU's memory."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

from ..errors import CardiacMotionError
from .runners import End, Progress, State, Work
from .worker import ADDRESS, CANCEL, END, KEY, PATHS, PROGRESS, WORK

LAST_LINES = 8  # of what a worker that died had printed
GRACE_SECONDS = 2.0  # for a process that hung up to end by itself
START = "import sys; sys.path.insert(0, {here!r}); from CardiacMotionLib.jobs.worker import main; main()"


class WorkerDiedError(CardiacMotionError):
    """The process that did the work ended before the work did."""


class ProcessRunner:
    """Does work in a process that is started when it is first needed and stays for the next piece of work.

    Work and result travel pickled over a connection that only the two processes can open, not over standard input and
    output: a launcher between them may keep the one, and whatever is printed on the other disturbs nothing. A worker
    ends with its parent.

    Parameters
    ----------
    command
        A Python interpreter that can import what the work needs, by default this one. In Slicer that is
        ``PythonSlicer``, a launcher: the interpreter is its child.
    environment
        Variables that the worker gets besides those of this process.
    """

    share = 0.005  # for the threads that pass on what the worker says

    def __init__(self, command: Sequence[str] = (sys.executable,), environment: dict[str, str] | None = None) -> None:
        self.command, self.environment = tuple(command), dict(environment or {})
        self._worker: _Worker | None = None
        self._number = 0  # of the latest work
        self._ended = threading.Event()
        self._ended.set()

    @property
    def process_id(self) -> int | None:
        """Of the process that was started, None where none is alive."""
        return self._worker.process.pid if self._worker is not None and self._worker.alive else None

    def launch(self, work: Work, report: Progress, end: End) -> None:
        """Send the work to the worker.

        Raises
        ------
        TypeError
            for work that cannot be pickled.
        CardiacMotionError
            when the interpreter cannot be started.
        """
        try:
            pickled = pickle.dumps(work, protocol=pickle.HIGHEST_PROTOCOL)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise TypeError(
                f"work for a process must be picklable, like functools.partial of a module's function: {error}"
            ) from error
        if self._worker is None or not self._worker.alive:
            self._worker = _Worker(self.command, self.environment)
        self._number += 1
        ended = self._ended = threading.Event()

        def finish(state: State, value: object) -> None:
            end(state, value)
            ended.set()

        self._worker.do(_Task(self._number, report, finish), pickled)

    def wait(self, seconds: float) -> bool:
        """Sleep until the work ends, ``seconds`` at most; answers whether it did."""
        return self._ended.wait(seconds)

    def cancel(self) -> None:
        """Tell the worker to stop; it stays for the next work."""
        if self._worker is not None:
            self._worker.outbox.put((CANCEL, self._number, None))

    def kill(self) -> None:
        """End the worker's processes. The next work gets a new one."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None
        self._ended.set()


@dataclass(frozen=True)
class _Task:
    """Work that a worker has, and who waits for it."""

    number: int
    report: Progress
    end: End


class _Worker:
    """One process, and the threads that talk to it: one hears what it prints, one what it says, one sends."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self._key = secrets.token_bytes(32)
        self._listener = Listener(authkey=self._key)
        self.outbox: queue.SimpleQueue[tuple[str, int, bytes | None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._task: _Task | None = None
        self._called = False
        self._printed: deque[str] = deque(maxlen=LAST_LINES)
        here = str(Path(__file__).resolve().parents[2])
        secret = {ADDRESS: str(self._listener.address), KEY: self._key.hex(), PATHS: os.pathsep.join(sys.path)}
        try:
            self.process = subprocess.Popen(
                [*command, "-c", START.format(here=here)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment, **secret, "PYTHONUNBUFFERED": "1"},
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self._listener.close()
            raise CardiacMotionError(
                f"cannot start {command[0]} for a process of its own ({error.strerror}); let the work run in Slicer"
            ) from error
        self._overhearing = threading.Thread(target=self._overhear, name="CardiacMotion output", daemon=True)
        self._overhearing.start()
        threading.Thread(target=self._talk, name="CardiacMotion worker", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def do(self, task: _Task, pickled: bytes) -> None:
        """Send work; those who wait for it are told from a thread."""
        with self._lock:
            self._task = task
        self.outbox.put((WORK, task.number, pickled))

    def kill(self) -> None:
        """End the process with its children, and wait until it is gone."""
        self.outbox.put(None)
        if not self.alive:
            return
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # its session was made for it: nobody else is in it
        else:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.process.pid)], capture_output=True, check=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE_SECONDS)

    # ------------------------------------------------------------------ in threads

    def _overhear(self) -> None:
        """Keep the last lines that the process prints; when it ended without a call, hang up on who waits for it."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._printed.append(line.decode(errors="replace").rstrip())
        self.process.wait()
        if not self._called:
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                Client(self._listener.address, authkey=self._key).close()

    def _talk(self) -> None:
        """Hear what the process says until it hangs up, and then tell who still waits."""
        connection = self._answer_call()
        threading.Thread(target=self._send, args=(connection,), name="CardiacMotion input", daemon=True).start()
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._hear(connection.recv_bytes())
        self.outbox.put(None)
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._overhearing.join(GRACE_SECONDS)
        with self._lock:
            task = self._task
        if task is not None:
            self._end(task, State.FAILED, WorkerDiedError(self._obituary()))

    def _answer_call(self) -> Connection:
        while True:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):  # somebody else called, or it died meanwhile
                continue
            self._called = True
            self._listener.close()
            return connection

    def _send(self, connection: Connection) -> None:
        with contextlib.suppress(OSError), connection:  # an error: the process ended, and who hears it notices
            while (message := self.outbox.get()) is not None:
                connection.send(message)

    def _hear(self, message: bytes) -> None:
        with self._lock:
            task = self._task
        try:
            kind, number, content = pickle.loads(message)
        except Exception as error:  # what can be packed there may not come out of its package here
            if task is not None:
                reason = f"what the process computed cannot be read here ({error!r}); let the work run in Slicer itself"
                self._end(task, State.FAILED, CardiacMotionError(reason))
            return
        if task is None or task.number != number:
            return  # of work that nobody waits for any more
        if kind == PROGRESS:
            task.report(*content)
        elif kind == END:
            self._end(task, *content)

    def _end(self, task: _Task, state: State, value: object) -> None:
        with self._lock:
            self._task = None
        task.end(state, value)

    def _obituary(self) -> str:
        code = self.process.returncode
        how = "hung up" if code is None else f"ended with status {code}"
        if code is not None and code < 0:
            how = f"was ended by the signal {signal.Signals(-code).name}"
            if signal.Signals(-code).name == "SIGKILL":
                how += ", as systems do when memory runs out"
        printed = " / ".join(line.strip() for line in self._printed if line.strip())
        return (
            f"the process that computed {how} before it was done; try again, or let the work run in Slicer itself. "
            f"It printed last: {printed or 'nothing'}"
        )

"""Where independent jobs run: here, in local processes, or on a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from ..errors import Cancelled, CardiacMotionError

LOCAL = "local"  # as a scheduler: a Dask cluster on this machine
TICK_SECONDS = 0.5

Job = TypeVar("Job")
Result = TypeVar("Result")
_stop: Event | None = None  # in a worker process: set when nobody wants its result any more


def each(
    function: Callable[..., Result],
    jobs: Sequence[Job],
    *,
    workers: int,
    scheduler: str | None,
    tick: Callable[[], Any],
) -> Generator[tuple[Job, Result | Exception], None, None]:
    """``function(job, progress=...)`` of every job as it is done; a job that failed gives its exception.

    Parameters
    ----------
    function, jobs
        Can be pickled. ``function`` asks its ``progress(fraction, text)`` often; False ends it.
    workers
        Processes; 1 does all jobs in this one.
    scheduler
        Address of a Dask scheduler, or ``local`` for a cluster of ``workers`` on this machine.
    tick
        Called every now and then; what it raises ends all jobs.

    Raises
    ------
    CardiacMotionError
        when Dask is not installed or not reached, or a worker process died.
    """
    if workers == 1 and scheduler is None:
        for job in jobs:
            yield job, _outcome(partial(function, job, progress=lambda *_: tick()))
        return
    with _on_dask(scheduler, workers) if scheduler else _in_processes(workers) as executor:
        futures = {executor.submit(_run, function, job): job for job in jobs}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, TICK_SECONDS, FIRST_COMPLETED)
            tick()
            for future in done:
                yield futures[future], _outcome(future.result)


def _outcome(call: Callable[[], Result]) -> Result | Exception:
    try:
        return call()
    except (Cancelled, BrokenExecutor):
        raise
    except Exception as error:  # whatever is wrong with one job is told, and the others go on
        return error


def _run(function: Callable[..., Result], job: Any) -> Result:
    """In a worker."""
    return function(job, progress=lambda *_: _stop is None or not _stop.is_set())


@contextmanager
def _in_processes(count: int) -> Iterator[Executor]:
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    stop = context.Event()
    executor = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(stop,))
    try:
        yield executor
    except BrokenExecutor as error:
        raise CardiacMotionError(
            "a worker process died, perhaps for want of memory; what is done is kept: run again, with fewer workers"
        ) from error
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)


def _begin(stop: Event) -> None:
    """In a worker process: the one that began it says when to stop."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _on_dask(address: str, count: int) -> Iterator[Executor]:
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise CardiacMotionError(
            'a scheduler needs Dask, which is not installed: pip install "cardiac-motion[cohort]", or leave it out for '
            "processes on this machine"
        ) from error
    try:
        if address == LOCAL:
            client = Client(n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR)
        else:
            client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise CardiacMotionError(
            f"no Dask scheduler answers at {address!r} ({error}); expected an address such as tcp://host:8786, or "
            f"{LOCAL}"
        ) from error
    with client:
        executor = client.get_executor(pure=False, retries=1)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)

"""Where independent jobs run: here, in local processes, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from .errors import Cancelled, CardiacMotionError

LOCAL = "local"  # as a scheduler: a Dask cluster on this machine
TICK_SECONDS = 0.5
ALLOWED_DEATHS = 1  # of workers of a local cluster, after which a job is tried again; elsewhere the scheduler decides
AGAIN = "what is done is kept: run again"

Job = TypeVar("Job")
Result = TypeVar("Result")
Tick = Callable[[Sequence[Any]], Any]
_stop: Event | None = None  # in a worker process: set when nobody wants its result any more


class WorkerKilledError(CardiacMotionError):
    """The process that did the job was ended from outside, and again when it was tried again."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each(
    function: Callable[..., Result], jobs: Sequence[Job], *, workers: int, scheduler: str | None, tick: Tick
) -> Generator[tuple[Job, Result | Exception], None, None]:
    """``function(job, progress=...)`` of every job as it is done; a job that failed gives its exception.

    Parameters
    ----------
    function, jobs
        Can be pickled. ``function`` asks its ``progress(fraction, text)`` often; False ends it.
    workers
        Processes; 1 without a scheduler does all jobs in this one.
    scheduler
        Address of a Dask scheduler, or ``local`` for a cluster of ``workers`` on this machine. A worker of a cluster
        that dies is replaced and its job done again; a job of which two workers died, or as many as the scheduler
        elsewhere is set to allow, gives `WorkerKilledError`.
    tick
        Called every now and then with the jobs that run; what it raises ends all jobs.

    Raises
    ------
    CardiacMotionError
        when Dask is not installed or not reached, or a worker process without a cluster died.
    """
    if not jobs:
        return
    if workers == 1 and scheduler is None:
        for job in jobs:
            yield job, _outcome(partial(function, job, progress=lambda *_, job=job: tick([job])))
    elif scheduler is None:
        yield from _each_in_processes(function, jobs, workers, tick)
    else:
        yield from _each_on_dask(function, jobs, scheduler, workers, tick)


def _outcome(call: Callable[[], Result]) -> Result | Exception:
    try:
        return call()
    except (Cancelled, BrokenExecutor):
        raise
    except Exception as error:  # whatever is wrong with one job is told, and the others go on
        return error


# ---------------------------------------------------------------------- processes


def _each_in_processes(
    function: Callable[..., Result], jobs: Sequence[Job], workers: int, tick: Tick
) -> Generator[tuple[Job, Result | Exception], None, None]:
    with _in_processes(workers) as executor:
        futures = {executor.submit(_run, function, job): job for job in jobs}
        pending = set(futures)
        while pending:
            done, pending = wait(pending, TICK_SECONDS, FIRST_COMPLETED)
            tick([futures[future] for future in pending if future.running()])
            for future in done:
                yield futures[future], _outcome(future.result)


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
            f"a worker process died, perhaps for want of memory; {AGAIN}, with fewer workers"
        ) from error
    finally:
        stop.set()
        executor.shutdown(cancel_futures=True)


def _begin(stop: Event) -> None:
    """In a worker process: the one that began it says when to stop."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


# ---------------------------------------------------------------------- Dask


def _each_on_dask(
    function: Callable[..., Result], jobs: Sequence[Job], address: str, workers: int, tick: Tick
) -> Generator[tuple[Job, Result | Exception], None, None]:
    """Hand out one job a thread: one that waits at a worker would be blamed for its death, too."""
    with _dask_client(address, workers) as client:
        waiting = deque(jobs)
        running: dict[Any, Job] = {}
        try:
            while waiting or running:
                for _ in range(min(len(waiting), _threads(client) - len(running))):
                    job = waiting.popleft()
                    key = f"cardiac-motion-{uuid.uuid4().hex}"
                    running[client.submit(_run_on_dask, function, job, key=key, pure=False)] = job
                done = _finished(running)
                tick([job for future, job in running.items() if future not in done])
                for future in done:
                    yield running.pop(future), _dask_outcome(future)
        finally:
            client.cancel(list(running), force=True)


def _threads(client: Any) -> int:
    """How many jobs the workers that are there now can do at once; 1 while there are none."""
    try:
        return max(1, sum(client.nthreads().values()))
    except (OSError, ValueError) as error:
        raise CardiacMotionError(f"the Dask scheduler does not answer any more ({error}); {AGAIN}") from error


def _finished(futures: Collection[Any]) -> list[Any]:
    """Those of some futures that are done, after at most ``TICK_SECONDS``."""
    from dask.distributed import wait

    with suppress(TimeoutError, CancelledError):
        wait(list(futures), timeout=TICK_SECONDS, return_when="FIRST_COMPLETED")
    return [future for future in futures if future.done()]


def _run_on_dask(function: Callable[..., Result], job: Any) -> Result:
    """In a worker of a cluster."""
    from dask.distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted(*_: Any) -> bool:
        task = worker.state.tasks.get(key)  # is cancelled there when the client does so, or is gone
        return task is not None and task.state == "executing"

    return function(job, progress=wanted)


def _dask_outcome(future: Any) -> Any:
    from dask.distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise CardiacMotionError(f"the Dask scheduler lost the jobs; {AGAIN}")
    error = future.exception()
    if isinstance(error, KilledWorker):
        return WorkerKilledError(
            "the worker was killed, and again when it was tried again, perhaps for want of memory; try with fewer "
            "workers"
        )
    return future.result() if error is None else error


@contextmanager
def _dask_client(address: str, count: int) -> Iterator[Any]:
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise CardiacMotionError(
            "a scheduler needs Dask, which is not installed: pip install distributed, or leave it out for "
            "processes on this machine"
        ) from error
    if address == LOCAL:
        with _local_cluster(count) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise CardiacMotionError(
            f"no Dask scheduler answers at {address!r} ({error}); expected an address such as tcp://host:8786, or "
            f"{LOCAL}"
        ) from error
    with client:
        yield client


@contextmanager
def _local_cluster(count: int) -> Iterator[Any]:
    """``count`` worker processes, each with one job at a time, which share the memory of this machine."""
    import logging

    import dask
    from dask.distributed import LocalCluster, system

    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
        # a worker that died is begun again; one that is away when this is over, since it died again, would be given up
        "distributed.deploy.lost-worker-timeout": "30 days",
    }
    with dask.config.set(settings):
        with _interrupts_held():
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                memory_limit=system.MEMORY_LIMIT // count,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        try:
            yield cluster
        finally:
            cluster.close()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that begin now never see Ctrl-C, which a terminal sends to all: the one that began them ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

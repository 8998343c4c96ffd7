"""Everybody of a cohort by every method: who is done already, who is to be done, and what became of them."""

from __future__ import annotations

import glob
import json
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ... import __version__
from ...devices import choose_device
from ...errors import Cancelled, CardiacMotionError
from ...whole_files import write_whole
from ...workers import LOCAL, cores, each
from .design import Cohort
from .records import DONE, FAILED, Record, read_record
from .work import Job, do

SUBJECTS, LISTING = "subjects", "cohort.json"
PARTIAL = f".{'[0-9a-f]' * 12}-"  # before the name of a folder that a worker had not finished
NAMED = 3  # of those that run are told


@dataclass(frozen=True)
class Finished:
    """What a run of a cohort did.

    Attributes
    ----------
    records
        Of everybody by every method, in the order of the cohort.
    before
        How many of them were done before.
    seconds
        That this run took.
    """

    records: tuple[Record, ...]
    before: int
    seconds: float

    @property
    def failed(self) -> tuple[Record, ...]:
        """Those that could not be done."""
        return tuple(record for record in self.records if record.status == FAILED)


def run_cohort(
    cohort: Cohort,
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = LOCAL,
    retry_failed: bool = False,
    progress: Callable[[float, str], Any] | None = None,
    told: Callable[[str], Any] = lambda _: None,
) -> Finished:
    """Register and analyze everybody who is not done yet.

    A subject by a method is done when ``subjects/NAME/METHOD`` has a record with the same images, options and version;
    it appears when it is complete, so that a run can be stopped at any time and the next call goes on. Whatever is
    wrong with one subject is its record, and the others go on.

    Parameters
    ----------
    cohort
        Who and how.
    folder
        Made if need be. Workers elsewhere must see it, and the images, under the same paths.
    workers, scheduler
        Processes of a Dask cluster on this machine (by default one a core), or the address of a scheduler elsewhere.
        0 workers do everything in this process, without Dask.
    retry_failed
        Whether those that failed before are tried again.
    progress
        Called with (fraction, text); False cancels.
    told
        Is told of each subject in a sentence.

    Raises
    ------
    CardiacMotionError
        when the folder cannot be written, Dask is not there, or a device does not work.
    Cancelled
        when ``progress`` answered False; what is done stays.
    """
    folder, count, here = Path(folder).absolute(), cores() if workers is None else workers, workers == 0
    threads = cohort.settings.threads or (cores() if here else max(1, cores() // count) if scheduler == LOCAL else 1)
    if scheduler == LOCAL or here:
        choose_device(cohort.settings.device)  # said now, not once a subject
    cohort = replace(cohort, settings=replace(cohort.settings, threads=threads))
    jobs = _jobs(cohort, folder)
    _write_listing(jobs, folder)
    records = {job.folder: record for job in jobs if (record := _valid_record(job, retry_failed)) is not None}
    missing = [job for job in jobs if job.folder not in records]
    before, state = len(records), _State(len(jobs), len(records), progress)
    if before:
        told(f"{before} of {len(jobs)} are done already, in {folder / SUBJECTS}")
    state.tick()
    where = None if here else scheduler
    with closing(each(do, missing, workers=max(1, count), scheduler=where, tick=state.tick)) as results:
        for job, result in results:
            record = records[job.folder] = _kept(job, result)
            state.done += 1
            told(f"{state.done} of {len(jobs)}: {_sentence(job, record)}")
            state.tick()
    return Finished(tuple(records[job.folder] for job in jobs), before, round(time.monotonic() - state.started, 2))


def read_listing(folder: Path) -> list[tuple[dict[str, Any], Path]]:
    """[(what is known of it, its folder)] of everybody by every method that the last run of a cohort was to do.

    Raises
    ------
    CardiacMotionError
        for a folder in which no cohort was begun.
    """
    try:
        listed = json.loads((folder / LISTING).read_text(encoding="utf-8"))["jobs"]
        return [(one, folder / SUBJECTS / one["folder"] / one["method"]) for one in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CardiacMotionError(
            f"{folder}: there is no {LISTING} that can be read; expected the output folder of a cohort"
        ) from error


@dataclass
class _State:
    """How far a run is, in words."""

    total: int
    done: int
    progress: Callable[[float, str], Any] | None

    def __post_init__(self) -> None:
        self.started, self.before = time.monotonic(), self.done

    def tick(self, running: Sequence[Job] = ()) -> bool:
        if self.progress is not None and self.progress(self.done / self.total, self.text(running)) is False:
            raise Cancelled(f"cancelled after {self.done} of {self.total}; what is done is kept")
        return True

    def text(self, running: Sequence[Job]) -> str:
        names = ", ".join(job.title for job in running[:NAMED])
        more = f" and {len(running) - NAMED} more" if len(running) > NAMED else ""
        return ", ".join(filter(None, (f"{self.done} of {self.total}", self.left(), names + more)))

    def left(self) -> str:
        """The time that is left at the pace of this run."""
        new = self.done - self.before
        if not new or self.done == self.total:
            return ""
        minutes = (time.monotonic() - self.started) / new * (self.total - self.done) / 60
        return f"{minutes:.0f} min left" if minutes >= 1.5 else f"{60 * minutes:.0f} s left"


def _jobs(cohort: Cohort, folder: Path) -> list[Job]:
    return [
        Job(
            member,
            method,
            cohort.settings,
            cohort.key(member, method),
            folder / SUBJECTS / member.folder / method.label,
        )
        for member in cohort.members
        for method in cohort.methods
    ]


def _write_listing(jobs: Sequence[Job], folder: Path) -> None:
    """Who this run is about, for summaries; what an earlier run had not finished goes."""
    listed = [
        {**job.member.about, "folder": job.member.folder, "method": job.method.label, "key": job.key} for job in jobs
    ]
    write_whole({folder / LISTING: json.dumps({"version": __version__, "jobs": listed}, indent=1).encode()})
    for job in jobs:
        for partial in job.folder.parent.glob(f"{PARTIAL}{glob.escape(job.folder.name)}"):
            shutil.rmtree(partial, ignore_errors=True)


def _valid_record(job: Job, retry_failed: bool) -> Record | None:
    record = read_record(job.folder)
    if record is None or record.key != job.key or (record.status == FAILED and retry_failed):
        return None
    return replace(record, **job.member.about)  # a group may be called differently now


def _kept(job: Job, result: Record | Exception) -> Record:
    """The record of what a worker gave; that of a failure is written here, since the worker may be dead."""
    if isinstance(result, Record):
        return result
    said = " ".join(str(result).split())
    reason = said if isinstance(result, CardiacMotionError) else f"{type(result).__name__}: {said}"
    shutil.rmtree(job.folder, ignore_errors=True)
    record = job.record(FAILED, reason=reason)
    record.write(job.folder)
    return record


def _sentence(job: Job, record: Record) -> str:
    if record.status == DONE:
        return f"{job.title}, {record.seconds:.0f} s" + (f"; {record.reason}" if record.reason else "")
    return f"{job.title} failed: {record.reason}"

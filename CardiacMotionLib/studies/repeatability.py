"""Repeatability of strain: subjects seen again under changed conditions, by several methods.

``run_repeatability`` does the runs and keeps each in a file, ``repeatability_views`` says how a subject is seen again,
``repeatability_tables`` how far the strains agree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import Cancelled, CardiacMotionError
from ..methods.protocol import Progress
from ..workers import each
from . import repeatability_views as views
from .repeatability_runs import EXACT, Failure, Job, file_name, measure, read_run, reason_of
from .repeatability_tables import between_methods, by_condition
from .subjects import StudySubject, SyntheticSubject, check_names

COLUMNS = ("data", "subject", "group", "condition", "view", "method", "measure", "region", "percent", "seconds")


@dataclass(frozen=True)
class Recipe:
    """What is compared.

    Attributes
    ----------
    methods
        Registered names, each with its defaults.
    conditions
        Of `repeatability_views.CONDITIONS`.
    repeats
        Draws of noise, the first image among them; 2 or more.
    seed
        Of the methods, and of noise that is added to real cines.
    device
        Where methods run.
    """

    methods: tuple[str, ...]
    conditions: tuple[str, ...] = views.CONDITIONS
    repeats: int = 2
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        from ..methods.registry import check_seed, methods

        check_seed(self.seed)
        for name, asked, known in (
            ("method", self.methods, tuple(methods())),
            ("condition", self.conditions, views.CONDITIONS),
        ):
            if not asked:
                raise CardiacMotionError(f"at least one {name} is needed; there is {', '.join(sorted(known))}")
            wrong = [one for one in asked if one not in known]
            if wrong:
                raise CardiacMotionError(f"unknown {name} {', '.join(wrong)}; there is {', '.join(sorted(known))}")
        if self.repeats < 2:
            raise CardiacMotionError(f"repeats must be at least 2 to be compared, got {self.repeats}")


@dataclass(frozen=True)
class Repeats:
    """What was measured: ``table`` has a row a value (columns `COLUMNS`), ``failed`` the runs that gave none."""

    table: pd.DataFrame
    failed: tuple[Failure, ...]

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """Agreement of the same subjects under changed conditions, see `by_condition`."""
        return by_condition(self.table)

    @cached_property
    def methods(self) -> pd.DataFrame:
        """Agreement of methods on the same images, see `between_methods`."""
        return between_methods(self.table)


def run_repeatability(
    subjects: Sequence[StudySubject],
    recipe: Recipe,
    folder: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    told: Callable[[str], Any] = lambda _: None,
) -> Repeats:
    """Do every run whose file is not in ``folder`` yet.

    Parameters
    ----------
    subjects
        At least one.
    recipe
        What is compared.
    folder
        Of the runs, one file each. Stopped at any time, the next call goes on where this one was.
    workers
        Processes on this machine.
    progress
        Called with (fraction, text); False cancels.
    told
        Is told of runs that failed.

    Raises
    ------
    CardiacMotionError
        without subjects, for two of one name in a data set, when no run gave a strain, or the folder cannot be written.
    Cancelled
        when ``progress`` answered False; what is done stays in the folder.
    """
    if not subjects:
        raise CardiacMotionError("no subjects: expected at least one to see again")
    check_names(subjects)
    jobs = [job for subject in subjects for job in _jobs(subject, recipe, folder, workers)]
    files = [file for job in jobs for _, _, file in job.todo]
    missing = [
        Job(job.subject, job.scan, todo, job.seed, job.device, job.threads)
        for job in jobs
        if (todo := tuple(one for one in job.todo if not one[2].exists()))
    ]
    kept = len(files) - sum(len(job.todo) for job in missing)
    if kept:
        told(f"{kept} of {len(files)} runs are done already, in {folder}")
    failed: list[Failure] = []

    def tick(_: Sequence[Any] = ()) -> bool:
        done = sum(file.exists() for file in files) + len(failed)
        if progress is not None and progress(done / len(files), f"{done} of {len(files)} runs") is False:
            raise Cancelled(f"cancelled after {done} of {len(files)} runs, which stay in {folder}")
        return True

    tick()
    with closing(each(measure, missing, workers=workers, scheduler=None, tick=tick)) as results:
        for job, result in results:
            new = (
                [Failure(job.subject.name, view, method, reason_of(result)) for view, method, _ in job.todo]
                if isinstance(result, Exception)
                else result
            )
            for failure in new or []:
                told(f"{failure.subject}, {failure.view}, {failure.method} failed: {failure.reason}")
            failed += new or []
            tick()
    runs = [read_run(file) for file in files if file.exists()]
    if not runs:
        raise CardiacMotionError(f"no run gave a strain; the first reason: {failed[0].reason}")
    return Repeats(_table(runs), tuple(failed))


def _jobs(subject: StudySubject, recipe: Recipe, folder: Path, workers: int) -> list[Job]:
    threads = 0 if workers == 1 else max(1, (os.cpu_count() or 1) // workers)
    jobs = []
    for scan in views.scans_of(subject, recipe.conditions, recipe.repeats):
        runs = [(view, method) for view in scan.views for method in recipe.methods]
        if views.BASE in scan.views and isinstance(subject, SyntheticSubject):
            runs.insert(0, (views.BASE, EXACT))
        todo = tuple((v, m, folder / file_name(subject, v, m, scan.repeat, recipe.seed)) for v, m in runs)
        jobs.append(Job(subject, scan, todo, recipe.seed, recipe.device, threads))
    return jobs


def _table(runs: list[dict[str, Any]]) -> pd.DataFrame:
    about = ("data", "subject", "group", "view", "method", "seconds")
    rows = [
        {**{name: run[name] for name in about}, "condition": views.condition_of(run["view"]), **value._asdict()}
        for run in runs
        for value in run["values"]
    ]
    return pd.DataFrame(rows)[list(COLUMNS)]

"""Every method on the same subjects: which runs there are, doing those that are not done, and the table of them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CardiacMotionError
from ..whole_files import write_whole
from .benchmark_scores import SCORES, prepare
from .measured_run import NONE, Job, run_apart

if TYPE_CHECKING:
    import pandas as pd

    from .subjects import StudySubject

AUTO = "auto"
STANDARD: dict[str, Any] = {"frames": 10, "slices": 8, "rows": 88, "columns": 88, "pixel_mm": 1.9, "thickness_mm": 10.0}
QUICK: dict[str, Any] = {"frames": 4, "slices": 4, "rows": 48, "columns": 48, "pixel_mm": 3.0, "thickness_mm": 20.0}
PEOPLE = 5  # of the standard run, one a group
LIMIT_MINUTES = 3.0
MEASURED = ("seconds", "cpu_seconds", "peak_mib", "warm_up_seconds", "made_by", "weights")


@dataclass(frozen=True)
class Settings:
    """How every run is done.

    Attributes
    ----------
    options
        {method: options} other than the defaults.
    threads
        On the processor, 0 for as many as each package thinks right.
    limit_minutes
        After which a run is given up.
    seed
        Of the methods.
    """

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    threads: int = 0
    limit_minutes: float = LIMIT_MINUTES
    seed: int = 0


@dataclass(frozen=True)
class Run:
    """One method on one subject, and where its result is kept."""

    subject: StudySubject
    method: str
    options: Mapping[str, Any]
    file: Path
    what: Mapping[str, Any]


def methods_to_run(wanted: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """Methods of a benchmark, and {method: how to install it} of those left out.

    ``none`` and ``auto`` come first, then all that are registered but the one that ``auto`` is.

    Raises
    ------
    CardiacMotionError
        for a name that is no method.
    """
    from ..methods import methods
    from ..methods.registry import BEST, pip_name

    known = methods()
    unknown = [name for name in wanted if name not in (NONE, AUTO, *known)]
    if unknown:
        all_names = ", ".join([NONE, AUTO, *known])
        raise CardiacMotionError(f"no method is called {', '.join(unknown)}; choose of {all_names}")
    names = list(dict.fromkeys([NONE, AUTO, *(wanted or (name for name in known if name != BEST))]))
    missing = {
        name: f"pip install {' '.join(map(pip_name, absent))}"
        for name in names
        if name in known
        and (absent := [package for package in known[name].requires if importlib.util.find_spec(package) is None])
    }
    return [name for name in names if name not in missing], missing


def check_options(options: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> None:
    """Raise `CardiacMotionError` for options of a method that is not run, or that it does not take."""
    from ..methods import make_options, methods
    from ..methods.registry import BEST

    for name, values in options.items():
        if name not in names or name == NONE:
            raise CardiacMotionError(f"options for {name}, which is not run; the methods are {', '.join(names)}")
        make_options(methods()[BEST if name == AUTO else name], values)


def plan(subjects: Sequence[StudySubject], names: Sequence[str], settings: Settings, folder: Path) -> list[Run]:
    """The runs in their order, subject by subject; a run keeps its file as long as what it depends on stays."""
    from .. import __version__
    from ..methods.registry import BEST
    from ..weights import digests

    runs = []
    for subject in subjects:
        for name in names:
            options = dict(settings.options.get(name, {}))
            what = {
                "subject": subject.identity,
                "method": name,
                "options": options,
                "threads": settings.threads,
                "seed": settings.seed,
                "version": __version__,
                **({"weights": weights} if (weights := digests([BEST if name == AUTO else name], options)) else {}),
            }
            key = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]
            runs.append(Run(subject, name, options, folder / "runs" / f"{name}-{key}.json", what))
    return runs


def result_of(run: Run, settings: Settings) -> dict[str, Any] | None:
    """What a run gave, None where it is still to do: not done, failed, or given up at a lower limit than now.

    What made it fail may be gone by now: memory that others held, weights that were not there.
    """
    if not run.file.is_file():
        return None
    kept = json.loads(run.file.read_text(encoding="utf-8"))
    enough = kept.get("limit_seconds", 0.0) >= 60 * settings.limit_minutes
    return kept if enough or not kept.get("reason") else None


def execute(
    runs: Sequence[Run], settings: Settings, progress: Callable[[float, str], Any] = lambda fraction, text: None
) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Each run with its result, one at a time and in a process of its own; those done before come at once.

    A subject is read once, and only where a run of it is to do; one that cannot be read gives rows that say so. A
    method that was given up is not tried on subjects that are as large: they would take the limit once more each.
    ``progress(fraction, text)`` is called often; what it raises ends the run in hand, and those done are kept.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        ready: _Ready | None = None  # the subject at hand alone
        given_up: dict[str, int] = {}  # method: voxels of the smallest subject that it was too slow for
        for number, run in enumerate(runs):
            share = number / len(runs)
            result = result_of(run, settings)
            if result is None:
                if ready is None or ready.subject is not run.subject:
                    progress(share, f"reading {run.subject.name}")
                    if ready is not None:
                        ready.file.unlink(missing_ok=True)
                    ready = _read(run.subject, Path(scratch, f"{number}.pickle"))
                tick = partial(progress, share, f"{run.method}, {run.subject.name}")
                result = _do(run, ready, given_up.get(run.method), settings, tick)
                if not ready.reason:
                    keep(run, result)
            if "limit_seconds" in result:
                given_up[run.method] = min(result["voxels"], given_up.get(run.method, result["voxels"]))
            yield run, result


def keep(run: Run, result: Mapping[str, Any]) -> None:
    """Write what a run gave where `result_of` finds it."""
    write_whole({run.file: (json.dumps({**result, "what": run.what}, default=str) + "\n").encode()})


@dataclass(frozen=True)
class _Ready:
    """A subject in a file for the processes, or the reason why it is not."""

    subject: StudySubject
    file: Path
    voxels: int = 0
    reason: str = ""


def _read(subject: StudySubject, file: Path) -> _Ready:
    try:
        known = prepare(subject)
    except CardiacMotionError as error:
        return _Ready(subject, file, reason=f"the subject could not be read: {error}")
    file.write_bytes(pickle.dumps(known))
    return _Ready(subject, file, known.series.frames.size)


def _do(run: Run, ready: _Ready, too_many: int | None, settings: Settings, tick: Callable[[], Any]) -> dict[str, Any]:
    if ready.reason:
        return {"reason": ready.reason}
    limit = 60 * settings.limit_minutes
    if too_many is not None and ready.voxels >= too_many:
        reason = f"not tried: longer than the limit of {settings.limit_minutes:g} min with as many voxels"
        return {"reason": reason, "limit_seconds": limit, "voxels": ready.voxels}
    job = Job(ready.file, run.method, run.options, settings.threads, settings.seed)
    result = run_apart(job, limit, tick)
    return {**result, "voxels": ready.voxels}


def table_of(results: Sequence[tuple[Run, Mapping[str, Any]]]) -> pd.DataFrame:
    """One row a run: data, subject, group, method, options, measurements, scores, reason where it failed."""
    import pandas as pd

    rows = [
        {
            "data": run.subject.data,
            "subject": run.subject.name,
            "group": run.subject.group,
            "method": run.method,
            "options": " ".join(f"{name}={value}" for name, value in run.options.items()),
            "shape": "x".join(map(str, result.get("shape", ()))),
            **{name: result.get(name) for name in MEASURED},
            **{name: result.get("scores", {}).get(name) for name in SCORES},
            "reason": result.get("reason", ""),
        }
        for run, result in results
    ]
    table = pd.DataFrame(rows)
    numbers = ("seconds", "cpu_seconds", "peak_mib", "warm_up_seconds", *SCORES)
    return table.astype(dict.fromkeys(numbers, float))

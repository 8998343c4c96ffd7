"""One subject by one method: read, register, analyze, write. Runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import __version__
from ...errors import Cancelled
from ...io.acquisition import MODEL, TIMES
from ...whole_files import aside, check_replaceable
from .design import Member, MethodChoice, Settings
from .measures import Row, measures_of_maps, measures_of_motion
from .records import DONE, MAPS, NEITHER, STRAIN, Record

if TYPE_CHECKING:
    import numpy as np

    from ...io.datasets import Examination
    from ...pipeline import Outcome
    from ...report.export import Plan
    from ...series import ImageSeries

Progress = Callable[[float, str], Any]


@dataclass(frozen=True)
class Job:
    """What a worker is told: a member, how, and the folder that appears when it is done."""

    member: Member
    method: MethodChoice
    settings: Settings
    key: str
    folder: Path

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.member.subject.name} ({self.method.label})"

    def record(self, status: str, **more: Any) -> Record:
        """What became of it."""
        return Record(self.key, **self.member.about, method=self.method.label, status=status, **more)


@dataclass(frozen=True)
class _Result:
    kind: str
    rows: list[Row]
    flags: list[tuple[str, str]]
    plan: Plan
    made_by: dict[str, Any]
    reason: str = ""


def do(job: Job, progress: Progress) -> Record:
    """Do a job and write its folder, the record last.

    Raises
    ------
    CardiacMotionError
        for a subject that cannot be read, registered or written.
    Cancelled
        when ``progress`` answered False.
    """
    from ...devices import limited_threads
    from ...report.export import Plan, Step, write_folder

    started = time.perf_counter()
    check_replaceable(job.folder)  # else it would be said when the work is done
    with limited_threads(job.settings.threads):
        examination = job.member.subject.examination()
        series = _told(examination.series, job.member.model)
        result = (_maps if is_mapping(series) else _motion)(job, series, examination, progress)
        _ask(progress)

        def record() -> Record:
            return job.record(
                DONE,
                reason=result.reason,
                kind=result.kind,
                measures=result.rows,
                flags=result.flags,
                seconds=round(time.perf_counter() - started, 2),
                made_by=result.made_by,
            )

        last = Step("Record", lambda folder: record().write(folder))
        job.folder.parent.mkdir(parents=True, exist_ok=True)
        with aside(job.folder):  # of other options, or without a record
            write_folder({"": Plan([*result.plan.steps, last], result.plan.known)}, job.folder, progress)
    return record()


def is_mapping(series: ImageSeries) -> bool:
    """Whether a series is to become maps: it says what it measures, or when its preparations were."""
    return MODEL in series.meta or any(series.meta.get(name) for name in TIMES)


def _told(series: ImageSeries, model: str | None) -> ImageSeries:
    return series.replace(meta={**series.meta, MODEL: model}) if model else series


def _ask(progress: Progress) -> None:
    if progress(1.0, "") is False:
        raise Cancelled("cancelled before the files were written")


def _motion(job: Job, series: ImageSeries, examination: Examination, progress: Progress) -> _Result:
    from ...pipeline import Request, compute
    from ...report.export import Export, motion_steps
    from ...report.flags import quality_flags

    known = series.meta.get("end_diastole")
    outcome = compute(
        Request(
            series,
            job.method.name,
            reference=known if known in series.labels else None,
            device=job.settings.device,
            seed=job.settings.seed,
            options=dict(job.method.options),
            layers=job.settings.layers,
            drift_correction=job.settings.drift_correction,
            truth=examination.motion,
        ),
        progress,
    )
    overlays = _overlays(job, outcome)
    export = Export(outcome.series, outcome.motion, outcome.strain, outcome.quality, overlays)
    reason = "" if outcome.strain is not None else next((n for n in outcome.notes if n.startswith("No strain")), "")
    return _Result(
        STRAIN if outcome.strain is not None else NEITHER,
        measures_of_motion(outcome),
        quality_flags(outcome),
        motion_steps(export, job.settings.write),
        _made_by(outcome.motion.provenance),
        reason,
    )


def _overlays(job: Job, outcome: Outcome) -> dict[str, np.ndarray]:
    """{component: (T, K, J, I) in percent on the moving wall}, where volumes are to be written."""
    from ...report.export import VOLUMES

    if VOLUMES not in job.settings.write:
        return {}
    import numpy as np

    from ...scene.drawing import draw
    from ...scene.overlays import OUTSIDE

    drawn = draw(outcome.series, outcome.motion, outcome.strain).overlays or {}
    return {name: np.where(values == OUTSIDE, np.float32(np.nan), values) for name, values in drawn.items()}


def _maps(job: Job, series: ImageSeries, examination: Examination, progress: Progress) -> _Result:
    from ...map_pipeline import MapRequest, compute_maps
    from ...report.export import map_steps
    from ...report.flags import CAUTION, NOTE
    from ...report.map_run import notes_of, warnings

    run = compute_maps(
        MapRequest(
            series,
            job.method.name,
            device=job.settings.device,
            seed=job.settings.seed,
            options=dict(job.method.options),
        ),
        progress,
    )
    worse = warnings(run)
    flags = [(CAUTION if note in worse else NOTE, note) for note in notes_of(run)]
    made_by = {} if run.motion is None else run.motion.provenance
    return _Result(MAPS, measures_of_maps(run), flags, map_steps(run, job.settings.write), _made_by(made_by))


def _made_by(provenance: dict[str, Any]) -> dict[str, Any]:
    kept = ("method", "options", "weights", "seed", "device", "seconds")
    return {"version": __version__, **{name: provenance[name] for name in kept if name in provenance}}

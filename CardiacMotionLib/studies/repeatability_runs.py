"""One run of the study of repeatability: registration and strain of a view, and the file that keeps it."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import __version__
from ..devices import limited_threads
from ..errors import Cancelled, CardiacMotionError
from ..series import default_reference
from ..weights import digests
from ..whole_files import write_whole
from . import repeatability_views as views
from .subjects import StudySubject, SyntheticSubject

if TYPE_CHECKING:
    from ..series import ImageSeries

EXACT = "exact"  # as a method: the strain of the phantom itself, by its formulae
GLOBAL = {"circumferential": "GCS", "radial": "GRS", "longitudinal": "GLS"}
SEGMENTAL = {"circumferential": "Ecc", "radial": "Err", "longitudinal": "Ell"}
SCHEME = 1  # of what a run measures: another number makes all runs anew


class Value(NamedTuple):
    """End-systolic engineering strain of a region (global, 1 to 16) in %."""

    measure: str
    region: str
    percent: float


@dataclass(frozen=True)
class Job:
    """A scan of a subject and the runs on it, (view, method, file); each file is written when its run is done."""

    subject: StudySubject
    scan: views.Scan
    todo: tuple[tuple[str, str, Path], ...]
    seed: int
    device: str
    threads: int = 0


class Failure(NamedTuple):
    """A run that gave no strain."""

    subject: str
    view: str
    method: str
    reason: str


def file_name(subject: StudySubject, view: str, method: str, repeat: int, seed: int) -> str:
    """Name of the file of a run: another one for other images, conditions, method, weights, seed or program."""
    weights = digests([method], {})
    what = {
        "subject": subject.identity,
        "view": [view, views.DIFFERS.get(views.condition_of(view)), repeat, views.NOISE_PERCENT],
        "method": method,
        "seed": seed,
        "version": [__version__, SCHEME],
        **({"weights": weights} if weights else {}),
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
    return "_".join(re.sub(r"[^0-9A-Za-z]+", "-", part) for part in (subject.name, view, method, digest)) + ".json"


def measure(job: Job, progress: Callable[[float, str], Any]) -> list[Failure]:
    """Do the runs of a job and keep each; what comes back are those that failed.

    Raises
    ------
    CardiacMotionError
        for a subject that cannot be read.
    Cancelled
        when ``progress`` says so; runs that are done are kept.
    """
    failures = []
    with limited_threads(job.threads):
        series = views.scan_series(job.subject, job.scan, job.seed)
        for view, method, file in job.todo:
            started = time.perf_counter()
            try:
                content = _run(job, views.view_series(series, view), method, progress)
            except Cancelled:
                raise
            except Exception as error:  # one run that fails is told, and the others go on
                failures.append(Failure(job.subject.name, view, method, reason_of(error)))
                continue
            about = {"data": job.subject.data, "subject": job.subject.name, "group": job.subject.group}
            kept = {**about, "view": view, "method": method, **content, "seconds": time.perf_counter() - started}
            write_whole({file: json.dumps(kept, indent=1).encode()})
    return failures


def read_run(file: Path) -> dict[str, Any]:
    """What a run measured; raises `CardiacMotionError` for a file that is damaged."""
    try:
        run = json.loads(file.read_text(encoding="utf-8"))
        return {**run, "values": [Value(*one) for one in run["values"]]}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CardiacMotionError(f"{file}: this run cannot be read ({error}); delete it and run again") from error


def reason_of(error: Exception) -> str:
    """An error in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _run(job: Job, series: ImageSeries, method: str, progress: Callable[[float, str], Any]) -> dict[str, Any]:
    from ..methods.registry import register
    from ..strain import strain

    if method == EXACT:
        return exact_strain(job.subject)
    reference = default_reference(series)
    motion = register(series, method, reference=reference, device=job.device, seed=job.seed, progress=progress)
    result = strain(motion, series.labels[reference], rv_insertion=series.meta.get("rv_insertion"))
    rows = result.summary[result.summary["measure"] == "engineering"]
    values = [
        Value(names[component], region, 100 * float(percent))
        for component, region, percent in rows[["component", "region", "end_systolic"]].itertuples(index=False)
        for names in [GLOBAL if region == "global" else SEGMENTAL]
        if region == "global" or region.isdigit()
    ]
    return {"values": values, "end_systole_ms": float(motion.times[result.end_systole])}


def exact_strain(subject: StudySubject) -> dict[str, Any]:
    """End-systolic strain of a synthetic heart by its formulae, averaged over the regions that measured strain has.

    Raises
    ------
    CardiacMotionError
        for a subject whose motion is not known by formula.
    """
    from ..strain import strain
    from ..strain.tensor import engineering_from_green, green_strain, project

    if not isinstance(subject, SyntheticSubject):
        raise CardiacMotionError(f"{subject.name} is no synthetic heart, so its exact strain is not known")
    heart = subject.heart()
    frame = int(heart.meta["truth"]["end_systole"])
    regions = strain(heart.motion, heart.series.labels[0], rv_insertion=heart.series.meta["rv_insertion"])
    wall, segments = regions.wall, regions.segments[regions.wall]
    green = green_strain(heart.gradient_at(heart.voxel_points()[wall], frame))
    axes = heart.wall_axes()[wall]
    values = []
    for row, component in enumerate(("radial", "circumferential", "longitudinal")):
        if component not in regions.components:
            continue
        along = project(green, axes[:, row])
        inside = {"global": np.ones(len(along), bool), **{str(n): segments == n for n in range(1, 17)}}
        for region, mask in inside.items():
            if mask.any():
                name = (GLOBAL if region == "global" else SEGMENTAL)[component]
                values.append(Value(name, region, 100 * float(engineering_from_green(along[mask].mean()))))
    return {"values": values, "end_systole_ms": float(heart.series.times[frame])}

"""LaMoD and what it is compared with, on DENSE and cines of the same hearts.

The networks are those that ship; ``cardiac-motion train`` makes them again by their cards. Everything is kept in the
work folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .... import ImageSeries, register
from ....methods import methods
from ....phantom import VERSION
from ....series import MYOCARDIUM
from ....weights import digests
from ....whole_files import write_whole
from ...benchmark_scores import Prepared, prepare
from ...subjects import SyntheticSubject, synthetic_subjects
from ..paper import Order
from .report import COVERAGE, write_report
from .scores import coverage, scores

VIEW: dict[str, Any] = {"slices": 3, "rows": 96, "columns": 96, "pixel_mm": 1.6}
EXAMINATIONS: dict[str, dict[str, Any]] = {
    "DENSE": {"kind": "dense", "frames": 20, "frame_ms": 40.0, "thickness_mm": 8.0},
    "cine": {"kind": "cine", "frames": 20, "thickness_mm": 8.0},
}
SAMPLES = 8
PEOPLE = 20  # four a group
OF = "of"  # what scores were made with, in the file that keeps them
SECONDS = 20.0  # of a row, examination and person; one thread


@dataclass(frozen=True)
class Row:
    """A method with options.

    Attributes
    ----------
    walls
        Whether the images that it sees are the drawn walls.
    carried
        Whether it gets the labels of end-diastole only, and carries them; in cines, which have images to do it by.
    """

    name: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    walls: bool = False
    carried: bool = False

    def given(self, series: ImageSeries) -> ImageSeries:
        """What it registers of a series with labels in every frame."""
        if self.carried:
            return series.replace(labels={0: series.labels[0]})
        if self.walls:
            return series.replace(frames=np.stack([series.labels[t] == MYOCARDIUM for t in range(len(series))]))
        return series


ROWS = (
    Row("spline, of the images", "spline"),
    Row("spline, of the walls", "spline", walls=True),
    Row("registration network alone", "lamod", {"sampler": "registration"}),
    Row("LaMoD", "lamod", {"samples": SAMPLES}),
    Row("LaMoD, one sample", "lamod"),
    Row("LaMoD, one sample, whole chain", "lamod", {"sampler": "ddpm"}),
    Row("LaMoD without diffusion", "lamod", {"sampler": "none"}),
    Row("LaMoD, one sample, walls carried by spline", "lamod", {"carrier": "spline"}, carried=True),
    Row("StrainNet-like", "strainnet"),
    Row("UNETR-like", "unetr"),
)


@dataclass(frozen=True)
class Protocol:
    """Where everything is kept, and on how many people it is tried."""

    work: Path
    people: int
    told: Callable[[str], Any] = lambda _: None


def subjects(examination: str, people: int) -> list[SyntheticSubject]:
    """The same hearts in every examination."""
    options = dict(EXAMINATIONS[examination])
    kind = options.pop("kind")
    return [
        SyntheticSubject(one.seed, kind, {**VIEW, **options, "group": one.group}) for one in synthetic_subjects(people)
    ]


def rows_of(examination: str) -> list[Row]:
    """Rows of an examination whose packages are there."""
    known = methods()
    installed = [row for row in ROWS if all(find_spec(name) is not None for name in known[row.method].requires)]
    return [row for row in installed if examination == "cine" or not row.carried]


def results(protocol: Protocol) -> Iterator[dict[str, Any]]:
    """Scores of every examination, person and row; what is done is read, unless it was done otherwise."""
    for examination in EXAMINATIONS:
        for subject in subjects(examination, protocol.people):
            path = place(protocol.work, examination, subject)
            done, missing = kept(path, examination)
            if missing:
                protocol.told(f"{examination}: {subject.name}")
                known = prepare(subject)
            for row in missing:
                values = scored(subject, known, row)
                done[row.name] = {OF: identity(row, examination), **values}
                write_whole({path: json.dumps(done).encode()})
            for row in rows_of(examination):
                about = {"examination": examination, "method": row.name, "person": subject.seed, "group": subject.group}
                yield {**about, **{name: value for name, value in done[row.name].items() if name != OF}}


def place(work: Path, examination: str, subject: SyntheticSubject) -> Path:
    """File that keeps the scores of a person."""
    return work / f"{examination}_{subject.seed}.json"


def kept(path: Path, examination: str) -> tuple[dict[str, Any], list[Row]]:
    """What a file keeps by the names of rows, and the rows that are missing or were made with something else."""
    done = json.loads(path.read_text()) if path.exists() else {}
    missing = [row for row in rows_of(examination) if done.get(row.name, {}).get(OF) != identity(row, examination)]
    return done, missing


def identity(row: Row, examination: str) -> str:
    """What a row's scores depend on, but for the code: how it is made, images and weights."""
    weights = digests([row.method], row.options)
    return json.dumps([asdict(row), VIEW, EXAMINATIONS[examination], weights, VERSION], sort_keys=True)


def scored(subject: SyntheticSubject, known: Prepared, row: Row) -> dict[str, float]:
    """Scores of a person by a row."""
    motion = register(row.given(known.series), row.method, reference=0, device="cpu", **row.options)
    values = {**scores(motion, known), "seconds": motion.provenance["seconds"]}
    if motion.samples:
        values[COVERAGE] = coverage(motion, subject.heart(), known.end_systole)
    return values


# ---------------------------------------------------------------------- an order


def protocol(order: Order) -> Protocol:
    """Of an order."""
    return Protocol(order.work, order.people or (2 if order.quick else PEOPLE), order.told)


def minutes(order: Order) -> float:
    """That an order takes."""
    chosen = protocol(order)
    missing = [
        len(kept(place(order.work, examination, subject), examination)[1])
        for examination in EXAMINATIONS
        for subject in subjects(examination, chosen.people)
    ]
    return sum(missing) * SECONDS / 60


def measure(order: Order) -> None:
    """Register everything and write the report."""
    torch.set_num_threads(order.workers)
    order.work.mkdir(parents=True, exist_ok=True)
    write_report(list(results(protocol(order))), order)

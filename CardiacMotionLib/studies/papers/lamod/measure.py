"""LaMoD and what it is compared with, on DENSE and cines of the same hearts.

The networks are those that ship; ``cardiac-motion train`` makes them again by their cards. Everything is kept in the
work folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .... import ImageSeries, register
from ....methods import methods
from ....series import MYOCARDIUM
from ....whole_files import write_whole
from ...benchmark_scores import prepare
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
SECONDS = 25.0  # of a row, examination and person; one thread


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
    Row("spline", "spline"),
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
    """Scores of every examination, person and row; what is done is read."""
    for examination in EXAMINATIONS:
        rows = rows_of(examination)
        for subject in subjects(examination, protocol.people):
            path = protocol.work / f"{examination}_{subject.seed}.json"
            done = json.loads(path.read_text()) if path.exists() else {}
            missing = [row for row in rows if row.name not in done]
            if missing:
                protocol.told(f"{examination}: {subject.name}")
                done |= scored(subject, missing)
                write_whole({path: json.dumps(done).encode()})
            for row in rows:
                about = {"examination": examination, "method": row.name, "person": subject.seed, "group": subject.group}
                yield {**about, **done[row.name]}


def scored(subject: SyntheticSubject, rows: list[Row]) -> dict[str, dict[str, float]]:
    """Scores of one person by the names of rows."""
    known = prepare(subject)
    found = {}
    for row in rows:
        motion = register(row.given(known.series), row.method, reference=0, device="cpu", **row.options)
        values = {**scores(motion, known), "seconds": motion.provenance["seconds"]}
        if motion.samples:
            values[COVERAGE] = coverage(motion, subject.heart(), known.end_systole)
        found[row.name] = values
    return found


# ---------------------------------------------------------------------- an order


def protocol(order: Order) -> Protocol:
    """Of an order."""
    return Protocol(order.work, order.people or (2 if order.quick else PEOPLE), order.told)


def minutes(order: Order) -> float:
    """That an order takes."""
    chosen = protocol(order)
    missing = [
        len(rows_of(examination))
        for examination in EXAMINATIONS
        for subject in subjects(examination, chosen.people)
        if not (order.work / f"{examination}_{subject.seed}.json").exists()
    ]
    return sum(missing) * SECONDS / 60


def measure(order: Order) -> None:
    """Register everything and write the report."""
    torch.set_num_threads(order.workers)
    order.work.mkdir(parents=True, exist_ok=True)
    write_report(list(results(protocol(order))), order)

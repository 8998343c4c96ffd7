"""MemWarp, what is left of it without its parts, and what it is compared with, measured small.

Every network has the same people, steps and batches; its weights with the best validation are scored on other people,
all of whose hearts slide in the pericardium, on the grids of their own scans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .... import Motion, register
from ....errors import CardiacMotionError
from ....methods.learned import PairNetwork
from ....methods.protocol import Progress
from ....phantom import Subject
from ....training.data import Data
from ....training.log import VALIDATION, read_log
from ....training.losses import Loss
from ....training.settings import Settings
from ..paper import Order
from ..training_runs import TEST_SEED, Protocol, Run, minutes_left, perform_all
from .report import write_report
from .rows import (
    DEMONS,
    EXACT,
    LAPWARP,
    LKU,
    MEMWARP,
    NO_DICE,
    NO_PYRAMID,
    NO_REGIONS,
    NONE,
    SEMI,
    SPLINE,
    UNSUPERVISED,
    VOXELMORPH,
)
from .scores import Person, people, registered, score

TASK = "cine"
DATA = Data(kind="pairs", phases="end_systole", randomized=True, subjects=100, held_out=8, slices=10, batch=2)
UNUSED = ("sequence", "frames", "breathing_mm")  # settings of the data that are of other kinds
TESTED = 16
STEPS = 1500
SETTINGS = Settings(
    steps=STEPS,
    learning_rate=1e-3,
    schedule="cosine",
    warmup=50,
    clip=1.0,
    precision="auto",
    ema=0.99,
    frozen=0.3,
    validate_every=150,
    checkpoint_every=100,
)
IMAGES = Loss("mse", smoothness=0.01)
LABELS = replace(IMAGES, dice=1.0)
WITH_REGIONS = replace(LABELS, regions=1.0)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    VOXELMORPH: ("voxelmorph", {"dims": 3, "convolutions": 1}),  # as it was published
    LKU: ("memwarp", {"pyramid": False, "memory": False}),
    LAPWARP: ("memwarp", {"memory": False}),
}
COMPARED = (
    (LKU, UNSUPERVISED, IMAGES),
    (LAPWARP, UNSUPERVISED, IMAGES),
    (VOXELMORPH, SEMI, LABELS),
    (LKU, SEMI, LABELS),
    (LAPWARP, SEMI, LABELS),
)


def runs() -> Iterator[Run]:
    """All of them."""
    yield from (Run(TASK, reference) for reference in (NONE, EXACT, DEMONS, SPLINE))
    for name, supervision, loss in COMPARED:
        method, network = NETWORKS[name]
        yield Run(TASK, method, 1.0, f"{name}, {supervision}", network, loss)
    yield Run(TASK, "memwarp", 1.0, NO_DICE, loss=replace(WITH_REGIONS, dice=0.0))
    yield Run(TASK, "memwarp", 1.0, NO_PYRAMID, {"pyramid": False}, WITH_REGIONS)
    yield Run(TASK, "memwarp", 1.0, MEMWARP, loss=WITH_REGIONS)
    yield Run(TASK, "memwarp", 1.0, NO_REGIONS, loss=LABELS)


class Claims(Protocol):
    """Stacks that are registered as a user would."""

    dims = 3
    scored = 2  # labels are drawn, carried, and drawn the other way round

    def scores(self, run: Run, network: PairNetwork | None, progress: Progress) -> Iterator[dict[str, float]]:
        """Of people who are made anew: that takes less than a second."""
        data = self.data[run.task]
        stream = people(self.tested, TEST_SEED, data.slices)
        for index in range(len(stream)):
            person = Person.of(stream, index)
            motions = (
                refer(run.method, person.subject, reference, progress)
                if network is None
                else registered(person.subject.series, network, data, reference, progress)
                for reference in (0, 1)
            )
            yield score(person, *motions)


def refer(name: str, subject: Subject, reference: int, progress: Progress) -> Motion:
    """Motion of something to compare with."""
    if name == EXACT:
        return subject.motion.expressed_in(reference)
    if name == NONE:
        return Motion.still(subject.series, reference)
    return register(subject.series, name, reference=reference, device="cpu", progress=progress)


FULL = Claims(Path(), {TASK: DATA}, SETTINGS, TESTED, tuple(runs()))
QUICK = replace(FULL, data={TASK: replace(DATA, subjects=4, held_out=1)}, settings=replace(SETTINGS, steps=3), tested=2)
SECONDS = {"memwarp": 2300.0, "voxelmorph": 1300.0, DEMONS: 300.0, SPLINE: 300.0}  # of a run with its scores


def protocol(order: Order) -> Claims:
    """Of an order."""
    return replace(QUICK if order.quick else FULL, work=order.work)


def minutes(order: Order) -> float:
    """That an order takes."""
    return 10.0 if order.quick else minutes_left(protocol(order), order.workers, SECONDS)


def measure(order: Order) -> None:
    """Perform all runs and write the report."""
    chosen = protocol(order)
    results = perform_all(chosen, order.workers, order.told)
    about = {
        "training": {"steps": chosen.settings.steps, **chosen.settings.decisive},
        "data": {key: value for key, value in asdict(chosen.data[TASK]).items() if key not in UNUSED},
        "losses": [{"loss of": run.variant, **asdict(run.loss)} for run in chosen.runs if run.share],
    }
    write_report(results, validations(chosen), about, order, chosen.tested)


def validations(chosen: Protocol) -> dict[str, dict[str, list[float]]]:
    """Columns of the validation of every training, by row."""
    curves = {}
    for run in chosen.runs:
        if run.share:
            path = chosen.work / run.name / VALIDATION
            curves[run.variant] = read_log(path)
            if not curves[run.variant]:
                raise CardiacMotionError(
                    f"{path} is not there, only the scores are; delete {run.name}.json to train again"
                )
    return curves

"""Data efficiency of RIIR, VoxelMorph and GraDIRN, and the ablations of RIIR, measured small.

Every run has the same steps, batches and outer loss; its weights with the best validation are scored on other people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from ....methods.learned import PairNetwork
from ....methods.protocol import Progress
from ....training.data import Data
from ....training.losses import Loss
from ....training.settings import Settings
from ..paper import Order
from ..training_runs import TEST_SEED, Protocol, Run, minutes_left, perform_all
from .report import write_report
from .rows import EXACT, HALF, NONE
from .scores import exact, register, score, shifted

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
TASKS = {
    "msasha": Data(kind="t1", slices=1, subjects=60, held_out=6, template="last", breathing_mm=12.0),
    "cine": Data(kind="cine", frames=8, slices=3, subjects=60, held_out=6, template="first"),
}
LOSSES = {"msasha": Loss("nmi", smoothness=0.1), "cine": Loss("mse", smoothness=0.05)}
INNER = {"msasha": "ncc", "cine": "mse"}
TESTED = 16
SETTINGS = Settings(steps=400, learning_rate=8e-4, clip=1.0, precision="auto", validate_every=100, checkpoint_every=100)


def runs() -> Iterator[Run]:
    """All of them, those of the main table first."""
    for task in TASKS:
        yield from (Run(task, NONE), Run(task, HALF), Run(task, EXACT))
    for share in SHARES:
        for task, inner in INNER.items():
            yield Run(task, "riir", share, network={"inner": inner}, loss=LOSSES[task])
            yield Run(task, "voxelmorph", share, loss=LOSSES[task])
            yield Run(task, "gradirn", share, network={"similarity": inner}, loss=LOSSES[task])
    yield from ablations()


def ablations() -> Iterator[Run]:
    """Of RIIR on mSASHA, as experiments 2 to 5 of the paper."""

    def changed(share: float, variant: str, **network: Any) -> Run:
        return Run("msasha", "riir", share, variant, {"inner": "ncc", **network}, LOSSES["msasha"])

    for hidden in ("none", "first", "second"):
        yield changed(1.0, f"hidden {hidden}", hidden=hidden)
    for share in (0.05, 0.1):
        for seen in ("implicit", "explicit"):
            yield changed(share, f"input {seen}", input=seen)
    for inner in ("mse", "nmi"):
        yield changed(1.0, f"inner {inner}", inner=inner)
    for steps in (2, 4, 8):
        yield changed(1.0, f"T {steps}", steps=steps)
    yield changed(1.0, "weighting uniform", weighting="uniform")


class Claims(Protocol):
    """Series that are registered slice by slice."""

    dims = 2

    def groups(self, task: str) -> dict[str, tuple[int, int]]:
        """People to train, validate and test on."""
        return super().groups(task) | {"test": (self.tested, TEST_SEED)}

    def scores(self, run: Run, network: PairNetwork | None, progress: Progress) -> Iterator[dict[str, float]]:
        """Of prepared series."""
        data = self.data[run.task]
        fields: dict[str, Any] = {NONE: partial(shifted, pixels=0.0), HALF: partial(shifted, pixels=0.5), EXACT: exact}
        found = partial(register, network) if network is not None else fields[run.method]
        for person in self.people(run.task, "test", progress):
            yield score(person, found(person, data=data), data)


FULL = Claims(Path(), TASKS, SETTINGS, TESTED, tuple(runs()))
QUICK = replace(
    FULL,
    data={task: replace(data, subjects=4, held_out=1) for task, data in TASKS.items()},
    settings=replace(SETTINGS, steps=3),
    tested=2,
)
SECONDS = {"riir": 200.0, "gradirn": 46.0, "voxelmorph": 21.0}  # of a run, by riir_claims.csv


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
        "data": {task: asdict(data) for task, data in chosen.data.items()},
        "loss": {task: asdict(loss) for task, loss in LOSSES.items()},
    }
    write_report(results, about, order, chosen.tested)

"""What paper 004 claims, measured small: data efficiency of RIIR, VoxelMorph and GraDIRN, and the ablations of RIIR.

    python Testing/benchmarks/riir_claims.py --work FOLDER [--workers 2] [--quick]

Every run has the same steps, batches and outer loss; its weights with the best validation are scored on other people.
Everything is kept in the work folder, also what is half done: after Ctrl-C the same command goes on, with as many
workers as it is given then. Writes riir_claims.csv, .md and .png under Testing/results when all runs are done.
``--quick`` does everything with few people and steps, and in a folder of its own within the work folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from riir_report import EXACT, HALF, NONE, write_report
from riir_scores import exact, register, score, shifted
from training_runs import TEST_SEED, Protocol, Run, run_command

from CardiacMotionLib.methods.learned import PairNetwork
from CardiacMotionLib.methods.protocol import Progress
from CardiacMotionLib.training.data import Data
from CardiacMotionLib.training.losses import Loss
from CardiacMotionLib.training.settings import Settings

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


def write(results: list[dict[str, Any]], protocol: Protocol, command: str, folder: Path) -> None:
    """The report, with the settings."""
    about = {
        "training": {"steps": protocol.settings.steps, **protocol.settings.decisive},
        "data": {task: asdict(data) for task, data in protocol.data.items()},
        "loss": {task: asdict(loss) for task, loss in LOSSES.items()},
    }
    write_report(results, about, command, folder, protocol.tested)


FULL = Claims(Path(), TASKS, SETTINGS, TESTED, tuple(runs()))
QUICK = replace(
    FULL,
    work=Path("quick"),
    data={task: replace(data, subjects=4, held_out=1) for task, data in TASKS.items()},
    settings=replace(SETTINGS, steps=3),
    tested=2,
)

if __name__ == "__main__":
    run_command("riir_claims", __doc__, FULL, QUICK, write)

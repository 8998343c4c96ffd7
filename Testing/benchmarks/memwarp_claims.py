"""What paper 002 claims, measured small: MemWarp, what is left of it without its parts, and what it is compared with.

    python Testing/benchmarks/memwarp_claims.py --work FOLDER [--workers 2] [--quick]

Every network has the same people, steps and batches; its weights with the best validation are scored on other people,
all of whose hearts slide in the pericardium, on the grids of their own scans. Everything is kept in the work folder,
also what is half done: after Ctrl-C the same command goes on, with as many workers as it is given then. Writes
memwarp_claims.csv, .md and .png under Testing/results when all runs are done. ``--quick`` does everything with few
people and steps, and in a folder of its own within the work folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from memwarp_report import (
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
    TRUTH,
    UNSUPERVISED,
    VOXELMORPH,
    write_report,
)
from memwarp_scores import people, registered, score, still
from training_runs import TEST_SEED, Protocol, Run, run_command

from CardiacMotionLib import Motion, register
from CardiacMotionLib.methods.learned import PairNetwork
from CardiacMotionLib.methods.protocol import Progress
from CardiacMotionLib.phantom import Subject
from CardiacMotionLib.training.data import Data
from CardiacMotionLib.training.losses import Loss
from CardiacMotionLib.training.settings import Settings

TASK = "cine"
DATA = Data(kind="pairs", phases="end_systole", randomized=True, subjects=100, held_out=8, slices=10, batch=1)
UNUSED = ("sequence", "frames", "breathing_mm")  # settings of the data that are of other kinds
TESTED = 16
STEPS = 600
SETTINGS = Settings(
    steps=STEPS,
    learning_rate=1e-3,
    schedule="cosine",
    warmup=50,
    clip=1.0,
    precision="auto",
    ema=0.99,
    validate_every=150,
    checkpoint_every=100,
)
IMAGES = Loss("mse", smoothness=0.01)
LABELS = replace(IMAGES, dice=1.0)
WITH_REGIONS = replace(LABELS, regions=1.0)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    VOXELMORPH: ("voxelmorph", {"dims": 3}),
    LKU: ("memwarp", {"pyramid": False, "memory": False}),
    LAPWARP: ("memwarp", {"memory": False}),
}


def runs() -> Iterator[Run]:
    """All of them."""
    yield from (Run(TASK, reference) for reference in (NONE, EXACT, DEMONS, SPLINE))
    for supervision, loss in ((UNSUPERVISED, IMAGES), (SEMI, LABELS)):
        for name, (method, network) in NETWORKS.items():
            yield Run(TASK, method, 1.0, f"{name}, {supervision}", network, loss)
    yield Run(TASK, "memwarp", 1.0, NO_DICE, loss=replace(WITH_REGIONS, dice=0.0))
    yield Run(TASK, "memwarp", 1.0, NO_PYRAMID, {"pyramid": False}, WITH_REGIONS)
    yield Run(TASK, "memwarp", 1.0, MEMWARP, loss=WITH_REGIONS)
    yield Run(TASK, "memwarp", 1.0, TRUTH, loss=replace(WITH_REGIONS, truth=1.0))
    yield Run(TASK, "memwarp", 1.0, NO_REGIONS, loss=LABELS)


class Claims(Protocol):
    """Stacks that are registered as a user would."""

    dims = 3

    def scores(self, run: Run, network: PairNetwork | None, progress: Progress) -> Iterator[dict[str, float]]:
        """Of people who are made anew: that takes less than a second."""
        data = self.data[run.task]
        stream = people(self.tested, TEST_SEED, data.slices)
        for subject in map(stream.subject, range(len(stream))):
            if network is None:
                motion = refer(run.method, subject, progress)
            else:
                motion = registered(subject.series, network, data.pixel_mm, progress)
            yield score(subject, motion)


def refer(name: str, subject: Subject, progress: Progress) -> Motion:
    """Motion of a reference."""
    if name == EXACT:
        return subject.motion
    if name == NONE:
        return still(subject.series)
    return register(subject.series, name, reference=0, device="cpu", progress=progress)


def write(results: list[dict[str, Any]], protocol: Protocol, command: str, folder: Path) -> None:
    """The report, with the settings."""
    about = {
        "training": {"steps": protocol.settings.steps, **protocol.settings.decisive},
        "data": {key: value for key, value in asdict(protocol.data[TASK]).items() if key not in UNUSED},
        "losses": [{"loss of": run.variant, **asdict(run.loss)} for run in protocol.runs if run.share],
    }
    write_report(results, about, command, folder, protocol.tested)


FULL = Claims(Path(), {TASK: DATA}, SETTINGS, TESTED, tuple(runs()))
QUICK = replace(
    FULL,
    work=Path("quick"),
    data={TASK: replace(DATA, subjects=4, held_out=1)},
    settings=replace(SETTINGS, steps=3),
    tested=2,
)

if __name__ == "__main__":
    run_command("memwarp_claims", __doc__, FULL, QUICK, write)

"""What paper 004 claims, measured small: data efficiency of RIIR, VoxelMorph and GraDIRN, and the ablations of RIIR.

    python Testing/benchmarks/riir_claims.py --work FOLDER [--workers 2] [--quick]

Every run has the same steps, batches and outer loss; its weights with the best validation are scored on other people.
Everything is kept in the work folder, also what is half done: after Ctrl-C the same command goes on, with as many
workers as it is given then. Writes riir_claims.csv, .md and .png under Testing/results when all runs are done.
``--quick`` does everything with few people and steps, and in a folder of its own within the work folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from inr_tables import ROOT
from riir_report import EXACT, HALF, NONE, write_report
from riir_scores import exact, register, score, shifted

from CardiacMotionLib.errors import Cancelled, CardiacMotionError
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.protocol import Progress
from CardiacMotionLib.phantom import VERSION
from CardiacMotionLib.phantom.stream import HELD_OUT
from CardiacMotionLib.prior.workers import each
from CardiacMotionLib.training.data import Data, Prepared, prepare_all, synthetic_subjects
from CardiacMotionLib.training.loop import train
from CardiacMotionLib.training.losses import Loss
from CardiacMotionLib.training.pairs import PairTask, seeded
from CardiacMotionLib.training.settings import Settings
from CardiacMotionLib.whole_files import write_whole, writing

SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
TASKS = {
    "msasha": Data(kind="t1", slices=1, subjects=60, held_out=6, template="last", breathing_mm=12.0),
    "cine": Data(kind="cine", frames=8, slices=3, subjects=60, held_out=6, template="first"),
}
LOSSES = {"msasha": Loss("nmi", smoothness=0.1), "cine": Loss("mse", smoothness=0.05)}
INNER = {"msasha": "ncc", "cine": "mse"}
TESTED = 16
SETTINGS = Settings(
    steps=400, learning_rate=8e-4, clip=1.0, precision="bfloat16", validate_every=100, checkpoint_every=100
)


@dataclass(frozen=True)
class Run:
    """One training and what is special about it, or a reference, which needs none."""

    task: str
    method: str
    share: float = 0.0
    variant: str = ""
    network: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its files."""
        parts = (self.task, self.method, f"{self.share:g}" if self.share else "", self.variant)
        return "_".join(part for part in parts if part).replace(" ", "-")


def runs() -> Iterator[Run]:
    """All of them, those of the main table first."""
    for task in TASKS:
        yield from (Run(task, NONE), Run(task, HALF), Run(task, EXACT))
    for share in SHARES:
        for task, inner in INNER.items():
            yield Run(task, "riir", share, network={"inner": inner})
            yield Run(task, "voxelmorph", share)
            yield Run(task, "gradirn", share, network={"similarity": inner})
    yield from ablations()


def ablations() -> Iterator[Run]:
    """Of RIIR on mSASHA, as experiments 2 to 5 of the paper."""

    def changed(share: float, variant: str, **network: Any) -> Run:
        return Run("msasha", "riir", share, variant, {"inner": "ncc", **network})

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


# ---------------------------------------------------------------------- what all runs share


@dataclass(frozen=True)
class Protocol:
    """People, steps, and the folder in which everything is kept."""

    work: Path
    data: dict[str, Data]
    settings: Settings
    tested: int

    def groups(self, task: str) -> dict[str, tuple[int, int]]:
        """How many people are trained on, validated on and tested on, and the first seed of each."""
        data = self.data[task]
        return {
            "train": (data.subjects, 0),
            "validate": (data.held_out, HELD_OUT),
            "test": (self.tested, HELD_OUT + 1000),
        }

    def people(self, task: str, group: str) -> list[Prepared]:
        """Series that `prepare` has made."""
        return [Prepared(**one) for one in torch.load(self._path(task, group), weights_only=True)]

    def prepare(self, task_group: tuple[str, str], progress: Progress) -> None:
        """Make the series of a task and a group, and keep them in a file."""
        path = self._path(*task_group)
        if not path.exists():
            torch.set_num_threads(1)
            task, group = task_group
            subjects = synthetic_subjects(self.data[task], *self.groups(task)[group])
            made = prepare_all(subjects, self.data[task], 2)
            fields = Prepared.__dataclass_fields__
            with writing(path) as file:
                torch.save([{name: getattr(one, name) for name in fields} for one in made], file)

    def _path(self, task: str, group: str) -> Path:
        what = json.dumps([VERSION, asdict(self.data[task]), self.groups(task)[group]])
        return self.work / f"people_{task}_{group}_{hashlib.sha256(what.encode()).hexdigest()[:8]}.pt"

    def about(self, run: Run) -> dict[str, Any]:
        """Everything that the scores of a run depend on, as plain values."""
        facts: dict[str, Any] = {"phantom": VERSION, "data": asdict(self.data[run.task]), "tested": self.tested}
        if run.share:
            settings = {**self.settings.decisive, "steps": self.settings.steps}
            facts |= {"network": run.network, "loss": asdict(LOSSES[run.task]), "training": settings}
        return facts

    def perform(self, run: Run, progress: Progress) -> dict[str, Any]:
        """Train and score; what is done is read. Raises `CardiacMotionError` where that was done otherwise."""
        path, about = self.work / f"{run.name}.json", self.about(run)
        if path.exists():
            result = json.loads(path.read_text())
            if result["about"] != about:
                raise CardiacMotionError(f"{path} was made with other settings; delete it, or give another folder")
            return result
        _ask(progress, run)
        torch.set_num_threads(1)
        facts, scores = self._train(run, progress) if run.share else self._refer(run)
        who = {"task": run.task, "method": run.method, "share": run.share, "variant": run.variant}
        result = {**who, **facts, "scores": scores, "about": about}
        write_whole({path: json.dumps(result).encode()})
        return result

    def _refer(self, run: Run) -> tuple[dict[str, Any], list[dict[str, float]]]:
        data = self.data[run.task]
        fields: dict[str, Any] = {NONE: partial(shifted, pixels=0.0), HALF: partial(shifted, pixels=0.5), EXACT: exact}
        scores = [score(one, fields[run.method](one, data=data), data) for one in self.people(run.task, "test")]
        return {"people": 0, "seconds": 0.0, "parameters": 0}, scores

    def _train(self, run: Run, progress: Progress) -> tuple[dict[str, Any], list[dict[str, float]]]:
        data, loss = self.data[run.task], LOSSES[run.task]
        everybody = self.people(run.task, "train")
        count = max(2, round(run.share * len(everybody)))
        network_class: Any = methods()[run.method].network()  # type: ignore[misc]
        network = seeded(lambda: network_class(network_class.Config(**run.network)), self.settings.seed)
        validation = self.people(run.task, "validate")
        task = PairTask(network, everybody[:count], validation, data, loss, self.settings.seed)
        about = {"network": asdict(network.config), "data": asdict(data), "loss": asdict(loss)}
        trained = train(task, self.settings, self.work / run.name, device="cpu", progress=progress, about=about)
        network.load_state_dict(trained.tensors)
        network.eval()
        facts = {
            "people": count,
            "seconds": round(trained.seconds, 1),
            "best_step": trained.best_step,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        }
        scores = []
        for one in self.people(run.task, "test"):
            _ask(progress, run)
            scores.append(score(one, register(network, one, data), data))
        return facts, scores


def _ask(progress: Progress, run: Run) -> None:
    if progress(0.0, run.name) is False:
        raise Cancelled(f"{run.name} was stopped")


QUICK = Protocol(
    Path("quick"),
    {task: replace(data, subjects=4, held_out=1) for task, data in TASKS.items()},
    replace(SETTINGS, steps=3),
    2,
)


# ---------------------------------------------------------------------- the command


def perform_all(protocol: Protocol, workers: int) -> list[dict[str, Any]]:
    """Results of all runs, in order; raises `CardiacMotionError` when one of them failed, after all others are done."""
    groups = [(task, group) for task in protocol.data for group in protocol.groups(task)]
    for (task, group), failure in each(protocol.prepare, groups, workers=workers, scheduler=None, tick=lambda: True):
        if failure is not None:
            raise failure
        _tell(f"people of {task} to {group}")
    everything, began = list(runs()), time.perf_counter()
    results: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    jobs = each(protocol.perform, everything, workers=workers, scheduler=None, tick=lambda: True)
    for done, (run, outcome) in enumerate(jobs, start=1):
        if isinstance(outcome, Exception):
            failed.append(run.name)
            _tell(f"{run.name} failed: {outcome!r}")
            continue
        results[run.name] = outcome
        minutes = (time.perf_counter() - began) / 60
        _tell(f"{done} of {len(everything)}, {minutes:.0f} min: {run.name}, {outcome['seconds']:.0f} s")
    if failed:
        raise CardiacMotionError(f"{len(failed)} runs failed: {', '.join(failed)}; the same command tries them again")
    return [results[run.name] for run in everything]


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--output", type=Path, help="folder for the tables, if another one")
    parser.add_argument("--quick", action="store_true", help="see that it works: four people, three steps")
    given = parser.parse_args()
    protocol = Protocol(given.work, TASKS, SETTINGS, TESTED)
    output = given.output or ROOT / "Testing" / "results"
    if given.quick:
        protocol = replace(QUICK, work=given.work / QUICK.work)
        output = given.output or protocol.work
    for folder in (protocol.work, output):
        folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = perform_all(protocol, given.workers)
    except CardiacMotionError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"Stopped; everything is kept in {given.work}: the same command goes on from there")
    about = {
        "training": {"steps": protocol.settings.steps, **protocol.settings.decisive},
        "data": {task: asdict(data) for task, data in protocol.data.items()},
        "loss": {task: asdict(loss) for task, loss in LOSSES.items()},
    }
    command = f"riir_claims.py --work FOLDER --workers {given.workers}{' --quick' if given.quick else ''}"
    write_report(results, about, command, output, protocol.tested)
    _tell(f"Wrote riir_claims.csv, .md and .png into {output}")


if __name__ == "__main__":
    main()

"""Many trainings by one protocol, what the commands that measure the claims of a paper are made of.

Everything is kept in the work folder, also what is half done: after Ctrl-C the same command goes on, with as many
workers as it is given then.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from inr_tables import ROOT

from CardiacMotionLib.errors import Cancelled, CardiacMotionError
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.learned import PairNetwork
from CardiacMotionLib.methods.protocol import Progress
from CardiacMotionLib.phantom import VERSION
from CardiacMotionLib.phantom.stream import HELD_OUT, TESTED
from CardiacMotionLib.prior.workers import each
from CardiacMotionLib.training.data import Data, Prepared, prepare_all, synthetic_subjects
from CardiacMotionLib.training.loop import train
from CardiacMotionLib.training.losses import Loss
from CardiacMotionLib.training.pairs import PairTask, seeded
from CardiacMotionLib.training.settings import Settings
from CardiacMotionLib.whole_files import write_whole

TEST_SEED = TESTED  # of the first person who is tested


@dataclass(frozen=True)
class Run:
    """One training and what is special about it, or a reference, which needs none.

    Attributes
    ----------
    task
        Name of the data.
    method
        Of the library, or a reference.
    share
        Of the people that it is trained on; 0 for a reference.
    variant
        What else tells it from others.
    network, loss
        What is not default in the network, and what it is trained with.
    """

    task: str
    method: str
    share: float = 0.0
    variant: str = ""
    network: dict[str, Any] = field(default_factory=dict)
    loss: Loss = field(default_factory=Loss)

    @property
    def name(self) -> str:
        """Of its files."""
        parts = (self.task, self.method, f"{self.share:g}" if self.share else "", self.variant)
        return "_".join(part for part in parts if part).replace(", ", "-").replace(" ", "-")


@dataclass(frozen=True)
class Protocol(ABC):
    """What all runs share.

    Attributes
    ----------
    work
        Folder in which everything is kept.
    data
        People by task.
    settings
        Of every training.
    tested
        How many people are tested on.
    runs
        All of them, in order.
    """

    work: Path
    data: dict[str, Data]
    settings: Settings
    tested: int
    runs: tuple[Run, ...]
    dims: ClassVar[int]

    @abstractmethod
    def scores(self, run: Run, network: PairNetwork | None, progress: Progress) -> Iterator[dict[str, float]]:
        """Scores of the people who are tested, one by one; of a reference where there is no network."""

    def groups(self, task: str) -> dict[str, tuple[int, int]]:
        """How many people are prepared for training, validation and so on, and the first seed of each."""
        return {"train": (self.data[task].subjects, 0), "validate": (self.data[task].held_out, HELD_OUT)}

    def people(self, task: str, group: str, progress: Progress) -> list[Prepared]:
        """Series of a group, made once and kept in a file."""
        data, store = self.data[task], self.work / f"people_{task}_{group}.pt"
        subjects = synthetic_subjects(data, *self.groups(task)[group])
        return prepare_all(subjects, data, self.dims, lambda *_: ask(progress, f"people of {task}"), store)

    def prepare(self, task_group: tuple[str, str], progress: Progress) -> None:
        """Make the series of a task and a group."""
        torch.set_num_threads(1)
        self.people(*task_group, progress)

    def about(self, run: Run) -> dict[str, Any]:
        """Everything that the scores of a run depend on, as plain values, but for code and the seeds of people.

        That is, results from before a change of what trains and scores, of defaults of a network, or of who is trained
        and tested on, are not told from later ones.
        """
        facts: dict[str, Any] = {"phantom": VERSION, "data": asdict(self.data[run.task]), "tested": self.tested}
        if run.share:
            settings = {**self.settings.decisive, "steps": self.settings.steps}
            facts |= {"network": run.network, "loss": asdict(run.loss), "training": settings}
        return facts

    def perform(self, run: Run, progress: Progress) -> dict[str, Any]:
        """Train and score; what is done is read. Raises `CardiacMotionError` where that was done otherwise."""
        path, about = self.work / f"{run.name}.json", self.about(run)
        if path.exists():
            result = json.loads(path.read_text())
            if result["about"] != about:
                raise CardiacMotionError(f"{path} was made with other settings; delete it, or give another folder")
            return result
        ask(progress, run.name)
        torch.set_num_threads(1)
        facts: dict[str, Any] = {"people": 0, "seconds": 0.0, "parameters": 0}
        network = None
        if run.share:
            facts, network = self._train(run, progress)
        scores = []
        for of_person in self.scores(run, network, progress):
            scores.append(of_person)
            ask(progress, run.name)
        who = {"task": run.task, "method": run.method, "share": run.share, "variant": run.variant}
        result = {**who, **facts, "scores": scores, "about": about}
        write_whole({path: json.dumps(result).encode()})
        return result

    def _train(self, run: Run, progress: Progress) -> tuple[dict[str, Any], PairNetwork]:
        """The network with the best validation, and what its training took."""
        data = self.data[run.task]
        everybody, validation = (self.people(run.task, group, progress) for group in ("train", "validate"))
        count = max(2, round(run.share * len(everybody)))
        network_class: Any = methods()[run.method].network()  # type: ignore[misc]
        network = seeded(lambda: network_class(network_class.Config(**run.network)), self.settings.seed)
        task = PairTask(network, everybody[:count], validation, data, run.loss, self.settings.seed)
        about = {"network": asdict(network.config), "data": asdict(data), "loss": asdict(run.loss)}
        trained = train(task, self.settings, self.work / run.name, device="cpu", progress=progress, about=about)
        network.load_state_dict(trained.tensors)
        facts = {
            "people": count,
            "seconds": round(trained.seconds, 1),
            "best_step": trained.best_step,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        }
        return facts, network.eval()


def ask(progress: Progress, what: str) -> None:
    """Go on, or raise `Cancelled` where nobody waits for it any more."""
    if progress(0.0, what) is False:
        raise Cancelled(f"{what} was stopped")


# ---------------------------------------------------------------------- the command


def perform_all(protocol: Protocol, workers: int) -> list[dict[str, Any]]:
    """Results of all runs, in order; raises `CardiacMotionError` when one of them failed, after all others are done."""
    groups = [(task, group) for task in protocol.data for group in protocol.groups(task)]
    for (task, group), failure in each(protocol.prepare, groups, workers=workers, scheduler=None, tick=lambda: True):
        if failure is not None:
            raise failure
        _tell(f"people of {task} to {group}")
    began = time.perf_counter()
    results: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    jobs = each(protocol.perform, protocol.runs, workers=workers, scheduler=None, tick=lambda: True)
    for done, (run, outcome) in enumerate(jobs, start=1):
        if isinstance(outcome, Exception):
            failed.append(run.name)
            _tell(f"{run.name} failed: {outcome!r}")
            continue
        results[run.name] = outcome
        minutes = (time.perf_counter() - began) / 60
        _tell(f"{done} of {len(protocol.runs)}, {minutes:.0f} min: {run.name}, {outcome['seconds']:.0f} s")
    if failed:
        raise CardiacMotionError(f"{len(failed)} runs failed: {', '.join(failed)}; the same command tries them again")
    return [results[run.name] for run in protocol.runs]


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


Write = Callable[[list[dict[str, Any]], Protocol, str, Path], None]


def run_command(name: str, description: str | None, protocol: Protocol, quick: Protocol, write: Write) -> None:
    """Read the command line, perform all runs of a protocol, or of the quick one, and ``write`` the report.

    ``write`` gets the results, the protocol, what was run, and the folder for ``name``.csv, .md and .png. Folders of
    the protocols are within the one that the user gives.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--output", type=Path, help="folder for the tables, if another one")
    parser.add_argument("--quick", action="store_true", help="see that it works: few people and steps")
    given = parser.parse_args()
    chosen = quick if given.quick else protocol
    chosen = replace(chosen, work=given.work / chosen.work)
    output = given.output or (chosen.work if given.quick else ROOT / "Testing" / "results")
    for folder in (chosen.work, output):
        folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = perform_all(chosen, given.workers)
    except CardiacMotionError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"Stopped; everything is kept in {given.work}: the same command goes on from there")
    command = f"{name}.py --work FOLDER --workers {given.workers}{' --quick' if given.quick else ''}"
    write(results, chosen, command, output)
    _tell(f"Wrote {name}.csv, .md and .png into {output}")

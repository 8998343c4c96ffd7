"""Many trainings by one protocol, what measuring the claims of a paper about networks is made of.

Everything is kept in the work folder, also what is half done: after Ctrl-C the same command goes on, with as many
workers as it is given then.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch

from ...errors import Cancelled, CardiacMotionError
from ...methods import methods
from ...methods.learned import PairNetwork
from ...methods.protocol import Progress
from ...phantom import VERSION
from ...phantom.stream import HELD_OUT, TESTED
from ...training.data import Data, Prepared, prepare_all, synthetic_subjects
from ...training.loop import train
from ...training.losses import Loss
from ...training.pairs import PairTask, seeded
from ...training.settings import Settings
from ...whole_files import write_whole
from ...workers import each
from .paper import ELSEWHERE

TEST_SEED = TESTED  # of the first person who is tested
REFERENCE_SECONDS = 60.0  # of a run without training


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
    scored
        Counted up whenever other scores are taken, so that results from before are refused.
    """

    work: Path
    data: dict[str, Data]
    settings: Settings
    tested: int
    runs: tuple[Run, ...]
    dims: ClassVar[int]
    scored: ClassVar[int] = 1

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

        That is, results from before a change of what trains, of defaults of a network, or of who is trained and tested
        on, are not told from later ones.
        """
        facts: dict[str, Any] = {"phantom": VERSION, "data": asdict(self.data[run.task]), "tested": self.tested}
        if self.scored > 1:
            facts["scored"] = self.scored
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


# ---------------------------------------------------------------------- all of them


def perform_all(protocol: Protocol, workers: int, told: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Results of all runs, in order; raises `CardiacMotionError` when one of them failed, after all others are done."""
    protocol.work.mkdir(parents=True, exist_ok=True)
    groups = [(task, group) for task in protocol.data for group in protocol.groups(task)]
    for (task, group), failure in each(protocol.prepare, groups, workers=workers, scheduler=None, tick=lambda _: True):
        if failure is not None:
            raise failure
        told(f"people of {task} to {group}")
    began = time.perf_counter()
    results: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    jobs = each(protocol.perform, protocol.runs, workers=workers, scheduler=None, tick=lambda _: True)
    for done, (run, outcome) in enumerate(jobs, start=1):
        if isinstance(outcome, Exception):
            failed.append(run.name)
            told(f"{run.name} failed: {outcome!r}")
            continue
        results[run.name] = outcome
        minutes = (time.perf_counter() - began) / 60
        told(f"{done} of {len(protocol.runs)}, {minutes:.0f} min: {run.name}, {outcome['seconds']:.0f} s")
    if failed:
        raise CardiacMotionError(f"{len(failed)} runs failed: {', '.join(failed)}; the same command tries them again")
    return [results[run.name] for run in protocol.runs]


def minutes_left(protocol: Protocol, workers: int, seconds: Mapping[str, float]) -> float:
    """Of the runs that are not done, by the ``seconds`` that one of a method took in the committed tables."""
    missing = [run for run in protocol.runs if not (protocol.work / f"{run.name}.json").exists()]
    return sum(seconds.get(run.method, REFERENCE_SECONDS) for run in missing) / 60 / workers


def facts_of(table: Path) -> dict[str, str]:
    """How runs were measured, as far as a table of their means (`claim_tables.by_run`) says it."""
    runs = pd.read_csv(table)
    most, trained = runs["people"].max(), (runs["share"] > 0).sum()
    return {"people": f"up to {most:g} to train on", "runs": f"{trained} trainings", ELSEWHERE: "in the full table"}


def tested_then(page: Path) -> str:
    """What a reader of `claim_tables.comparisons_of` must know."""
    return (
        f"The tests are those of {page.name}, made with the scores of every person when that was made; they were not "
        "made again for this page."
    )

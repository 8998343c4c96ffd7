"""`train`: one loop for all networks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..devices import computes_bfloat16
from ..errors import Cancelled, CardiacMotionError
from ..methods.protocol import Progress
from ..weights import check_tensors
from .checkpoint import load_checkpoint, save_checkpoint
from .distributed import Processes, together
from .log import Log
from .settings import AUTO, BETAS, BFLOAT16, FLOAT16, FLOAT32, Settings
from .task import SCORE, Task

CHECKPOINT = "checkpoint.pt"
Batch = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Trained:
    """What came out of a run.

    Attributes
    ----------
    tensors
        Weights of the network with the best validation, averaged over the steps where that was asked for; on the CPU.
    scores
        Of that validation.
    best_step, steps
        When it was, and how many steps were taken.
    seconds
        That the steps and validations took, over all sessions.
    device
        On which the last session ran.
    processes
        That trained together.
    precision
        With which the last session computed.
    """

    tensors: dict[str, Tensor]
    scores: dict[str, float]
    best_step: int
    steps: int
    seconds: float
    device: torch.device
    processes: int
    precision: str = FLOAT32


def usable_precision(precision: str, device: torch.device) -> str:
    """What ``auto`` is on a device; any other precision is itself."""
    if precision != AUTO:
        return precision
    return BFLOAT16 if computes_bfloat16(device) else FLOAT32


def train(
    task: Task,
    settings: Settings,
    folder: str | Path,
    device: str = "auto",
    progress: Progress | None = None,
    told: Callable[[str], Any] = lambda _: None,
    about: Mapping[str, Any] | None = None,
) -> Trained:
    """Train until the steps are done or validations gain nothing; go on from the checkpoint in ``folder``, if any.

    A run that was stopped and goes on ends with the same bits as one that was not, on the same machine with as many
    threads (GPUs add in any order: there up to rounding). Random choices within ``task.forward`` are those of torch's
    global generators, which begin anew at every step from seed, step and rank.

    Parameters
    ----------
    task, settings
        What is trained and how. The weights that the task has are those it starts from.
    folder
        Of checkpoint, tables and learning curve; is made. With several processes all of them must see it.
    device
        ``auto``, ``cpu``, ``cuda``, ...; see `distributed.together` for several processes.
    progress
        Called with (fraction, text) after every step; answering False stores the state and raises `Cancelled`.
    told
        Is told of validations, and of what was found in the folder, in a sentence.
    about
        Sections of a recipe: with `Task.about` they say whose checkpoint it is.

    Raises
    ------
    CardiacMotionError
        for a checkpoint of another run, a loss that is no finite number, or a folder that cannot be written.
    Cancelled
        when ``progress`` answered False; the next call goes on from there.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CardiacMotionError(f"cannot write into {folder}: {error.strerror or error}") from error
    with together(device) as processes, torch.random.fork_rng(_gpus(processes.device)):
        return _Run(task.to(processes.device), settings, folder, processes, progress, told, about or {}).go()


class _Run:
    """The state of a run, and what is done with it."""

    def __init__(
        self,
        task: Task,
        settings: Settings,
        folder: Path,
        processes: Processes,
        progress: Progress | None,
        told: Callable[[str], Any],
        about: Mapping[str, Any],
    ) -> None:
        self.task, self.settings, self.processes = task, settings, processes
        self.path = folder / CHECKPOINT
        self.progress, self.told = progress, told if processes.first else lambda _: None
        self.precision = usable_precision(settings.precision, task.device)
        task.precision, task.rank, task.world = self.precision, processes.rank, processes.world
        self.model = processes.wrap(task)
        self.optimizer = make_optimizer(task, settings)
        self.scaler = torch.amp.GradScaler(task.device.type, enabled=self.precision == FLOAT16)
        self.average = Average(task.network, settings.ema) if settings.ema else None
        self.step = self.best_step = self.waited = 0
        self.best: dict[str, Tensor] = {}
        self.scores: dict[str, float] = {}
        self.seconds = 0.0
        self.sums: dict[str, Tensor] = {}  # of what is logged, since the last row
        self.loss: float | None = None  # of the last row
        about = {**task.about, **about}
        self.identity = {
            **about,
            "network": {**about.get("network", {}), "class": type(task.network).__name__},
            "training": {**settings.decisive, "processes": processes.world},
        }
        if self.path.exists():
            self._restore(load_checkpoint(self.path, self.identity))
            self.told(f"Going on from step {self.step} in {folder}")
        self.ended = self._gained_nothing()
        self.log = Log(folder, self.step) if processes.first else None

    # ------------------------------------------------------------------ the loop

    def go(self) -> Trained:
        """Take the steps that are left."""
        settings, processes = self.settings, self.processes
        self.started, self.first_step, seconds_before = time.perf_counter(), self.step, self.seconds
        try:
            batches = iter(make_batches(self.task, settings, self.step))
            while self.step < settings.steps and not self.ended:
                self._advance(next(batches))
                self.seconds = seconds_before + time.perf_counter() - self.started
                last = self.step == settings.steps
                if last or self.step % settings.log_every == 0:
                    self._write_row()
                if last or self.step % settings.validate_every == 0:
                    if processes.first:
                        self._validate()
                    self.ended = self._gained_nothing()
                    self.seconds = seconds_before + time.perf_counter() - self.started
                cancelled = processes.any(self._told_to_stop())
                last = last or self.ended
                if last or cancelled or self.step % settings.checkpoint_every == 0:
                    self._save()
                if cancelled and not last:
                    raise Cancelled(f"cancelled at step {self.step} of {settings.steps}; the state is in {self.path}")
        finally:
            if self.log is not None:
                self.log.close()
        return Trained(
            self.best,
            self.scores,
            self.best_step,
            self.step,
            self.seconds,
            processes.device,
            processes.world,
            self.precision,
        )

    def _gained_nothing(self) -> bool:
        """Whether validations have gained nothing for too long; asked in all processes."""
        return self.processes.any(0 < self.settings.patience <= self.waited)

    def _advance(self, batch: Batch) -> None:
        """One step of the optimizer."""
        settings = self.settings
        torch.manual_seed(_seed(settings.seed, self.step, self.processes.rank))
        rate = settings.rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.task.train()
        if settings.is_frozen(self.step):
            freeze_norms(self.task)
        batch = {name: value.to(self.task.device, non_blocking=True) for name, value in batch.items()}
        loss, parts = self.model(batch)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.task.parameters(), settings.clip or math.inf)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        if self.average is not None:
            self.average.update(self.step)
        one = torch.ones((), device=loss.device)
        for name, value in {"count": one, "loss": loss, **parts, "gradient": norm}.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()

    def _means(self) -> dict[str, float]:
        """Of what is logged since the last row; raises `CardiacMotionError` where training has gone astray."""
        sums = {name: value.item() for name, value in self.sums.items()}
        count = sums.pop("count", 1.0)
        watched = ("loss",) if self.scaler.is_enabled() else ("loss", "gradient")  # a scaler tries too large gradients
        if not all(math.isfinite(sums.get(name, 0.0)) for name in watched):
            raise CardiacMotionError(
                f"the loss or its gradient is not a finite number before step {self.step}; take a smaller "
                f"training.learning_rate, or set training.clip. The state before that stays in {self.path.parent}"
            )
        return {name: value / count for name, value in sums.items()}

    def _write_row(self) -> None:
        means = self._means()
        self.sums = {}
        if self.log is not None:
            rate = self.settings.rate(self.step - 1)
            self.log.training(self.step, {"seconds": round(self.seconds, 2), "learning_rate": rate, **means})
        self.loss = means["loss"]

    def _validate(self) -> None:
        """Score the weights, and keep them where they are the best so far."""
        self.task.eval()
        with torch.no_grad(), self.average.applied() if self.average else nullcontext():
            scores = {name: float(value) for name, value in self.task.validate().items()}
            better = not self.scores or scores[SCORE] < self.scores[SCORE]
            if better:
                self.best = {
                    name: value.detach().cpu().clone() for name, value in self.task.network.state_dict().items()
                }
        if not math.isfinite(scores[SCORE]):
            raise CardiacMotionError(f"the validation at step {self.step} has the score {scores[SCORE]}")
        self.waited = 0 if better else self.waited + 1
        if better:
            self.scores, self.best_step = scores, self.step
        assert self.log is not None
        self.log.validation(self.step, {"seconds": round(self.seconds, 2), **scores})
        best = "the best so far" if better else f"the best was {self.scores[SCORE]:.4f} at step {self.best_step}"
        total = self.settings.steps
        self.told(f"Step {self.step} of {total}: score {scores[SCORE]:.4f}, {best}; {duration(self._left())} left")

    def _left(self) -> float:
        """Seconds to the last step, with as many a step as in this session so far."""
        taken = time.perf_counter() - self.started
        return taken / (self.step - self.first_step) * (self.settings.steps - self.step)

    def _told_to_stop(self) -> bool:
        if self.progress is None or not self.processes.first:
            return False
        done, total, left = self.step, self.settings.steps, self._left()
        loss = "" if self.loss is None else f", loss {self.loss:.4f}"
        score = f", score {self.scores[SCORE]:.4f}" if self.scores else ""
        return self.progress(done / total, f"step {done} of {total}{loss}{score}, {duration(left)} left") is False

    # ------------------------------------------------------------------ the state in a file

    def _save(self) -> None:
        self._means()  # whatever is stored is finite
        if not self.processes.first:
            return
        state = {
            "task": self.task.state_dict(),
            "average": self.average.values if self.average else {},
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "sums": self.sums,
            "best": {"tensors": self.best, "scores": self.scores, "step": self.best_step, "waited": self.waited},
        }
        save_checkpoint(self.path, state, self.identity)

    def _restore(self, state: Mapping[str, Any]) -> None:
        check_tensors(state["task"], self.task.state_dict(), str(self.path))
        self.task.load_state_dict(state["task"])
        if self.average is not None:
            self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.sums = {name: value.to(self.task.device) for name, value in state["sums"].items()}
        best = state["best"]
        self.best, self.scores = best["tensors"], best["scores"]
        self.best_step, self.waited = best["step"], best["waited"]


# ---------------------------------------------------------------------- parts


def freeze_norms(module: nn.Module) -> None:
    """Let what normalizes over the batch do it by its running means, as in use: with few images they differ."""
    for one in module.modules():
        if isinstance(one, nn.modules.batchnorm._BatchNorm):
            one.eval()


class Average:
    """Moving average of a network's weights; the first steps, far from the end, soon fade from it."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after ``step`` steps in."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, weight)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this the network has the averaged weights."""
        own = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.values)
        try:
            yield
        finally:
            self.network.load_state_dict(own)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Go on from a stored average."""
        for name, value in values.items():
            self.values[name].copy_(value)


def make_optimizer(task: Task, settings: Settings) -> torch.optim.Optimizer:
    """Adam or AdamW over the parameters that are trained; vectors (biases, scales) do not decay."""
    trained = [p for p in task.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    return kind([g for g in groups if g["params"]], lr=settings.learning_rate, betas=BETAS, fused=True)


class _Batches(Dataset[Batch]):
    """The batches of a task as a data set, so that workers can make them ahead."""

    def __init__(self, task: Task, length: int) -> None:
        self.task, self.length = task, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, step: int) -> Batch:
        return self.task.batch(step)


def make_batches(task: Task, settings: Settings, start: int) -> DataLoader[Batch]:
    """The batches of the steps from ``start`` on, in order."""
    return DataLoader(
        _Batches(task, settings.steps),
        batch_size=None,
        sampler=range(start, settings.steps),
        num_workers=settings.workers,
        pin_memory=task.device.type == "cuda",
    )


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _gpus(device: torch.device) -> list[int]:
    return [torch.cuda.current_device() if device.index is None else device.index] if device.type == "cuda" else []


def duration(seconds: float) -> str:
    """A time in a word or two."""
    minutes = math.ceil(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"

"""One process, or several that ``torchrun`` started: each trains on its own batches, their gradients are averaged."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from ..devices import choose_device
from .task import Task

PATIENCE = datetime.timedelta(hours=2)  # with which the others wait while the first one validates


@dataclass(frozen=True)
class Processes:
    """The processes that train together, seen from one of them."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that validates, tells and writes."""
        return self.rank == 0

    def any(self, mine: bool) -> bool:
        """Whether it is so in any of them; all must ask."""
        if self.world == 1:
            return mine
        answer = torch.tensor(int(mine), device=self.device)
        dist.all_reduce(answer, dist.ReduceOp.MAX)
        return bool(answer.item())

    def wrap(self, task: Task) -> torch.nn.Module:
        """The task as it is called: gradients are averaged over the processes, which begin with the same weights."""
        if self.world == 1:
            return task
        devices = [self.device] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(task, device_ids=devices)


def rank() -> int:
    """Which of the processes of ``torchrun`` this is; 0 without it."""
    return int(os.environ.get("RANK", 0))


@contextmanager
def together(device: str) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started (``RANK``, ``WORLD_SIZE``, ...), by NCCL on GPUs, else by gloo.

    Every process takes a GPU of its own, where ``device`` is ``cuda`` or ``auto`` and there are some.
    """
    world = int(os.environ.get("WORLD_SIZE", 1))
    chosen = choose_device(device)
    if world == 1:
        yield Processes(chosen)
        return
    if chosen.type == "cuda":
        chosen = choose_device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}")
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(chosen, dist.get_rank(), world)
    finally:
        dist.destroy_process_group()

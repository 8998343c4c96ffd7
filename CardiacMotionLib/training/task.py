"""`Task`: what is trained, on what, and how good it is; the loop knows nothing else of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .settings import FLOAT32

SCORE = "score"  # of a validation: decides which weights are kept; lower is better


class Task(nn.Module, ABC):
    """A network with its batches, its loss and its validation.

    Attributes
    ----------
    network
        Its weights are what comes out. Other modules with parameters (a second network, say) are trained too.
    precision
        Of `autocast`; set by the loop.
    rank, world
        Which of how many processes this is; set by the loop before the first batch.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.precision = FLOAT32
        self.rank, self.world = 0, 1

    @abstractmethod
    def batch(self, step: int) -> dict[str, Tensor]:
        """What step ``step`` sees, on the CPU: depends on the step, the seed and the rank, and on nothing else.

        Ranks should see different samples, as many each: their gradients are averaged. May be called in a worker.
        """

    @abstractmethod
    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss () of a batch on `device`, and what else is worth logging, () each."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Scores on fixed subjects that are never trained on; ``score`` decides, lower is better.

        Called in evaluation mode without gradients, in one process only.
        """

    @property
    def about(self) -> Mapping[str, Any]:
        """Plain values, also in sections, that say what is trained; a checkpoint that has others is refused by name."""
        return {}

    @property
    def card(self) -> Mapping[str, Any]:
        """What the card of the weights says beyond the recipe: task, dims, pixel_mm, data, license."""
        return {}

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def autocast(self) -> torch.autocast:
        """Context in which the network, and nothing else, computes with the precision of the settings.

        What comes out of it may be of that precision: bring it back with ``.float()`` before the loss.
        """
        mixed = self.precision != FLOAT32
        return torch.autocast(self.device.type, getattr(torch, self.precision) if mixed else None, enabled=mixed)

"""A small thing to train: a line with noise in it, so that randomness matters too."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from CardiacMotionLib.training.task import Task

SLOPE = torch.tensor([[1.0, -2.0], [0.5, 3.0]])


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(2, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        return self.matrix(x)


class ToyTask(Task):
    """Finds ``SLOPE`` from noisy samples; ``noise`` is drawn while the loss is computed."""

    def __init__(self, *, seed: int = 0, samples: int = 8, noise: float = 0.01, scores: list[float] | None = None):
        torch.manual_seed(seed)
        super().__init__(Line())
        self.seed, self.samples, self.noise = seed, samples, noise
        self.scores = scores  # to be told instead of measured

    @property
    def about(self) -> dict[str, Any]:
        return {"method": "toy", "data": {"samples": self.samples}}

    @property
    def card(self) -> dict[str, Any]:
        return {"task": "cine", "dims": 2, "pixel_mm": 2.0, "data": "numbers that were drawn", "license": "Apache-2.0"}

    def batch(self, step: int) -> dict[str, Tensor]:
        """The samples of this rank: those of all ranks together are the batch of one process."""
        rng = np.random.default_rng([self.seed, step])
        x = torch.from_numpy(rng.normal(size=(self.samples, 2))).float()
        return {"x": x.chunk(self.world)[self.rank]}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x = batch["x"]
        with self.autocast():
            y = self.network(x + self.noise * torch.randn_like(x))
        error = (y.float() - x @ SLOPE.to(x).T).square().mean()
        return error, {"largest": y.float().abs().max()}

    def validate(self) -> dict[str, float]:
        if self.scores is not None:
            return {"score": self.scores.pop(0)}
        off = (self.network.matrix.weight - SLOPE.to(self.device)).abs()
        return {"score": off.mean().item(), "worst": off.max().item()}

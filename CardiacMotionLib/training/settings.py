"""How a network is trained: steps, optimizer, precision, validation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..methods.protocol import option

BETAS = (0.9, 0.999)  # of Adam
AUTO, FLOAT32, BFLOAT16, FLOAT16 = "auto", "float32", "bfloat16", "float16"


@dataclass(frozen=True)
class Settings:
    """The section ``[training]`` of a recipe, the same for every network."""

    steps: int = option(1000, "Steps of the optimizer", minimum=1, maximum=100_000_000)
    learning_rate: float = option(1e-3, "Largest step of the optimizer", minimum=1e-8, maximum=1)
    optimizer: str = option("adam", "Adam, or AdamW with decay apart from the gradient", choices=("adam", "adamw"))
    weight_decay: float = option(0.0, "Pull of weights (not of biases) towards 0", minimum=0, maximum=1)
    schedule: str = option(
        "constant", "Learning rate after the warm-up: as it is, or to 0 along a cosine", choices=("constant", "cosine")
    )
    warmup: int = option(0, "Steps over which the learning rate rises from 0", minimum=0, maximum=1_000_000)
    clip: float = option(0.0, "Longest gradient, a longer one is shortened; 0: any", minimum=0, maximum=1e6)
    precision: str = option(
        FLOAT32,
        "Numbers within the network (mixed precision); auto: bfloat16 where the device computes with it, else float32",
        choices=(AUTO, FLOAT32, BFLOAT16, FLOAT16),
    )
    ema: float = option(
        0.0,
        "Decay of the moving average of the weights that is validated and written; 0: none",
        minimum=0,
        maximum=0.99999,
    )
    frozen: float = option(
        0.0,
        "Last share of the steps in which networks that normalize over the batch do it as in use, by what they learned "
        "before",
        minimum=0,
        maximum=1,
    )
    validate_every: int = option(100, "Steps from one validation to the next", minimum=1, maximum=10_000_000)
    patience: int = option(
        0, "Validations without gain after which training ends; 0: never", minimum=0, maximum=100_000
    )
    checkpoint_every: int = option(100, "Steps from one checkpoint to the next", minimum=1, maximum=10_000_000)
    log_every: int = option(10, "Steps that share a row of the log, which has their mean", minimum=1, maximum=1_000_000)
    workers: int = option(0, "Processes that make batches ahead; 0: they are made in turn", minimum=0, maximum=256)
    seed: int = option(0, "Of the drawn weights and all random choices", minimum=0, maximum=2**31 - 1)

    def rate(self, step: int) -> float:
        """Learning rate of ``step``, the first of which is 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def is_frozen(self, step: int) -> bool:
        """Whether ``step`` normalizes as in use."""
        return step >= (1 - self.frozen) * self.steps

    @property
    def decisive(self) -> dict[str, Any]:
        """Settings that a run cannot change on the way; what does not depend on it lets the number of steps be."""
        free = {"patience", "checkpoint_every", "log_every", "workers"}
        free |= {"steps"} if self.schedule == "constant" and not self.frozen else set()
        return {name: value for name, value in asdict(self).items() if name not in free}

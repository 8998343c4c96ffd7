"""`PairTask`: training of networks that register two images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import CardiacMotionError
from ..fields import jacobian_determinant, warp
from ..methods.learned import CINE, MAPPING, PairNetwork, labels_of
from ..series import LABEL_NAMES
from .data import (
    Data,
    Prepared,
    TrainingSubject,
    augment,
    draw_pair,
    held_out_pairs,
    stacked,
    training_people,
)
from .losses import Loss, endpoint_error, one_hot, pair_loss
from .people import intensity
from .task import SCORE, Task

Module = TypeVar("Module", bound=nn.Module)
AT_ONCE = 16  # pairs of a validation in a batch


class PairTask(Task):
    """A `PairNetwork` and the people it learns from.

    Parameters
    ----------
    network
        To train.
    people, held_out
        Prepared series to train and to validate on.
    data, loss
        Sections of the recipe.
    seed
        Of the batches.
    """

    def __init__(
        self,
        network: PairNetwork,
        people: Sequence[Prepared],
        held_out: Sequence[Prepared],
        data: Data,
        loss: Loss,
        seed: int = 0,
    ) -> None:
        super().__init__(network)
        self.dims = network.dims
        self.data, self.loss, self.seed = data, loss, seed
        self.people, self.held_out = people, held_out
        if loss.dice or loss.regions:  # of a cohort few frames are labeled
            self.people = [person.with_labels for person in people]
        self.extra_card: dict[str, Any] = {}
        self._validated: list[dict[str, Tensor]] = []  # pairs, the same every time

    def batch(self, step: int) -> dict[str, Tensor]:
        """Pairs of random people, frames and slices."""
        rng = np.random.default_rng([self.seed, step, self.rank])
        exact = self.loss.truth > 0
        pairs = [
            draw_pair(self.people[int(rng.integers(len(self.people)))], self.data, self.dims, rng, exact=exact)
            for _ in range(self.data.batch)
        ]
        return stacked([augment(pair, rng) for pair in pairs] if self.data.augmented else pairs)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Outer loss and its parts."""
        return self._loss(*self._look(batch), batch)

    def _look(self, batch: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Displacements and regions."""
        with self.autocast():
            found, regions = self.network.look(batch["fixed"], batch["moving"])  # type: ignore[operator]
        return [displacement.float() for displacement in found], regions

    def _loss(
        self, found: list[Tensor], regions: list[Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        weights = self.network.step_weights(len(found))  # type: ignore[operator]
        return pair_loss(found, weights, batch, self.loss, regions)

    def validate(self) -> dict[str, float]:
        """Loss, Dice of carried labels, error in the heart where the truth is known, folded share of the pixels."""
        values: dict[str, list[float]] = {}
        weights: dict[str, list[float]] = {}
        if not self._validated:
            self._validated = list(held_out_pairs(self.held_out, self.data, self.dims))
        pairs = self._validated
        for start in range(0, len(pairs), AT_ONCE):
            batch = {name: value.to(self.device) for name, value in stacked(pairs[start : start + AT_ONCE]).items()}
            found, regions = self._look(batch)
            overlaps = overlaps_of(carried_labels(found[-1], batch), batch)
            told = overlaps_of(labels_of(regions[0].float().exp()), batch) if regions else []
            known = float(batch["known"].sum())
            scores = {
                SCORE: (float(self._loss(found, regions, batch)[0]), len(batch["fixed"])),
                "folding": (float((jacobian_determinant(found[-1]) <= 0).float().mean()), len(batch["fixed"])),
                "error": (float(endpoint_error(found[-1], batch, heart=True)) * self.data.pixel_mm, known),
                "dice": (float(np.mean(overlaps)) if overlaps else 0.0, len(overlaps)),
                "segmentation": (float(np.mean(told)) if told else 0.0, len(told)),
            }
            for name, (value, weight) in scores.items():
                if weight:
                    values.setdefault(name, []).append(value)
                    weights.setdefault(name, []).append(weight)
        return {name: float(np.average(of, weights=weights[name])) for name, of in values.items()}

    @property
    def about(self) -> dict[str, Any]:
        """What decides what is learned: people, data and loss."""
        return {
            "people": len(self.people),
            "frames": sum(int(person.frames.shape[0]) for person in self.people),
            "intensity": intensity(self.people),
        }

    @property
    def card(self) -> dict[str, Any]:
        """For what series the weights are."""
        return {
            "task": MAPPING if self.data.kind == "t1" else CINE,
            "dims": self.dims,
            "pixel_mm": self.data.pixel_mm,
            **self.extra_card,
        }


def carried_labels(displacement: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Labels (B, *shape) of ``moving`` drawn in ``fixed``; a voxel of which half is in a structure has its label."""
    drawn = warp(one_hot(batch["moving_labels"]), displacement)
    largest, label = drawn.max(1)
    return torch.where(largest > 0.5, label + 1, 0)


def overlaps_of(labels: Tensor, batch: dict[str, Tensor]) -> list[float]:
    """Dice of every structure of labels (B, *shape) that ``fixed`` shows."""
    values = []
    for label in LABEL_NAMES:
        for ours, theirs, labeled in zip(
            labels == label, batch["fixed_labels"] == label, batch["labeled"], strict=True
        ):
            if labeled and theirs.any():
                values.append(float(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())))
    return values


def pair_task(
    network: PairNetwork,
    data: Data,
    loss: Loss,
    seed: int = 0,
    subjects: Sequence[TrainingSubject] | None = None,
    told: Callable[[int, int], object] | None = None,
    store: Path | None = None,
) -> PairTask:
    """The task with synthetic people, or with those given: the last fifth of them, one at least, is held out.

    ``store`` is a file that keeps them prepared, see `prepare_all`.

    Raises
    ------
    CardiacMotionError
        for fewer than two people, or one whose images cannot be used; for a loss of regions that the network does not
        tell.
    """
    if loss.regions and not network.segments:
        raise CardiacMotionError("loss.regions needs a network that tells regions; set it to 0, or take memwarp")
    people, held_out, about = training_people(data, network.dims, subjects, told, store)
    if (loss.dice or loss.regions) and not any(int(person.labeled.sum()) > 1 for person in people):
        raise CardiacMotionError(
            "loss.dice and loss.regions need subjects with two labeled frames at least, there is none; set both to 0"
        )
    task = PairTask(network, people, held_out, data, loss, seed)
    task.extra_card = about
    return task


def seeded(build: Callable[[], Module], seed: int) -> Module:
    """A network whose drawn weights are those of a seed, without a trace in the global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()

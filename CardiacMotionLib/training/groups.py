"""`GroupTask`: training of networks that register a set of images to their mean shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..errors import CardiacMotionError
from ..fields import bspline_basis, compose, evaluate_bspline, invert, jacobian_determinant, warp, warp_nearest
from ..methods.any2reg.extractor import region_features
from ..methods.any2reg.loss import drawn, parts_of
from ..methods.learned import ANY, GroupNetwork
from ..methods.protocol import option
from ..phantom.stream import HELD_OUT
from ..series import LABEL_NAMES
from .data import Data, Prepared, TrainingSubject, moved, stacked, training_people
from .people import intensity
from .task import SCORE, Task

KNOTS_MM = 30.0  # distance of the control points of random warps
CONTRAST = 0.4  # largest logarithm of the gamma of an image


@dataclass(frozen=True)
class GroupData(Data):
    """Which people, and what is done to their images."""

    fewest: int = option(4, "Fewest images in a set; the number is drawn, up to all", minimum=2, maximum=1000)
    warp_mm: float = option(
        0.0, "Largest random displacement of every image, on top of its motion", unit="mm", minimum=0, maximum=30
    )


@dataclass(frozen=True)
class GroupLoss:
    """What a network for sets is trained to make small (paper 003, equation 8, and the truth)."""

    images: float = option(1.0, "Weight of the conditional template entropy", minimum=0, maximum=1000)
    features: float = option(
        1.0, "Weight of the difference of the second stream's features, if any", minimum=0, maximum=1000
    )
    smoothness: float = option(0.5, "Weight of the mean squared slope of the displacement", minimum=0, maximum=1000)
    mean: float = option(0.01, "Weight of the squared mean displacement of the set", minimum=0, maximum=1000)
    truth: float = option(
        0.0, "Weight of the mean error in pixels, where the motion is known; not in the paper", minimum=0, maximum=1000
    )


class GroupTask(Task):
    """A `GroupNetwork` and the people it learns from.

    Parameters
    ----------
    network
        To train; may have a second stream, ``config.extractor`` names where its features come from.
    people, held_out
        Prepared series to train and to validate on.
    data, loss
        Sections of the recipe.
    seed
        Of the batches.
    """

    def __init__(
        self,
        network: GroupNetwork,
        people: Sequence[Prepared],
        held_out: Sequence[Prepared],
        data: GroupData,
        loss: GroupLoss,
        seed: int = 0,
    ) -> None:
        super().__init__(network)
        self.data, self.loss, self.seed = data, loss, seed
        self.people, self.held_out = people, held_out
        self.extra_card: dict[str, Any] = {}
        self._extractor: Callable[[Tensor], Tensor] | None = None

    def batch(self, step: int) -> dict[str, Tensor]:
        """Sets of random people and slices, as many images in each."""
        rng = np.random.default_rng([self.seed, step, self.rank])
        fewest_of_people = min(len(person.frames) for person in self.people)
        count = int(rng.integers(min(self.data.fewest, fewest_of_people), fewest_of_people + 1))
        sets = []
        for _ in range(self.data.batch):
            person = self.people[int(rng.integers(len(self.people)))]
            drawn_set = draw_set(person, count, rng)
            sets.append(augment_set(drawn_set, self.data, rng) if self.data.augmented else drawn_set)
        return stacked(sets)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and its parts."""
        return self._loss(batch, *self._found(batch))

    def _found(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """Displacement (B, N, J, I, 2) and the features (B, N, C, J, I) of the second stream."""
        frames = batch["frames"]
        features = None
        if getattr(self.network.config, "features", 0):
            if self._extractor is None:
                config: Any = self.network.config
                self._extractor = region_features(config.extractor, config.features, self.data.pixel_mm, self.device)
            features = self._extractor(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        with self.autocast():
            found = self.network(frames) if features is None else self.network(frames, features)
        return found.float(), features

    def _loss(
        self, batch: dict[str, Tensor], displacement: Tensor, features: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        parts = parts_of(batch["frames"], displacement, features)
        if self.loss.truth:
            off = deviation(displacement, batch).norm(dim=-1)
            heart = in_heart(displacement, batch)
            known = batch["known"][:, None, None, None]
            weight = known * (1 + heart[:, None] / heart.mean().clamp_min(1e-3)) / 2
            parts["truth"] = (off * weight).mean()
        total = sum(getattr(self.loss, name) * value for name, value in parts.items())
        assert isinstance(total, Tensor)
        return total, parts

    def validate(self) -> dict[str, float]:
        """Loss, Dice over all pairs of images, error in the heart where the truth is known, folded share of pixels."""
        values: dict[str, list[float]] = {}
        for person in self.held_out:
            rng = np.random.default_rng(HELD_OUT)
            one = draw_set(person, len(person.frames), rng)
            batch = {name: value[None].to(self.device) for name, value in one.items()}
            found, features = self._found(batch)
            scores = {
                SCORE: float(self._loss(batch, found, features)[0]),
                "folding": float((jacobian_determinant(found[0]) <= 0).float().mean()),
            }
            if batch["known"].all():
                off, heart = deviation(found, batch).norm(dim=-1), in_heart(found, batch)[:, None]
                size = heart.sum() * off.shape[1]
                scores["error"] = float((off * heart).sum() / size.clamp_min(1)) * self.data.pixel_mm
            if batch["labeled"].all():
                scores["dice"] = all_pair_dice(found, batch["labels"])
            for name, value in scores.items():
                values.setdefault(name, []).append(value)
        return {name: float(np.nanmean(of)) for name, of in values.items()}

    @property
    def about(self) -> dict[str, Any]:
        """What decides what is learned."""
        frames = sum(int(person.frames.shape[0]) for person in self.people)
        return {"people": len(self.people), "frames": frames, "intensity": intensity(self.people)}

    @property
    def card(self) -> dict[str, Any]:
        """For what series the weights are: any."""
        return {"task": ANY, "dims": self.network.dims, "pixel_mm": self.data.pixel_mm, **self.extra_card}


def deviation(displacement: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Error (B, N, J, I, 2) in voxels of a groupwise displacement, up to where the canonical space lies.

    What is at a point of the canonical space must be the same tissue in all images. How far it is from that in image n,
    counted from image 0 whose motion to the others is known, less the mean of this over the set.
    """
    first = displacement[:, :1].expand_as(displacement).flatten(0, 1)
    expected = compose(first, batch["displacement"].flatten(0, 1)).unflatten(0, displacement.shape[:2])
    off = displacement - expected
    return off - off.mean(1, keepdim=True)


def in_heart(displacement: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Where in the canonical space the heart of image 0 is: (B, J, I), 0 or 1."""
    heart = (batch["labels"][:, :1] > 0).float()
    return (warp(heart, displacement[:, 0].detach()) > 0.5).float()[:, 0]


def all_pair_dice(displacement: Tensor, labels: Tensor) -> float:
    """Mean Dice of the structures over all pairs of images (1, N, J, I) drawn in the canonical space."""
    shown = one_hot(labels.long(), 1 + max(LABEL_NAMES)).movedim(-1, 2)[:, :, 1:].float()
    masks = (drawn(shown, displacement)[0] > 0.5).flatten(2).float()  # (N, C, P)
    both = torch.einsum("ncp,mcp->cnm", masks, masks)
    size = masks.sum(-1).T
    total = size[:, :, None] + size[:, None]
    first, second = torch.triu_indices(len(masks), len(masks), 1)
    dice = (2 * both / total)[:, first, second]
    return float(dice[total[:, first, second] > 0].mean())


# ---------------------------------------------------------------------- sets


def draw_set(person: Prepared, count: int, rng: np.random.Generator) -> dict[str, Tensor]:
    """Some images of one slice of a person, the first always among them and first.

    ``frames`` (N, 1, J, I) float32, ``labels`` (N, J, I) uint8, ``displacement`` (N, J, I, 2) in voxels from the first
    image and ``known`` () whether it is the truth, ``labeled`` (N,).
    """
    level = int(rng.integers(person.frames.shape[1]))
    others = 1 + rng.permutation(len(person.frames) - 1)[: count - 1]
    chosen = torch.from_numpy(np.concatenate(([0], np.sort(others))))
    known = person.displacement is not None
    frames = person.frames[chosen, level]
    motion = person.displacement[chosen, level, ..., :2] if known else frames.new_zeros(*frames.shape, 2)  # type: ignore[index]
    return {
        "frames": frames[:, None],
        "labels": person.labels[chosen, level],
        "displacement": motion,
        "known": torch.tensor(float(known)),
        "labeled": person.labeled[chosen].float(),
    }


def augment_set(one: dict[str, Tensor], data: GroupData, rng: np.random.Generator) -> dict[str, Tensor]:
    """One of the eight symmetries of the plane, a contrast of every image's own, and a random warp of each."""
    how = [bool(bit) for bit in rng.integers(2, size=3)]
    result = {name: moved(value, name == "displacement", *how) for name, value in one.items()}
    gamma = torch.from_numpy(np.exp(rng.uniform(-CONTRAST, CONTRAST, len(result["frames"])))).float()
    result["frames"] = result["frames"] ** gamma[:, None, None, None]
    return warp_set(result, data.warp_mm / data.pixel_mm, KNOTS_MM / data.pixel_mm, rng) if data.warp_mm else result


def warp_set(one: dict[str, Tensor], largest: float, knots: float, rng: np.random.Generator) -> dict[str, Tensor]:
    """Every image drawn through a smooth random field of its own, of at most ``largest`` voxels; the truth follows.

    Image n' shows at y what n shows at y + w_n(y). What is at x in image 0' is at x + w_0(x) in 0, from there the
    motion takes it to n, and the inverse of w_n to n'.
    """
    frames = one["frames"]
    bases = [bspline_basis(size, knots) for size in frames.shape[2:]]
    drawn_values = rng.standard_normal((len(frames), *(basis.shape[1] for basis in bases), 2))
    field = evaluate_bspline(torch.from_numpy(drawn_values).float(), bases)
    strength = torch.from_numpy(rng.uniform(0, largest, len(frames))).float()
    field = field * (strength / field.norm(dim=-1).amax((1, 2)))[:, None, None, None]
    onward = compose(one["displacement"], invert(field))
    displacement = compose(field[:1].expand_as(field), onward)
    displacement[0] = 0  # exactly, without what the inverse is off
    return {
        **one,
        "frames": warp(frames, field),
        "labels": warp_nearest(one["labels"][:, None], field)[:, 0],
        "displacement": displacement,
    }


def group_task(
    network: GroupNetwork,
    data: GroupData,
    loss: GroupLoss,
    seed: int = 0,
    subjects: Sequence[TrainingSubject] | None = None,
    told: Callable[[int, int], object] | None = None,
    store: Path | None = None,
) -> GroupTask:
    """The task with synthetic people, or with those given: the last fifth of them, one at least, is held out.

    ``store`` is a file that keeps them prepared, see `prepare_all`.

    Raises
    ------
    CardiacMotionError
        for fewer than two people, or one whose images cannot be used; for a template frame.
    """
    if data.template != "first":
        raise CardiacMotionError(
            "a set has no template frame, it is registered to all of its images; leave data.template"
        )
    people, held_out, about = training_people(data, network.dims, subjects, told, store)
    task = GroupTask(network, people, held_out, data, loss, seed)
    task.extra_card = about
    return task

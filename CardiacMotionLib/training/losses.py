"""The outer loss of networks for pairs: the images, how smooth it is, the labels, the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import fields
from ..methods.protocol import option
from ..methods.similarity_gradient import KINDS, dissimilarity
from ..series import LABEL_NAMES


@dataclass(frozen=True)
class Loss:
    """What a network for pairs is trained to make small."""

    similarity: str = option(
        "mse", "How images are compared: squared error, local correlation or mutual information", choices=KINDS
    )
    images: float = option(1.0, "Weight of that comparison; 0: the truth alone", minimum=0, maximum=1000)
    smoothness: float = option(
        0.05, "Weight of the mean squared slope of the displacement, in voxels a voxel", minimum=0, maximum=1000
    )
    truth: float = option(0.0, "Weight of the mean error in pixels, where the motion is known", minimum=0, maximum=1000)
    dice: float = option(
        0.0,
        "Weight of 1 - Dice of the labels of one image drawn in the other (semi-supervised)",
        minimum=0,
        maximum=1000,
    )
    regions: float = option(
        0.0, "Weight of 1 - Dice of the regions that the network tells; of one that does", minimum=0, maximum=1000
    )


def pair_loss(
    found: Sequence[Tensor],
    step_weights: Sequence[float],
    batch: dict[str, Tensor],
    loss: Loss,
    regions: Sequence[Tensor] = (),
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted mean over the steps of the outer loss (paper 004, equation 13), and its parts at the last step.

    ``found`` are displacements (B, *shape, d) in voxels after each step, ``batch`` as of `data.draw_pair`; ``regions``
    as of `PairNetwork.look`.
    """
    total = batch["fixed"].new_zeros(())
    parts: dict[str, Tensor] = {}
    for displacement, weight in zip(found, step_weights, strict=True):
        if not weight:
            continue
        parts = {"smoothness": fields.diffusion_energy(displacement)}
        value = loss.smoothness * parts["smoothness"]
        if loss.images:
            warped = fields.warp(batch["moving"], displacement)
            parts["images"] = dissimilarity(loss.similarity, warped, batch["fixed"]).mean()
            value = value + loss.images * parts["images"]
        if loss.truth:
            parts["truth"] = endpoint_error(displacement, batch)
            value = value + loss.truth * parts["truth"]
        if loss.dice:
            parts["dice"] = 1 - carried_dice(displacement, batch)
            value = value + loss.dice * parts["dice"]
        total = total + weight * value
    total = total / sum(step_weights)
    if loss.regions and regions:
        parts["regions"] = region_loss(regions, batch)
        total = total + loss.regions * parts["regions"]
    return total, parts


def carried_dice(displacement: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Mean soft Dice of the labels of ``moving`` drawn in ``fixed``."""
    drawn = fields.warp(one_hot(batch["moving_labels"]), displacement)
    return soft_dice(drawn, one_hot(batch["fixed_labels"]), batch["labeled"])


def region_loss(regions: Sequence[Tensor], batch: dict[str, Tensor]) -> Tensor:
    """1 - Dice of the regions of every level against the labels of ``fixed``: 1, 1/2, 1/4 ... (paper 002, 2.3).

    Background is what is left; it has no Dice of its own.
    """
    truth = one_hot(batch["fixed_labels"])
    total = truth.new_zeros(())
    for level, of_level in enumerate(regions):
        probability = of_level.float().exp()[:, 1 : 1 + truth.shape[1]]
        total = (
            total + (1 - soft_dice(fields.enlarge(probability, truth.shape[2:]), truth, batch["labeled"])) / 2**level
        )
    return total


def one_hot(labels: Tensor) -> Tensor:
    """(B, *shape) to (B, 3, *shape) float32: RV, myocardium, cavity."""
    return torch.stack([labels == label for label in LABEL_NAMES], dim=1).float()


def soft_dice(ours: Tensor, theirs: Tensor, labeled: Tensor) -> Tensor:
    """Mean Dice of structures (B, C, *shape) over the pairs that are labeled (B,); 1 where none is.

    A structure that neither has agrees; so that it does not count for how little is there, a voxel is added to both.
    """
    axes = tuple(range(2, ours.ndim))
    overlap, size = (ours * theirs).sum(axes), ours.sum(axes) + theirs.sum(axes)
    of_pairs = ((2 * overlap + 1) / (size + 1)).mean(1)
    return torch.where(labeled.sum() > 0, (of_pairs * labeled).sum() / labeled.sum().clamp_min(1), 1.0)


def endpoint_error(displacement: Tensor, batch: dict[str, Tensor], *, heart: bool = False) -> Tensor:
    """Mean length of the error in pixels over pairs whose motion is known, everywhere or within the labels.

    A slice is as many pixels as it is thick. The square root is rounded off at a hundredth of a pixel, where it has no
    slope.
    """
    off = displacement - batch["displacement"]
    if off.shape[-1] == 3:
        through = batch["slice_pixels"].to(off)
        sides = torch.stack((torch.ones_like(through), torch.ones_like(through), through), -1)
        off = off * sides[:, None, None, None]
    known = batch["known"].reshape(-1, *[1] * (displacement.ndim - 2))
    weight = known * (batch["fixed_labels"] > 0) if heart else known.expand(displacement.shape[:-1])
    error = (off.square().sum(-1) + 1e-4).sqrt() - 1e-2
    return (error * weight).sum() / weight.sum().clamp_min(1)

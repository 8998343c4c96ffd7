"""The outer loss of networks for pairs: what the images say, how smooth, and the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .. import fields
from ..methods.protocol import option
from ..methods.similarity_gradient import KINDS, dissimilarity


@dataclass(frozen=True)
class Loss:
    """What a network for pairs is trained to make small."""

    similarity: str = option(
        "mse", "How images are compared: squared error, local correlation or mutual information", choices=KINDS
    )
    images: float = option(1.0, "Weight of that comparison; 0: the truth alone", minimum=0, maximum=1000)
    smoothness: float = option(0.05, "Weight of the mean squared slope of the displacement", minimum=0, maximum=1000)
    truth: float = option(0.0, "Weight of the mean error in pixels, where the motion is known", minimum=0, maximum=1000)


def pair_loss(
    found: Sequence[Tensor], step_weights: Sequence[float], batch: dict[str, Tensor], loss: Loss
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted mean over the steps of the outer loss (paper 004, equation 13), and its parts at the last step.

    ``found`` are displacements (B, *shape, d) in voxels after each step, ``batch`` as of `data.draw_pair`.
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
        total = total + weight * value
    return total / sum(step_weights), parts


def endpoint_error(displacement: Tensor, batch: dict[str, Tensor], *, heart: bool = False) -> Tensor:
    """Mean length of the error in voxels over pairs whose motion is known, everywhere or within the labels.

    The square root is rounded off at a hundredth of a voxel, where it has no slope.
    """
    known = batch["known"].reshape(-1, *[1] * (displacement.ndim - 2))
    weight = known * (batch["fixed_labels"] > 0) if heart else known.expand(displacement.shape[:-1])
    error = ((displacement - batch["displacement"]).square().sum(-1) + 1e-4).sqrt() - 1e-2
    return (error * weight).sum() / weight.sum().clamp_min(1)

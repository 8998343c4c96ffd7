"""What a groupwise motion is judged by without truth (paper 003, section 2.5)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...fields import conditional_entropy, diffusion_energy, warp
from .aggregate import descriptors, set_weights

BINS = 16  # of the joint histogram
MEAN = 0.01  # what the motion of the whole set counts where a series tunes the network


def drawn(frames: Tensor, displacement: Tensor) -> Tensor:
    """Sets (B, N, C, J, I) in their canonical space, by displacements (B, N, J, I, 2) in voxels."""
    return warp(frames.flatten(0, 1), displacement.flatten(0, 1)).unflatten(0, frames.shape[:2])


def template_of(frames: Tensor) -> Tensor:
    """The template (B, C, J, I) of sets (B, N, C, J, I), weighted by their correlation."""
    return torch.einsum("bn,bncji->bcji", set_weights(descriptors(frames)), frames)


def template_entropy(aligned: Tensor) -> Tensor:
    """Conditional template entropy () of sets (B, N, 1, J, I) in their canonical space, a mean over images (eq. 7)."""
    template = template_of(aligned)[:, None].expand_as(aligned)
    return conditional_entropy(aligned.flatten(0, 1), template.flatten(0, 1), BINS).mean()


def feature_difference(aligned: Tensor) -> Tensor:
    """Mean squared difference () of features (B, N, C, J, I) in the canonical space from their template."""
    return (aligned - template_of(aligned)[:, None]).square().mean()


def group_motion(displacement: Tensor) -> Tensor:
    """Mean square () of the mean displacement of the set, which should not move as a whole; voxels squared."""
    return displacement.mean(1).square().sum(-1).mean()


def parts_of(frames: Tensor, displacement: Tensor, features: Tensor | None = None) -> dict[str, Tensor]:
    """All parts of equation 8 for sets (B, N, 1, J, I) and their displacement (B, N, J, I, 2) in voxels."""
    parts = {
        "images": template_entropy(drawn(frames, displacement)),
        "smoothness": diffusion_energy(displacement.flatten(0, 1)),
        "mean": group_motion(displacement),
    }
    if features is not None:
        parts["features"] = feature_difference(drawn(features, displacement))
    return parts

"""Gradient descent of which the regularization is learned, from coarse to fine (GraDIRN, Qiu 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...fields import resize_displacement, resize_image
from ..layers import SLOPE, convolution
from ..learned import PairNetwork
from ..protocol import option
from ..similarity_gradient import KINDS, SimilarityGradient

FIRST_OUTPUT = 1e-2  # what the first weights of a learned gradient are of others
SHOWN = 0.1  # voxels of displacement, times this, are of the size of intensities; training diverges less readily
THROUGH_PLANE = 0.04  # first step size through the slices over that in plane: the square of pixel over slice


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    dims: int = option(2, "Dimensions of the images", choices=(2, 3))
    levels: int = option(3, "Resolutions, each half the next in plane", minimum=1, maximum=6)
    steps: int = option(3, "Steps at each resolution", minimum=1, maximum=20)
    shared: bool = option(True, "Let the steps of a resolution share one network")
    layers: int = option(5, "Convolutions of a network", minimum=2, maximum=12)
    channels: int = option(32, "Channels between them", minimum=4, maximum=128)
    similarity: str = option("mse", "What the gradient is of: mse, ncc (local) or nmi", choices=KINDS)
    step_size: float = option(0.05, "What the gradient is multiplied with at first", minimum=0, maximum=10)


class Step(nn.Module):
    """One step of the descent (Qiu 2022, equation 5): u - tau * gradient of the dissimilarity - learned gradient.

    ``tau`` is learned, for each axis: slices are further apart than pixels.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        dims, many = config.dims, config.channels
        self.tau = nn.Parameter(config.step_size * torch.tensor([1.0, 1.0, THROUGH_PLANE][:dims]))
        inputs = (2 + dims, *(config.layers - 2) * [many])
        hidden = [layer for i in inputs for layer in (convolution(dims, i, many), nn.LeakyReLU(SLOPE))]
        self.regularization = nn.Sequential(*hidden, convolution(dims, many, dims, FIRST_OUTPUT))

    def forward(self, similarity: SimilarityGradient, displacement: Tensor) -> Tensor:
        """The next displacement (B, *shape, dims) in voxels."""
        with torch.autocast(displacement.device.type, enabled=False):
            gradient, warped = similarity.at(displacement)
        seen = torch.cat((warped, similarity.fixed, SHOWN * displacement.movedim(-1, 1)), dim=1)
        learned = self.regularization(seen).movedim(1, -1).to(displacement)
        return displacement - self.tau * gradient - learned


class Network(PairNetwork):
    """Steps at one resolution after the other, from the zero field; works with sides of any length.

    Three resolutions of three steps that share a network are the published configuration (88,524 parameters in two
    dimensions). Paper 004 says two resolutions of three steps and 173k parameters: with a network for every step it is
    177,048, and would be 173,586 were they not shown the displacement, which the paper says they are. Its fields start
    at random; ours do not, so that a run can be repeated and equal images stay where they are.
    """

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        own = 1 if config.shared else config.steps
        self.steps = nn.ModuleList(Step(config) for _ in range(own * config.levels))

    def forward(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> list[Tensor]:
        """Displacement (B, *shape, dims) in voxels after every step, at the resolution of images (B, 1, *shape).

        ``steps`` is their number at each resolution; steps beyond those with a network of their own use the last.
        """
        *slices, rows, columns = fixed.shape[2:]
        levels, own = self.config.levels, len(self.steps) // self.config.levels
        displacement = fixed.new_zeros(len(fixed), *fixed.shape[2:], self.dims)
        found = []
        for level in range(levels):
            shrink = 2 ** (levels - 1 - level)
            shape = (*slices, -(-rows // shrink), -(-columns // shrink))
            with torch.autocast(fixed.device.type, enabled=False):
                similarity = SimilarityGradient(
                    resize_image(fixed, shape), resize_image(moving, shape), self.config.similarity
                )
            displacement = resize_displacement(displacement, shape)
            for n in range(steps or self.config.steps):
                displacement = self.steps[level * own + min(n, own - 1)](similarity, displacement)
                found.append(resize_displacement(displacement, fixed.shape[2:]))
        return found

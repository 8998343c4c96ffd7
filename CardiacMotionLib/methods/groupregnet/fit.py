"""Fitting the network to one slice: every image is to be like the mean of all when they are drawn alike.

Zhang 2021 adds that going to the template and back leads nowhere, which is left out here: the mean of the displacements
is zero in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..groupwise import alignment_loss, register_slices
from .network import Config, Network

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options


def fit(series: ImageSeries, options: Options, context: Context) -> Motion:
    """Motion of ``series`` from its canonical space; a network is fitted to every slice."""

    def group(frames: np.ndarray, spacing: np.ndarray, part: Context) -> Tensor:
        return fit_slice(torch.from_numpy(frames), spacing, options, part)

    return register_slices(series, group, options.margin, context)


def fit_slice(frames: Tensor, spacing: np.ndarray, options: Options, context: Context) -> Tensor:
    """Displacement (N, J, I, 2) in voxels of frames (N, J, I) in unit range, on the CPU; ``spacing`` (2,) mm (i, j)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(context.seed)
        network = Network(Config(len(frames), options.channels, options.levels))
    network = network.to(context.device, frames.dtype)
    images = frames.to(context.device)[None, :, None]
    optimizer = torch.optim.Adam(network.parameters(), options.learning_rate)
    for step in range(options.steps):
        context.report(step / options.steps, f"step {step + 1} of {options.steps}")
        optimizer.zero_grad()
        alignment_loss(
            images[0],
            network(images)[0],
            spacing,
            window_mm=options.window,
            smoothness=options.smoothness,
            squared=options.similarity == "squared_local_ncc",
        ).backward()
        optimizer.step()
    with torch.no_grad():
        return network(images)[0].cpu()

"""Fitting the network to one slice: every image is to be like the mean of all when they are drawn alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...fields import WindowedNCC, diffusion_energy, gaussian_window, warp
from ..groupwise import register_slices
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
        loss(images[0], network(images)[0], spacing, options).backward()
        optimizer.step()
    with torch.no_grad():
        return network(images)[0].cpu()


def loss(images: Tensor, displacement: Tensor, spacing: np.ndarray, options: Options) -> Tensor:
    """How unlike the drawn images are to their mean, and how rough the displacement is.

    ``images`` (N, 1, J, I), ``displacement`` (N, J, I, 2) in voxels. Zhang 2021 adds that going to the template and
    back leads nowhere, which is left out here: the mean of the displacements is zero in any case.
    """
    drawn = warp(images, displacement)
    sigma = [options.window / float(mm) for mm in spacing[::-1]]
    windows = [gaussian_window(n, s).to(drawn) for n, s in zip(drawn.shape[1:], (1.0, *sigma), strict=True)]
    alike = WindowedNCC(drawn.mean(0, keepdim=True), windows)(drawn)
    if options.similarity == "squared_local_ncc":
        alike = alike.square()
    return 1 - alike.mean() + options.smoothness * diffusion_energy(displacement, torch.as_tensor(spacing))

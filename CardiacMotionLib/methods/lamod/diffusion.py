"""Diffusion of latents by smooth noise: how much there is after each step, and the ways back (paper 001, 3.2).

A step m leaves the share alpha_m = 1 - beta_m of the variance that was there; alpha^_m is their product. The paper adds
smoothed noise without saying of which variance; here it is brought back to 1, or what equation 6 mixes would lose
variance from step to step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from ...fields import gaussian_window

GROWTH = 200.0  # of beta from the first step to the last, as by Ho 2020

Predict = Callable[[Tensor, int], Tensor]  # latents (B, T, C, j, i) at step m to the noise that is in them


@dataclass(frozen=True)
class Diffusion:
    """A chain of ``steps``.

    Attributes
    ----------
    steps
        M of the paper.
    signal_left
        alpha^_M, the share of the variance that is signal at the end. The noise is not predicted from the image but
        from the noisy latents alone, so what is lost by then is lost: with 0 the way back would end at any heart.
    smoothing_pixels, smoothing_frames
        Standard deviation of the Gaussian that smooths the noise.
    """

    steps: int
    signal_left: float
    smoothing_pixels: float
    smoothing_frames: float

    @cached_property
    def kept(self) -> np.ndarray:
        """alpha^ (M + 1,) float64, that of step 0 being 1."""
        rise = np.linspace(1, GROWTH, self.steps) if self.steps > 1 else np.ones(1)
        wanted = np.log(self.signal_left)
        first = brentq(lambda beta: np.log1p(-beta * rise).sum() - wanted, 0, (1 - 1e-9) / rise[-1])
        return np.concatenate(([1.0], np.cumprod(1 - first * rise)))

    def noise(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """K(epsilon) of variance 1 in every number, shaped and typed as the latents ``like`` (B, T, C, j, i).

        With a ``generator`` of the CPU it is the same on every device.
        """
        drawn = torch.randn(like.shape, generator=generator, device=None if generator is not None else like.device)
        drawn = drawn.to(like)
        with torch.autocast(like.device.type, enabled=False):
            return self._smooth(drawn)

    def _smooth(self, drawn: Tensor) -> Tensor:
        for axis, sigma in ((1, self.smoothing_frames), (3, self.smoothing_pixels), (4, self.smoothing_pixels)):
            if sigma:
                window = gaussian_window(drawn.shape[axis], sigma)
                window = (window / window.norm(dim=1, keepdim=True)).to(drawn)
                drawn = torch.tensordot(drawn, window, dims=([axis], [1])).movedim(-1, axis)
        return drawn

    def forward(self, latents: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Latents (B, T, C, j, i) after ``step`` (B,) steps at once (equation 6)."""
        kept = self._kept(step, latents)
        return kept.sqrt() * latents + (1 - kept).sqrt() * noise

    def clean(self, noisy: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """Equation 6 for the latents: what ``noisy`` (B, T, C, j, i) was, if ``noise`` is in it."""
        kept = self._kept(step, noisy)
        return (noisy - (1 - kept).sqrt() * noise) / kept.sqrt()

    def _kept(self, step: Tensor, like: Tensor) -> Tensor:
        kept = torch.as_tensor(self.kept, dtype=like.dtype, device=like.device)[step]
        return kept.reshape(-1, *[1] * (like.ndim - 1))

    def back(self, noisy: Tensor, predict: Predict, generator: torch.Generator) -> Tensor:
        """From step M to 0 by all steps, with new noise in each but the last (equation 8; Ho 2020)."""
        for step in range(self.steps, 0, -1):
            kept, before = float(self.kept[step]), float(self.kept[step - 1])
            beta = 1 - kept / before
            noisy = (noisy - beta / sqrt(1 - kept) * predict(noisy, step)) / sqrt(1 - beta)
            if step > 1:
                noisy = noisy + sqrt(beta) * self.noise(noisy, generator)
        return noisy

    def leap(self, noisy: Tensor, predict: Predict, leaps: int) -> Tensor:
        """From step M to 0 in a few leaps without new noise (DDIM with eta = 0, Song 2021, equation 12)."""
        stops = np.unique(np.round(np.linspace(0, self.steps, min(leaps, self.steps) + 1)).astype(int))[::-1]
        for step, after in pairwise(stops):
            noise = predict(noisy, int(step))
            kept, left = float(self.kept[step]), float(self.kept[after])
            signal = (noisy - sqrt(1 - kept) * noise) / sqrt(kept)
            noisy = sqrt(left) * signal + sqrt(1 - left) * noise
        return noisy

"""Correlation within a smooth window, against one fixed image: the similarity that the optimized methods descend."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gaussian_window(size: int, sigma: float) -> Tensor:
    """(size, size) matrix whose row n weighs an axis by a Gaussian about voxel n, ``sigma`` in voxels; rows sum to 1.

    A window as a matrix: any width costs one product, the edges are right without padding, and the gradient is
    a product too.
    """
    voxel = torch.arange(size, dtype=torch.float32)
    distance = voxel[:, None] - voxel
    weights = torch.exp(-0.5 * (distance / max(sigma, 1e-3)) ** 2)
    return weights / weights.sum(1, keepdim=True)


def window_mean(values: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """Mean of (B, K, J, I) within windows (K, K), (J, J), (I, I)."""
    if len(windows[0]) > 1:
        values = torch.einsum("bkji,nk->bnji", values, windows[0])
    return windows[1] @ values @ windows[2].T


class WindowedNCC:
    """Signed correlation in a window around every voxel of a fixed image, whose own moments are computed once.

    ``noise`` is the variance below which contrast counts as noise: where both images are flat the correlation goes to 0
    instead of following the noise.
    """

    def __init__(self, fixed: Tensor, windows: Sequence[Tensor], noise: float = 1e-4):
        self.fixed, self.windows, self.noise = fixed, windows, noise
        self.mean = window_mean(fixed, windows)
        self.variance = (window_mean(fixed * fixed, windows) - self.mean**2).clamp_min(0) + noise

    def __call__(self, images: Tensor) -> Tensor:
        """Correlation (B, K, J, I) in [-1, 1] of images (B, K, J, I) with the fixed one (1, K, J, I)."""
        mean = window_mean(images, self.windows)
        variance = (window_mean(images * images, self.windows) - mean**2).clamp_min(0) + self.noise
        covariance = window_mean(images * self.fixed, self.windows) - mean * self.mean
        return covariance * (variance * self.variance).rsqrt()

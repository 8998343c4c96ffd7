"""How alike two images are: similarities or errors per item of the batch, differentiable, with an optional weight.

The correlations and the mutual information do not depend on the scale of the intensities: each image is first brought
to unit range without gradient, which also keeps float32 exact enough for images of any scale.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d

EPSILON = 1e-5


def _weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    axes = tuple(range(1, values.ndim))
    if weight is None:
        return values.mean(axes)
    weight = weight.expand_as(values)
    return (values * weight).sum(axes) / weight.sum(axes).clamp_min(EPSILON)


def _unit_range(image: Tensor) -> Tensor:
    """Shift and scale each item to mean 0 and range 1 (all 0 where it is constant), both without gradient."""
    axes = tuple(range(1, image.ndim))
    with torch.no_grad():
        low, high = image.amin(axes, keepdim=True), image.amax(axes, keepdim=True)
        scale = torch.where(high > low, high - low, torch.ones_like(low))
        middle = low + ((image - low) / scale).mean(axes, keepdim=True) * scale
    return (image - middle) / scale


def mse(first: Tensor, second: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference per item: (B, C, *shape) images and weight to (B,)."""
    return _weighted_mean((first - second).square(), weight)


def global_ncc(first: Tensor, second: Tensor, weight: Tensor | None = None) -> Tensor:
    """Pearson correlation of all voxels per item, in [-1, 1], 0 where an image is constant: (B, C, *shape) to (B,)."""
    first, second = _unit_range(first), _unit_range(second)
    shape = (-1,) + (1,) * (first.ndim - 1)
    a = first - _weighted_mean(first, weight).reshape(shape)
    b = second - _weighted_mean(second, weight).reshape(shape)
    covariance = _weighted_mean(a * b, weight)
    variance = _weighted_mean(a * a, weight) * _weighted_mean(b * b, weight)
    return covariance / (variance + EPSILON**2).sqrt()


def _window_mean(values: Tensor, window: tuple[int, ...]) -> Tensor:
    pool = avg_pool3d if values.ndim == 5 else avg_pool2d
    return pool(values, window, stride=1, padding=tuple(w // 2 for w in window), count_include_pad=False)


def local_ncc(first: Tensor, second: Tensor, window: int | tuple[int, ...] = 9, weight: Tensor | None = None) -> Tensor:
    """Mean over voxels of the correlation within a box around each: (B, C, *shape) to (B,), in [-1, 1].

    ``window`` is the odd edge length in voxels, one for all axes or one per axis ordered as the shape (k, j, i); on
    an axis that is shorter it is the largest odd number that fits. Where the contrast in the window is below about a
    twentieth of the range of the image the value falls towards zero, so that noise in flat regions does not count.
    The correlation keeps its sign; the squared form of Avants 2008 cannot tell an image from its negative and is
    worse conditioned near zero.
    """
    first, second = _unit_range(first), _unit_range(second)
    d = first.ndim - 2
    window = (window,) * d if isinstance(window, int) else tuple(window)
    window = tuple(min(w, n - 1 + n % 2) for w, n in zip(window, first.shape[2:], strict=True))
    if any(w % 2 == 0 for w in window):
        raise ValueError(f"window must be odd along every axis, got {window}")
    mean_a, mean_b = _window_mean(first, window), _window_mean(second, window)
    variance_a = (_window_mean(first * first, window) - mean_a * mean_a).clamp_min(0)
    variance_b = (_window_mean(second * second, window) - mean_b * mean_b).clamp_min(0)
    covariance = _window_mean(first * second, window) - mean_a * mean_b
    return _weighted_mean(covariance / (variance_a * variance_b + EPSILON).sqrt(), weight)


def nmi(first: Tensor, second: Tensor, bins: int = 32, weight: Tensor | None = None) -> Tensor:
    """Normalized mutual information (H(a) + H(b)) / H(a, b) per item, in [1, 2] (Studholme 1999).

    Joint histogram by a cubic B-spline Parzen window (Mattes 2003): (B, C, *shape) to (B,).
    """
    joint = _joint(first, second, bins, weight)
    return (_entropy(joint.sum(2)) + _entropy(joint.sum(1))) / _entropy(joint).clamp_min(1e-12)


def conditional_entropy(image: Tensor, template: Tensor, bins: int = 32, weight: Tensor | None = None) -> Tensor:
    """What an image tells that a template does not: H(image, template) - H(template) per item, in nats, from 0.

    Of all images of a set against their template it is the conditional template entropy (Polfliet 2018,
    10.1016/j.media.2018.02.003). (B, C, *shape) to (B,), by the joint histogram of `nmi`.
    """
    joint = _joint(image, template, bins, weight)
    return _entropy(joint) - _entropy(joint.sum(1))


def _joint(first: Tensor, second: Tensor, bins: int, weight: Tensor | None) -> Tensor:
    """Joint histogram (B, bins, bins) of intensities, its sum 1."""
    left, right = (_parzen(image.flatten(1), bins) for image in (first, second))  # (B, N, bins)
    if weight is not None:
        left = left * weight.expand_as(first).flatten(1)[..., None]
    joint = left.transpose(1, 2) @ right
    return joint / joint.sum((1, 2), keepdim=True).clamp_min(EPSILON)


def _entropy(p: Tensor) -> Tensor:
    return -(p * p.clamp_min(1e-12).log()).flatten(1).sum(1)


def _parzen(values: Tensor, bins: int) -> Tensor:
    """Cubic B-spline membership of each value in each bin: (B, N) to (B, N, bins)."""
    low = values.detach().amin(1, keepdim=True)
    high = values.detach().amax(1, keepdim=True)
    padding = 2  # the spline reaches two bins to either side
    scale = torch.where(high > low, high - low, torch.ones_like(low))
    position = padding + (values - low) / scale * (bins - 1 - 2 * padding)
    centers = torch.arange(bins, dtype=values.dtype, device=values.device)
    distance = (position[..., None] - centers).abs()
    near = 2 / 3 - distance.square() + distance**3 / 2
    far = (2 - distance).clamp_min(0) ** 3 / 6
    return torch.where(distance < 1, near, far)

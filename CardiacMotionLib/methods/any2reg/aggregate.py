"""From a set of images to one canonical one: the first principal component tells what each counts (paper 003, 2.3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

KINDS = ("correlation", "mean")
POOLED = 24  # pixels along either side to which features are pooled before they are compared
UNDECIDED = 1e-3  # of the sum of all |weights|: below that their sum does not tell the sign


def descriptors(features: Tensor) -> Tensor:
    """What frames are compared by: (..., C, J, I) to (..., D), each with mean 0 over every channel and length 1.

    Features finer than `POOLED` are pooled to it first: so what must be known of all frames at once is small, however
    large the images are. A frame without contrast gets zeros.
    """
    shape = features.shape
    planes = features.reshape(-1, *shape[-3:])
    size = min(shape[-2], POOLED), min(shape[-1], POOLED)
    pooled = adaptive_avg_pool2d(planes, size).flatten(2)
    centered = (pooled - pooled.mean(-1, keepdim=True)).flatten(1)
    norm = centered.norm(dim=-1, keepdim=True)
    known = norm > 1e-6 * (1 + pooled.flatten(1).norm(dim=-1, keepdim=True))
    return torch.where(known, centered / norm.clamp_min(1e-12), 0).reshape(*shape[:-3], -1)


@torch.no_grad()
def set_weights(described: Tensor, kind: str = "correlation") -> Tensor:
    """What every frame counts in the canonical one: (..., N, D) to (..., N), absolute values summing to 1.

    ``correlation``: the leading eigenvector of the correlation matrix of the frames, signed. An image that is the
    negative of the others (early after an inversion, say) counts negatively and so adds to them, where its absolute
    value would wash them out. The eigenvector's own sign is arbitrary: here the weights have a positive sum, or where
    that is nearly zero a positive weighted sum of the frames' third moments, which no order of the frames changes.
    Two frames that are exact negatives and have no third moment either leave it open.
    ``mean``: all the same.

    No gradient passes: at equal eigenvalues it would not be finite.
    """
    n = described.shape[-2]
    if kind == "mean" or n == 1:
        return described.new_full(described.shape[:-1], 1 / n)
    exact = described.cpu().double()  # a small matrix, and not every device has eigenvectors, or double precision
    correlation = exact @ exact.transpose(-1, -2)
    vector = torch.linalg.eigh(correlation)[1][..., -1]
    vector = torch.where(correlation.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True) > 0, vector, 1.0)
    size = vector.abs().sum(-1, keepdim=True)
    total = vector.sum(-1, keepdim=True)
    moment = (vector[..., None] * exact**3).sum((-1, -2))[..., None]
    decides = torch.where(total.abs() > UNDECIDED * size, total, moment)
    return (torch.where(decides < 0, -vector, vector) / size).to(described)

"""In which direction a displacement makes two images more alike: what iterative networks are told at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import fields

KINDS = ("mse", "ncc", "nmi")
WINDOW = 9  # voxels in plane of the local correlation (paper 004, section 2.4)
BINS = 32  # of the joint histogram
UNIT = {"mse": 10.0, "ncc": 2.0, "nmi": 2.0}  # bring what hearts in unit range have to about 1


def dissimilarity(kind: str, warped: Tensor, fixed: Tensor) -> Tensor:
    """Error (B,) of images (B, 1, *shape): ``mse``, 1 - local correlation (``ncc``) or -NMI (``nmi``)."""
    if kind == "mse":
        return fields.mse(warped, fixed)
    if kind == "ncc":
        return 1 - fields.local_ncc(warped, fixed, window_of(fixed))
    return -fields.nmi(warped, fixed, BINS)


def window_of(image: Tensor) -> tuple[int, ...]:
    """Edge lengths (k, j, i) of the window of the local correlation: of slices, far apart as they are, just one."""
    return (1, WINDOW, WINDOW) if image.ndim == 5 else (WINDOW, WINDOW)


class SimilarityGradient:
    """Gradient of the dissimilarity with respect to the displacement (paper 004, equation 9).

    By the chain rule it is the derivative with respect to the warped intensity, of the mean squared error in closed
    form and else by automatic differentiation, times the gradient of the moving image at x + u(x). It is that of the
    *sum* over voxels: of the mean it would shrink with the number of voxels, and a network would see nothing of it in
    large images.

    Parameters
    ----------
    fixed, moving
        (B, 1, *shape) in unit intensity range.
    kind
        One of `KINDS`.
    """

    def __init__(self, fixed: Tensor, moving: Tensor, kind: str) -> None:
        self.fixed, self.kind = fixed, kind
        self.sources = torch.cat((moving, fields.image_gradient(moving)), dim=1)

    def at(self, displacement: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient (B, *shape, d) at a displacement (B, *shape, d) in voxels, and the warped image (B, 1, *shape)."""
        values = fields.warp(self.sources, displacement)
        warped, slope = values[:, :1], values[:, 1:]
        return (UNIT[self.kind] * self._of_intensity(warped) * slope).movedim(1, -1), warped

    def _of_intensity(self, warped: Tensor) -> Tensor:
        """Derivative (B, 1, *shape) of the summed dissimilarity with respect to the warped intensities."""
        if self.kind == "mse":
            return 2 * (warped - self.fixed)
        with torch.enable_grad():
            leaf = warped.detach().requires_grad_()
            total = dissimilarity(self.kind, leaf, self.fixed).sum() * self.fixed[0].numel()
            (gradient,) = torch.autograd.grad(total, leaf)
        return gradient  # not differentiated again: training learns what to do with it, not how it comes about


def similarity_gradient(fixed: Tensor, moving: Tensor, displacement: Tensor, kind: str) -> Tensor:
    """`SimilarityGradient.at` for one displacement: (B, *shape, d)."""
    return SimilarityGradient(fixed, moving, kind).at(displacement)[0]

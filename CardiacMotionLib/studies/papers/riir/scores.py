"""How well a displacement aligns the images of a person, in the measurements of paper 004."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from ....fields import compose, invert, jacobian_determinant, sd_log_jacobian, warp
from ....metrics import dice, hausdorff95, pca_dissimilarity
from ....series import LABEL_NAMES
from ....training.data import Data, Prepared

MODES = {"t1": 4, "cine": 1}  # L of D_PCA1: parameters of the signal; a cine is one image
HEART_SHARE = 0.7  # of the field of view in which images are compared (paper 004, figure 4)
SMOOTHED_MM = 3.0  # SD of the Gaussian that makes images alike in noise, drawn between pixels or not
AT_ONCE = 32  # pairs in a batch


def template(person: Prepared, data: Data) -> int:
    """Frame that the others are drawn in."""
    return {"first": 0, "last": len(person.frames) - 1}[data.template]


def shifted(person: Prepared, data: Data, pixels: float) -> Tensor:
    """Displacement (T, K, J, I, 2) that moves all frames but the template along both axes, whatever they show."""
    result = torch.full((*person.frames.shape, 2), pixels)
    result[template(person, data)] = 0
    return result


def exact(person: Prepared, data: Data) -> Tensor:
    """True displacement (T, K, J, I, 2) in pixels from the template to every frame, without its part across slices."""
    assert person.displacement is not None
    from_first = person.displacement[..., :2]
    back = invert(from_first[template(person, data)])  # (K, J, I, 2) from the template to frame 0
    return torch.stack([compose(back, one) for one in from_first])


@torch.no_grad()
def register(network: nn.Module, person: Prepared, data: Data) -> Tensor:
    """Displacement (T, K, J, I, 2) in pixels from the template to every frame, zero at the template."""
    count, levels = person.frames.shape[:2]
    moving = person.frames.flatten(0, 1)[:, None]
    fixed = person.frames[template(person, data)].repeat(count, 1, 1)[:, None]
    pairs = zip(fixed.split(AT_ONCE), moving.split(AT_ONCE), strict=True)
    found = torch.cat([network(f, m)[-1] for f, m in pairs]).float().unflatten(0, (count, levels))
    found[template(person, data)] = 0
    return found


def score(person: Prepared, displacement: Tensor, data: Data) -> dict[str, float]:
    """What the tables have.

    D_PCA1 and D_PCA2 of the drawn images within 70 % of the view, D_PCA1 of smoothed ones, means of Dice and HD95 of
    drawn labels by frame, slice and structure, SDlogJ, folded share of the pixels, and mean error in plane within the
    labels of the template.
    """
    count, levels, rows, columns = person.frames.shape
    fixed = template(person, data)
    others = [t for t in range(count) if t != fixed]
    flat = displacement.flatten(0, 1)
    images = warp(person.frames.flatten(0, 1)[:, None], flat)[:, 0].unflatten(0, (count, levels)).numpy()
    inside = np.zeros((levels, rows, columns), bool)
    margin = [round(n * (1 - HEART_SHARE) / 2) for n in (rows, columns)]
    inside[:, margin[0] : rows - margin[0], margin[1] : columns - margin[1]] = True
    first, second = pca_dissimilarity(images, inside, MODES[data.kind])
    width = SMOOTHED_MM / data.pixel_mm
    smooth = ndimage.gaussian_filter(images, (0, 0, width, width))
    overlaps, distances = [], []
    for label in LABEL_NAMES:
        drawn = warp((person.labels.flatten(0, 1) == label).float()[:, None], flat)[:, 0] > 0.5
        masks = drawn.unflatten(0, (count, levels)).numpy()
        there = (person.labels[fixed] == label).numpy()
        for k in np.flatnonzero(there.any((1, 2))):
            overlaps += [dice(masks[t, k], there[k]) for t in others]
            distances += [hausdorff95(masks[t, k][None], there[k][None], np.ones(3)) for t in others]
    determinant = jacobian_determinant(displacement[others].flatten(0, 1))
    scores = {
        "D_PCA1": first,
        "D_PCA2": second,
        "D_PCA1 smoothed": pca_dissimilarity(smooth, inside, MODES[data.kind])[0],
        "Dice": float(np.nanmean(overlaps)),
        "HD95 (mm)": float(np.nanmean(distances)) * data.pixel_mm,
        "SDlogJ": float(sd_log_jacobian(determinant)),
        "folding (%)": 100 * float((determinant <= 0).float().mean()),
    }
    if person.displacement is not None:
        error = (displacement - exact(person, data)).norm(dim=-1)[others]
        heart = (person.labels[fixed] > 0).expand(error.shape)
        scores["error in heart (mm)"] = float(error[heart].mean()) * data.pixel_mm
    return scores

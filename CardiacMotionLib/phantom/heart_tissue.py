"""Which tissue is where in the heart: walls, blood, papillary muscles, trabeculae, atria, vessels, pericardium."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .anatomy import Anatomy, Cylinder, Patch, cylinder
from .thorax import soft
from .tissues import BLOOD, EPICARDIAL_FAT, LESION, MYOCARDIUM, PERICARDIUM, RV_BLOOD, VESSEL_WALL


class HeartTissue(NamedTuple):
    """Shares (N,) and tissues to be painted one over the other; ``wall`` (N,) is the share that is muscle then."""

    layers: list[tuple[Tensor, int]]
    wall: Tensor


def heart_tissue(anatomy: Anatomy, scar: Patch | None, points: Tensor, noise: Tensor, width: float) -> HeartTissue:
    """Tissue at material points (N, 3) of the heart.

    Parameters
    ----------
    anatomy
        The heart.
    scar
        Where the wall is scarred, from the endocardium outwards.
    points
        (N, 3) heart coordinates, mm.
    noise
        (N,) random field with grains of a few mm, for the trabeculae.
    width
        mm over which one tissue goes over into the next.
    """
    at = cylinder(points)
    level = anatomy.level(at.z)
    above = at.z - anatomy.length
    endo, epi = anatomy.endo_distance(at, level), anatomy.epi_distance(at, level)
    excess = at.radius - anatomy.epi_squared(at.cos, at.sin, level).clamp_min(0).sqrt()
    reach = anatomy.rv_reach(at.cos, at.sin, at.z)
    beyond = excess - reach  # from the endocardium of the RV free wall
    rv = torch.maximum(torch.maximum(beyond, -excess), above - 2)
    outside = torch.minimum(torch.maximum(epi, above), torch.maximum(rv - anatomy.rv_wall, above + 2))

    pericardium = anatomy.pericardium_squared(at.cos, at.sin, at.z)
    sac = at.radius - pericardium.clamp_min(0).sqrt() + (-pericardium).clamp_min(0).sqrt()
    rough = anatomy.trabeculation * (noise + 0.3).clamp_min(0)
    septal = ((at.cos - 1) / 0.5).exp()
    lv_blood = torch.maximum(endo + 1.3 * rough * (1 - septal), above - 4)
    rv_blood = torch.maximum(rv, (beyond + 1.6 * rough).clamp_max(0) + (rv.clamp_min(0))) + 0.8 * rough * (excess > 3)

    muscle = soft(outside, width)
    lv_muscle = soft(torch.maximum(epi, above), width)
    layers = [
        (soft(sac - 0.6, width), PERICARDIUM),
        (soft(sac + 0.6, width), EPICARDIAL_FAT),
        *_above_base(anatomy, points, above, width),
        (muscle, MYOCARDIUM),
        (soft(rv_blood, width), RV_BLOOD),
        (lv_muscle, MYOCARDIUM),
    ]
    if scar is not None:
        depth = (endo / (endo - epi).clamp_min(1.0)).clamp(0, 1)  # 0 at the endocardium
        core = scar.weight(at.cos, at.sin, at.z / anatomy.length) - 0.35 - 0.5 * depth
        layers.append((lv_muscle * soft(-core * 12, width), LESION))
    blood = soft(lv_blood, width + 0.9 * rough * (1 - septal))  # fine trabeculae are not resolved
    papillary = soft(
        0.3 * rough + torch.minimum(*[_papillary(anatomy, at, level, a) for a in anatomy.papillary_angles]), width
    )
    layers += [(blood, BLOOD), (papillary * blood, MYOCARDIUM)]
    wall = lv_muscle * (1 - blood * (1 - papillary)) + (muscle * (1 - lv_muscle)) * (1 - soft(rv_blood, width))
    return HeartTissue(layers, wall)


def _papillary(anatomy: Anatomy, at: Cylinder, level: Tensor, angle: float) -> Tensor:
    """Distance from a papillary muscle: a column beside the free wall, thinning towards the base, split by a notch."""
    radius = (anatomy.endo_radius**2 * anatomy.profile(level, anatomy.equator - anatomy.endo_apex)).clamp_min(0).sqrt()
    share = at.z / anatomy.length
    away = radius * (0.8 - 0.22 * ((share - 0.3) / 0.4).clamp(0, 1))
    x, y = at.radius * at.cos - away * math.cos(angle), at.radius * at.sin - away * math.sin(angle)
    thick = anatomy.papillary_radius * (1 - 0.35 * ((share - 0.35) / 0.35).clamp(0, 1))
    return torch.maximum((x * x + y * y).clamp_min(1e-6).sqrt() - thick, (share - 0.72) * anatomy.length)


def _above_base(anatomy: Anatomy, points: Tensor, above: Tensor, width: float) -> list[tuple[Tensor, int]]:
    """Atria, aortic root and pulmonary trunk above the base."""
    x, y, _ = points.unbind(-1)
    radius, rv = anatomy.endo_radius, anatomy.rv_depth

    def ball(cx: float, cy: float, cz: float, r: float, tall: float) -> Tensor:
        return (((x - cx) ** 2 + (y - cy) ** 2 + ((above - cz) / tall) ** 2).clamp_min(1e-6).sqrt() - r) * 0.9

    left = ball(-0.25 * radius, -0.25 * radius, 18.0, 0.85 * radius, 1.1)
    right = ball(radius + 0.55 * rv, -0.45 * radius, 16.0, 0.85 * rv, 1.2)
    lean = 0.25 * above
    root = ((x - 0.5 * radius - lean) ** 2 + (y - 0.55 * radius) ** 2).clamp_min(1e-6).sqrt() - 12
    trunk = ((x - radius - 0.25 * rv + lean) ** 2 + (y - 1.05 * radius) ** 2).clamp_min(1e-6).sqrt() - 12.5
    layers = []
    for cavity, blood in ((left, BLOOD), (right, RV_BLOOD), (trunk, RV_BLOOD), (root, BLOOD)):
        inside = torch.maximum(cavity, -above)
        layers += [(soft(inside - 2.2, width), VESSEL_WALL), (soft(inside, width), blood)]
    return layers

"""Which tissue is where in the heart: walls, blood, papillary muscles, trabeculae, atria, vessels, pericardium."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .anatomy import Anatomy, Cylinder, Patch, cylinder
from .monotone import smoothstep
from .thorax import soft
from .tissues import BLOOD, EPICARDIAL_FAT, LESION, MYOCARDIUM, PERICARDIUM, RV_BLOOD, VESSEL_WALL

STEEPEST = 4.0  # slope of a surface beyond which it counts as a plane across the axis
BLEND = 0.75  # of the distance of two planes: edges as wide as that leave no ripple in the mean over planes


def heart_tissue(
    anatomy: Anatomy, scar: Patch | None, points: Tensor, noise: Tensor, width: float, apart: float
) -> list[tuple[Tensor, int]]:
    """Shares (N,) and tissues at material points (N, 3) of the heart, to be painted one over the other.

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
        mm over which one tissue goes over into the next in the plane of a slice.
    apart
        mm along z between the planes from which the mean over a slice is taken. Surfaces that are oblique to the slices
        go over more gradually, so that a mean of few planes shows no steps.
    """
    at = cylinder(points)
    level = anatomy.level(at.z)
    above = at.z - anatomy.length
    slope = anatomy.epi_slope(at, level).clamp_max(STEEPEST)
    edge = _edge(width, apart, slope / (1 + slope * slope).sqrt())  # of what has its distance along the normal
    endo, epi = anatomy.endo_distance(at, level), anatomy.epi_distance(at, level)
    excess = at.radius - anatomy.epi_squared(at.cos, at.sin, level).clamp_min(0).sqrt()
    reach = anatomy.rv_reach(at.cos, at.sin, at.z)
    beyond = excess - reach  # from the endocardium of the RV free wall
    rv_slope = anatomy.rv_slope(at.z)
    rv_edge = _edge(width, apart, slope + rv_slope)  # of what has its distance away from the axis
    sac_edge = _edge(width, apart, slope + rv_slope * smoothstep((reach + 10) / 10))
    rv = torch.maximum(torch.maximum(beyond, -excess), above - 2)

    pericardium = anatomy.pericardium_squared(at.cos, at.sin, at.z)
    sac = at.radius - pericardium.clamp_min(0).sqrt() + (-pericardium).clamp_min(0).sqrt()
    rough = anatomy.trabeculation * (noise + 0.3).clamp_min(0)
    septal = ((at.cos - 1) / 0.5).exp()
    lv_blood = torch.maximum(endo + 1.3 * rough * (1 - septal), above - 4)
    rv_blood = torch.maximum(rv, (beyond + 1.6 * rough).clamp_max(0) + (rv.clamp_min(0))) + 0.8 * rough * (excess > 3)

    lv_muscle = soft(torch.maximum(epi, above), edge)
    layers = [
        (soft(sac - 0.6, sac_edge), PERICARDIUM),
        (soft(sac + 0.6, sac_edge), EPICARDIAL_FAT),
        *_above_base(anatomy, points, above, width),
        (soft(torch.maximum(rv - anatomy.rv_wall, above + 2), rv_edge), MYOCARDIUM),
        (soft(rv_blood, rv_edge), RV_BLOOD),
        (lv_muscle, MYOCARDIUM),
    ]
    if scar is not None:
        depth = (endo / (endo - epi).clamp_min(1.0)).clamp(0, 1)  # 0 at the endocardium
        core = scar.weight(at.cos, at.sin, at.z / anatomy.length) - 0.35 - 0.5 * depth
        layers.append((lv_muscle * soft(-core * 12, edge), LESION))
    blood = soft(lv_blood, edge + 0.9 * rough * (1 - septal))  # fine trabeculae are not resolved
    papillary = 0.3 * rough + torch.minimum(*[_papillary(anatomy, at, level, a) for a in anatomy.papillary_angles])
    layers += [(blood, BLOOD), (soft(papillary, edge) * blood, MYOCARDIUM)]
    return layers


def _edge(width: float, apart: float, rise: Tensor) -> Tensor:
    """Width (N,) over which a distance that changes by ``rise`` per mm along z goes from inside to outside."""
    return torch.hypot(BLEND * apart * rise, torch.full_like(rise, width))


def _papillary(anatomy: Anatomy, at: Cylinder, level: Tensor, angle: float) -> Tensor:
    """Distance from a papillary muscle: a column beside the free wall, thinning towards the base."""
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

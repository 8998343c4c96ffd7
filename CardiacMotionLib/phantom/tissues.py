"""The tissues of the chest: relaxation times, and what the sequences make of them.

A painter writes the index of a tissue (``AIR`` = 0, ...) and looks up a value per index: `bssfp_contrast` for cine,
`relaxation` or `sample_relaxation` for maps, `random_contrast` for domain randomisation.

Relaxation times at 1.5 T and 3 T, in ms: Stanisz 2005 (muscle, blood at 3 T), de Bazelaire 2004 (liver, spleen,
marrow, fat at 3 T), Bottomley 1984 (fat at 1.5 T), Messroghli 2004 and Dabir 2014 (myocardium, as MOLLI measures it),
Piechnik 2013 (blood at 1.5 T), Wright 1991 (T2 of venous blood), Stadler 2005 (lung). Stomach, pericardium, vessel wall
and T2 of venous blood at 3 T are estimates: their content varies more than any measurement says. Proton density is
relative to blood; that of lung and bone includes the loss by T2*. Extracellular volume: Sado 2012.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import CardiacMotionError
from ..mapping import signals

FIELDS = (1.5, 3.0)
FAT_PPM = -3.4
HERTZ_PER_TESLA_PPM = 42.577
HEMATOCRIT = 0.42

(
    AIR,
    LUNG,
    FAT,
    MUSCLE,
    MARROW,
    BONE,
    LIVER,
    SPLEEN,
    STOMACH,
    BLOOD,
    RV_BLOOD,
    MYOCARDIUM,
    EPICARDIAL_FAT,
    PERICARDIUM,
    VESSEL_WALL,
    LESION,
) = range(16)


@dataclass(frozen=True)
class Tissue:
    """One tissue.

    Attributes
    ----------
    t1_ms, t2_ms
        Mean at 1.5 T and at 3 T.
    proton_density
        Relative to blood.
    t1_sd_ms, t2_sd_ms
        Standard deviation between people, at either field.
    shift_ppm
        Chemical shift against water.
    extracellular
        Share of the volume that contrast agent reaches.
    """

    name: str
    t1_ms: tuple[float, float]
    t2_ms: tuple[float, float]
    proton_density: float
    t1_sd_ms: float
    t2_sd_ms: float
    shift_ppm: float = 0.0
    extracellular: float = 0.0


TISSUES = (
    Tissue("air", (1000.0, 1000.0), (50.0, 50.0), 0.0, 0.0, 0.0),
    Tissue("lung", (1200.0, 1400.0), (40.0, 30.0), 0.2, 80.0, 5.0, extracellular=0.3),
    Tissue("fat", (260.0, 382.0), (84.0, 68.0), 0.9, 20.0, 6.0, FAT_PPM),
    Tissue("muscle", (1008.0, 1412.0), (44.0, 50.0), 0.8, 40.0, 4.0, extracellular=0.12),
    Tissue("marrow", (549.0, 586.0), (49.0, 49.0), 0.6, 50.0, 6.0, extracellular=0.1),
    Tissue("bone", (700.0, 900.0), (5.0, 5.0), 0.15, 50.0, 0.5),
    Tissue("liver", (586.0, 809.0), (46.0, 34.0), 0.8, 40.0, 5.0, extracellular=0.28),
    Tissue("spleen", (1057.0, 1328.0), (79.0, 61.0), 0.8, 42.0, 9.0, extracellular=0.35),
    Tissue("stomach", (1200.0, 1400.0), (90.0, 80.0), 0.6, 250.0, 30.0),
    Tissue("blood", (1550.0, 1932.0), (250.0, 275.0), 1.0, 80.0, 25.0, extracellular=1 - HEMATOCRIT),
    Tissue("venous blood", (1530.0, 1900.0), (190.0, 160.0), 1.0, 80.0, 20.0, extracellular=1 - HEMATOCRIT),
    Tissue("myocardium", (965.0, 1052.0), (50.0, 46.0), 0.85, 40.0, 3.0, extracellular=0.25),
    Tissue("epicardial fat", (260.0, 382.0), (84.0, 68.0), 0.9, 20.0, 6.0, FAT_PPM),
    Tissue("pericardium", (500.0, 600.0), (8.0, 7.0), 0.5, 40.0, 1.0),
    Tissue("vessel wall", (1000.0, 1200.0), (50.0, 45.0), 0.7, 60.0, 5.0, extracellular=0.3),
    Tissue("fibrosis or edema", (1120.0, 1220.0), (60.0, 56.0), 0.88, 60.0, 6.0, extracellular=0.45),
)


class Relaxation(NamedTuple):
    """Values per tissue index, each (n_tissues,) float32: T1 and T2 in ms, proton density relative to blood."""

    t1: Tensor
    t2: Tensor
    proton_density: Tensor


def relaxation(field_tesla: float = 1.5) -> Relaxation:
    """Look up the published means at 1.5 or 3 T; raises `CardiacMotionError` for another field."""
    at = _field_index(field_tesla)
    return Relaxation(
        torch.tensor([t.t1_ms[at] for t in TISSUES]),
        torch.tensor([t.t2_ms[at] for t in TISSUES]),
        torch.tensor([t.proton_density for t in TISSUES]),
    )


def sample_relaxation(generator: torch.Generator, field_tesla: float = 1.5) -> Relaxation:
    """Draw one person: normal about the means, at most 2 SD away.

    A lesion stays at least 40 ms (T1) and 3 ms (T2) above that person's myocardium, and both kinds of fat are one.
    """
    t1, t2, density = relaxation(field_tesla)
    draws = torch.randn(2, len(TISSUES), generator=generator, device=generator.device).cpu().clamp(-2, 2)
    draws[:, EPICARDIAL_FAT] = draws[:, FAT]
    t1 = t1 + draws[0] * torch.tensor([t.t1_sd_ms for t in TISSUES])
    t2 = t2 + draws[1] * torch.tensor([t.t2_sd_ms for t in TISSUES])
    t1[LESION] = torch.maximum(t1[LESION], t1[MYOCARDIUM] + 40)
    t2[LESION] = torch.maximum(t2[LESION], t2[MYOCARDIUM] + 3)
    return Relaxation(t1, t2, density)


def relaxation_of(seed: int, field_tesla: float = 1.5, contrast_agent: bool = False) -> Relaxation:
    """Relaxation of the person ``seed``, native or with contrast agent: the same in every kind of examination."""
    generator = torch.Generator().manual_seed(int(np.random.default_rng([seed, 11]).integers(2**62)))
    native = sample_relaxation(generator, field_tesla)
    return after_gadolinium(native) if contrast_agent else native


def after_gadolinium(
    native: Relaxation, blood_t1_ms: float = 330.0, hematocrit: float = HEMATOCRIT, r2_over_r1: float = 1.2
) -> Relaxation:
    """Relaxation with contrast agent in equilibrium, when arterial blood has come down to ``blood_t1_ms``.

    1/T1 rises by (1/T1blood_post - 1/T1blood_pre) ECV / (1 - hematocrit) per tissue, which is the equation of the
    extracellular volume read the other way, and 1/T2 by ``r2_over_r1`` times that. 330 ms is blood 15 minutes after
    0.15 mmol/kg at 1.5 T.
    """
    rise = 1 / blood_t1_ms - 1 / native.t1[BLOOD]
    if rise < 0:
        raise CardiacMotionError(
            f"blood_t1_ms must be below the native T1 of blood, {native.t1[BLOOD].item():.0f} ms, got {blood_t1_ms:g}"
        )
    volume = torch.tensor([t.extracellular for t in TISSUES])
    volume[[BLOOD, RV_BLOOD]] = 1 - hematocrit
    rise = rise * volume / (1 - hematocrit)
    return Relaxation(1 / (1 / native.t1 + rise), 1 / (1 / native.t2 + r2_over_r1 * rise), native.proton_density)


def bssfp_contrast(
    field_tesla: float = 1.5,
    flip_deg: float = 50.0,
    tr_ms: float = 2.9,
    inflow: float = 1.15,
    values: Relaxation | None = None,
) -> Tensor:
    """Cine intensity per tissue index (n_tissues,), arterial blood = 1.

    The balanced steady state of ``values`` (the published means unless given) at the tissue's chemical shift, with
    blood brighter than its steady state by the factor ``inflow``: it enters the slice unsaturated (Markl 2004).

    Three real cines at 1.5 T (Sunnybrook, medians with LV blood 1) against the defaults: myocardium 0.32 and 0.40
    inside the contours, here 0.33; liver 0.60 and 0.67 near the coil, here 0.43; fat 0.8 to 0.9 beside the heart and
    above 1 under the skin, here 0.88; lung 0.04 to 0.13 with its vessels, here 0.05. What is left is the coil's
    sensitivity and the mixing of tissues in thick slices, which do not belong in this table. Without its chemical shift
    fat would be brighter than blood at any flip angle; with it, fat falls steeply where the shift times TR nears half a
    turn.
    """
    t1, t2, density = relaxation(field_tesla) if values is None else values
    hertz = torch.tensor([t.shift_ppm for t in TISSUES]) * HERTZ_PER_TESLA_PPM * field_tesla
    phase = 2 * math.pi * hertz * tr_ms / 1000
    signal = density * signals.bssfp_off_resonance(phase, t1, t2, flip_deg, tr_ms)
    signal[[BLOOD, RV_BLOOD]] *= inflow
    return signal / signal[BLOOD]


def random_contrast(generator: torch.Generator, n: int = len(TISSUES)) -> Tensor:
    """Intensities (n,) uniform in [0, 1) without regard to physics, as in SynthMorph (Hoffmann 2022)."""
    return torch.rand(n, generator=generator, device=generator.device).cpu()


def _field_index(field_tesla: float) -> int:
    if field_tesla not in FIELDS:
        raise CardiacMotionError(f"field_tesla must be {FIELDS[0]:g} or {FIELDS[1]:g}, got {field_tesla!r}")
    return FIELDS.index(field_tesla)

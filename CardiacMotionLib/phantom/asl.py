"""Perfusion by arterial spin labeling (FAIR): images with and without labeled blood, 12 of them five times over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..methods.protocol import option
from . import schemes
from .contrasts import FREE_MM, ContrastOptions, acquire, begin, brightness, heartbeat, settled
from .subject import Subject
from .tissues import BLOOD, LESION, LIVER, MUSCLE, MYOCARDIUM, RV_BLOOD, SPLEEN, TISSUES, relaxation_of

IN_SCAR = 0.3  # of the perfusion of healthy wall
ELSEWHERE = {MUSCLE: 0.04, LIVER: 1.1, SPLEEN: 1.4}  # mL/g/min at rest


@dataclass(frozen=True)
class Options(ContrastOptions):
    """What can be asked of a perfusion phantom."""

    perfusion: float | None = option(
        None,
        "perfusion of healthy wall; else about 1 as at rest, in scar a third of it",
        unit="mL/g/min",
        minimum=0,
        maximum=8,
    )
    fluctuation: float = option(
        0.5, "standard deviation of the tissues' own signal from image to image", unit="%", minimum=0, maximum=10
    )
    cardiac_jitter: float = option(
        0.01,
        "standard deviation of the heartbeats' length, and of the moment of an image, as a share of the cycle",
        minimum=0,
        maximum=0.1,
    )
    noise: float = option(
        1.0, "standard deviation of the noise, of the signal of blood at rest", unit="%", minimum=0, maximum=50
    )


def make_asl(seed: int, options: Options, device: torch.device | str = "cpu") -> Subject:
    """Make a perfusion subject, whose maps are perfusion in mL/g/min, T1 in ms and purity; see `contrasts.acquire`."""
    options = settled(options, FREE_MM)
    exam = begin("asl", seed, options, device)
    scheme = schemes.asl(**heartbeat(options, exam))
    values = relaxation_of(seed, options.field_tesla)
    drawn = float(np.clip(exam.rng("perfusion").normal(1.0, 0.15), 0.6, 1.5))
    perfusion = perfusion_of(drawn if options.perfusion is None else options.perfusion)
    fresh = torch.zeros(len(TISSUES))
    fresh[[BLOOD, RV_BLOOD]] = 1
    t1_blood = float(values.t1[BLOOD])
    signal = scheme.signal(
        values.t1, None, brightness(scheme, values), perfusion=perfusion, fresh=fresh, t1_blood=t1_blood
    )
    return acquire(
        exam,
        options,
        scheme,
        signal,
        {"perfusion": perfusion, "T1": values.t1},
        facts={"sequence": "fair", "t1_blood": t1_blood},
        fluctuation=options.fluctuation / 100,
    )


def perfusion_of(wall: float) -> torch.Tensor:
    """Perfusion (n_tissues,) in mL/g/min of a person whose healthy wall has ``wall``."""
    values = torch.zeros(len(TISSUES))
    for tissue, value in {**ELSEWHERE, MYOCARDIUM: wall, LESION: IN_SCAR * wall}.items():
        values[tissue] = value
    return values

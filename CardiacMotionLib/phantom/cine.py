"""Cine: balanced steady-state images of a beating heart, one slice or a short-axis stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..methods.protocol import option
from . import artefacts
from .coil import sensitivity
from .examination import Examination
from .population import AVERAGE
from .respiration import breaths, furthest
from .slices import StackOptions
from .subject import Subject
from .tissues import AIR, BLOOD, RV_BLOOD, TISSUES, bssfp_contrast, random_contrast, relaxation_of

ARTEFACTS = {  # shading, off_resonance_hz, ghosting, inflow, slice_shift_mm
    "none": (0.0, 0.0, 0.0, 0.0, 0.0),
    "typical": (0.3, 35.0, 0.03, 0.12, 0.0),
}
DRAWN = (0.1, 0.0, 0.0, 0.03, 0.0), (0.7, 80.0, 0.2, 0.25, 3.0)  # least and most of what is drawn


@dataclass(frozen=True)
class Options(StackOptions):
    """What can be asked of a cine phantom."""

    frames: int = option(16, "frames over the cycle", minimum=2, maximum=100)
    cycle_ms: float = option(900.0, "length of the cardiac cycle", unit="ms", minimum=200, maximum=3000)
    contrast: str = option(
        "bssfp", "signals of the tissues: of the sequence, or random ones for training", choices=("bssfp", "random")
    )
    noise: float = option(
        2.0, "standard deviation of the noise, of the signal of blood", unit="%", minimum=0, maximum=50
    )
    artefacts: str | None = option(
        None,
        "how strong the artefacts are that are not given below; else typical, for the average heart none",
        choices=("none", "typical", "random"),
    )
    acquired: float = option(0.8, "share of the lines and columns of k-space that is acquired", minimum=0.3, maximum=1)
    breathing_mm: float = option(
        0.0, "depth of a breath along head to foot, over the one cycle", unit="mm", minimum=0, maximum=30
    )
    drift_mm: float = option(
        0.0, "drift towards the feet from the first frame to the last", unit="mm", minimum=-20, maximum=20
    )
    shading: float | None = option(None, "fall of the coil's sensitivity to the back", minimum=0, maximum=2)
    off_resonance_hz: float | None = option(
        None, "standard deviation of the field, which makes bands", unit="Hz", minimum=0, maximum=300
    )
    ghosting: float | None = option(None, "share of the moving signal that is repeated", minimum=0, maximum=1)
    inflow: float | None = option(None, "standard deviation of the blood's signal over the cycle", minimum=0, maximum=1)
    slice_shift_mm: float | None = option(
        None, "standard deviation of the heart's place between slices", unit="mm", minimum=0, maximum=10
    )


def settled(options: Options, seed: int) -> Options:
    """The options with the strength of every artefact that was not asked for."""
    names = ("shading", "off_resonance_hz", "ghosting", "inflow", "slice_shift_mm")
    level = options.artefacts or ("none" if options.group == AVERAGE else "typical")
    shares = np.random.default_rng([seed, 7]).random(len(names)) ** 2  # mostly mild
    drawn = tuple(float(a + s * (b - a)) for s, a, b in zip(shares, *DRAWN, strict=True))
    strengths = ARTEFACTS.get(level, drawn)
    missing: dict[str, Any] = {
        n: strength for n, strength in zip(names, strengths, strict=True) if getattr(options, n) is None
    }
    return replace(options, artefacts=level, **missing)


def make_cine(seed: int, options: Options, device: torch.device | str = "cpu") -> Subject:
    """Make a cine subject; the same seed and options give the same subject."""
    phases = np.arange(options.frames) / options.frames
    return cine_at(seed, options, phases, device)


def cine_at(seed: int, options: Options, phases: np.ndarray, device: torch.device | str = "cpu") -> Subject:
    """Make a cine subject at increasing phases of the cycle; its motion is from the first of them."""
    options = settled(options, seed)
    exam = begin(seed, options, device)
    table = torch.stack((contrast(options, exam), is_blood()), dim=-1).to(exam.device)
    times = phases * options.cycle_ms
    shifts = breaths(times, options.breathing_mm, options.drift_mm, exam.rng("breathing"))
    states = [exam.person.kinematics.state(float(p), shift) for p, shift in zip(phases, shifts, strict=True)]
    drawn = exam.acquisition.draw(states, table)
    signal, blood = torch.stack([one.signal for one in drawn], dim=1)
    signal = signal * sensitivity(exam, options.shading or 0.0)
    frames = corrupted(signal, blood, options, exam)
    return exam.finish(frames, drawn, states, times)


def begin(seed: int, options: Options, device: torch.device | str = "cpu") -> Examination:
    """The person in the scanner, with `settled` options."""
    return Examination.begin(
        "cine",
        seed,
        options,
        device=device,
        slice_shift_mm=options.slice_shift_mm or 0.0,
        breath_mm=furthest(options.breathing_mm, options.drift_mm),
    )


def contrast(options: Options, exam: Examination) -> Tensor:
    """Signals (n_tissues,) of the tissues, blood 1 or thereabouts."""
    if options.contrast == "random":
        values = random_contrast(exam.generator("contrast"))
        values[AIR] *= 0.3
        return values
    flip, inflow, venous = (float(v) for v in exam.rng("contrast").uniform((40, 1.0, 0.85), (60, 1.25, 1.0)))
    values = bssfp_contrast(flip_deg=flip, inflow=inflow, values=relaxation_of(exam.seed))
    values[RV_BLOOD] = venous
    return values


def is_blood() -> Tensor:
    """1 for blood, 0 for other tissues (n_tissues,)."""
    marked = torch.zeros(len(TISSUES))
    marked[[BLOOD, RV_BLOOD]] = 1
    return marked


def corrupted(signal: Tensor, blood: Tensor, options: Options, exam: Examination) -> Tensor:
    """Images (T, K, J, I) with the artefacts of the options; ``blood`` is the share of it in every voxel."""
    shape, device = signal.shape[1:], signal.device
    if options.inflow:
        signal = artefacts.inflow(signal, blood, options.inflow, 0.3, exam.generator("inflow"))
    if options.off_resonance_hz:
        hertz = artefacts.off_resonance(shape, options.off_resonance_hz, exam.generator("field"), device)
        signal = artefacts.banding(signal, hertz)
    if options.ghosting:
        signal = artefacts.ghosting(signal, signal - signal.mean(0), options.ghosting, exam.generator("ghosts"))
    signal = artefacts.limited(signal, options.acquired)
    if options.noise:
        signal = artefacts.rician_noise(signal, options.noise / 100, exam.generator("noise"))
    return signal.clamp_min(0)

"""Series of contrasts: the same slices again and again, under preparations that change what the tissues show.

Common to relaxometry and perfusion: a person breathes, the heartbeat is not quite even, and each image has a signal per
tissue. Images are taken at end-diastole, and all slices of an image in the same state of breathing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..methods.protocol import option
from . import artefacts
from .coil import sensitivity
from .examination import Examination
from .respiration import breaths, furthest
from .schemes import TimingScheme
from .slices import StackOptions
from .subject import Subject
from .tissues import AIR, BLOOD, FIELDS, TISSUES, Relaxation

FREE_MM, HELD_MM = 6.0, 1.5  # depth of a breath; what is left of it where somebody holds the breath
OF_DRIFT = 0.25  # of that depth


@dataclass(frozen=True)
class ContrastOptions(StackOptions):
    """What can be asked of a series of contrasts."""

    slices: int = option(1, "short-axis slices; one slice is taken at mid height", minimum=1, maximum=64)
    rows: int = option(160, "voxels along j (from the anterior to the inferior wall)", minimum=16, maximum=512)
    columns: int = option(160, "voxels along i (from the RV to the lateral wall)", minimum=16, maximum=512)
    pixel_mm: float = option(1.9, "voxel size in plane", unit="mm", minimum=0.5, maximum=5)
    thickness_mm: float = option(8.0, "slice thickness and distance", unit="mm", minimum=0.5, maximum=20)
    field_tesla: float = option(1.5, "field of the scanner, on which T1 and T2 depend", unit="T", choices=FIELDS)
    heart_rate: float = option(65.0, "heart rate", unit="beats a minute", minimum=40, maximum=150)
    breathing_mm: float | None = option(
        None,
        "how far a mean breath carries the heart towards the feet; else 6 mm in free breathing, 1.5 mm in held breath",
        unit="mm",
        minimum=0,
        maximum=30,
    )
    drift_mm: float | None = option(
        None, "drift of the heart on top; else a quarter of the breath", unit="mm", minimum=-20, maximum=20
    )
    cardiac_jitter: float = option(
        0.02,
        "standard deviation of the heartbeats' length, and of the moment of an image, as a share of the cycle",
        minimum=0,
        maximum=0.1,
    )
    noise: float = option(
        3.0, "standard deviation of the noise, of the signal of blood at rest", unit="%", minimum=0, maximum=50
    )
    magnitude: bool = option(True, "magnitude images; else the sign of the signal is kept")
    shading: float = option(0.3, "fall of the coil's sensitivity to the back", minimum=0, maximum=2)
    acquired: float = option(0.8, "share of the lines and columns of k-space that is acquired", minimum=0.3, maximum=1)


AnyOptions = TypeVar("AnyOptions", bound=ContrastOptions)


def settled(options: AnyOptions, depth_mm: float) -> AnyOptions:
    """The options with the breathing that was not asked for; ``depth_mm`` of a mean breath is usual."""
    depth = depth_mm if options.breathing_mm is None else options.breathing_mm
    drift = OF_DRIFT * depth if options.drift_mm is None else options.drift_mm
    return replace(options, breathing_mm=depth, drift_mm=drift)


def begin(kind: str, seed: int, options: ContrastOptions, device: torch.device | str) -> Examination:
    """Begin an examination with options that are `settled`."""
    breath = furthest(options.breathing_mm or 0.0, options.drift_mm or 0.0)
    return Examination.begin(kind, seed, options, device=device, breath_mm=breath)


def heartbeat(options: ContrastOptions, exam: Examination) -> dict[str, Any]:
    """What the schemes take: heart rate and its variation, none where that is 0."""
    return {
        "heart_rate": options.heart_rate,
        "generator": exam.generator("beats") if options.cardiac_jitter else None,
        "variation": options.cardiac_jitter,
    }


def brightness(scheme: TimingScheme, values: Relaxation) -> Tensor:
    """Signal (n_tissues,) of the tissues at rest: what the read-out shows of the proton density, blood 1."""
    at_rest = values.proton_density * scheme.seen(values.t1, values.t2)
    return at_rest / at_rest[BLOOD]


def acquire(
    exam: Examination,
    options: ContrastOptions,
    scheme: TimingScheme,
    signal: Tensor,
    truth: Mapping[str, Tensor],
    *,
    facts: Mapping[str, Any],
    fluctuation: float = 0.0,
) -> Subject:
    """Take the images.

    Parameters
    ----------
    exam, options
        The person on the table and what was asked for, `settled`.
    scheme
        When the images are taken.
    signal
        (N, n_tissues) signed signal of the tissues in each.
    truth
        Values (n_tissues,) of the tissues, of which maps are made.
    facts
        What else series and subject are to know: ``sequence``, its name, and what a fit needs.
    fluctuation
        Standard deviation of the tissues' signal from image to image, as a share of it.
    """
    phases = options.cardiac_jitter * exam.rng("trigger").standard_normal(len(scheme)).clip(-3, 3)
    phases[0] = 0.0
    shifts = breaths(scheme.times, options.breathing_mm or 0.0, options.drift_mm or 0.0, exam.rng("breathing"))
    kinematics = exam.person.kinematics
    states = [kinematics.state(float(phase), shift) for phase, shift in zip(phases, shifts, strict=True)]
    drawn = [
        exam.acquisition.draw([state], column.to(exam.device)[:, None])[0]
        for state, column in zip(states, signal, strict=True)
    ]
    frames = torch.cat([one.signal for one in drawn]) * sensitivity(exam, options.shading)
    if fluctuation:
        frames = frames * (1 + fluctuation * slow_noise(frames, exam.generator("fluctuation")))
    frames = received(frames, options, exam.generator("noise"))
    meta = {
        **facts,
        "model": scheme.model,
        "field_tesla": options.field_tesla,
        **{name: values.tolist() for name, values in scheme.acquisition.items()},
    }
    return exam.finish(frames, drawn, states, scheme.times, maps=tissue_maps(exam, truth), meta=meta)


def slow_noise(images: Tensor, generator: torch.Generator) -> Tensor:
    """Independent fields of SD 1 for images (N, K, J, I), with grains of a sixth of the field of view."""
    grain = (1.0, 1.0, images.shape[2] / 6, images.shape[3] / 6)
    return artefacts.smooth_noise(images.shape, grain, generator, images.device)


def received(signal: Tensor, options: ContrastOptions, generator: torch.Generator) -> Tensor:
    """Images (N, K, J, I) as the scanner reconstructs them, of the signed signal that the coils see."""
    signal = artefacts.limited(signal, options.acquired)
    if options.noise:
        noisy = artefacts.complex_noise(signal, options.noise / 100, generator)
        return noisy.abs() if options.magnitude else noisy.real
    return signal.abs() if options.magnitude else signal


def tissue_maps(exam: Examination, truth: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Maps (K, J, I) float32 of the tissue that has the largest share of a voxel of the first image, NaN in air.

    ``purity`` is that share.
    """
    purity, tissue = (array.cpu() for array in exam.shares(torch.arange(len(TISSUES))).max(0))
    maps = {name: torch.where(tissue == AIR, torch.nan, values[tissue]).numpy() for name, values in truth.items()}
    return {**maps, "purity": purity.numpy()}

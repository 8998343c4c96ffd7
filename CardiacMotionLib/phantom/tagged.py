"""Tagged: a pattern laid over the chest at end-diastole, which the tissue carries along while it fades.

The pattern is a function of where the material was when it was tagged, so it moves as the tissue does, exactly. Its
direction lies in the image, its planes stand upright on it, and a voxel averages it through its slice. In the slice it
is taken at the voxel's center: a scanner samples k-space and passes every frequency that it acquires whole, other than
a box would; what weakens fine lines is the ``acquired`` share of k-space, which is applied as such.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..errors import CardiacMotionError
from ..mapping import signals
from ..methods.protocol import option
from . import artefacts
from .coil import sensitivity
from .examination import Examination
from .slices import QUARTERS, Grid, StackOptions
from .subject import Subject
from .tissues import BLOOD, FIELDS, RV_BLOOD, Relaxation, relaxation_of

WASHOUT_MS = 45.0  # in which blood is replaced, to 1/e
FRESH = 0.5  # signal of the blood that replaces it in SPAMM: it has felt some of the pulses, and no tags


@dataclass(frozen=True)
class Options(StackOptions):
    """What can be asked of a tagged phantom."""

    slices: int = option(3, "short-axis slices from a quarter to three quarters of the LV", minimum=1, maximum=64)
    rows: int = option(144, "voxels along j (from the anterior to the inferior wall)", minimum=16, maximum=512)
    columns: int = option(144, "voxels along i (from the RV to the lateral wall)", minimum=16, maximum=512)
    pixel_mm: float = option(1.3, "voxel size in plane", unit="mm", minimum=0.5, maximum=5)
    thickness_mm: float = option(8.0, "slice thickness", unit="mm", minimum=0.5, maximum=20)
    frames: int = option(20, "frames over the cycle, the first right at the tagging", minimum=2, maximum=100)
    cycle_ms: float = option(900.0, "length of the cardiac cycle", unit="ms", minimum=200, maximum=3000)
    field_tesla: float = option(1.5, "field of the scanner, on which T1 depends", unit="T", choices=FIELDS)
    technique: str = option(
        "spamm",
        "magnitude of one tagging, or the signed difference of it and its complement",
        choices=("spamm", "cspamm"),
    )
    pattern: str = option("grid", "lines in one direction, or in two across each other", choices=("grid", "lines"))
    period_mm: float | None = option(
        None, "distance of the tag lines; else 5 to 8 mm, or three voxels", unit="mm", minimum=2.5, maximum=20
    )
    angle: float | None = option(
        None,
        "direction along which the tags alternate, from i (0) towards j (90); else 0 or 45",
        unit="degrees",
        minimum=-180,
        maximum=180,
    )
    tag_flip: float = option(
        45.0,
        "flip angle of each of the two tagging pulses of SPAMM; CSPAMM takes the complement of 45",
        unit="degrees",
        minimum=5,
        maximum=90,
    )
    flip: float = option(6.0, "flip angle of the read-out pulses", unit="degrees", minimum=1, maximum=40)
    repetition_ms: float = option(5.0, "time from one read-out pulse to the next", unit="ms", minimum=1, maximum=100)
    magnitude: bool = option(False, "the magnitude of CSPAMM, in place of its signed difference")
    noise: float = option(
        4.0, "standard deviation of the noise, of the undisturbed signal of blood", unit="%", minimum=0, maximum=50
    )
    acquired: float = option(0.8, "share of the lines and columns of k-space that is acquired", minimum=0.3, maximum=1)
    shading: float = option(0.3, "fall of the coil's sensitivity to the back", minimum=0, maximum=2)


@dataclass(frozen=True, eq=False)
class Tags:
    """A pattern of tags on the material.

    ``waves`` (3, D) in rad/mm, heart axes, one column a direction, and ``start`` (D,) rad: the phase of a direction is
    0 on its dark lines, and 2 pi from one to the next.
    """

    waves: Tensor
    start: Tensor
    flip: float
    complementary: bool

    @classmethod
    def lay(cls, options: Options, grid: Grid, start: np.ndarray, device: torch.device) -> Tags:
        """Put the tags on a grid; ``start`` (2,) is the phase of either direction at the middle of the image."""
        count = 2 if options.pattern == "grid" else 1
        angles = math.radians(options.angle or 0.0) + np.array([0.0, math.pi / 2])[:count]
        axes = grid.affine[:3, :2] / grid.spacing[:2]
        waves = 2 * math.pi / (options.period_mm or 1.0) * axes @ np.stack((np.cos(angles), np.sin(angles)))
        middle = grid.affine[:3] @ np.array([*(np.array(grid.shape[::-1]) - 1) / 2, 1.0])
        offset = start[:count] - middle @ waves
        return cls(
            torch.as_tensor(waves, dtype=torch.float32, device=device),
            torch.as_tensor(offset, dtype=torch.float32, device=device),
            options.tag_flip,
            options.technique == "cspamm",
        )

    def phase(self, material: Tensor) -> Tensor:
        """Phase (N, D) in rad of material points (N, 3) in heart coordinates."""
        return material @ self.waves + self.start

    def pattern(self, material: Tensor) -> Tensor:
        """Magnetization (N, 1) that is left of 1, at material points (N, 3), right after the tagging.

        Of SPAMM the product of the directions' bands. CSPAMM subtracts the complement (1 less the bands, Fischer 1993)
        from it: -1 on the dark lines, 1 between them.
        """
        bands = signals.spamm_pattern(self.phase(material), self.flip).prod(-1, keepdim=True)
        return 2 * bands - 1 if self.complementary else bands


def make_tagged(seed: int, options: Options, device: torch.device | str = "cpu") -> Subject:
    """Make a tagged subject; the same seed and options give the same subject.

    Its maps ``tag_phase_1`` and, for a grid, ``tag_phase_2`` (T, K, J, I) are the true phases in rad of the tags at the
    voxel centers, 0 (or a multiple of 2 pi) on the dark lines, not wrapped.
    """
    start = np.random.default_rng([seed, 13])
    options = settled(options, start)
    exam = Examination.begin("tagged", seed, options, device=device, heights=QUARTERS)
    tags = Tags.lay(options, exam.grid, start.uniform(-math.pi, math.pi, 2), exam.device)
    values = relaxation_of(seed, options.field_tesla)
    phases = np.arange(options.frames) / options.frames
    times = phases * options.cycle_ms
    states = [exam.person.kinematics.state(float(phase)) for phase in phases]

    def tagged(signal: Tensor, material: Tensor) -> Tensor:
        return signal[:, :1] * tags.pattern(material) + signal[:, 1:]

    drawn = [
        exam.acquisition.draw([state], magnetization(float(time), values, options).to(exam.device), tagged)[0]
        for state, time in zip(states, times, strict=True)
    ]
    signal = torch.stack([one.signal[0] for one in drawn]) * sensitivity(exam, options.shading)
    frames = corrupted(signal, options, exam.generator("noise"))
    truth = torch.stack([tags.phase(exam.material(state)) for state in states]).cpu().numpy()  # (T, N, D)
    maps = {
        f"tag_phase_{d + 1}": truth[..., d].reshape(options.frames, *exam.grid.shape) for d in range(truth.shape[-1])
    }
    about = {"technique": options.technique, "pattern": options.pattern, "period_mm": options.period_mm}
    meta = {"tags": {**about, "angle": options.angle}}
    return exam.finish(frames, drawn, states, times, maps=maps, meta=meta)


def settled(options: Options, rng: np.random.Generator) -> Options:
    """The options with the period and the angle that were not asked for; raises where options contradict each other."""
    if options.technique == "spamm" and options.magnitude:
        raise CardiacMotionError("option magnitude is for technique cspamm; spamm is a magnitude anyway")
    if options.technique == "cspamm" and options.tag_flip != 45:
        raise CardiacMotionError(f"option tag_flip must be 45 degrees for technique cspamm, got {options.tag_flip:g}")
    period, angle = float(rng.uniform(5, 8)), float(rng.choice([0.0, 45.0]))
    period = max(period, 3 * options.pixel_mm) if options.period_mm is None else options.period_mm
    if period < 2 * options.pixel_mm:
        raise CardiacMotionError(
            f"period_mm must be at least two voxels of {options.pixel_mm:g} mm for lines to show, got {period:.3g} mm"
        )
    return replace(options, period_mm=period, angle=angle if options.angle is None else options.angle)


def magnetization(time: float, values: Relaxation, options: Options) -> Tensor:
    """Table (n_tissues, 2) ``time`` ms after the tagging: what carries the pattern, and what does not.

    Blood is replaced by blood without tags, of which nothing is left in the difference of CSPAMM.
    """
    here = torch.ones_like(values.t1)
    here[[BLOOD, RV_BLOOD]] = math.exp(-time / WASHOUT_MS)
    carrying = values.proton_density * signals.tag_fade(time, values.t1, options.flip, options.repetition_ms)
    if options.technique == "cspamm":
        return torch.stack((carrying * here, torch.zeros_like(carrying)), dim=-1)
    without = values.proton_density * signals.recovered(time, values.t1, options.flip, options.repetition_ms)
    return torch.stack((carrying * here, without * here + FRESH * values.proton_density * (1 - here)), dim=-1)


def corrupted(signal: Tensor, options: Options, generator: torch.Generator) -> Tensor:
    """Images (T, K, J, I) of the k-space that was acquired, with its noise; signed for CSPAMM."""
    noise = artefacts.complex_noise(torch.zeros_like(signal), options.noise / 100, generator)
    if options.acquired < 1:
        signal, noise = (artefacts.limited(images, options.acquired) for images in (signal, noise))
        noise = noise * (options.noise / 100 / noise.real.std().clamp_min(1e-12))
    noisy = signal + noise
    return noisy.real if options.technique == "cspamm" and not options.magnitude else noisy.abs()

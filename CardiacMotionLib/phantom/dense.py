"""Cine DENSE: the displacement since end-diastole, encoded in the phase of a stimulated echo.

The phase of a pixel is 2 pi ke u, wrapped into (-pi, pi], with the encoding frequency ke in cycles/mm and u the
displacement since the encoding of the tissue that is there now (Aletras 1999): Eulerian, where `Subject.motion` is
Lagrangian. The conventions are those of `io.datasets.dense`: x along the columns (i), y along the rows (j), z along the
slices (k), positive toward larger i, j, k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import CardiacMotionError
from ..mapping import signals
from ..methods.protocol import option
from . import artefacts
from .acquisition import Drawn
from .coil import sensitivity
from .examination import Examination
from .slices import QUARTERS, StackOptions
from .state import State
from .subject import Subject
from .tissues import BLOOD, FIELDS, MYOCARDIUM, RV_BLOOD, Relaxation, relaxation_of

WASHOUT_MS = 90.0  # in which encoded blood leaves the slice, to 1/e


@dataclass(frozen=True)
class Options(StackOptions):
    """What can be asked of a DENSE phantom."""

    slices: int = option(
        1,
        "short-axis slices; one at mid height, more from a quarter to three quarters of the LV",
        minimum=1,
        maximum=64,
    )
    rows: int = option(128, "voxels along j (from the anterior to the inferior wall)", minimum=16, maximum=512)
    columns: int = option(128, "voxels along i (from the RV to the lateral wall)", minimum=16, maximum=512)
    pixel_mm: float = option(1.75, "voxel size in plane", unit="mm", minimum=0.5, maximum=5)
    thickness_mm: float = option(8.0, "slice thickness", unit="mm", minimum=0.5, maximum=20)
    frames: int | None = option(
        None,
        "frames, the first right at the encoding; else as many as fit into nine tenths of the cycle",
        minimum=2,
        maximum=600,
    )
    frame_ms: float = option(17.0, "time from one frame to the next", unit="ms", minimum=5, maximum=200)
    cycle_ms: float = option(900.0, "length of the cardiac cycle", unit="ms", minimum=200, maximum=3000)
    field_tesla: float = option(1.5, "field of the scanner, on which T1 depends", unit="T", choices=FIELDS)
    encoding_frequency: float = option(0.1, "phase over displacement", unit="cycles/mm", minimum=0.01, maximum=0.5)
    directions: int = option(2, "encoded directions: x and y, or z too", choices=(2, 3))
    slice_averaging: bool = option(
        False, "whether signals of different phase mix over the slice; else the phase is that at its middle"
    )
    flip: float = option(5.0, "flip angle of the read-out pulses", unit="degrees", minimum=1, maximum=40)
    repetition_ms: float = option(8.5, "time from one read-out pulse to the next", unit="ms", minimum=1, maximum=100)
    snr: float = option(
        20.0,
        "magnitude of the wall in the first frame over the standard deviation of the noise; 0 is without noise",
        minimum=0,
        maximum=1000,
    )
    shading: float = option(0.3, "fall of the coil's sensitivity to the back", minimum=0, maximum=2)


def make_dense(seed: int, options: Options, device: torch.device | str = "cpu") -> Subject:
    """Make a DENSE subject; the same seed and options give the same subject.

    The series is the magnitude. The maps, each (T, K, J, I) float32 for the directions x, y and with three also z, are
    ``phase_x`` ... in rad and the true ``displacement_x`` ... in mm at the voxel centers.
    """
    times = frame_times(options)
    exam = Examination.begin("dense", seed, options, device=device, heights=QUARTERS)
    axes = torch.as_tensor(exam.grid.affine[:3, :3] / exam.grid.spacing, dtype=torch.float32, device=exam.device)
    axes = axes[:, : options.directions]
    wave = 2 * math.pi * options.encoding_frequency
    values = relaxation_of(seed, options.field_tesla)
    states = [exam.person.kinematics.state(float(time) / options.cycle_ms) for time in times]
    tables = [stimulated_echo(float(time), values, options).to(exam.device) for time in times]

    moved = torch.stack([(exam.acquisition.centers - exam.material(state)) @ axes for state in states])  # (T, N, D)
    moved = moved.movedim(-1, 0).reshape(options.directions, len(times), *exam.grid.shape)
    if options.slice_averaging:
        drawn = [draw_averaged(exam, state, table, wave * axes) for state, table in zip(states, tables, strict=True)]
        echoes = torch.stack([one.signal for one in drawn], dim=1)
        echoes = torch.complex(*echoes.unflatten(0, (2, options.directions)))
    else:
        drawn = [exam.acquisition.draw([s], table)[0] for s, table in zip(states, tables, strict=True)]
        echoes = torch.polar(torch.stack([one.signal for one in drawn], dim=1).expand_as(moved), wave * moved)
    magnitude, phase = received(
        echoes * sensitivity(exam, options.shading), float(tables[0][MYOCARDIUM]), options, exam.generator("noise")
    )

    names = "xyz"[: options.directions]
    maps = {f"phase_{n}": one.cpu().numpy() for n, one in zip(names, phase, strict=True)}
    maps |= {f"displacement_{n}": one.cpu().numpy() for n, one in zip(names, moved, strict=True)}
    meta = {"encoding_frequency": dict.fromkeys(names, options.encoding_frequency)}
    return exam.finish(magnitude, drawn, states, times, maps=maps, meta=meta)


def frame_times(options: Options) -> np.ndarray:
    """Times (T,) of the frames in ms; raises where they go beyond the cycle."""
    frames = options.frames or max(2, int(0.9 * options.cycle_ms / options.frame_ms) + 1)
    times = np.arange(frames) * options.frame_ms
    if times[-1] >= options.cycle_ms:
        raise CardiacMotionError(
            f"{frames} frames of {options.frame_ms:g} ms are longer than the cycle of {options.cycle_ms:g} ms; use "
            f"fewer or shorter frames, or a longer cycle_ms"
        )
    return times


def stimulated_echo(time: float, values: Relaxation, options: Options) -> Tensor:
    """Table (n_tissues, 1) of the encoded signal ``time`` ms after the encoding; blood carries it out of the slice."""
    left = signals.stimulated_echo(time, values.t1, options.flip, options.repetition_ms, values.proton_density)
    left[[BLOOD, RV_BLOOD]] *= math.exp(-time / WASHOUT_MS)
    return left[:, None]


def draw_averaged(exam: Examination, state: State, table: Tensor, waves: Tensor) -> Drawn:
    """Draw a state with the complex echo averaged over the slice: real parts of all directions, then imaginary ones."""

    def encoded(signal: Tensor, material: Tensor) -> Tensor:
        phase = (exam.person.kinematics.position(material, state) - material) @ waves  # (N, D)
        return signal * torch.cat((phase.cos(), phase.sin()), dim=-1)

    return exam.acquisition.draw([state], table, encoded)[0]


def received(echoes: Tensor, wall: float, options: Options, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Magnitude (T, K, J, I), the mean of the directions, and phase (D, T, K, J, I) in (-pi, pi] of complex echoes."""
    if options.snr:
        echoes = artefacts.complex_noise(echoes, wall / options.snr, generator)
    phase = echoes.angle()
    return echoes.abs().mean(0), torch.where(phase <= -math.pi, math.pi, phase)

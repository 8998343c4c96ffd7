"""When the mapping sequences take their images, and the signal each image has.

A `TimingScheme` has the acquisition as a mapping fit wants it and the time stamps of the images, from which breathing
and heartbeat follow. One function a sequence; each takes the heart rate, and a generator for the beat-to-beat variation
whose standard deviation is ``variation``, a share of the RR interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import CardiacMotionError
from ..mapping import signals

IMAGE_AT = 0.7  # share of the RR interval at which images are taken: the diastolic rest
READ_OUT_MS = 180.0  # single-shot image
CENTER_MS = 60.0  # from its first pulse to the center of k-space
T1_BLOOD_MS = 1550.0
VARIATION = 0.03  # standard deviation of the RR interval as a share of it


@dataclass(frozen=True, eq=False)
class TimingScheme:
    """N images in the order in which they were taken.

    Attributes
    ----------
    model
        molli, stone, sasha, msasha, ir, t2prep or asl.
    times
        (N,) ms from the first heartbeat, increasing.
    acquisition
        Those of ``inversion_times``, ``saturation_times``, ``echo_times``, ``delays`` (ms) that the model has and
        ``is_tag`` for asl, each (N,). Infinity is a preparation that was left out.
    flip_deg
        Of the read-out: in molli it changes the recovery, elsewhere only how bright a tissue is.
    rr_ms
        Mean interval between heartbeats.
    """

    model: str
    times: np.ndarray
    acquisition: Mapping[str, np.ndarray]
    flip_deg: float = 35.0
    rr_ms: float = 1000.0

    def __len__(self) -> int:
        return len(self.times)

    def signal(
        self,
        t1: Tensor,
        t2: Tensor | None = None,
        m0: Tensor | float = 1.0,
        *,
        perfusion: Tensor | float = 0.0,
        fresh: Tensor | float = 0.0,
        t1_blood: float = T1_BLOOD_MS,
    ) -> Tensor:
        """Signed signal (N, *shape) of tissue with T1, T2 in ms (shape) whose undisturbed signal is ``m0``.

        ``perfusion`` (mL/g/min), ``fresh`` (share of blood replaced between inversion and image) and ``t1_blood``
        matter to asl only. Free of what violates the model, so that a fit of the model returns T1: inversions and
        saturations are perfect and the magnetization is at rest before each. Raises `CardiacMotionError` without T2
        where the signal depends on it.
        """
        at: dict[str, Any] = {
            name: torch.from_numpy(values).to(t1).reshape(-1, *[1] * t1.ndim)
            for name, values in self.acquisition.items()
        }
        if self.model in ("stone", "ir"):
            return signals.inversion_recovery(at["inversion_times"], t1, m0, 2 * m0)
        if self.model == "sasha":
            return signals.saturation_recovery(at["saturation_times"], t1, m0)
        if self.model == "asl":
            return signals.fair_asl(at["is_tag"], at["inversion_times"], t1, perfusion, t1_blood, m0, fresh=fresh)
        if t2 is None:
            raise CardiacMotionError(f"the signal of {self.model} depends on T2: give t2 in ms as well as t1")
        if self.model == "molli":
            t1_star = signals.molli_t1_star(t1, t2, self.flip_deg, READ_OUT_MS / self.rr_ms)
            a, b = signals.look_locker_parameters(t1, t1_star, m0)
            return signals.look_locker(at["inversion_times"], t1_star, a, b)
        if self.model == "msasha":
            return signals.msasha(at["saturation_times"], at["echo_times"], at["delays"], t1, t2, m0)
        return signals.t2_prep(at["echo_times"], t2, m0)

    def seen(self, t1: Tensor, t2: Tensor) -> Tensor:
        """Share (shape) of the magnetization of tissue with T1, T2 in ms (shape) that an image shows.

        sin(a/2) exp(-t/T1*) with 1/T1* = cos^2(a/2)/T1 + sin^2(a/2)/T2: what is left of it at the center of k-space of
        the balanced read-out (Schmitt 2004). What the read-out itself adds is left out, so that images stay
        proportional to what the preparation left.
        """
        half = np.radians(self.flip_deg) / 2
        rate = np.cos(half) ** 2 / t1 + np.sin(half) ** 2 / t2
        return float(np.sin(half)) * torch.exp(-CENTER_MS * rate)


def molli(
    pattern: str = "5(3)3",
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    shortest_ms: Sequence[float] = (120.0, 200.0, 280.0),
    flip_deg: float = 35.0,
) -> TimingScheme:
    """MOLLI: images at successive heartbeats after each inversion, ``pattern`` in beats with the pauses in brackets.

    5(3)3 has 8 images (Kellman 2014), 4(1)3(1)2 has 9 and is used after contrast (Schelbert 2011), 3(3)3(3)5 has 11
    (Messroghli 2004, there with shortest times 100, 200 and 350 ms). TI = shortest + the RR intervals that passed.
    """
    trains, pauses = _read_pattern(pattern, len(shortest_ms))
    beats = _heartbeats(sum(trains) + sum(pauses) + 1, heart_rate, generator, variation)
    first, taken, inversion_times = 0, [], []
    for train, pause, shortest in zip(trains, [*pauses, 0], shortest_ms, strict=False):
        images = np.arange(first, first + train)
        taken.append(images)
        inversion_times.append(shortest + beats[images] - beats[first])
        first += train + pause
    return _scheme(
        "molli",
        heart_rate,
        beats[np.concatenate(taken)],
        {"inversion_times": np.concatenate(inversion_times)},
        flip_deg,
    )


def stone(
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    slice_index: int = 2,
    slices: int = 5,
    shortest_ms: Sequence[float] = (135.0, 350.0),
    rest_ms: float = 3000.0,
) -> TimingScheme:
    """STONE: of one slice, an image without inversion, then one at each of 1..5 beats after ten inversions: N = 11.

    After each nonselective inversion the five slices are taken in successive beats, in an order that moves on from one
    inversion to the next, so that each slice is excited once per recovery; then all rest (Weingärtner 2015). The
    shortest times are typical ones, not the paper's.
    """
    if not 0 <= slice_index < slices:
        raise CardiacMotionError(f"slice_index must be from 0 to {slices - 1}, got {slice_index}")
    rest = int(np.ceil(rest_ms * heart_rate / 60_000))
    blocks = slices * len(shortest_ms)
    beats = _heartbeats(slices + blocks * (slices + rest), heart_rate, generator, variation)
    taken, inversion_times = [slice_index], [np.inf]
    for block in range(blocks):
        first, position = slices + block * (slices + rest), (slice_index + block) % slices
        taken.append(first + position)
        inversion_times.append(shortest_ms[block // slices] + beats[first + position] - beats[first])
    return _scheme("stone", heart_rate, beats[taken], {"inversion_times": np.array(inversion_times)})


def inversion_recovery(
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    inversion_times: Sequence[float] = (100.0, 200.0, 400.0, 700.0, 1000.0, 1400.0, 2000.0, 3000.0),
    rest_ms: float = 6000.0,
) -> TimingScheme:
    """One inversion an image, rest between: the reference that takes longest."""
    rests = np.arange(len(inversion_times)) * int(np.ceil((rest_ms + max(inversion_times)) * heart_rate / 60_000))
    beats = _heartbeats(int(rests[-1]) + 1, heart_rate, generator, variation)
    return _scheme("ir", heart_rate, beats[rests], {"inversion_times": np.array(inversion_times, dtype=float)})


def sasha(
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    images: int = 11,
    shortest_ms: float = 100.0,
) -> TimingScheme:
    """SASHA: one image without saturation, the others at times evenly spread over most of the beat (Chow 2014)."""
    beats = _heartbeats(images, heart_rate, generator, variation)
    longest = (IMAGE_AT + 0.1) * 60_000 / heart_rate
    saturation_times = np.concatenate(([np.inf], np.linspace(shortest_ms, longest, images - 1)))
    return _scheme("sasha", heart_rate, beats, {"saturation_times": saturation_times})


def msasha(
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    images: int = 30,
    delay_ms: float = 15.0,
) -> TimingScheme:
    """Multiparametric SASHA in free breathing: one image without preparation, then cycles of eight prepared ones.

    A cycle has six images with saturation times spread over the RR interval and two with a long one and T2
    preparation of 40 and 65 ms (the breath-held protocol of 9 images is one such cycle, Chow 2022). The last image is
    always T2-prepared: it is the template to register to (Zhang 2024). TD is from there to the center of k-space.
    """
    beats = _heartbeats(images, heart_rate, generator, variation)
    longest = IMAGE_AT * 60_000 / heart_rate
    cycle = [(ts, 0.0) for ts in np.linspace(100.0, longest, 6)] + [(longest - 65, 40.0), (longest - 65, 65.0)]
    rows = [(np.inf, 0.0)] + [cycle[(n - images) % 8] for n in range(1, images)]
    saturation_times, echo_times = np.array(rows).T
    delays = np.full(images, delay_ms)
    return _scheme(
        "msasha", heart_rate, beats, {"saturation_times": saturation_times, "echo_times": echo_times, "delays": delays}
    )


def t2prep(
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    echo_times: Sequence[float] = (0.0, 25.0, 55.0),
    pause: int = 3,
) -> TimingScheme:
    """T2 preparation of increasing length, ``pause`` beats between (Giri 2009)."""
    beats = _heartbeats((pause + 1) * len(echo_times), heart_rate, generator, variation)[:: pause + 1]
    return _scheme("t2prep", heart_rate, beats, {"echo_times": np.array(echo_times, dtype=float)})


def asl(
    heart_rate: float = 60.0,
    generator: torch.Generator | None = None,
    variation: float = VARIATION,
    repeats: int = 5,
    pairs: int = 5,
    baselines: int = 2,
    inversion_ms: float = 1200.0,
    gap_ms: float = 6000.0,
) -> TimingScheme:
    """FAIR arterial spin labeling: ``repeats`` of ``baselines`` images without inversion and control, tag, control ...

    60 images of 12 x 5. The image follows the inversion after the whole number of heartbeats nearest to
    ``inversion_ms``, at the same phase of the cycle; images are ``gap_ms`` apart for the magnetization to recover.
    """
    waits = max(1, round(inversion_ms * heart_rate / 60_000))
    step = max(waits, int(np.ceil(gap_ms * heart_rate / 60_000)))
    within = np.arange(baselines + 2 * pairs)
    kind = np.where(within < baselines, -1, (within - baselines) % 2)
    kinds = np.tile(kind, repeats)  # -1 baseline, 0 control, 1 tag
    beats = _heartbeats(step * len(kinds) + waits, heart_rate, generator, variation)
    images = waits + step * np.arange(len(kinds))
    inversion_times = np.where(kinds < 0, np.inf, beats[images] - beats[images - waits])
    return _scheme(
        "asl", heart_rate, beats[images], {"inversion_times": inversion_times, "is_tag": kinds == 1}, flip_deg=50.0
    )


def _scheme(
    model: str, heart_rate: float, beats: np.ndarray, acquisition: Mapping[str, np.ndarray], flip_deg: float = 70.0
) -> TimingScheme:
    rr_ms = 60_000 / heart_rate
    return TimingScheme(model, beats + IMAGE_AT * rr_ms, acquisition, flip_deg, rr_ms)


def _heartbeats(count: int, heart_rate: float, generator: torch.Generator | None, variation: float) -> np.ndarray:
    """(count,) ms, the first at 0: RR intervals vary, but not without a generator."""
    if not 30 <= heart_rate <= 200:
        raise CardiacMotionError(f"heart_rate must be from 30 to 200 beats a minute, got {heart_rate:g}")
    intervals = np.full(count - 1, 60_000 / heart_rate)
    if generator is not None:
        intervals = intervals * (1 + variation * _standard_normal(count - 1, generator).clip(-3, 3))
    return np.concatenate(([0.0], np.cumsum(intervals)))


def _standard_normal(count: int, generator: torch.Generator) -> np.ndarray:
    return torch.randn(count, generator=generator, device=generator.device, dtype=torch.float64).cpu().numpy()


def _read_pattern(pattern: str, most: int) -> tuple[list[int], list[int]]:
    """Images per inversion and beats of pause between, from a pattern like 5(3)3."""
    parts = pattern.replace(")", "(").split("(")
    if not all(p.isdigit() and int(p) > 0 for p in parts) or len(parts) % 2 == 0 or len(parts) > 2 * most - 1:
        raise CardiacMotionError(
            f"a MOLLI pattern is images(pause)images ... with at most {most} inversions, like 5(3)3, got {pattern!r}"
        )
    numbers = [int(p) for p in parts]
    return numbers[::2], numbers[1::2]

"""Relaxometry: the images from which T1 and T2 are mapped, while the heart moves between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch

from ..methods.protocol import option
from . import schemes
from .contrasts import FREE_MM, HELD_MM, ContrastOptions, acquire, begin, brightness, heartbeat, settled
from .subject import Subject
from .tissues import relaxation_of


class Sequence(NamedTuple):
    """How to time its images, and how deep a breath usually is."""

    scheme: Callable[..., schemes.TimingScheme]
    breathing_mm: float


SEQUENCES = {
    "stone": Sequence(schemes.stone, FREE_MM),
    "molli": Sequence(schemes.molli, HELD_MM),
    "molli_432": Sequence(partial(schemes.molli, "4(1)3(1)2"), HELD_MM),
    "molli_335": Sequence(partial(schemes.molli, "3(3)3(3)5"), HELD_MM),
    "sasha": Sequence(schemes.sasha, HELD_MM),
    "msasha": Sequence(schemes.msasha, FREE_MM),
    "ir": Sequence(schemes.inversion_recovery, FREE_MM),
    "t2prep": Sequence(schemes.t2prep, HELD_MM),
}


@dataclass(frozen=True)
class Options(ContrastOptions):
    """What can be asked of a relaxometry phantom."""

    sequence: str = option(
        "stone",
        "how it is measured; molli is 5(3)3, molli_432 4(1)3(1)2 and molli_335 3(3)3(3)5",
        choices=tuple(SEQUENCES),
    )
    contrast_agent: bool = option(False, "a quarter of an hour after gadolinium")


def make_t1(seed: int, options: Options, device: torch.device | str = "cpu") -> Subject:
    """Make a relaxometry subject, whose maps are T1 and T2 in ms and purity; see `contrasts.acquire`."""
    sequence = SEQUENCES[options.sequence]
    options = settled(options, sequence.breathing_mm)
    exam = begin("t1", seed, options, device)
    scheme = sequence.scheme(**heartbeat(options, exam))
    values = relaxation_of(seed, options.field_tesla, options.contrast_agent)
    signal = scheme.signal(values.t1, values.t2, brightness(scheme, values))
    truth = {"T1": values.t1, "T2": values.t2}
    return acquire(exam, options, scheme, signal, truth, facts={"sequence": options.sequence})

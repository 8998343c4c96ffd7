"""Myocardial arterial spin labeling: perfusion is computed, not fitted."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass

from ...errors import CardiacMotionError

SHORTEST_T1_BLOOD_MS = 20  # less is in seconds
T1_BLOOD_MS = 1550.0  # at 1.5 T; about 1650 at 3 T


@dataclass(frozen=True)
class Asl:
    """MBF = lambda (C - T) / (2 B TI) exp(TI / T1_blood) of FAIR (Zun 2009).

    Control C, tag T, baseline B (no inversion: TI infinite). Maps: perfusion and its SD over the repeats, the
    physiological noise, in mL/g/min, and B. See `CardiacMotionLib.mapping.perfusion`.

    Attributes
    ----------
    t1_blood
        Of arterial blood, ms.
    partition
        Blood-tissue partition coefficient lambda, mL/g.

    Raises
    ------
    CardiacMotionError
        for a T1 that is not a time in ms, or a partition coefficient that is not above 0.
    """

    t1_blood: float = T1_BLOOD_MS
    partition: float = 1.0

    name = "asl"
    title = "Arterial spin labeling (FAIR)"
    times = ("inversion_times", "is_tag")
    parameters = ("B", "perfusion")
    changes_sign = True  # in early images; as nothing is fitted, no fit can find the sign of magnitudes

    def __post_init__(self) -> None:
        for what, value, least, unit in (
            ("t1_blood", self.t1_blood, SHORTEST_T1_BLOOD_MS, "ms"),
            ("partition", self.partition, 0, "mL/g"),
        ):
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not number or not least < value < math.inf:
                raise CardiacMotionError(f"{what} must be a number above {least} in {unit}, got {value!r}")

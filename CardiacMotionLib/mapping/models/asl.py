"""Myocardial arterial spin labeling: perfusion is computed, not fitted."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    t1_blood: float = T1_BLOOD_MS
    partition: float = 1.0

    name = "asl"
    title = "Arterial spin labeling (FAIR)"
    times = ("inversion_times", "is_tag")
    changes_sign = False

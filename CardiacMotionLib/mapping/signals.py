"""Signal equations of the mapping, cine, tagging, DENSE and ASL sequences: pure functions of tensors.

All times are in ms, flip angles in degrees, phases in rad. Arguments are tensors or numbers that broadcast against each
other, at least one of them a tensor; the result has their common shape, dtype and device and carries gradients. Signals
are signed (magnitude images are their absolute value) and scale with ``m0`` or ``a``, the signal of the undisturbed
magnetization, in which proton density and read-out are contained. A preparation that was left out is a time of
infinity: ``decay`` is then exactly 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Value = Tensor | float


def decay(time: Value, constant: Value) -> Tensor:
    """exp(-time / constant), exactly 0 with gradient 0 where ``time`` is infinite."""
    time, constant = _tensors(time, constant)
    never = torch.isinf(time)
    return torch.exp(-torch.where(never, 0.0, time) / constant) * ~never


def decay_slope(time: Value, constant: Value, decayed: Tensor) -> Tensor:
    """Derivative of ``decayed`` = `decay` (time, constant) by the constant, time / constant^2 decay; 0 at infinity."""
    time, constant = _tensors(time, constant)
    return torch.where(torch.isinf(time), 0.0, time) / constant**2 * decayed


# ---------------------------------------------------------------------- relaxometry


def inversion_recovery(inversion_time: Value, t1: Value, a: Value = 1.0, b: Value = 2.0) -> Tensor:
    """Undisturbed recovery S = A - B exp(-TI / T1), with B = 2 A for a perfect inversion.

    STONE (Weingärtner 2015) and single-shot inversion recovery, which read out each slice once per inversion.
    """
    return a - b * decay(inversion_time, t1)


def look_locker(inversion_time: Value, t1_star: Value, a: Value, b: Value) -> Tensor:
    """Recovery under repeated read-out S = A - B exp(-TI / T1*); T1 = T1* (B / A - 1) (MOLLI, Messroghli 2004)."""
    return a - b * decay(inversion_time, t1_star)


def look_locker_t1(t1_star: Value, a: Value, b: Value) -> Value:
    """T1 = T1* (B / A - 1) of a Look-Locker recovery (Deichmann and Haase 1992)."""
    return t1_star * (b / a - 1)


def look_locker_parameters(t1: Value, t1_star: Value, m0: Value = 1.0) -> tuple[Value, Value]:
    """A = M0 T1* / T1 and B = A + M0 after a perfect inversion, so that `look_locker_t1` gives T1 back."""
    a = m0 * t1_star / t1
    return a, a + m0


def molli_t1_star(t1: Value, t2: Value, flip_deg: Value, duty: Value) -> Tensor:
    """Apparent T1* under balanced read-out for a share ``duty`` of the time (ms).

    1/T1* = 1/T1 + duty sin^2(flip / 2) (1/T2 - 1/T1): the recovery rate under inversion-recovery TrueFISP
    (Schmitt 2004) averaged with the undisturbed one over the heartbeat.
    """
    t1, t2, half = _tensors(t1, t2, _radians(flip_deg) / 2)
    return 1 / (1 / t1 + duty * torch.sin(half) ** 2 * (1 / t2 - 1 / t1))


def saturation_recovery(saturation_time: Value, t1: Value, a: Value = 1.0, b: Value | None = None) -> Tensor:
    """SASHA: S = A - B exp(-TS / T1) (Chow 2014); without ``b`` the 2-parameter A (1 - exp(-TS / T1)), B = A."""
    return a - (a if b is None else b) * decay(saturation_time, t1)


def msasha(saturation_time: Value, echo_time: Value, delay: Value, t1: Value, t2: Value, a: Value = 1.0) -> Tensor:
    """Multiparametric SASHA, S = A {1 - [1 - (1 - e^(-TS/T1)) e^(-TE/T2)] e^(-TD/T1)} (Chow 2022).

    TS from saturation to T2 preparation (infinite without saturation), TE its length (0 without), TD from there to the
    image.
    """
    prepared = (1 - decay(saturation_time, t1)) * decay(echo_time, t2)
    return a * (1 - (1 - prepared) * decay(delay, t1))


def t2_prep(echo_time: Value, t2: Value, a: Value = 1.0) -> Tensor:
    """T2-prepared imaging, S = A exp(-TE / T2) (Huang 2007)."""
    return a * decay(echo_time, t2)


# ---------------------------------------------------------------------- steady states


def bssfp(t1: Value, t2: Value, flip_deg: Value, tr: Value, te: Value | None = None, m0: Value = 1.0) -> Tensor:
    """Balanced steady state on resonance, TE = TR / 2 unless given (Hargreaves 2001).

    S = M0 sin(a) (1 - E1) / (1 - (E1 - E2) cos(a) - E1 E2) exp(-TE / T2), E1 = exp(-TR/T1), E2 = exp(-TR/T2).
    """
    t1, t2, flip, tr = _tensors(t1, t2, _radians(flip_deg), tr)
    e1, e2 = torch.exp(-tr / t1), torch.exp(-tr / t2)
    steady = torch.sin(flip) * (1 - e1) / (1 - (e1 - e2) * torch.cos(flip) - e1 * e2)
    return m0 * steady * decay(tr / 2 if te is None else te, t2)


def bssfp_off_resonance(
    phase: Value, t1: Value, t2: Value, flip_deg: Value, tr: Value, te: Value | None = None, m0: Value = 1.0
) -> Tensor:
    """Magnitude of the balanced steady state against the precession ``phase`` per TR in rad, 2 pi periodic.

    S = M0 sin(a) (1 - E1) |1 - E2 e^(-i theta)| / (C cos(theta) + D) exp(-TE / T2), C = E2 (E1 - 1)(1 + cos a),
    D = 1 - E1 cos a - (E1 - cos a) E2^2 (Freeman and Hill 1971), theta = phase + pi under alternating pulses: `bssfp`
    at phase 0, a dark band at phase pi.
    """
    t1, t2, flip, tr, phase = _tensors(t1, t2, _radians(flip_deg), tr, phase)
    e1, e2 = torch.exp(-tr / t1), torch.exp(-tr / t2)
    cosine = -torch.cos(phase)  # of theta
    transverse = (1 - 2 * e2 * cosine + e2**2).sqrt()
    c = e2 * (e1 - 1) * (1 + torch.cos(flip))
    d = 1 - e1 * torch.cos(flip) - (e1 - torch.cos(flip)) * e2**2
    return m0 * torch.sin(flip) * (1 - e1) * transverse / (c * cosine + d) * decay(tr / 2 if te is None else te, t2)


def spoiled_gre(
    t1: Value, flip_deg: Value, tr: Value, te: Value = 0.0, t2_star: Value = math.inf, m0: Value = 1.0
) -> Tensor:
    """Spoiled gradient echo in steady state (Ernst), no T2* decay unless given.

    S = M0 sin(a) (1 - E1) / (1 - E1 cos a) exp(-TE / T2*).
    """
    t1, flip, tr, te, t2_star = _tensors(t1, _radians(flip_deg), tr, te, t2_star)
    e1 = torch.exp(-tr / t1)
    return m0 * torch.sin(flip) * (1 - e1) / (1 - e1 * torch.cos(flip)) * torch.exp(-te / t2_star)


# ---------------------------------------------------------------------- arterial spin labeling


def fair_difference(
    perfusion: Value, inversion_time: Value, t1_blood: Value, m0: Value = 1.0, partition: Value = 1.0
) -> Tensor:
    """Control minus tag of FAIR, C - T = 2 B TI MBF / lambda exp(-TI / T1_blood).

    The inverse of MBF = lambda (C - T) / (2 B TI) exp(TI / T1_blood) (Poncelet 1999, Zun 2009): ``perfusion`` MBF in
    mL/g/min, ``m0`` the baseline B, ``partition`` lambda in mL/g.
    """
    perfusion, inversion_time, t1_blood = _tensors(perfusion, inversion_time, t1_blood)
    per_ms = perfusion / 60_000
    return 2 * m0 * inversion_time * per_ms / partition * decay(inversion_time, t1_blood)


def fair_asl(
    is_tag: Value,
    inversion_time: Value,
    t1: Value,
    perfusion: Value,
    t1_blood: Value,
    m0: Value = 1.0,
    partition: Value = 1.0,
    fresh: Value = 0.0,
) -> Tensor:
    """Flow-sensitive alternating inversion recovery: a tag where ``is_tag`` is 1, a control where it is 0.

    Both invert the slice, M0 (1 - 2 exp(-TI / T1)); the control does not invert the blood outside it, so that perfusion
    adds `fair_difference` and a share ``fresh`` of the voxel (1 in a cavity) that was replaced is at rest. An infinite
    TI is a baseline image without inversion.
    """
    is_tag, inversion_time, t1, t1_blood = _tensors(is_tag, inversion_time, t1, t1_blood)
    inverted = inversion_recovery(inversion_time, t1, m0, 2 * m0)
    flowing = torch.where(torch.isinf(inversion_time), 0.0, inversion_time)
    arrived = fair_difference(perfusion, flowing, t1_blood, m0, partition)
    return inverted + (1 - is_tag) * (fresh * (m0 - inverted) + arrived)


# ---------------------------------------------------------------------- tagging and stimulated echoes


def tag_fade(time: Value, t1: Value, flip_deg: Value, tr: Value) -> Tensor:
    """Share of the stored (tagged) magnetization left at ``time``: exp(-t/T1) cos(flip)^(t/TR) (Fischer 1993).

    Exact at the read-out pulses, which come every ``tr`` from the tagging on.
    """
    time, t1, flip, tr = _tensors(time, t1, _radians(flip_deg), tr)
    return decay(time, t1) * torch.cos(flip) ** (time / tr)


def recovered(time: Value, t1: Value, flip_deg: Value, tr: Value) -> Tensor:
    """Share of the magnetization that relaxed since the tagging and carries no tags (Fischer 1993).

    (1 - E1) (1 - r^(t/TR)) / (1 - r) with r = E1 cos(flip): 0 at t = 0, towards the spoiled steady state.
    """
    time, t1, flip, tr = _tensors(time, t1, _radians(flip_deg), tr)
    e1 = torch.exp(-tr / t1)
    return (1 - e1) * (1 - tag_fade(time, t1, flip_deg, tr)) / (1 - e1 * torch.cos(flip))


def spamm_pattern(phase: Tensor, tag_flip_deg: Value = 45.0) -> Tensor:
    """Longitudinal magnetization after two tagging pulses of ``tag_flip_deg`` each: cos^2 b - sin^2 b cos(phase).

    ``phase`` (rad) is 2 pi times the material coordinate over the tag period. 45 degrees gives bands from 0 to 1,
    90 degrees from -1 to 1 without offset (Axel and Dougherty 1989). A grid is the product of two patterns.
    """
    phase, flip = _tensors(phase, _radians(tag_flip_deg))
    return torch.cos(flip) ** 2 - torch.sin(flip) ** 2 * torch.cos(phase)


def spamm(pattern: Tensor, time: Value, t1: Value, flip_deg: Value, tr: Value, m0: Value = 1.0) -> Tensor:
    """Tagged image: the pattern fades and untagged magnetization fills it, M0 (pattern Q_T(t) + Q_R(t))."""
    return m0 * (pattern * tag_fade(time, t1, flip_deg, tr) + recovered(time, t1, flip_deg, tr))


def cspamm(pattern: Tensor, time: Value, t1: Value, flip_deg: Value, tr: Value, m0: Value = 1.0) -> Tensor:
    """Complementary tagging: the difference of two tagged images keeps the tagged part, M0 pattern Q_T(t)."""
    return m0 * pattern * tag_fade(time, t1, flip_deg, tr)


def stimulated_echo(time: Value, t1: Value, flip_deg: Value, tr: Value, m0: Value = 1.0) -> Tensor:
    """Magnitude of the displacement-encoded stimulated echo, M0 / 2 Q_T(t) (Aletras 1999): half is lost in storing."""
    return m0 / 2 * tag_fade(time, t1, flip_deg, tr)


def _tensors(*values: Value) -> tuple[Tensor, ...]:
    """The values as tensors of numbers with a fraction; what is not one yet is made like the first that is."""
    like = next((v for v in values if isinstance(v, Tensor) and v.is_floating_point()), torch.empty(0))
    return tuple(
        (v if v.is_floating_point() else v.to(like.dtype))
        if isinstance(v, Tensor)
        else torch.tensor(v, dtype=like.dtype, device=like.device)
        for v in values
    )


def _radians(degrees: Value) -> Tensor | float:
    return degrees * (math.pi / 180)

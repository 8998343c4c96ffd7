"""Perfusion of the myocardium from arterial spin labeling."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CardiacMotionError
from . import signals
from .models.asl import Asl


class Perfusion(NamedTuple):
    """What a FAIR series gives, each (P,).

    Attributes
    ----------
    mean, noise
        Perfusion and its SD over the repeats, the physiological noise (Zun 2009), in mL/g/min; the SD of a single pair
        is NaN.
    baseline
        Mean of the images without inversion.
    """

    mean: Tensor
    noise: Tensor
    baseline: Tensor


def fair_perfusion(images: Tensor, inversion_times: Tensor, is_tag: Tensor, model: Asl) -> Perfusion:
    """MBF = lambda (C - T) / (2 B TI) exp(TI / T1_blood) of every repeat, and its mean and SD over them.

    A repeat begins with baseline images and has control-tag pairs, in the order in which they were taken; a series with
    baselines only once is one repeat a pair. TI is the mean of a pair.

    Parameters
    ----------
    images
        (N, P) magnitude.
    inversion_times
        (N,) ms, infinite in baselines.
    is_tag
        (N,) bool, false in controls and baselines.
    model
        T1 of blood and partition coefficient.

    Raises
    ------
    CardiacMotionError
        for a series without baseline, without pairs, or with another number of controls than of tags in a repeat.
    """
    repeats = repeats_of(torch.isinf(inversion_times), is_tag)
    baselines = torch.stack([images[baseline].mean(0) for baseline, _, _ in repeats])
    values = []
    for (_, control, tag), baseline in zip(repeats, baselines, strict=True):
        inversion_time = (inversion_times[control] + inversion_times[tag])[:, None] / 2
        unit = signals.fair_difference(1.0, inversion_time, model.t1_blood, baseline, model.partition)
        values.append((images[control] - images[tag]) / unit)  # (pairs, P)
    each = torch.stack([pairs.mean(0) for pairs in values]) if len(values) > 1 else values[0]
    noise = each.std(0) if len(each) > 1 else torch.full_like(each[0], torch.nan)
    return Perfusion(each.mean(0), noise, baselines.mean(0))


def repeats_of(is_baseline: Tensor, is_tag: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Numbers of the baseline, control and tag images of every repeat, controls and tags paired in their order."""
    if not is_baseline.any():
        raise CardiacMotionError(
            "asl needs baseline images without inversion: an infinite inversion time, is_tag false"
        )
    if (is_baseline & is_tag).any():
        raise CardiacMotionError(
            "is_tag is true for an image with an infinite inversion time; a tag needs a finite one"
        )
    begins = is_baseline & ~torch.cat([is_baseline.new_zeros(1), is_baseline[:-1]])
    number = begins.cumsum(0).clamp(min=1)  # pairs before the first baseline belong to its repeat
    repeats = []
    for repeat in range(1, int(number[-1]) + 1):
        inside = number == repeat
        baseline, control, tag = (
            torch.nonzero(inside & kind)[:, 0] for kind in (is_baseline, ~is_baseline & ~is_tag, is_tag)
        )
        if len(control) != len(tag) or not len(tag):
            raise CardiacMotionError(
                f"repeat {repeat} of the asl series has {len(control)} controls and {len(tag)} tags; they must be pairs"
            )
        repeats.append((baseline, control, tag))
    return repeats

"""What first weights show before any step (paper 000, figures 4 and 5): motion in the heart, or noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import CardiacMotionError
from ..methods.inr import Options
from ..methods.inr.fit import Fit
from ..methods.inr.prior import NETWORK, Prior
from ..methods.protocol import Context
from ..phantom import Subject
from ..series import LV_CAVITY, MYOCARDIUM, ImageSeries, default_reference

MOVES_MM = 1.0  # of true motion, below which it has no direction worth comparing
SYSTOLE = 0.35  # share of the cycle after which a series without labels of end-systole is looked at


@dataclass(frozen=True)
class Scores:
    """How a field looks against the heart.

    Attributes
    ----------
    inside_mm, outside_mm
        Mean length of the displacement in the heart (every label) and in the rest of the box around it.
    agreement
        Mean cosine of the angle to the true motion in the wall, where that is above 1 mm; None without truth.
    """

    inside_mm: float
    outside_mm: float
    agreement: float | None = None

    @property
    def ratio(self) -> float:
        """Inside over outside: 1 knows nothing of the heart."""
        return self.inside_mm / self.outside_mm if self.outside_mm else float("inf")


@dataclass(frozen=True, eq=False)
class Inspection:
    """Fields of several first weights on the same heart.

    Attributes
    ----------
    series
        The part of the series around the heart; ``reference`` and ``frame`` in it.
    fields
        Displacement (K, J, I, 3) RAS mm from reference to frame, by what it is of: ``prior``, ``drawn weights`` and,
        where it is known, ``truth``.
    """

    series: ImageSeries
    reference: int
    frame: int
    fields: Mapping[str, np.ndarray]

    @property
    def labels(self) -> np.ndarray:
        """(K, J, I) of the reference."""
        return self.series.labels[self.reference]

    @property
    def scores(self) -> dict[str, Scores]:
        """By field."""
        truth = self.fields.get("truth")
        return {name: score(field, self.labels, truth) for name, field in self.fields.items()}


def inspect_prior(prior: Prior, subject: Subject | ImageSeries) -> Inspection:
    """Displacement at end-systole of the prior and of the weights from which it began, without a step.

    The fields are those of the networks: the window that lets the motion of a fit fall to zero at the box is left out.

    Raises
    ------
    CardiacMotionError
        for a series without labels of LV and RV at the reference, on which a prior cannot be laid.
    """
    series = subject if isinstance(subject, ImageSeries) else subject.series
    reference = default_reference(series) if isinstance(subject, ImageSeries) else subject.motion.stored_reference
    if MYOCARDIUM not in series.labels.get(reference, ()):
        raise CardiacMotionError(
            f"frame {reference} has no labels of the wall: a prior is laid on the heart by labels of LV and RV at "
            "end-diastole"
        )
    frame = end_systole(series, reference) if isinstance(subject, ImageSeries) else _true_end_systole(subject)
    options = Options(steps=0, **{name: getattr(prior.settings, name) for name in NETWORK})
    context = Context(reference, torch.device("cpu"), prior.settings.seed)
    fit = Fit(series, options, context, start=prior.network())
    cropped = series.crop(fit.box)
    points, time = _centers(cropped), cropped.times[frame]
    found = {}
    for name, network in (("prior", prior.network()), ("drawn weights", prior.settings.network())):
        field = replace(fit.field, network=network, window=None)
        found[name] = field.displacement(points, time).reshape(*cropped.shape, 3)
    if not isinstance(subject, ImageSeries):
        found["truth"] = subject.motion.displacement[(frame, *fit.box)]
    return Inspection(cropped, reference, frame, found)


def score(displacement: np.ndarray, labels: np.ndarray, truth: np.ndarray | None = None) -> Scores:
    """Scores of a displacement (K, J, I, 3) on a heart (K, J, I)."""
    length = np.linalg.norm(displacement, axis=-1)
    heart = labels > 0
    agreement = None
    if truth is not None:
        true_length = np.linalg.norm(truth, axis=-1)
        where = (labels == MYOCARDIUM) & (true_length > MOVES_MM)
        product = (displacement[where] * truth[where]).sum(-1)
        agreement = float((product / np.maximum(length[where] * true_length[where], 1e-12)).mean())
    return Scores(float(length[heart].mean()), float(length[~heart].mean()), agreement)


def end_systole(series: ImageSeries, reference: int) -> int:
    """The frame that is known as end-systole, else the other labeled one with the least cavity, else that at 35 %."""
    known = series.meta.get("end_systole")
    if known is not None:
        return int(known)
    others = [t for t in series.labels if t != reference]
    if others:
        return min(others, key=lambda t: int(np.count_nonzero(series.labels[t] == LV_CAVITY)))
    return (reference + max(1, round(SYSTOLE * len(series)))) % len(series)


def _true_end_systole(subject: Subject) -> int:
    return int(subject.meta["truth"]["end_systole"])


def _centers(series: ImageSeries) -> np.ndarray:
    """Voxel centers (N, 3) in RAS mm."""
    k, j, i = np.indices(series.shape).reshape(3, -1)
    return np.stack((i, j, k), -1) @ series.affine[:3, :3].T + series.affine[:3, 3]

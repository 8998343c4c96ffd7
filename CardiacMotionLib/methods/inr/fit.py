"""Fitting the network to a series: `Fit` holds the state of a run, which can be stopped, stored and gone on with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...continuous import Clock, ContinuousField, Window
from ...fields.siren import Siren
from ..region import FADE, Box, find_region
from ..registry import default_reference
from .canonical import Canonical, find_canonical
from .distill import distill
from .objective import Objective
from .prior import Prior

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options

CHECK_EVERY = 50  # steps between two looks at the validation points
LEAST_GAIN = 1e-3  # share of the loss by which a check must be better to count
RISE = 0.1  # share of the steps over which the learning rate rises, with decay
LAST_RATE = 0.05  # share of it that decay begins and ends with


class Fit:
    """A network on its way to the motion of a series.

    Attributes
    ----------
    field
        The continuous field as it is now.
    step
        Number of steps taken.
    """

    def __init__(self, series: ImageSeries, options: Options, context: Context, start: Siren | None = None):
        """``start`` are the first weights, whatever ``options.prior`` says."""
        self.options = options
        region = find_region(series, context.reference, options.margin)
        canonical = find_canonical(series, context.reference, region)
        clock = make_clock(series, options)
        notes = list(canonical.notes)
        network = start or self._first_weights(canonical, clock, context.seed, notes)
        if region.source != "labels":
            notes.append("Without labels the wall is unknown: its volume was held no more than that of other tissue.")
        context.facts["heart_from"] = region.source
        if notes:
            context.facts["notes"] = notes
        self.box = region.box
        self.field = ContinuousField(
            network.to(context.device),
            canonical.center,
            canonical.axes,
            canonical.unit,
            clock,
            float(series.times[context.reference]),
            make_window(series, region.box, options.margin),
            planar=series.is_2d,
        )
        self.objective = Objective(
            series.crop(region.box), context.reference, region, self.field, options, context.seed
        )
        self.optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, fused=True)
        self.step = 0
        self.best, self.checks_since_best = math.inf, 0

    def _first_weights(self, canonical: Canonical, clock: Clock, seed: int, notes: list[str]) -> Siren:
        """The prior where it can be laid on the heart, else drawn weights."""
        options = self.options
        if options.prior != "none":
            prior = Prior.load(options.prior)
            prior.check(options)
            if canonical.oriented:
                return prior.network()
            notes.append("Without labels of the LV the prior cannot be laid on the heart: the weights were drawn.")
        inputs, kind = 3 + clock.inputs, options.initialization
        return Siren(inputs, 3, options.width, options.layers, options.omega, kind, seed)

    def start_from(self, motion: Motion, context: Context) -> None:
        """Let the network learn ``motion`` before the first step."""
        distill(self.field, self.objective, motion, self.box, context)

    def run(self, until: int, context: Context) -> None:
        """Take steps up to number ``until``, or fewer where the stop rule says so.

        Raises `Cancelled` between two steps when ``context`` says so; the state stays as it is then.
        """
        total = max(1, self.options.steps)
        while self.step < until and not self.stopped:
            for group in self.optimizer.param_groups:
                group["lr"] = self.options.learning_rate * self._rate(self.step / total)
            self.optimizer.zero_grad()
            loss = self.objective(self.field)
            loss.backward()
            self.optimizer.step()
            self.step += 1
            if self.options.patience and self.step % CHECK_EVERY == 0:
                self._check()
            context.report(self.step / total, f"step {self.step} of {total}, loss {loss.item():.4f}")

    @property
    def stopped(self) -> bool:
        """Whether the stop rule says that more steps gain nothing."""
        return bool(self.options.patience) and self.checks_since_best >= self.options.patience

    def _check(self) -> None:
        value = self.objective.validate(self.field)
        if value < self.best * (1 - LEAST_GAIN):
            self.best, self.checks_since_best = value, 0
        else:
            self.checks_since_best += 1

    def _rate(self, share: float) -> float:
        """Share of the learning rate: 1, or with decay up over the first tenth, then falling along a cosine."""
        if not self.options.decay:
            return 1.0
        if share < RISE:
            return LAST_RATE + (1 - LAST_RATE) * share / RISE
        fallen = min((share - RISE) / (1 - RISE), 1.0)
        return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * fallen)) / 2


def make_clock(series: ImageSeries, options: Options) -> Clock:
    """Phase 0 at end-diastole; a cycle is as long as all frames together unless it is given."""
    cycle = options.cycle or len(series) * float(np.median(np.diff(series.times)))
    return Clock(float(series.times[default_reference(series)]), cycle, options.periodic)


def make_window(series: ImageSeries, box: Box, margin_mm: float) -> Window:
    """The motion falls to zero over the outer four fifths of the margin in plane, and over two slices."""
    widths = (3.0, *(max(1.0, FADE * margin_mm / float(mm)) for mm in series.spacing[1::-1]))
    falls = [
        (width if part.start > 0 else 0.0, width if part.stop < size else 0.0)
        for part, size, width in zip(box, series.shape, widths, strict=True)
    ]
    return Window(
        np.linalg.inv(series.affine),
        np.array([part.start - 1 for part in box[::-1]], np.float64),
        np.array([part.stop for part in box[::-1]], np.float64),
        np.array(falls[::-1], np.float64),
    )

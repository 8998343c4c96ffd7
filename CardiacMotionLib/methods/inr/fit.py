"""Fitting the network to a series: `Fit` holds the state of a run, which can be stopped, stored and gone on with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...continuous import Clock, ContinuousField, Window
from ...errors import CardiacMotionError
from ...fields.siren import Siren
from ...places import check_frame
from ...series import default_reference
from ..region import Box, fade_widths, find_region
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
        self.notes = list(canonical.notes)
        self.prior: dict[str, str] | None = None  # name and sha256 of the prior that the weights are of
        clock = make_clock(series, options)
        if start is None:
            start = self._first_weights(series, canonical, clock, context)
        self.box = region.box
        self.field = ContinuousField(
            start.to(context.device),
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
        if not len(self.objective.wall):
            self.notes.append("No labels of the wall: its volume was held no more than that of other tissue.")
        self.optimizer = torch.optim.Adam(start.parameters(), lr=options.learning_rate, fused=True)
        self.step = 0
        self.best, self.checks_since_best = math.inf, 0
        context.facts["heart_from"] = region.source
        context.facts.update({name: known for name, known in (("notes", self.notes), ("prior", self.prior)) if known})

    def _first_weights(self, series: ImageSeries, canonical: Canonical, clock: Clock, context: Context) -> Siren:
        """The prior where it can be laid on the heart, else drawn weights."""
        options = self.options
        if options.prior != "none":
            prior = Prior.load(options.prior)
            prior.check(options)
            if canonical.labeled:
                self.prior = {"name": prior.name, "sha256": str(prior.card.get("sha256", ""))}
                self._tell_how_the_prior_lies(series, prior, context.reference)
                return prior.network()
            self.notes.append("Without labels of the LV the prior cannot be laid on the heart: the weights were drawn.")
        inputs, kind = 3 + clock.inputs, options.initialization
        return Siren(inputs, 3, options.width, options.layers, options.omega, kind, context.seed)

    def _tell_how_the_prior_lies(self, series: ImageSeries, prior: Prior, reference: int) -> None:
        """Note what may make the prior push in a wrong direction."""
        start = end_diastole(series)
        if not prior.settings.aligned:
            self.notes.append("The fits of this prior began from different weights: their mean is no prior.")
        if series.is_2d:
            self.notes.append("One slice: the prior was laid on it as if it were in the middle of the LV.")
        if len(series.labels) == 1 and start and "end_diastole" not in series.meta:
            self.notes.append(
                f"Frame {start}, the only labeled one, was taken for end-diastole; if it is not, take prior=none."
            )
        elif reference != start:
            self.notes.append(
                f"The reference, frame {reference}, is not end-diastole (frame {start}), from which the prior moves."
            )

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
            if not math.isfinite(loss.item()):
                raise CardiacMotionError(
                    f"the fit went to infinity in step {self.step}; try a smaller learning_rate than "
                    f"{self.options.learning_rate:g}"
                )
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
    """Time from end-diastole; a cycle is as long as the option or the series says, else as all frames together."""
    if options.cycle and not series.timed:
        raise CardiacMotionError(
            "option cycle is in ms, but the series has no times; give it times, or leave cycle at 0"
        )
    frames = len(series) * float(np.median(np.diff(series.times)))
    known = float(series.meta.get("cycle_ms") or 0) if series.timed else 0.0
    return Clock(float(series.times[end_diastole(series)]), options.cycle or known or frames, options.periodic)


def end_diastole(series: ImageSeries) -> int:
    """The frame that the series knows as end-diastole, else the labeled one with the largest cavity."""
    frame = series.meta.get("end_diastole", default_reference(series))
    check_frame(frame, len(series), "end_diastole of the series")
    return int(frame)


def make_window(series: ImageSeries, box: Box, margin_mm: float) -> Window:
    """The motion falls to zero over the outer four fifths of the margin in plane, and over two slices.

    The fit compares what the network alone does; the window is laid over the result.
    """
    widths = fade_widths(series, margin_mm)
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

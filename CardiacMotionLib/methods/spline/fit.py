"""Fitting the space-time spline: region, field, then Adam from half to full resolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...fields import evaluate_bspline
from ..region import find_region, normalize_intensity, paste
from .field import Axis, SplineField
from .objective import Objective

if TYPE_CHECKING:
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options

STEP_MM = 0.3  # largest step of a control point
VOXELS_AT_ONCE = 400_000  # of the frames that share one pass: bounds the memory, and is about what a cache holds


def fit(series: ImageSeries, options: Options, context: Context) -> Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``; zero at the reference, and still outside the region."""
    region = find_region(series, context.reference, options.margin)
    cropped = series.crop(region.box)
    frames = normalize_intensity(cropped.frames)
    field = make_field(cropped, context.reference, options).to(context.device)
    if context.init is not None:
        start = torch.cat([context.init.voxels(t)[(slice(None), *region.box)] for t in range(len(series))])
        field.start_from(start.to(context.device) * start.new_tensor(series.spacing).to(context.device))
    stages = [(2, options.coarse_steps), (1, options.fine_steps)]
    total = max(1, sum(steps * (1 if shrink > 1 else 4) for shrink, steps in stages))
    done = 0
    for shrink, steps in stages:
        if steps == 0:
            continue
        objective = Objective(frames, context.reference, region, series.spacing, shrink, field, options)
        cost = steps * (1 if shrink > 1 else 4)
        descend(field, objective, context.reference, steps, context.part(done / total, (done + cost) / total))
        done += cost
    context.facts["heart_from"] = region.source
    return paste(displacement(field, cropped), series, region.box, options.margin)


def make_field(series: ImageSeries, reference: int, options: Options) -> SplineField:
    """The zero field over the grid of ``series``."""
    time = Axis.nested(len(series), 1.0, options.frame_spacing, 1)
    space = [
        Axis.nested(size, float(mm), options.knot_spacing, options.levels)
        for size, mm in zip(series.shape, series.spacing[::-1], strict=True)
    ]
    return SplineField(time, space, reference, 0 if series.is_2d else max(1, options.levels - 1))


def descend(field: SplineField, objective: Objective, reference: int, steps: int, context: Context) -> None:
    """``steps`` of Adam with a rate that rises and falls once; frames go through in groups that fit in memory."""
    count, *shape = objective.images.shape
    moving = torch.tensor([t for t in range(count) if t != reference], device=field.device)
    groups = torch.arange(count - 1, device=field.device).split(max(1, VOXELS_AT_ONCE // math.prod(shape)))
    optimizer = torch.optim.Adam(field.parameters(), lr=STEP_MM)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    for step in range(steps):
        optimizer.zero_grad()
        coefficients = field.finest(moving)
        shared = coefficients.detach().requires_grad_(True)  # gathers the gradients of all groups
        loss = sum(_backward(objective, shared[group], moving[group]) for group in groups)
        coefficients.backward(shared.grad)
        optimizer.step()
        schedule.step()
        context.report((step + 1) / steps, f"step {step + 1} of {steps}, loss {loss:.4f}")


def rate(step: int, steps: int) -> float:
    """Share of the largest step: up from a third over the first tenth, then down to a thirtieth along a cosine."""
    rise = steps // 10
    if step < rise:
        return (1 + 2 * step / rise) / 3
    return 1 / 30 + (29 / 30) * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1))) / 2


def _backward(objective: Objective, coefficients: Tensor, frames: Tensor) -> float:
    loss = objective(coefficients, frames) / (len(objective.images) - 1)
    loss.backward()
    return float(loss.detach())


@torch.no_grad()
def displacement(field: SplineField, series: ImageSeries) -> Tensor:
    """(T, K, J, I, 3) in voxels inside the region, on the CPU."""
    bases = field.bases()
    millimeters = [evaluate_bspline(field.finest(slice(t, t + 1)), bases).cpu() for t in range(len(series))]
    return torch.cat(millimeters) / torch.as_tensor(series.spacing, dtype=torch.float32)

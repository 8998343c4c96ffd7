"""A network that does what another motion does: the start of a fit that refines it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .objective import Objective

if TYPE_CHECKING:
    from ...continuous import ContinuousField
    from ...motion import Motion
    from ..protocol import Context
    from ..region import Box

STEPS = 300
POINTS = 1024  # of a step, near the heart
RATE = 3e-4


def distill(field: ContinuousField, objective: Objective, motion: Motion, box: Box, context: Context) -> None:
    """Bring the network of ``field`` to the displacement of ``motion`` at the voxels of ``box``, by least squares."""
    to_canonical = torch.from_numpy(field.axes.T / field.unit)
    known = torch.from_numpy(motion.displacement[(slice(None), *box)]).flatten(1, 3)
    target = (known.double() @ to_canonical).to(field.device, field.dtype)
    optimizer = torch.optim.Adam(field.network.parameters(), lr=RATE, fused=True)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * step / STEPS)) / 2)
        frames, points = objective.next_frames(), objective.near_heart(POINTS).to(field.device)
        error = field.at_times(objective.canonical[points], objective.times[frames]) - target[frames[:, None], points]
        loss = error.square().sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        away = field.unit * loss.item() ** 0.5
        context.report((step + 1) / STEPS, f"learning the start, step {step + 1} of {STEPS}, {away:.2f} mm away")

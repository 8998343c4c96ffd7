"""Drawing a moving person onto slices: signal, labels and displacement on a voxel grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .kinematics import Kinematics
from .painting import Painter
from .slices import Grid
from .state import State, moments

BATCH = 120_000  # voxels drawn at once: more than that does not stay in the cache
PLANES = (-1 / 3, 0.0, 1 / 3)  # where in a slice it is painted

Modulation = Callable[[Tensor, Tensor], Tensor]  # (signal (N, V), material points (N, 3)) to signal (N, V')


class Drawn(NamedTuple):
    """One frame: ``signal`` (V, K, J, I) and ``labels`` (K, J, I) uint8."""

    signal: Tensor
    labels: Tensor


class Acquisition:
    """Draws the states of a heart on one grid, on the device of the painter.

    A voxel near the heart is averaged over three planes of the slice; elsewhere its middle is taken. What the heartbeat
    does not reach is drawn once for each table of signals.
    """

    def __init__(self, kinematics: Kinematics, painter: Painter, grid: Grid) -> None:
        self.kinematics, self.painter, self.grid = kinematics, painter, grid
        device = painter.surroundings.low.device
        self.centers = grid.centers().to(device, torch.float32)
        self.through = grid.through().to(device, torch.float32)
        self.near = 6.0 + 0.5 * grid.thickness  # mm from the heart where a slice may show some of it
        near = painter.near_heart(self.centers, self.near)
        self.reached = torch.nonzero(kinematics.moves(self.centers) | near)[:, 0]
        self._still: tuple[Tensor, Tensor] | None = None

    def draw(self, states: Sequence[State], table: Tensor, modulate: Modulation | None = None) -> list[Drawn]:
        """Draw every state; ``table`` (n_tissues, V) has the signals of the tissues."""
        share = len(self.centers if self._everywhere(states, modulate) else self.reached)
        at_once = max(1, BATCH // share)
        drawn: list[Drawn] = []
        for start in range(0, len(states), at_once):
            drawn += self._draw(states[start : start + at_once], table, modulate)
        return drawn

    def _everywhere(self, states: Sequence[State], modulate: Modulation | None) -> bool:
        return modulate is not None or any(state.breathing for state in states)

    def _draw(self, states: Sequence[State], table: Tensor, modulate: Modulation | None) -> list[Drawn]:
        everywhere = self._everywhere(states, modulate)
        centers = self.centers if everywhere else self.centers[self.reached]
        moving = any(state.beating or state.breathing for state in states)
        state = moments(states, centers) if moving else State()  # at rest there is nothing to invert
        material = self.kinematics.material(centers.expand(len(states), *centers.shape), state)  # (F, N, 3)
        signals = self._slice(centers, material, state, table, modulate)
        labels = self.kinematics.anatomy.labels(material)
        if not everywhere:
            signals = self._completed(self._unmoved(table), signals)
            labels = self._completed(labels.new_zeros(len(self.centers)), labels)  # all of the heart is in reach
        shape = self.grid.shape
        return [Drawn(s.T.reshape(-1, *shape), one.reshape(shape)) for s, one in zip(signals, labels, strict=True)]

    def _completed(self, still: Tensor, reached: Tensor) -> Tensor:
        """Values (F, N, ...) of all voxels from those that never change (N, ...) and those that the motion reaches."""
        return still.expand(len(reached), *still.shape).clone().index_copy_(1, self.reached, reached)

    def displacement(self, states: Sequence[State]) -> Tensor:
        """Displacement (T, K, J, I, 3) in mm, heart axes, from the first of the states; that of the first is 0.

        What is at the voxel x in the first state is the material point X there, and x + u(x) is where X is in another.
        """
        first, others = states[0], states[1:]
        everywhere = any(state.breathing for state in states)
        centers = self.centers if everywhere else self.centers[self.reached]
        points = self.kinematics.material(centers, first)
        moved = self.centers.new_zeros(len(states), *self.centers.shape)
        at_once = max(1, BATCH // len(centers))
        for start in range(0, len(others), at_once):
            state = moments(others[start : start + at_once], points)
            part = self.kinematics.position(points, state) - centers
            frames = slice(start + 1, start + 1 + len(part))
            moved[frames] = part if everywhere else self._completed(moved[0], part)
        return moved.reshape(len(states), *self.grid.shape, 3)

    def _unmoved(self, table: Tensor) -> Tensor:
        if self._still is None or self._still[0] is not table:
            away = torch.ones(len(self.centers), dtype=torch.bool, device=self.centers.device)
            away[self.reached] = False
            still = table.new_zeros(len(self.centers), table.shape[1])
            still[away] = self.painter.paint(self.centers[away], table, heart=False)
            self._still = table, still
        return self._still[1]

    def _slice(
        self, centers: Tensor, material: Tensor, state: State, table: Tensor, modulate: Modulation | None
    ) -> Tensor:
        """Signal (F, N, V) of voxels at ``centers`` (N, 3) whose middles show ``material`` (F, N, 3)."""
        near = self.painter.near_heart(material, self.near)
        either = torch.nonzero(near.any(0))[:, 0]
        planes = [
            material[:, either]
            if offset == 0
            else self.kinematics.material((centers[either] + offset * self.through).expand(len(material), -1, 3), state)
            for offset in PLANES
        ]
        heart = self._painted(torch.stack(planes, dim=2)[near[:, either]], table, modulate, heart=True).mean(1)
        signal = heart.new_empty(*near.shape, heart.shape[-1])
        signal[near] = heart
        signal[~near] = self._painted(material[~near], table, modulate, heart=False)
        return signal

    def _painted(self, points: Tensor, table: Tensor, modulate: Modulation | None, heart: bool) -> Tensor:
        """Signal (..., V) of material points (..., 3)."""
        flat = points.reshape(-1, 3)
        signal = self.painter.paint(flat, table, heart=heart)
        if modulate is not None:
            signal = modulate(signal, flat)
        return signal.reshape(*points.shape[:-1], signal.shape[-1])

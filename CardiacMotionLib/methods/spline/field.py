"""A space-time cubic B-spline displacement field whose coarse levels are refined exactly into its finest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ... import fields


@dataclass(frozen=True)
class Axis:
    """Nested knots along one axis of ``size`` voxels: ``intervals[l]`` at level l, each the one before or twice it."""

    size: int
    intervals: tuple[int, ...]

    @classmethod
    def nested(cls, size: int, voxel_mm: float, knot_mm: float, levels: int) -> Axis:
        """Knots about ``knot_mm`` apart, or as the voxels where these are wider, at the finest of ``levels`` levels.

        About: intervals double from level to level, so that of few voxels there may be one interval more than gaps.
        """
        wanted = (size - 1) * voxel_mm / max(knot_mm, voxel_mm)
        doublings = min(levels - 1, int(math.log2(max(wanted, 1.0))))
        coarse = max(1, round(wanted / 2**doublings))
        return cls(size, tuple(coarse * 2 ** max(0, level - (levels - 1 - doublings)) for level in range(levels)))

    def controls(self, level: int) -> int:
        """Number of control points at a level."""
        return 1 if self.size == 1 else self.intervals[level] + 3

    def refinement(self, level: int) -> Tensor:
        """(controls(level + 1), controls(level)) matrix from the control points of a level to those of the next."""
        if self.size == 1 or self.intervals[level] == self.intervals[level + 1]:
            return torch.eye(self.controls(level))
        coarse, fine = self.controls(level), self.controls(level + 1)
        matrix = torch.zeros(fine, coarse)
        for row in range(fine):  # fine control row sits at (row - 1) / 2 coarse knots
            middle, odd = divmod(row - 1, 2)
            stencil = ((0, 0.5), (1, 0.5)) if odd else ((-1, 0.125), (0, 0.75), (1, 0.125))
            for offset, value in stencil:
                column = middle + 1 + offset
                if 0 <= column < coarse:
                    matrix[row, column] = value
        return matrix

    @property
    def knot(self) -> float:
        """Distance of the finest control points in voxels."""
        return (self.size - 1) / self.intervals[-1] if self.size > 1 else 1.0

    def basis(self, derivative: int = 0, positions: Tensor | None = None) -> Tensor:
        """Basis of the finest level, (positions or voxels, controls), per voxel."""
        return fields.bspline_basis(self.size, self.knot, derivative, positions=positions)


class SplineField(torch.nn.Module):
    """u(x, t) in mm along the voxel axes (i, j, k), zero at the reference frame by construction.

    The coefficients are a sum over levels, each refined exactly into the finest: the same space of fields as the finest
    level alone, but one in which a gradient step moves large regions as easily as small ones.
    """

    def __init__(self, time: Axis, space: Sequence[Axis], reference: int, through_plane_levels: int):
        """``space`` is ordered (k, j, i); levels from ``through_plane_levels`` on hold in-plane motion only."""
        super().__init__()
        self.space = tuple(space)
        levels = len(space[0].intervals)
        in_time = time.basis()
        self.in_time: Tensor
        self.register_buffer("in_time", in_time - in_time[reference])
        self.coefficients = torch.nn.ParameterList(
            torch.zeros(
                in_time.shape[1], *(axis.controls(level) for axis in space), 3 if level < through_plane_levels else 2
            )
            for level in range(levels)
        )
        for level in range(levels - 1):
            for name, axis in zip("kji", space, strict=True):
                self.register_buffer(f"refine_{name}{level}", axis.refinement(level))

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        return self.in_time.device

    @property
    def knots(self) -> list[float]:
        """Distance of the finest control points in voxels along (k, j, i)."""
        return [axis.knot for axis in self.space]

    def finest(self, frames: Tensor | slice = slice(None)) -> Tensor:
        """Coefficients of the chosen frames at the finest level: (T, nk, nj, ni, 3) mm."""
        total: Tensor | None = None
        for level, own in enumerate(self.coefficients):
            own = torch.nn.functional.pad(own, (0, 3 - own.shape[-1]))
            if total is not None:
                refine = [getattr(self, f"refine_{name}{level - 1}") for name in "kji"]
                own = own + fields.evaluate_bspline(total, refine)
            total = own
        assert total is not None
        return torch.tensordot(self.in_time[frames], total, dims=([1], [0]))

    @torch.no_grad()
    def start_from(self, displacement: Tensor) -> None:
        """Become what comes nearest, in the sense of least squares, to a displacement (T, K, J, I, 3) in mm.

        Level by level: what the coarsest cannot follow is left to the next. Every factor of the tensor product has its
        own pseudo-inverse, so that no system is larger than an axis.
        """
        in_time = torch.linalg.pinv(self.in_time)
        bases = self.bases()
        left = displacement.to(self.in_time)
        for level, own in enumerate(self.coefficients):
            coarse = [self._from_level(level, name, basis) for name, basis in zip("kji", bases, strict=True)]
            moments = torch.tensordot(in_time, left[..., : own.shape[-1]], dims=([1], [0]))
            own.copy_(fields.evaluate_bspline(moments, [torch.linalg.pinv(basis) for basis in coarse]))
            followed = fields.evaluate_bspline(torch.tensordot(self.in_time, own, dims=([1], [0])), coarse)
            left = left - torch.nn.functional.pad(followed, (0, 3 - own.shape[-1]))

    def _from_level(self, level: int, name: str, basis: Tensor) -> Tensor:
        """(voxels, controls of the level): the basis of the finest level after all refinements from this one."""
        for finer in reversed(range(level, len(self.coefficients) - 1)):
            basis = basis @ getattr(self, f"refine_{name}{finer}")
        return basis

    def bases(self, derivative: int = 0, positions: Sequence[Tensor | None] = (None, None, None)) -> list[Tensor]:
        """One basis per axis (k, j, i), at the voxels or at ``positions`` (voxels), on the device of the field."""
        return [axis.basis(derivative, p).to(self.in_time) for axis, p in zip(self.space, positions, strict=True)]


def gradient(coefficients: Tensor, bases: Sequence[Tensor], derivatives: Sequence[Tensor]) -> Tensor:
    """Exact du_a/dx_b (T, K, J, I, 3, 3), mm a voxel along (i, j, k) in the last axis."""
    columns = []
    for axis in (2, 1, 0):
        mixed = [derivatives[n] if n == axis else bases[n] for n in range(3)]
        columns.append(fields.evaluate_bspline(coefficients, mixed))
    return torch.stack(columns, dim=-1)

"""Subjects that are quickly fitted: a contracting ring each, or something that fails."""

from __future__ import annotations

from dataclasses import dataclass

from moving_images import contracting_series

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.methods.inr import Options

QUICK = Options(prior="none", steps=3, learning_rate=1e-3, width=8, layers=2, points=64, volume_points=16)
SHAPE = {"shape": (3, 24, 24), "spacing": (3.0, 3.0, 8.0)}


@dataclass(frozen=True)
class Ring:
    """A ring of a group; one whose ``fault`` is told fails with it, one without labels cannot be laid on others."""

    number: int
    group: str = "round"
    fault: str = ""
    labels: bool = True

    @property
    def name(self) -> str:
        return f"ring {self.number}"

    @property
    def entry(self) -> dict:
        return {"number": self.number, "group": self.group}

    @property
    def identity(self) -> dict:
        return self.entry

    def series(self):
        if self.fault:
            raise CardiacMotionError(self.fault)
        series, _ = contracting_series(**SHAPE, labels=self.labels)
        return series.replace(frames=series.frames ** (1 + 0.1 * self.number))


def rings(count: int, **facts) -> list[Ring]:
    return [Ring(number, **facts) for number in range(count)]

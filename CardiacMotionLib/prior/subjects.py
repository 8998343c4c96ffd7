"""Whom a prior is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Protocol

from ..errors import CardiacMotionError
from ..phantom import VERSION, phantom
from ..phantom.population import AVERAGE, GROUPS
from ..phantom.stream import HELD_OUT
from ..series import ImageSeries
from ..tagged_cine import compose_tagged_cine

ROTATION = tuple(name for name in GROUPS if name != AVERAGE)  # group of seed n is that at n modulo its length


class Subject(Protocol):
    """A heart; is sent to workers, so it holds what to read and not what was read."""

    @property
    def name(self) -> str:
        """What the user knows it by."""

    @property
    def group(self) -> str:
        """Its pathology, or nothing."""

    @property
    def identity(self) -> dict[str, Any]:
        """Plain values that change when its images do."""

    @property
    def entry(self) -> dict[str, Any]:
        """What a card says of it: nothing that identifies a person."""

    def series(self) -> ImageSeries:
        """Its tagged-cine volume over the cycle."""


@dataclass(frozen=True)
class PhantomSubject:
    """A synthetic heart, seen by cine and by tagging."""

    seed: int
    group: str

    @property
    def name(self) -> str:
        """Seed and group."""
        return f"phantom {self.seed} {self.group}"

    @property
    def entry(self) -> dict[str, Any]:
        """What `phantom` needs to make it again."""
        return {"seed": self.seed, "group": self.group}

    @property
    def identity(self) -> dict[str, Any]:
        """The same, and the version of the generator."""
        return {"phantom": VERSION, **self.entry}

    def series(self) -> ImageSeries:
        """The cine with the tagged slices in it."""
        cine, tagged = (phantom(kind, self.seed, group=self.group).series for kind in ("cine", "tagged"))
        return compose_tagged_cine(cine, tagged)


def phantom_subjects(number: int, groups: Sequence[str] = ROTATION) -> list[PhantomSubject]:
    """The first ``number`` synthetic people of these groups: seed n is of group n mod 5, whichever are asked for.

    Raises
    ------
    CardiacMotionError
        for an unknown group, a number below 1, or so many that seeds come to those held out for testing.
    """
    unknown = [name for name in groups if name not in ROTATION]
    if unknown or not groups:
        raise CardiacMotionError(
            f"unknown group {', '.join(unknown) or '(none given)'}; there is {', '.join(ROTATION)}"
        )
    if number < 1:
        raise CardiacMotionError(f"{number} synthetic subjects; expected at least 1")
    everyone = (PhantomSubject(seed, ROTATION[seed % len(ROTATION)]) for seed in count())
    chosen = list(islice((person for person in everyone if person.group in groups), number))
    if chosen[-1].seed >= HELD_OUT:
        raise CardiacMotionError(
            f"{number} synthetic subjects; expected seeds below {HELD_OUT}, where those held out for testing begin"
        )
    return chosen

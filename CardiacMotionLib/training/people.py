"""People to learn from: synthetic ones or a cohort's, prepared as a network sees them, and kept for the next time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Generic, Protocol, TypeVar

import torch

from ..errors import CardiacMotionError
from ..motion import Motion
from ..phantom import VERSION
from ..phantom.stream import HELD_OUT, PairStream, SeriesStream
from ..series import ImageSeries
from ..whole_files import writing

SHARE_HELD_OUT = 0.2  # of the subjects of a folder

Told = Callable[[int, int], object]  # hears how many are prepared, and of how many
Item = TypeVar("Item")


class TrainingSubject(Protocol):
    """A person to learn from."""

    @property
    def name(self) -> str:
        """What the user knows it by."""

    @property
    def entry(self) -> dict[str, Any]:
        """What a card says of it: nothing that identifies a person."""

    def load(self) -> tuple[ImageSeries, Motion | None]:
        """Images, and their motion from frame 0 where it is known."""


@dataclass(frozen=True)
class SyntheticSubject:
    """A person of the phantom."""

    stream: PairStream | SeriesStream
    index: int

    @property
    def name(self) -> str:
        """Kind and seed."""
        return f"{self.stream.kind} phantom {self.stream.seed(self.index)}"

    @property
    def entry(self) -> dict[str, Any]:
        """What makes it again, with the options of the recipe."""
        return {"phantom": VERSION, "seed": self.stream.seed(self.index)}

    def load(self) -> tuple[ImageSeries, Motion | None]:
        """Images and exact motion."""
        subject = self.stream.subject(self.index)
        return subject.series, subject.motion


@dataclass(frozen=True)
class Preparation(Generic[Item]):
    """How a person becomes what a network sees.

    Attributes
    ----------
    make
        One or more items of a person; raises `CardiacMotionError` for one of whom nothing can be learned.
    item
        Their class, made of what ``vars`` gives of one.
    identity
        Plain values: all that decides how they look.
    """

    make: Callable[[ImageSeries, Motion | None], Sequence[Item]]
    item: Callable[..., Item]
    identity: Any

    def of(self, subjects: Sequence[TrainingSubject]) -> str:
        """What decides how these subjects look, as text."""
        return json.dumps([self.identity, [subject.entry for subject in subjects]], sort_keys=True)


def prepare_all(
    subjects: Sequence[TrainingSubject],
    preparation: Preparation[Item],
    told: Told | None = None,
    store: Path | None = None,
) -> list[list[Item]]:
    """The items of every subject, in order.

    ``store`` is a file to keep them in: where it holds these subjects prepared in this way it is read, else written.

    Raises
    ------
    CardiacMotionError
        naming a subject that cannot be used.
    """
    of = preparation.of(subjects)
    kept = _kept(store, of)
    if kept is not None:
        return [[preparation.item(**item) for item in person] for person in kept]
    ready: list[list[Item]] = []
    for n, subject in enumerate(subjects):
        try:
            ready.append(list(preparation.make(*subject.load())))
        except CardiacMotionError as error:
            raise CardiacMotionError(f"{subject.name}: {error}") from error
        if told is not None:
            told(n + 1, len(subjects))
    if store is not None:
        with writing(store) as path:
            torch.save({"of": of, "people": [[vars(item) for item in person] for person in ready]}, path)
    return ready


def _kept(store: Path | None, of: str) -> list[list[Mapping[str, Any]]] | None:
    """What the file holds, if it is whole and of that identity."""
    if store is None or not store.exists():
        return None
    try:
        stored = torch.load(store, weights_only=True)
        return stored["people"] if stored["of"] == of else None
    except (RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, OSError):
        return None


def intensity(items: Sequence[Any]) -> float:
    """Sum of the mean intensities of the ``frames`` of prepared people: others have another."""
    return round(float(sum(item.frames.double().mean() for item in items)), 6)


def training_people(
    subjects: Sequence[TrainingSubject] | None,
    synthetic: Callable[[int, int], Sequence[TrainingSubject]],
    counts: tuple[int, int],
    preparation: Preparation[Item],
    told: Told | None = None,
    store: Path | None = None,
) -> tuple[list[Item], list[Item], dict[str, Any]]:
    """Items to train on, items to validate on, and what a card says of the people.

    Those given, of whom the last fifth, one at least, is held out; or where there are none, ``counts`` synthetic ones,
    made by ``synthetic(count, first_seed)``. ``told`` and ``store`` as for `prepare_all`, which says what is refused;
    fewer than two people are, too.
    """
    about: dict[str, Any]
    if subjects is None:
        people, kept = synthetic(counts[0], 0), synthetic(counts[1], HELD_OUT)
        about = {"data": "synthetic MR of the phantom of CardiacMotion, no data of people", "license": "Apache-2.0"}
    else:
        if len(subjects) < 2:
            raise CardiacMotionError(
                f"{len(subjects)} subject to train on; at least two are needed, one to validate on"
            )
        count = max(1, round(SHARE_HELD_OUT * len(subjects)))
        people, kept = subjects[:-count], subjects[-count:]
        about = {"data": f"{len(people)} subjects of a cohort; its terms hold for these weights too"}
    everybody = prepare_all([*people, *kept], preparation, told, store)
    return (
        [item for person in everybody[: len(people)] for item in person],
        [item for person in everybody[len(people) :] for item in person],
        about,
    )

"""Who is in a cohort, and what is done with everybody."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from ... import __version__
from ...errors import CardiacMotionError
from ...map_pipeline import PREFERRED
from ...methods import describe_options, methods
from ...methods.protocol import make_options
from ...methods.registry import BEST, check_seed
from ...report.export import KINDS, MOTION, REPORT, TABLES
from ...weights import digests
from ..subjects import StudySubject, check_names
from .records import EVERYBODY

AUTO = "auto"
ONES_OF_AUTO = (BEST, *PREFERRED)
LONGEST_NAME = 80
LAYERS = (1, 9)


@dataclass(frozen=True)
class MethodChoice:
    """A method with its options, and what it is called in tables and folders.

    Attributes
    ----------
    name
        A name of `methods`, or ``auto``: the best for a cine, the best groupwise one for a mapping series.
    options
        Those that are not at their default.
    label
        By default the name.

    Raises
    ------
    CardiacMotionError
        for an unknown method, a wrong option, or a label that is no name for a folder.
    """

    name: str = AUTO
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        if self.label != safe_name(self.label):
            raise CardiacMotionError(
                f"method label {self.label!r} is no name for a folder: use letters, digits, dots, - and _"
            )
        if self.name == AUTO:
            if self.options:
                raise CardiacMotionError(f"method auto takes no options, got {', '.join(self.options)}; name a method")
            return
        known = methods()
        if self.name not in known:
            raise CardiacMotionError(f"unknown method {self.name!r}; choose one of auto, {', '.join(sorted(known))}")
        make_options(known[self.name], self.options)
        kinds = {one.name: one for one in describe_options(known[self.name].Options)}
        checked = {name: kinds[name].check(value) for name, value in self.options.items()}
        object.__setattr__(self, "options", checked)


@dataclass(frozen=True)
class Settings:
    """What is the same for everybody.

    Attributes
    ----------
    device, seed
        As in `register`.
    layers, drift_correction
        As in `strain`.
    write
        What is kept of everybody, kinds of `report.export`; tables are always written.
    threads
        Of one worker, 0 for as many as torch thinks right. Makes no other results.

    Raises
    ------
    CardiacMotionError
        for a value out of range.
    """

    device: str = "auto"
    seed: int = 0
    layers: int = 3
    drift_correction: bool = False
    write: tuple[str, ...] = (REPORT, TABLES, MOTION)  # the pictures are in the report
    threads: int = 0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        unknown = [kind for kind in self.write if kind not in KINDS]
        if unknown:
            raise CardiacMotionError(f"write has {unknown[0]!r}; what can be written is {', '.join(KINDS)}")
        object.__setattr__(self, "write", tuple(kind for kind in KINDS if kind in {TABLES, *self.write}))
        if not LAYERS[0] <= self.layers <= LAYERS[1]:
            raise CardiacMotionError(f"layers must be from {LAYERS[0]} to {LAYERS[1]}, got {self.layers}")
        if self.threads < 0:
            raise CardiacMotionError(f"threads must be at least 0, got {self.threads}")

    @property
    def identity(self) -> dict[str, Any]:
        """What results depend on."""
        kept = asdict(self)
        return {name: value for name, value in kept.items() if name not in ("threads", "device")}


@dataclass(frozen=True)
class Member:
    """A subject of a cohort.

    Attributes
    ----------
    subject
        What to read.
    folder
        Name of its folder, unique in the cohort.
    group
        Of the subject unless the cohort says otherwise.
    model
        Of a mapping series that does not say what it measures; None for what the series says.
    """

    subject: StudySubject
    folder: str = ""
    group: str = ""
    model: str | None = None

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Plain values that change when its images do, or what is to be made of them."""
        return {**self.subject.identity, **({"model": self.model} if self.model else {})}

    @property
    def about(self) -> dict[str, Any]:
        """What tables say of it."""
        return {"subject": self.subject.name, "data": self.subject.data, "group": self.group or self.subject.group}


@dataclass(frozen=True)
class Cohort:
    """Members, the methods that everybody is registered with, and settings."""

    members: tuple[Member, ...]
    methods: tuple[MethodChoice, ...]
    settings: Settings

    @cached_property
    def _weights(self) -> dict[str, list[str]]:
        """Digests of what the methods may take, by label."""
        return {
            method.label: digests(ONES_OF_AUTO if method.name == AUTO else [method.name], method.options)
            for method in self.methods
        }

    def key(self, member: Member, method: MethodChoice) -> str:
        """Digest of everything that the results of a member by a method depend on: another one, other results."""
        what = {
            "subject": member.identity,
            "method": method.name,
            "options": dict(method.options),
            "settings": self.settings.identity,
            "version": __version__,
            **({"weights": weights} if (weights := self._weights[method.label]) else {}),
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:20]


def make_cohort(
    members: Sequence[Member], methods: Sequence[MethodChoice] = (), settings: Settings | None = None
) -> Cohort:
    """A cohort whose members have folders: their safe names, after that of the data set where there are several.

    Raises
    ------
    CardiacMotionError
        without members, for two of one name in a data set, and for methods of the same label.
    """
    if not members:
        raise CardiacMotionError("a cohort needs at least one subject")
    check_names([member.subject for member in members])
    if any(EVERYBODY in (member.group, member.subject.group) for member in members):
        raise CardiacMotionError(f"a group is called {EVERYBODY!r}, as everybody is in the tables; call it otherwise")
    chosen = tuple(methods) or (MethodChoice(),)
    twice = [label for label, count in Counter(method.label for method in chosen).items() if count > 1]
    if twice:
        raise CardiacMotionError(f"two methods are called {twice[0]!r}; give them different labels")
    return Cohort(_with_folders(members), chosen, settings or Settings())


def _with_folders(members: Sequence[Member]) -> tuple[Member, ...]:
    several = len({member.subject.data for member in members}) > 1
    full = [f"{m.subject.data}_{m.subject.name}" if several else m.subject.name for m in members]
    safe = [safe_name(name) for name in full]
    taken = Counter(name.lower() for name in safe)  # some file systems do not tell a from A
    named = []
    for member, name in zip(members, safe, strict=True):
        if taken[name.lower()] > 1:
            name = f"{name}-{_digest(member)}"
        named.append(Member(member.subject, name, member.group, member.model))
    return tuple(named)


def _digest(member: Member) -> str:
    return hashlib.sha256(json.dumps(member.identity, sort_keys=True, default=str).encode()).hexdigest()[:8]


def safe_name(name: str) -> str:
    """A name that is one of a folder everywhere: letters, digits, dots, - and _, not hidden, not too long."""
    kept = re.sub(r"[^0-9A-Za-z._-]+", "-", name).strip(".-_")[:LONGEST_NAME].rstrip(".-_")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", kept)
    return f"{kept}_" if reserved else kept or "subject"

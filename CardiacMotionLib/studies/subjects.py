"""Whom a study is about: the subjects of a data set's folder, and synthetic ones."""

from __future__ import annotations

import glob
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import CardiacMotionError

if TYPE_CHECKING:
    from ..io.datasets import Case, Examination
    from ..motion import Motion
    from ..phantom import Subject
    from ..series import ImageSeries


class StudySubject(Protocol):
    """A person of a study; is sent to workers, so it holds what to read and not what was read."""

    @property
    def name(self) -> str:
        """What the user knows it by; unique in its data set."""

    @property
    def data(self) -> str:
        """Of which data set."""

    @property
    def group(self) -> str:
        """Pathology, or nothing."""

    @property
    def identity(self) -> dict[str, Any]:
        """Plain values that change when its images do."""

    def examination(self) -> Examination:
        """Images, labels, and what else is known."""


@dataclass(frozen=True)
class CaseSubject:
    """A person of a data set: of a study, or one to learn from.

    Attributes
    ----------
    case
        Where to read it.
    data
        What the data set is called, by default its layout.
    """

    case: Case
    data: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.data or self.case.layout)

    @property
    def name(self) -> str:
        """The data set's name of the person; stays on this machine."""
        return self.case.name

    @property
    def group(self) -> str:
        """Pathology, where the data set says it without images."""
        return str(self.case.facts.get("group", ""))

    @property
    def identity(self) -> dict[str, Any]:
        """Where the files are, how large and how old; labels stand beside a subject that is one file, by its name."""
        path = self.case.path
        there = path.rglob("*") if path.is_dir() else {path, *path.parent.glob(f"{glob.escape(self.name)}*")}
        files = sorted(f for f in there if f.is_file())
        facts = [(str(f), s.st_size, s.st_mtime_ns) for f in files for s in [f.stat()]]
        return {"layout": self.case.layout, "name": self.name, "files": facts}

    @property
    def entry(self) -> dict[str, Any]:
        """Nothing that identifies the person: a digest, and the group."""
        digest = hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()[:12]
        return {"case": digest, **({"group": self.group} if self.group else {})}

    def examination(self) -> Examination:
        """Everything that the data set has of the person."""
        return self.case.read()

    def series(self) -> ImageSeries:
        """The cine with the tagged slices in it."""
        from ..io.tagged_pairs import pair_of
        from ..tagged_cine import compose_tagged_cine

        pair = pair_of(self.case)
        return compose_tagged_cine(pair.cine, pair.tagged)

    def load(self) -> tuple[ImageSeries, Motion | None]:
        """The cine, and its motion from frame 0 where the data set knows it; that of DENSE is decoded."""
        from ..io.dense import decode_examination
        from ..methods.registry import check_registrable

        examination = self.case.read()
        if examination.motion is None and "phase_x" in examination.maps:
            decoded = decode_examination(examination)
            return decoded.series, decoded.motion
        check_registrable(examination.series)
        motion = examination.motion
        return examination.series, motion if motion is not None and motion.reference == 0 else None


@dataclass(frozen=True)
class SyntheticSubject:
    """A person of the phantom, whose motion is known exactly."""

    seed: int
    kind: str = "cine"
    options: Mapping[str, Any] = field(default_factory=dict)
    data: str = "synthetic"

    @property
    def name(self) -> str:
        """Kind, seed and group."""
        return " ".join(part for part in (self.kind, str(self.seed), self.group) if part)

    @property
    def group(self) -> str:
        """That was asked for."""
        return str(self.options.get("group", ""))

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it again, and the version of the generator."""
        from ..phantom import VERSION

        return {"phantom": VERSION, "kind": self.kind, "seed": self.seed, **self.options}

    def heart(self) -> Subject:
        """All that the phantom knows of it."""
        from ..phantom import phantom

        return phantom(self.kind, self.seed, **self.options)

    def examination(self) -> Examination:
        """Images, labels of every frame, exact motion and maps; ``meta`` of the series has end-systole."""
        from ..io.datasets import Examination

        subject = self.heart()
        truth = subject.meta.get("truth", {})
        known = {"name": self.name, "end_diastole": 0}
        if "end_systole" in truth:
            known["end_systole"] = int(truth["end_systole"])
        series = subject.series.replace(meta={**subject.series.meta, **known})
        return Examination(series, subject.motion, subject.maps)


@dataclass(frozen=True)
class SampleSubject:
    """The real person whose cine ships with the program."""

    name: str = "sample"
    data: str = "sample patient"
    group: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """Its files, by size."""
        from ..io.sample import NAME, sample_folder

        return {"sample": [(file.name, file.stat().st_size) for file in sorted(sample_folder().glob(f"{NAME}*"))]}

    def examination(self) -> Examination:
        """Images, and labels of end-diastole and end-systole."""
        from ..io.datasets import Examination
        from ..io.sample import sample_series

        return Examination(sample_series())


def check_names(subjects: Sequence[StudySubject]) -> None:
    """Raise `CardiacMotionError` for two subjects of one name in one data set: tables could not tell them apart."""
    counts = Counter((subject.data, subject.name) for subject in subjects)
    for (data, name), count in counts.items():
        if count > 1:
            raise CardiacMotionError(
                f"subject {name!r} of {data} is there {count} times; give data sets that are not the same different "
                "names, and name each subject once"
            )


def synthetic_subjects(count: int, first_seed: int | None = None, **options: Any) -> list[SyntheticSubject]:
    """People of consecutive seeds, whose groups take turns unless ``group`` is among the options of the cine.

    ``first_seed`` is by default that of the first person on whom no shipped network was trained or chosen.
    """
    from ..phantom.stream import TESTED
    from ..prior import ROTATION

    if count < 1:
        raise CardiacMotionError(f"the number of synthetic subjects must be at least 1, got {count}")
    first = TESTED if first_seed is None else first_seed
    return [
        SyntheticSubject(seed, options={"group": ROTATION[seed % len(ROTATION)], **options})
        for seed in range(first, first + count)
    ]


def case_subjects(
    folder: Path, number: int | None = None, layout: str | None = None, groups: Sequence[str] = (), data: str = ""
) -> list[CaseSubject]:
    """The first ``number`` subjects (None: all) of a folder, of these groups where any are given.

    Raises
    ------
    CardiacMotionError
        for a folder of no known layout, groups that it does not have, or fewer subjects than asked for.
    """
    from ..io.datasets import find_cases

    if number is not None and number < 1:
        raise CardiacMotionError(f"the number of subjects must be at least 1, got {number}; leave it out for all")
    everyone = [CaseSubject(case, data) for case in find_cases(folder, layout)]
    known = sorted({subject.group for subject in everyone} - {""})
    unknown = [name for name in groups if name not in known]
    if unknown:
        there = ", ".join(known) or "not known without images"
        raise CardiacMotionError(f"{folder} has no group {', '.join(unknown)}; its groups are {there}")
    chosen = [subject for subject in everyone if not groups or subject.group in groups]
    if number is not None and len(chosen) < number:
        raise CardiacMotionError(f"{folder} has {len(chosen)} such subjects, {number} were asked for with --subjects")
    return chosen[:number]

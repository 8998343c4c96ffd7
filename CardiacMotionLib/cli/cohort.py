"""The subjects of a data set's folder, for a prior or to train a network on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CardiacMotionError

if TYPE_CHECKING:
    from ..io.datasets import Case
    from ..motion import Motion
    from ..series import ImageSeries


@dataclass(frozen=True)
class CohortSubject:
    """A person of whom a folder has a cine, and tagged series where a prior is built."""

    case: Case

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
        """Where the files are, how large and how old."""
        path = self.case.path
        files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
        facts = [(str(f), s.st_size, s.st_mtime_ns) for f in files for s in [f.stat()]]
        return {"layout": self.case.layout, "name": self.name, "files": facts}

    @property
    def entry(self) -> dict[str, Any]:
        """Nothing that identifies the person: a digest, and the group."""
        digest = hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()[:12]
        return {"case": digest, **({"group": self.group} if self.group else {})}

    def series(self) -> ImageSeries:
        """The cine with the tagged slices in it."""
        from ..io.tagged_pairs import pair_of
        from ..tagged_cine import compose_tagged_cine

        pair = pair_of(self.case)
        return compose_tagged_cine(pair.cine, pair.tagged)

    def load(self) -> tuple[ImageSeries, Motion | None]:
        """The cine, and its motion from frame 0 where the data set knows it."""
        from ..methods.registry import check_registrable

        examination = self.case.read()
        check_registrable(examination.series)
        motion = examination.motion
        return examination.series, motion if motion is not None and motion.reference == 0 else None


def cohort_subjects(
    folder: Path, number: int | None, layout: str | None = None, groups: tuple[str, ...] = ()
) -> list[CohortSubject]:
    """The first ``number`` subjects (None: all) of a folder, of these groups where any are given.

    Raises
    ------
    CardiacMotionError
        for a folder of no known layout, groups that it does not have, or fewer subjects than asked for.
    """
    from ..io.datasets import find_cases

    everyone = [CohortSubject(case) for case in find_cases(folder, layout)]
    known = sorted({subject.group for subject in everyone} - {""})
    unknown = [name for name in groups if name not in known]
    if unknown:
        there = ", ".join(known) or "not known without images"
        raise CardiacMotionError(f"{folder} has no group {', '.join(unknown)}; its groups are {there}")
    chosen = [subject for subject in everyone if not groups or subject.group in groups]
    if number is not None and len(chosen) < number:
        raise CardiacMotionError(f"{folder} has {len(chosen)} such subjects, {number} were asked for with --subjects")
    return chosen[:number]

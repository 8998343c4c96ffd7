"""The subjects of a data set's folder as those of a prior."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CardiacMotionError

if TYPE_CHECKING:
    from ..series import ImageSeries


@dataclass(frozen=True)
class CohortSubject:
    """A person whose cine and tagged series are in a folder."""

    name: str
    group: str
    path: Path
    layout: str

    @property
    def identity(self) -> dict[str, Any]:
        """Where the files are, how large and how old."""
        files = sorted(f for f in self.path.rglob("*") if f.is_file()) if self.path.is_dir() else [self.path]
        facts = [(str(f), s.st_size, s.st_mtime_ns) for f in files for s in [f.stat()]]
        return {"layout": self.layout, "name": self.name, "files": facts}

    @property
    def entry(self) -> dict[str, Any]:
        """Nothing that identifies the person: a digest, and the group."""
        digest = hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()[:12]
        return {"case": digest, **({"group": self.group} if self.group else {})}

    def series(self) -> ImageSeries:
        """The cine with the tagged slices in it."""
        from ..io.tagged_pairs import read_tagged_pair
        from ..tagged_cine import compose_tagged_cine

        pair = read_tagged_pair(self.path, layout=self.layout)
        return compose_tagged_cine(pair.cine, pair.tagged)


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

    everyone = [
        CohortSubject(c.name, str(c.facts.get("group", "")), c.path, c.layout) for c in find_cases(folder, layout)
    ]
    known = sorted({subject.group for subject in everyone} - {""})
    unknown = [name for name in groups if name not in known]
    if unknown:
        raise CardiacMotionError(
            f"{folder} has no group {', '.join(unknown)}; its groups are {', '.join(known) or 'not known'}"
        )
    chosen = [subject for subject in everyone if not groups or subject.group in groups]
    if number is not None and len(chosen) < number:
        raise CardiacMotionError(f"{folder} has {len(chosen)} such subjects, {number} were asked for with --subjects")
    return chosen[:number]

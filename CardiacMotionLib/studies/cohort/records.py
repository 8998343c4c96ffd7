"""The file that says what became of a subject by a method; it is written last, so what has none is not done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...whole_files import write_whole

FILE = "record.json"
DONE, FAILED = "done", "failed"
EVERYBODY = "all"  # the group of all groups
STRAIN, MAPS, NEITHER = "strain", "maps", "motion"  # what a subject that is done has


@dataclass(frozen=True)
class Record:
    """What became of one subject by one method.

    Attributes
    ----------
    key
        `Cohort.key` that it was made for.
    subject, data, group
        Of the member.
    method
        Label.
    status
        ``done`` or ``failed``.
    reason
        Why it failed, or why it is done without strain; empty otherwise.
    kind
        ``strain``, ``maps``, or ``motion`` where there is neither.
    measures
        Rows of the table of measures: measure, region, value, unit.
    flags
        (severity, sentence), worst first.
    seconds
        That it took.
    made_by
        Version, method and options as the motion has them.
    """

    key: str
    subject: str
    data: str
    group: str
    method: str
    status: str
    reason: str = ""
    kind: str = ""
    measures: Sequence[Sequence[Any]] = field(default_factory=tuple)
    flags: Sequence[Sequence[str]] = field(default_factory=tuple)
    seconds: float = 0.0
    made_by: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Into a folder, as ``record.json``."""
        text = json.dumps(asdict(self), indent=1, default=str)
        write_whole({folder / FILE: text.encode()})


def read_record(folder: Path) -> Record | None:
    """The record of a folder; None where there is none that can be read, and the subject is to be done again."""
    try:
        return Record(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None

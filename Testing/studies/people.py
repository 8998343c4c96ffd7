"""Small subjects for studies, with faults."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.studies.cohort import Member, MethodChoice, Settings, make_cohort
from CardiacMotionLib.studies.subjects import SyntheticSubject

SMALL = {"frames": 3, "slices": 2, "rows": 32, "columns": 32, "pixel_mm": 4.0}
QUICK = MethodChoice("demons", {"iterations": 1})
TABLES = Settings(device="cpu", write=("tables",), threads=1)
BROKEN, CRASH, KILLED, KILLED_ONCE = "broken", "crash", "killed", "killed once"


@dataclass(frozen=True)
class Person:
    """A tiny heart that leaves a line in ``log`` each time it is read, and what goes wrong with it."""

    name: str
    log: Path
    group: str = "well"
    age: int = 1
    fault: str = ""
    labeled: bool = True
    data: str = "small"

    @property
    def identity(self):
        return {"name": self.name, "age": self.age}

    def examination(self):
        times = self.reads
        with self.log.open("a") as log:
            log.write(f"{self.name}\n")
        if self.fault == BROKEN:
            raise CardiacMotionError("slice 2 is missing")
        if self.fault == CRASH:
            raise ZeroDivisionError("division by zero")
        if self.fault == KILLED or (self.fault == KILLED_ONCE and times == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        found = heart(len(self.name))
        return found if self.labeled else type(found)(found.series.replace(labels={}))

    @property
    def reads(self):
        return self.log.read_text().split("\n").count(self.name) if self.log.exists() else 0


@lru_cache
def heart(seed):
    return SyntheticSubject(seed, options=SMALL).examination()


def small_cohort(people, methods=(QUICK,), settings=TABLES):
    return make_cohort([Member(person) for person in people], methods, settings)

"""A paper: what it claims, with its figures, and how that is measured here."""

from __future__ import annotations

import datetime
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import CardiacMotionError

if TYPE_CHECKING:
    import pandas as pd

ELSEWHERE = "machine, version, date"  # a fact of tables that do not say it
COLUMNS = ("claim", "at", "score", "ours", "other", "difference", "p", "verdict")


@dataclass(frozen=True)
class Order:
    """What a user asks for.

    Attributes
    ----------
    work, output
        Folder in which everything is kept, and folder for the tables.
    workers
        Processes, one thread each; threads where there is one process.
    quick
        Only to see that it works: few people and steps.
    people
        How many are tried on, where that is free; None: as many as by default.
    told
        Is told what goes on, a sentence each.
    """

    work: Path
    output: Path
    workers: int = 1
    quick: bool = False
    people: int | None = None
    told: Callable[[str], Any] = lambda _: None

    def command(self, name: str) -> str:
        """The command again, without folders."""
        people = "" if self.people is None else f" --people {self.people}"
        return f"cardiac-motion reproduce {name} --workers {self.workers}{people}{' --quick' if self.quick else ''}"


@dataclass(frozen=True)
class Claim:
    """One of a paper.

    Attributes
    ----------
    words, figure, where
        What it says, its figures, and their place in the paper.
    comparisons
        By which it is judged: those whose claim begins with one of these; none for a claim that is not measured.
    scores, at
        Of these only those with one of these scores, or whose ``at`` begins with one of these; empty: all.
    why
        Why it is not measured.
    """

    words: str
    figure: str
    where: str
    comparisons: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    why: str = ""

    def of(self, comparisons: pd.DataFrame) -> pd.DataFrame:
        """Those that it is judged by."""
        chosen = comparisons["claim"].str.startswith(self.comparisons or ("\0",))
        if self.scores:
            chosen &= comparisons["score"].isin(self.scores)
        if self.at:
            chosen &= comparisons["at"].str.startswith(self.at)
        return comparisons[chosen]


@dataclass(frozen=True)
class Found:
    """What tables say.

    Attributes
    ----------
    comparisons
        With the columns `COLUMNS`, all text.
    facts
        How it was measured, by keyword.
    notes
        Sentences that the reader of the verdicts needs.
    """

    comparisons: pd.DataFrame
    facts: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paper:
    """A paper.

    Attributes
    ----------
    name, number
        Of its method, and of the paper in this project.
    title, citation
        Of the paper.
    tables
        Stems of the files with the full tables (.csv, .md, .png), the main one first.
    claims
        In the order of the page.
    measured
        How, in some sentences.
    differs
        What is not as in the paper.
    any_people
        Whether the number of people to try on is free.
    """

    name: str
    number: str
    title: str
    citation: str
    tables: tuple[str, ...]
    claims: tuple[Claim, ...]
    measured: str
    differs: str
    any_people: bool = False

    def minutes(self, order: Order) -> float:
        """How long an order will take, roughly, where nothing else runs."""
        return float(self._module("measure").minutes(order))

    def measure(self, order: Order) -> None:
        """Write tables, verdicts and facts into the output folder of an order."""
        order.output.mkdir(parents=True, exist_ok=True)
        self._module("measure").measure(order)

    def found(self, folder: Path) -> Found:
        """What the tables in ``folder`` say.

        Raises `CardiacMotionError` where there are none.
        """
        import pandas as pd

        verdicts, about = (folder / f"{self.name}_{what}" for what in ("verdicts.csv", "facts.json"))
        if verdicts.is_file() and about.is_file():
            table = pd.read_csv(verdicts, dtype=str, keep_default_na=False)
            return Found(table, json.loads(about.read_text(encoding="utf-8")))
        main = folder / f"{self.tables[0]}.csv"
        if not main.is_file():
            raise CardiacMotionError(
                f"{folder} has neither {verdicts.name} nor {main.name}; name another folder, or leave out --from to "
                "measure"
            )
        found: Found = self._module("report").read(folder)
        return found

    def _module(self, name: str) -> Any:
        """Of this paper; loads torch."""
        return importlib.import_module(f".{self.name}.{name}", __package__)


def save_verdicts(order: Order, name: str, comparisons: pd.DataFrame, facts: Mapping[str, object]) -> None:
    """Write what a page is made of: ``name``_verdicts.csv and ``name``_facts.json."""
    from ...report.markdown import machine, made_with
    from ...whole_files import write_whole

    ours = comparisons.rename(columns={comparisons.columns[3]: "ours"})
    known = {key: str(value) for key, value in facts.items()}
    known |= {"machine": machine(), "versions": made_with(), "date": str(datetime.date.today())}
    known["command"] = order.command(name)
    write_whole(
        {
            order.output / f"{name}_verdicts.csv": ours.to_csv(index=False, columns=list(COLUMNS)).encode(),
            order.output / f"{name}_facts.json": json.dumps(known, indent=1).encode(),
        }
    )

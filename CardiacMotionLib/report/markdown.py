"""Tables in Markdown, and the sentence that says how the numbers in them came about."""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING

from .. import __version__

if TYPE_CHECKING:
    import pandas as pd


def markdown(table: pd.DataFrame) -> list[str]:
    """Lines of a table; empty where a value is missing."""
    return [
        "| " + " | ".join(map(_cell, table.columns)) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in table.itertuples(index=False)),
    ]


def section(title: str, words: list[str], table: pd.DataFrame | None = None) -> list[str]:
    """Lines of a section."""
    return [f"## {title}", "", *words, *([""] if words else []), *([] if table is None else [*markdown(table), ""])]


def made_by(command: str, how: str) -> str:
    """Sentence that says with which command, when and on what a table was made."""
    return f"Made by `{command}` on {datetime.date.today()}, {made_with()}, {how} on {machine()}."


def made_with() -> str:
    """Versions of this program and of torch."""
    import torch

    return f"version {__version__}, torch {torch.__version__}"


def machine() -> str:
    """Cores and processor, no name of a host."""
    from ..training.export import processor

    return f"{os.cpu_count()} cores ({processor()})"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")

"""The spreadsheets that come with data sets: found beside or above a subject's folder, read as rows of text."""

from __future__ import annotations

import csv
from pathlib import Path

from ..files import reading


def table_above(folder: Path, pattern: str, levels: int = 4) -> Path | None:
    """The file that matches ``pattern`` in ``folder`` or one of the ``levels`` folders above it; the nearest one."""
    for place in [folder.absolute(), *folder.absolute().parents][: levels + 1]:
        found = sorted(f for f in place.glob(pattern) if not f.name.startswith("."))
        if found:
            return found[0]
    return None


def rows_by(path: Path | None, key: str) -> dict[str, dict[str, str]]:
    """{entry in column ``key``: row}, rows without an entry left out; empty where there is no table.

    A table without that column is not the one looked for: it gives no rows either.
    """
    if path is None:
        return {}
    with reading(path, "CSV table"), path.open(newline="", encoding="utf-8-sig") as file:
        rows = [{str(k).strip(): (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file)]
    return {row[key]: row for row in rows if row.get(key)}


def facts_from(row: dict[str, str], columns: dict[str, str]) -> dict[str, str]:
    """{fact: entry} for the ``columns`` {fact: column} that the row fills."""
    return {fact: row[column] for fact, column in columns.items() if row.get(column)}

"""TOML of the card of weights: Python reads TOML, but does not write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def card_text(card: Mapping[str, Any]) -> str:
    """TOML of plain values: tables of the first level as tables, what is below in one line each; None is left out."""
    tables = {key: value for key, value in card.items() if isinstance(value, Mapping)}
    parts = [_rows({key: value for key, value in card.items() if key not in tables})]
    return "\n".join(parts + [f"[{name}]\n{_rows(table)}" for name, table in tables.items()])


def _rows(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_value(one)}' for key, one in value.items())} }}"
    if isinstance(value, (list, tuple)):
        if any(isinstance(one, Mapping) for one in value):
            return "".join(["[", *(f"\n  {_value(one)}," for one in value), "\n]"])
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)  # text, numbers and truth are written alike

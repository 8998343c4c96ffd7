"""The card of weights as a TOML file."""

from __future__ import annotations

import copy
import json
import math
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError


def read_card(weights: Path) -> dict[str, Any]:
    """The card beside a file of weights; raises `CardiacMotionError` where there is none or it is damaged."""
    card = weights.with_suffix(".toml")
    try:
        return copy.deepcopy(_parsed(card.read_text(encoding="utf-8-sig")))
    except FileNotFoundError as error:
        raise CardiacMotionError(f"{weights}: its card {card.name} is not beside it; weights are both") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CardiacMotionError(f"{weights}: its card {card.name} cannot be read ({error})") from error


@lru_cache(maxsize=256)
def _parsed(text: str) -> dict[str, Any]:
    """Of a card: a panel asks for all of them whenever it is drawn."""
    return tomllib.loads(text)


def card_text(card: Mapping[str, Any]) -> str:
    """TOML of plain values: tables of the first level as tables, what is below in one line each; None is left out.

    Python reads TOML, but does not write it.
    """
    tables = {key: value for key, value in card.items() if isinstance(value, Mapping)}
    parts = [_rows({key: value for key, value in card.items() if key not in tables})]
    return "\n".join(parts + [f"[{_key(name)}]\n{_rows(table)}" for name, table in tables.items()])


def _rows(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(one)}' for key, one in value.items())} }}"
    if isinstance(value, (list, tuple)):
        if any(isinstance(one, Mapping) for one in value):
            return "".join(["[", *(f"\n  {_value(one)}," for one in value), "\n]"])
        return f"[{', '.join(map(_value, value))}]"
    value = value.item() if hasattr(value, "item") else value  # of numpy or torch
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # else as JSON


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)

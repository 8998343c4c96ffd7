"""TOML that people write: read, and every key and type checked before anything is made of it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError
from .files import reading

NUMBER = (int, float)
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a table"}


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; raises `CardiacMotionError` where there is none."""
    with reading(path, "TOML file"), path.open("rb") as file:
        return tomllib.load(file)


def check_table(path: Path, where: str, table: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check keys and types of a table against ``known``: {key: type, or tuple of types}.

    Raises
    ------
    CardiacMotionError
        for a key that is not known or a value of another type; the message has ``where`` before the key.
    """
    for key, value in table.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"the keys are {', '.join(known)}"
            raise CardiacMotionError(f"{path}: unknown key {where}{key}; {hint}")
        kinds = known[key] if isinstance(known[key], tuple) else (known[key],)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            expected = " or ".join(WORDS[kind] for kind in kinds)
            raise CardiacMotionError(f"{path}: {where}{key} is {value!r}; expected {expected}")

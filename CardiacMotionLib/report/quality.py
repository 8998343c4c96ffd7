"""The scores of ``evaluate()`` in numbers and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def describe_quality(quality: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(what, value, how to read it) of every score."""
    return []

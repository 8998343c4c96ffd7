"""Work on the scene in short steps: whoever owns an event loop takes them one by one, and its window stays alive."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")
Steps = Generator[Any, None, T]


def finish(steps: Steps[T]) -> T:
    """Take all steps, and return what they made."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value

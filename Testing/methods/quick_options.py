"""Options with which any registered method does all that it does, but little of it."""

from __future__ import annotations

from typing import Any

from CardiacMotionLib.methods import describe_options, methods


def quick(name: str) -> dict[str, Any]:
    """Three of every kind of step or iteration, or the fewest that the method allows."""
    counts = [o for o in describe_options(methods()[name].Options) if o.name.endswith(("steps", "iterations"))]
    return {o.name: max(3, int(o.minimum or 0)) for o in counts}

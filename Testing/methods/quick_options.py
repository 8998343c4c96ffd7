"""Every registered method, and options with which it does all that it does, but little of it."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from CardiacMotionLib.methods import describe_options, methods


def quick(name: str) -> dict[str, Any]:
    """Three of every kind of step or iteration, or the fewest that the method allows; walls are carried by demons."""
    known = describe_options(methods()[name].Options)
    counts = [o for o in known if o.name.endswith(("steps", "iterations"))]
    carrier = {"carrier": "demons"} if any(o.name == "carrier" for o in known) else {}
    return {o.name: max(3, int(o.minimum or 0)) for o in counts} | carrier


def missing(name: str) -> list[str]:
    """Packages that a method needs and that are not installed."""
    return [package for package in methods()[name].requires if importlib.util.find_spec(package) is None]


def to_run(name: str) -> Any:
    """A method as a parameter of a test that runs it: skipped where what it needs is not installed."""
    lacks = missing(name)
    skip = pytest.mark.skipif(bool(lacks), reason=f"method {name} needs {', '.join(lacks)}, which is not installed")
    return pytest.param(name, marks=skip)


EVERY_METHOD = sorted(methods())
EVERY_METHOD_TO_RUN = [to_run(name) for name in EVERY_METHOD]
NEEDS_NO_LABELS_TO_RUN = [to_run(name) for name in EVERY_METHOD if "labels" not in methods()[name].needs]

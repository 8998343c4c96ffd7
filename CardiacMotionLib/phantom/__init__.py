"""Synthetic hearts with exact truth: ``phantom(kind, seed, **options)``.

``anatomy`` is the shape at end-diastole, ``kinematics`` the exact map that moves it, ``imaging`` what a scanner makes
of it, and one module a kind of examination (``cine``) puts them together into a `Subject`.
"""

from __future__ import annotations

from typing import Any

from ..callable_module import make_callable
from ..errors import CardiacMotionError
from ..methods.protocol import OptionInfo, describe_options
from .cine import Options as CineOptions
from .cine import make_cine
from .subject import Subject

__all__ = ["KINDS", "Subject", "options_of", "phantom"]

KINDS = {"cine": (CineOptions, make_cine)}


def options_of(kind: str) -> list[OptionInfo]:
    """List the options of a kind of phantom; raises `CardiacMotionError` for an unknown kind."""
    if kind not in KINDS:
        raise CardiacMotionError(f"unknown kind of phantom {kind!r}; there is {', '.join(KINDS)}")
    return describe_options(KINDS[kind][0])


def phantom(kind: str, seed: int, **options: Any) -> Subject:
    """Make a synthetic subject with exact motion and labels on every frame.

    Parameters
    ----------
    kind
        ``cine``: a short-axis stack over the cycle, frame 0 at end-diastole.
    seed
        Not negative. Varies details of the anatomy, the texture and the noise; the same seed and options give the same
        subject.
    options
        Of the kind, see `options_of`.

    Raises
    ------
    CardiacMotionError
        for an unknown kind, an option that does not exist or does not fit, or a seed that is none.
    """
    known = {o.name: o for o in options_of(kind)}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise CardiacMotionError(
            f"phantom {kind} has no option {', '.join(unknown)}; its options are {', '.join(known)}"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise CardiacMotionError(f"seed must be a whole number from 0, got {seed!r}")
    options_class, make = KINDS[kind]
    return make(seed, options_class(**{name: known[name].check(value) for name, value in options.items()}))


make_callable(__name__, phantom)

"""What the papers claim, measured in their own terms on synthetic hearts: ``cardiac-motion reproduce PAPER``.

A package a paper: ``paper`` has its claims and figures, ``measure`` the experiment, which is kept in a work folder and
goes on after a stop, ``scores`` what is taken of a motion, ``report`` the full tables. ``page`` makes the page with a
verdict for every claim of tables that are there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ...errors import CardiacMotionError

if TYPE_CHECKING:
    from .paper import Paper

PAPERS: dict[str, str] = {  # by method: the module with its PAPER
    "inr": ".inr.paper",
    "riir": ".riir.paper",
    "memwarp": ".memwarp.paper",
    "any2reg": ".any2reg.paper",
    "lamod": ".lamod.paper",
}


def load_paper(name: str) -> Paper:
    """The paper about a method; raises `CardiacMotionError` for one that is not measured here."""
    if name not in PAPERS:
        raise CardiacMotionError(f"{name!r} is no paper that can be reproduced; those are {', '.join(PAPERS)}")
    found: Paper = importlib.import_module(PAPERS[name], __name__).PAPER
    return found

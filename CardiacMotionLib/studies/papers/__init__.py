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

PAPERS: dict[str, str | None] = {  # by method: the module with its PAPER, None as long as there is none
    "inr": ".inr.paper",
    "riir": ".riir.paper",
    "memwarp": ".memwarp.paper",
    "any2reg": ".any2reg.paper",
    "lamod": None,
}


def load_paper(name: str) -> Paper:
    """The paper about a method; raises `CardiacMotionError` for one that is not measured here."""
    known = ", ".join(one for one, module in PAPERS.items() if module)
    if name not in PAPERS:
        raise CardiacMotionError(f"{name!r} is no paper that can be reproduced; those are {known}")
    module = PAPERS[name]
    if module is None:
        raise CardiacMotionError(f"{name} cannot be reproduced yet: its method is not built; there are {known}")
    found: Paper = importlib.import_module(module, __name__).PAPER
    return found

"""Weights of networks: a ``.safetensors`` file, which cannot hold code, and beside it its card, a ``.toml`` file.

The card says what the weights are of, what they were made from and with which settings, and their sha256; neither file
is read without the other. ``weights`` are the two together, ``card`` the text, ``places`` where they are found by name.
"""

from typing import TYPE_CHECKING, Any

from .card import card_text, read_card
from .places import FOLDER, SUFFIX, available, cards, digests, find, shipped

if TYPE_CHECKING:
    from .weights import Weights, check_tensors, differences

__all__ = [
    "FOLDER",
    "SUFFIX",
    "Weights",
    "available",
    "card_text",
    "cards",
    "check_tensors",
    "differences",
    "digests",
    "find",
    "read_card",
    "shipped",
]


def __getattr__(name: str) -> Any:
    if name in ("Weights", "check_tensors", "differences"):
        from . import weights  # where weights lie is known without torch

        return getattr(weights, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The state of a training run in one file, from which it goes on as if it had not been stopped."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ..errors import CardiacMotionError
from ..weights import differences
from ..whole_files import writing

FORMAT = 1
Identity = Mapping[str, Any]  # plain values, also in sections


def save_checkpoint(path: Path, state: Mapping[str, Any], identity: Identity) -> None:
    """Write the state whole or not at all; it holds tensors and plain values."""
    with writing(path) as file:
        torch.save({"format": FORMAT, "identity": identity, **state}, file)


def load_checkpoint(path: Path, identity: Identity) -> dict[str, Any]:
    """Read a state, on the CPU; no code is run (``weights_only``).

    Raises
    ------
    CardiacMotionError
        for a file that is no checkpoint, or one of another run, naming what differs.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError(f"{path} is not an archive")
        state = torch.load(path, map_location="cpu", weights_only=True)
        found, version = state["identity"], state["format"]
    except (OSError, RuntimeError, UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise CardiacMotionError(
            f"{path} is not a readable checkpoint; delete it to begin anew, or give another folder"
        ) from error
    if version != FORMAT:
        raise CardiacMotionError(
            f"{path} is a checkpoint of format {version}, this program has {FORMAT}; give another folder"
        )
    differing = [
        f"{name} {'nothing' if one is None else one} in the checkpoint, {'nothing' if other is None else other} asked"
        for name, one, other in differences(_flat(found), _flat(identity))
    ]
    if differing:
        raise CardiacMotionError(
            f"{path} belongs to another training: {'; '.join(differing)}. Ask for what it has, or give another folder"
        )
    return state


def _flat(values: Identity, prefix: str = "") -> dict[str, Any]:
    """{"section.name": value} of values in sections."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat

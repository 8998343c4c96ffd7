"""Where weights are found by name: the user's folder, then those that ship."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError
from .card import read_card

SUFFIX = ".safetensors"
FOLDER = "CARDIAC_MOTION_MODELS"  # environment variable that names the user's folder


def shipped() -> list[Path]:
    """Files that ship: in Resources/Models beside the package (source tree, Slicer) or inside it (pip)."""
    package = Path(__file__).resolve().parents[1]
    places = (package.parent / "Resources" / "Models", package / "Resources" / "Models")
    return next((found for place in places if (found := _files(place))), [])


def available(folder: str | Path | None = None) -> list[Path]:
    """Files in the user's folder (by default the one that `FOLDER` names, if any), then those that ship.

    Of two with one name, only the user's is there.

    Raises
    ------
    CardiacMotionError
        for a folder that does not exist.
    """
    named = folder if folder is not None else os.environ.get(FOLDER)
    own: list[Path] = []
    if named:
        if not Path(named).is_dir():
            source = "" if folder is not None else f", which the environment variable {FOLDER} names"
            raise CardiacMotionError(f"{named}{source}: no such folder; expected one with {SUFFIX} files")
        own = _files(Path(named))
    taken = {file.stem for file in own}
    return own + [file for file in shipped() if file.stem not in taken]


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob(f"*{SUFFIX}")) if not file.name.startswith(".")]  # being written


def cards(method: str | None = None) -> dict[Path, dict[str, Any]]:
    """Cards of what is `available`, with ``method`` only its own.

    Files without a readable one are left out, and hide none that ship: who asks for them by name is told.
    """
    read: dict[Path, dict[str, Any]] = {}
    for file in [*available(), *shipped()]:
        with contextlib.suppress(CardiacMotionError):
            if file.stem not in {other.stem for other in read}:
                read[file] = read_card(file)
    return {file: card for file, card in read.items() if method in (None, card.get("method"))}


def digests(methods: Iterable[str], options: Mapping[str, Any]) -> list[str]:
    """sha256 of all weights of some methods that are `available`, and of the files that options name.

    And of weights that these go by: of a method that is an option, and those that a network has its features from.
    Results that are kept are those of other weights when these differ.
    """
    every, wanted = cards(), {*methods, *map(str, options.values())}
    chosen = [card for card in every.values() if card.get("method") in wanted]
    networks = [card["network"] for card in chosen if isinstance(card.get("network"), dict)]
    beside = {network.get("extractor") for network in networks}
    chosen += [card for file, card in every.items() if file.stem in beside]
    known = [str(card.get("sha256")) for card in chosen]
    named = [Path(value) for value in options.values() if isinstance(value, (str, Path)) and Path(value).is_file()]
    return sorted([*known, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in named)])


def find(path_or_name: str | Path, method: str | None = None) -> Path:
    """The file of a path ending in .safetensors, or of a name; ``method`` may be left out of the name.

    Raises
    ------
    CardiacMotionError
        for what is neither, with the names that there are.
    """
    path = Path(path_or_name)
    if path.suffix == SUFFIX and path.is_file():
        return path
    files = {file.stem: file for file in available()}
    for name in (str(path_or_name), f"{method}_{path_or_name}"):
        if name in files:
            return files[name]
    known = [name for name in files if method is None or name.startswith(f"{method}_")]
    what = f"expected a {SUFFIX} file" if path.exists() else "no such file"
    of = "" if method is None else f" of {method}"
    raise CardiacMotionError(
        f"weights {str(path_or_name)!r}: {what}, and the known names{of} are {', '.join(known) or 'none'} "
        "(cardiac-motion weights list)"
    )

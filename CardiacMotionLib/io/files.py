"""What every file format shares: natural order and wording of failures."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import CardiacMotionError
from ..series import ImageSeries

SUFFIXES = (".seq.nrrd", ".seg.nrrd", ".nii.gz", ".seq.nhdr", ".nii", ".nrrd", ".nhdr", ".npz", ".h5")


def suffix_of(path: Path) -> str:
    """The suffix that decides the format, double ones such as ``.seq.nrrd`` and ``.nii.gz`` included, in lower case."""
    name = path.name.lower()
    return next((s for s in SUFFIXES if name.endswith(s)), path.suffix.lower())


def stem_of(path: Path) -> str:
    """File name without the suffix that `suffix_of` finds."""
    return path.name[: len(path.name) - len(suffix_of(path))]


def natural_key(path: Path) -> list[Any]:
    """Sort key under which ``frame9`` comes before ``frame10``."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", path.name)]


def existing(path: str | os.PathLike) -> Path:
    """``path`` as a Path; raises `CardiacMotionError` when nothing is there."""
    if not isinstance(path, (str, os.PathLike)):
        raise CardiacMotionError(f"expected the path of a file or folder, got {type(path).__name__}")
    path = Path(path)
    if not path.exists():
        raise CardiacMotionError(f"no such file or folder: {path}")
    return path


def package(name: str, purpose: str) -> ModuleType:
    """Import a package that only some formats need; raises `CardiacMotionError` naming it when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CardiacMotionError(f"{purpose} needs the Python package {name}, which is not installed") from error


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a format library raises on damaged bytes into one `CardiacMotionError` that names the file."""
    try:
        yield
    except CardiacMotionError:
        raise
    except Exception as error:  # the libraries raise many unrelated types on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CardiacMotionError(f"cannot read {path}: not a readable {kind} ({reason})") from error


def make_series(path: Path, frames: Any, affine: Any, times: Any = None, **meta: Any) -> ImageSeries:
    """An `ImageSeries` read from ``path``; what it refuses is reported with the name of the file.

    Only the file's own name goes into ``meta``: folders above it may carry a patient's name.
    """
    try:
        return ImageSeries(
            frames, affine, times, None, {"name": stem_of(path), "source": path.name, "notes": [], **meta}
        )
    except CardiacMotionError as error:
        raise CardiacMotionError(f"{path}: {error}") from error

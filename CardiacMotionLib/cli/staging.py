"""Outputs appear when they are complete or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CardiacMotionError


@contextmanager
def staged_file(path: Path, suffixes: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield a path of the same name to write to; it becomes ``path`` when the body succeeds and vanishes otherwise.

    Raises
    ------
    CardiacMotionError
        before the body runs, when the name does not end in one of ``suffixes`` or the folder cannot be written.
    """
    check_suffix(path, suffixes)
    if path.is_dir():
        raise CardiacMotionError(f"cannot write {path}: it is a folder; give the name of a file")
    with _scratch(path.parent) as scratch:
        yield scratch / path.name
        with _told(path):
            (scratch / path.name).replace(path)


def check_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise `CardiacMotionError` for a name that does not end in one of ``suffixes``, if there are any."""
    if suffixes and not path.name.endswith(suffixes):
        raise CardiacMotionError(f"cannot write {path.name!r}: use a name ending in {' or '.join(suffixes)}")


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; its content moves into ``folder``, over older files, when the body succeeds."""
    if folder.exists() and not folder.is_dir():
        raise CardiacMotionError(f"cannot write into {folder}: it is a file; give the name of a folder")
    with _scratch(folder) as scratch:
        yield scratch
        with _told(folder):
            _move_content(scratch, folder)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A hidden folder inside ``folder``; folders that were made for it go with it when the body fails."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except OSError as error:
        raise CardiacMotionError(
            f"cannot write into {folder}: {error.strerror or error}; choose another place with -o"
        ) from error
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        for made in missing:
            with suppress(OSError):  # not empty: what was moved there already stays
                made.rmdir()
        raise
    shutil.rmtree(scratch)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Turn what the system refuses at the end into one line."""
    try:
        yield
    except OSError as error:
        at = error.filename2 or error.filename or target
        raise CardiacMotionError(
            f"cannot write {at}: {error.strerror or error}; is it open elsewhere, or something else of that name?"
        ) from error


def _move_content(source: Path, target: Path) -> None:
    for entry in sorted(source.iterdir()):
        if entry.is_dir():
            (target / entry.name).mkdir(exist_ok=True)
            _move_content(entry, target / entry.name)
        else:
            entry.replace(target / entry.name)

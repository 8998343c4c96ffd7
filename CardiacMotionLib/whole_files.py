"""Files appear when they are complete or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .errors import CardiacMotionError


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` when the block succeeds and vanishes when it does not.

    Raises
    ------
    CardiacMotionError
        for a folder that does not exist, and for what the system refuses.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise CardiacMotionError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CardiacMotionError(f"cannot write {path}: {error.strerror or error}") from error


def write_whole(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together; their folders are made. See `writing`."""
    with ExitStack() as stack:
        for path, content in contents.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CardiacMotionError(f"cannot write {path}: {error.strerror or error}") from error
            stack.enter_context(writing(path)).write_bytes(content)


@contextmanager
def aside(path: str | Path) -> Iterator[None]:
    """Within this a folder, if there is one, is out of the way; it comes back where the block fails, else it goes.

    Raises `CardiacMotionError` for one that cannot be moved: on Windows one with an open file.
    """
    away = _moved_away(Path(path))
    try:
        yield
    except BaseException:
        if away is not None:
            away.rename(path)
        raise
    if away is not None:
        shutil.rmtree(away, ignore_errors=True)


def check_replaceable(path: str | Path) -> None:
    """Raise `CardiacMotionError` for a folder that `aside` could not move; it stays where it is."""
    away = _moved_away(Path(path))
    if away is not None:
        away.rename(path)


def _moved_away(path: Path) -> Path | None:
    """Where a folder is now, None where there was none."""
    away = path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        return path.rename(away)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or error
        raise CardiacMotionError(f"cannot replace {path}: {reason}; is a file of it open elsewhere?") from error


@contextmanager
def writing_folder(path: str | Path) -> Iterator[Path]:
    """Give an empty folder that becomes ``path`` when the block succeeds and vanishes when it does not.

    Raises
    ------
    CardiacMotionError
        for a path that exists, one in a folder that does not, and for what the system refuses.
    """
    path = Path(path)
    if path.exists():
        raise CardiacMotionError(f"{path} is there already; choose another name, nothing is written over")
    if not path.parent.is_dir():
        raise CardiacMotionError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        temporary.mkdir()
        try:
            yield temporary
            temporary.replace(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise CardiacMotionError(f"cannot write {path}: {error.strerror or error}") from error

"""The layouts in which the field's data sets come, each read into the same `Examination`.

`find_cases` lists the subjects of a folder without reading an image; `Case.read` reads one. A layout is a module with
``NAME``, ``TITLE`` and ``find(folder) -> list[Case]``, and is loaded when it is asked for.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from ...errors import CardiacMotionError
from ..files import existing
from .case import Case, Examination

LAYOUTS = {
    "toml": "toml_folder",
    "acdc": "acdc",
    "mnms": "mnms",
    "mnms2": "mnms2",
    "sunnybrook": "sunnybrook",
    "ukbiobank": "ukbiobank",
    "cmac": "cmac",
    "stone": "stone",
    "dense": "dense",
    "strainnet": "strainnet",
    "phantom": "phantom",
}  # name of the layout: name of its module in this package

DESCRIBED = "toml"  # a description that the user put into the folder decides; the others are told by file names

# one subject's folder is one series with labels
FOLDER_IS_A_CINE = ("mnms", "mnms2", "sunnybrook", "ukbiobank", "phantom")

__all__ = ["LAYOUTS", "Case", "Examination", "Layout", "find_cases", "layout_module", "subject_in"]


class Layout(Protocol):
    """What the module of a layout has."""

    NAME: str
    TITLE: str

    def find(self, folder: Path) -> list[Case]:
        """The cases of a data set's root folder or of one subject's folder; none when it is not of this layout."""


def layout_module(name: str) -> Layout:
    """The module of a layout; raises `CardiacMotionError` for a name that is none."""
    if name not in LAYOUTS:
        raise CardiacMotionError(f"unknown layout {name!r}; choose one of {', '.join(sorted(LAYOUTS))}")
    return cast("Layout", importlib.import_module(f".{LAYOUTS[name]}", __name__))


def find_cases(folder: str | Path, layout: str | None = None) -> list[Case]:
    """The subjects in a folder, in natural order, without reading their images.

    Parameters
    ----------
    folder
        Root folder of a data set, or the folder of one subject.
    layout
        A name of `LAYOUTS`; without it, the one layout that the file names are of. A TOML description in the folder
        goes before file names.

    Raises
    ------
    CardiacMotionError
        when no layout fits, or more than one; the message lists them.
    """
    path = existing(folder)
    if not path.is_dir():
        raise CardiacMotionError(f"{path}: expected the folder of a data set or of one subject, got a file")
    if layout is not None:
        cases = _cases(path, layout)
        if not cases:
            raise CardiacMotionError(
                f"{path}: no case of layout {layout} ({layout_module(layout).TITLE}) in this folder"
            )
        return cases
    found = {name: cases for name in LAYOUTS if (cases := _cases(path, name))}
    if DESCRIBED in found:
        return found[DESCRIBED]
    if not found and not any(path.iterdir()):
        raise CardiacMotionError(f"{path}: this folder is empty; expected a data set or one of its subjects")
    if not found:
        raise CardiacMotionError(
            f"{path}: the files are of no known layout ({', '.join(sorted(LAYOUTS))}); expected the root of such a "
            f"data set, one of its subjects, or a folder that a dataset.toml describes"
        )
    if len(found) > 1:
        several = ", ".join(f"{name} ({len(cases)} case{'s' * (len(cases) > 1)})" for name, cases in found.items())
        raise CardiacMotionError(f"{path}: the files fit several layouts, {several}; say which with layout (--layout)")
    return next(iter(found.values()))


def _cases(folder: Path, layout: str) -> list[Case]:
    try:
        return layout_module(layout).find(folder)
    except OSError as error:
        raise CardiacMotionError(f"{folder}: cannot be listed, {error}; expected a folder you may read") from error


def subject_in(folder: Path) -> Case | None:
    """The subject whose folder this is, where it is of one layout in which a subject is a cine; None otherwise."""
    found = [case for name in FOLDER_IS_A_CINE for case in _cases(folder, name)]
    return found[0] if len(found) == 1 and found[0].path == folder.absolute() else None

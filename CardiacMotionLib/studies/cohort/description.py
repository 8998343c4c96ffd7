"""A cohort described in TOML.

::

    [options]                                   # all optional; flags of the command go before them
    device = "cpu"
    seed = 0
    layers = 3                                  # of the wall
    drift_correction = false
    write = ["report", "tables", "motion"]       # also pictures, transforms, volumes, itk
    workers = 8
    threads = 1                                 # of each worker
    scheduler = "tcp://host:8786"

    [[methods]]                                 # one or several; auto without any
    name = "spline"
    [[methods]]
    name = "demons"
    label = "demons-smooth"                     # in tables and folders, by default the name
    smoothing = 2.0                             # options of the method, see cardiac-motion methods NAME

    [[data]]                                    # any number of folders, relative to this file
    folder = "acdc/training"
    layout = "acdc"                             # optional, as the rest: see cardiac-motion datasets
    name = "ACDC"
    groups = ["DCM", "NOR"]
    subjects = 20                               # the first ones
    group = "patients"                          # what everybody counts as, instead of their groups
    model = "molli"                             # of a mapping series that does not say what it measures

    [[synthetic]]
    subjects = 24
    first_seed = 2000000                        # by default of people that no network has seen
    kind = "cine"
    name = "synthetic"
    frames = 12                                 # options of the phantom, see cardiac-motion phantom cine --help

A key or value that is not known is refused by its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CardiacMotionError
from ...io.toml_files import check_table, read_toml
from ..subjects import case_subjects, synthetic_subjects
from .design import Cohort, Member, MethodChoice, Settings, make_cohort

SETTINGS: dict[str, Any] = {
    "device": str,
    "seed": int,
    "layers": int,
    "drift_correction": bool,
    "write": list,
    "threads": int,
}
PLACES: dict[str, Any] = {"workers": int, "scheduler": str}
DATA: dict[str, Any] = {
    "folder": str,
    "layout": str,
    "name": str,
    "groups": list,
    "subjects": int,
    "group": str,
    "model": str,
}
TABLES: dict[str, Any] = {"options": dict, "methods": list, "data": list, "synthetic": list}
CINE, SYNTHETIC = "cine", "synthetic"


def read_cohort(
    source: str | Path,
    *,
    layout: str | None = None,
    groups: tuple[str, ...] = (),
    subjects: int | None = None,
    methods: tuple[MethodChoice, ...] = (),
    **given: Any,
) -> tuple[Cohort, dict[str, Any]]:
    """The cohort of a folder or of a TOML file, and what the file says of ``workers`` and ``scheduler``.

    Parameters
    ----------
    source
        Folder of any layout of `find_cases`, or a ``.toml`` file.
    layout, groups, subjects
        Of a folder: see `case_subjects`.
    methods
        Instead of those of the file.
    given
        Fields of `Settings` that go before those of the file; None leaves the file's.

    Raises
    ------
    CardiacMotionError
        for a source that is neither, a folder without subjects, and a key or value that is wrong.
    """
    source = Path(source)
    asked = {name: value for name, value in given.items() if value is not None}
    if source.suffix.lower() != ".toml":
        members = [Member(subject) for subject in case_subjects(source, subjects, layout, groups)]
        return make_cohort(members, methods, Settings(**asked)), {}
    if layout or groups or subjects:
        raise CardiacMotionError(f"{source}: layout, groups and subjects are of a folder; write them into [[data]]")
    content = read_toml(source)
    check_table(source, "", content, TABLES)
    options = content.get("options", {})
    check_table(source, "options.", options, {**SETTINGS, **PLACES})
    places = {name: options[name] for name in PLACES if name in options}
    if places.get("workers", 0) < 0:
        raise CardiacMotionError(f"{source}: options.workers is {places['workers']}; expected at least 0")
    described = {name: options[name] for name in SETTINGS if name in options}
    with _at(source, "options"):
        settings = Settings(**{**described, **asked})
    chosen = methods or tuple(_method(source, n, table) for n, table in _tables(source, content, "methods"))
    members = [
        *(member for n, table in _tables(source, content, "data") for member in _of_data(source, n, table)),
        *(member for n, table in _tables(source, content, "synthetic") for member in _synthetic(source, n, table)),
    ]
    if not members:
        raise CardiacMotionError(f"{source}: no subjects; expected at least one [[data]] or [[synthetic]]")
    return make_cohort(members, chosen, settings), places


class _at:  # noqa: N801  (reads as a sentence)
    """Put the place in the file before the message of an error."""

    def __init__(self, source: Path, where: str):
        self.where = f"{source}: {where}"

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, CardiacMotionError):
            raise CardiacMotionError(f"{self.where}: {error}") from error


def _tables(source: Path, content: Mapping[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    """[(what the table is called in messages, the table)] of an array of tables."""
    tables = content.get(name, [])
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, dict):
            raise CardiacMotionError(f"{source}: {name} has {table!r}; expected tables, each under [[{name}]]")
        if not table:
            raise CardiacMotionError(f"{source}: [[{name}]] number {number} is empty")
    return [(f"[[{name}]] number {number}", table) for number, table in enumerate(tables, start=1)]


def _method(source: Path, where: str, table: dict[str, Any]) -> MethodChoice:
    known = ("name", "label")
    check_table(source, f"{where}: ", {k: v for k, v in table.items() if k in known}, dict.fromkeys(known, str))
    if "name" not in table:
        raise CardiacMotionError(f'{source}: {where} has no name; expected name = "spline" or such')
    with _at(source, where):
        options = {name: value for name, value in table.items() if name not in known}
        return MethodChoice(table["name"], options, table.get("label", ""))


def _of_data(source: Path, where: str, table: dict[str, Any]) -> list[Member]:
    check_table(source, f"{where}: ", table, DATA)
    if "folder" not in table:
        raise CardiacMotionError(f'{source}: {where} has no folder; expected folder = "PATH"')
    with _at(source, where):
        _check_model(table.get("model"))
        folder = source.parent / Path(table["folder"]).expanduser()
        number, layout, groups = table.get("subjects"), table.get("layout"), table.get("groups", ())
        people = case_subjects(folder, number, layout, groups, table.get("name", ""))
    return [Member(person, group=table.get("group", ""), model=table.get("model")) for person in people]


def _synthetic(source: Path, where: str, table: dict[str, Any]) -> list[Member]:
    from ...phantom import KINDS, options_of
    from ...phantom import checked as checked_options

    own = {"subjects": int, "first_seed": int, "kind": str, "name": str}
    kind = table.get("kind", CINE)
    if kind not in KINDS:
        raise CardiacMotionError(f"{source}: {where}: kind is {kind!r}; expected one of {', '.join(KINDS)}")
    options = {name: value for name, value in table.items() if name not in own}
    known = {**own, **{one.name: (int, float, str, bool) for one in options_of(kind)}}
    check_table(source, f"{where}: ", table, known)
    if "subjects" not in table:
        raise CardiacMotionError(f"{source}: {where} has no subjects; expected a number of them")
    with _at(source, where):
        people = synthetic_subjects(table["subjects"], table.get("first_seed"), **options)
        people = [dataclasses.replace(one, kind=kind, data=table.get("name", SYNTHETIC)) for one in people]
        for one in people:
            checked_options(kind, one.seed, dict(one.options))
    return [Member(person) for person in people]


def _check_model(model: str | None) -> None:
    if model is not None:
        from ...mapping.models import check_name

        check_name(model)

"""``cardiac-motion methods``: what can be chosen and with which options."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ..errors import CardiacMotionError
from ..methods import MethodInfo, describe_options
from ..methods import methods as registered
from ..methods.registry import pip_name
from .option_flags import describe
from .parameters import AsJson
from .terminal import Terminal, session


def methods(
    name: Annotated[str | None, typer.Argument(help="Method to show with its options.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the registration methods, or the options of one."""
    with session(as_json=as_json, quiet=False, verbose=False) as terminal:
        known = registered()
        if name is not None and name not in known:
            raise CardiacMotionError(f"unknown method {name!r}; choose one of {', '.join(sorted(known))}")
        shown = [known[name]] if name else list(known.values())
        terminal.emit(methods=[_for_json(info) for info in shown])
        if as_json:
            return
        if name:
            _show_one(shown[0], terminal)
        else:
            _show_all(shown, terminal)


def _show_all(shown: list[MethodInfo], terminal: Terminal) -> None:
    table = Table("method", "what it is", "needs", box=None, pad_edge=False, header_style="bold")
    for info in shown:
        table.add_row(info.name, info.summary, ", ".join([*sorted(info.needs), *map(pip_name, info.requires)]) or "-")
    terminal.out.print(table, soft_wrap=False)


def _show_one(info: MethodInfo, terminal: Terminal) -> None:
    gives = [f"Also finds {', '.join(sorted(info.gives))} of the reference frame."] if info.gives else []
    for text in (f"{info.name}: {info.title}", info.summary, *gives, info.citation, ""):
        terminal.result(text)
    table = Table("option", "what it does", "values", box=None, pad_edge=False, header_style="bold")
    for option in describe_options(info.Options):
        table.add_row(f"--{option.name.replace('_', '-')}", option.help, describe(option))
    terminal.out.print(table, soft_wrap=False)


def _for_json(info: MethodInfo) -> dict[str, object]:
    options = [
        {
            "name": option.name,
            "type": option.type.__name__,
            "default": option.default,
            "unit": option.unit,
            "minimum": option.minimum,
            "maximum": option.maximum,
            "choices": list(option.choices),
            "help": option.help,
        }
        for option in describe_options(info.Options)
    ]
    return {
        "name": info.name,
        "title": info.title,
        "summary": info.summary,
        "citation": info.citation,
        "needs": sorted(info.needs),
        "gives": sorted(info.gives),
        "requires": list(info.requires),
        "options": options,
    }

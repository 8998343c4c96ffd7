"""Flags made from ``Options`` classes: a new method or phantom appears on the command line by being registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from ..errors import CardiacMotionError
from ..methods import OptionInfo

Groups = Mapping[str, list[OptionInfo]]  # method, or kind of phantom, to its options


def with_flags(function: Callable[..., None], groups: Groups) -> Callable[..., None]:
    """``function(..., **given)`` as typer should see it: its own parameters and a flag for every option of every group.

    Raises
    ------
    ValueError
        when an option has the name of one of the function's own parameters.
    """
    own = [p for p in inspect.signature(function, eval_str=True).parameters.values() if p.kind is not p.VAR_KEYWORD]
    users: dict[str, dict[str, OptionInfo]] = {}
    for group, options in groups.items():
        for option in options:
            users.setdefault(option.name, {})[group] = option
    clash = sorted({p.name for p in own} & set(users))
    if clash:
        raise ValueError(f"an option may not be named {', '.join(clash)}: the command has a flag of that name")
    shared_last = sorted(users, key=lambda name: len(users[name]) > 1)
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in own] + [_parameter(name, users[name]) for name in shared_last]

    def command(**values: Any) -> None:
        function(**values)

    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def chosen_options(given: Mapping[str, Any], options: list[OptionInfo]) -> dict[str, Any]:
    """The flags that were given, typed as ``options`` want; raises `CardiacMotionError` for text that is no value."""
    kinds = {option.name: option.type for option in options}
    return {
        name: _typed(name, value, kinds.get(name, type(value))) for name, value in given.items() if value is not None
    }


def describe(option: OptionInfo) -> str:
    """Range, unit and default of an option in a few words."""
    unit = f" {option.unit}" if option.unit else ""
    low, high = option.minimum, option.maximum
    if option.choices:
        values = " | ".join(map(str, option.choices))
    elif low is not None and high is not None:
        values = f"{low:g} to {high:g}{unit}"
    elif low is not None:
        values = f"from {low:g}{unit}"
    elif high is not None:
        values = f"up to {high:g}{unit}"
    else:
        values = unit.strip()
    return f"{values}; {_default(option)}" if values else _default(option)


def _default(option: OptionInfo) -> str:
    if option.default is None:
        return "chosen unless given"
    if option.type is bool:
        return "default on" if option.default else "default off"
    return f"default {option.default:g}" if option.type is float else f"default {option.default}"


def _parameter(name: str, users: Mapping[str, OptionInfo]) -> inspect.Parameter:
    flag = "--" + name.replace("_", "-")
    kinds = {option.type for option in users.values()}
    kind = kinds.pop() if len(kinds) == 1 else str
    if len(users) == 1:
        ((group, option),) = users.items()
        panel, text = f"Options of {group}", f"{option.help} ({describe(option)})"
    else:
        panel = "Options of several"
        said: dict[str, list[str]] = {}  # what it does to the groups of which it does that
        for group, option in users.items():
            said.setdefault(f"{option.help} ({describe(option)})", []).append(group)
        text = "; ".join(f"{', '.join(groups)}: {what}" for what, groups in said.items())
    declaration = f"{flag}/--no-{flag[2:]}" if kind is bool else flag
    info = typer.Option(declaration, help=text, rich_help_panel=panel, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info]
    )


def _typed(name: str, value: Any, kind: type) -> Any:
    """Text given for a flag that groups type differently, as the chosen group has it; other values as they are."""
    if not isinstance(value, str) or kind is str:
        return value
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    try:
        return words[value.lower()] if kind is bool else kind(value)
    except (KeyError, ValueError) as error:
        raise CardiacMotionError(f"option {name} must be {kind.__name__}, got {value!r}") from error

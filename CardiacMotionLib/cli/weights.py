"""``cardiac-motion weights list | verify | card``: which trained networks there are, and whether they are sound."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..errors import CardiacMotionError
from .parameters import AsJson, Quiet, Verbose
from .terminal import Terminal, session

HELP = "Weights of the networks: those that ship, and those in the folder that CARDIAC_MOTION_MODELS names."
PRIOR = "inr"  # the method whose weights are a prior, which knows itself what it must be

Folder = Annotated[
    Path | None,
    typer.Option(help="Folder to look in, before the weights that ship.", show_default=False),
]


def application() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    for name, command in (("list", list_weights), ("verify", verify), ("card", card)):
        group.command(name)(command)
    return group


def list_weights(
    folder: Folder = None, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """List the weights that are found by name."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..weights import available

        rows = []
        for file in available(folder):
            try:
                rows.append(_described(file))
            except CardiacMotionError as error:
                terminal.note(f"left out: {error}")
        if not as_json:
            _show(rows, terminal)
        terminal.emit(weights=rows)


def _described(file: Path) -> dict[str, Any]:
    """What a card and the head of a file say, without its tensors."""
    from safetensors import SafetensorError, safe_open

    from ..weights import read_card, shipped

    content = read_card(file)
    try:
        with safe_open(file, "pt") as opened:
            sizes = [opened.get_slice(name).get_shape() for name in opened.keys()]  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CardiacMotionError(f"{file} cannot be read ({error})") from error
    return {
        "name": file.stem,
        **{key: content.get(key) for key in ("method", "task", "dims")},
        "bytes": file.stat().st_size,
        "parameters": sum(prod(size) for size in sizes),
        "origin": "ships" if file in shipped() else "your folder",
        "file": file,
    }


def _show(rows: list[dict[str, Any]], terminal: Terminal) -> None:
    table = Table("name", "method", "what for", box=None, pad_edge=False, header_style="bold")
    for heading in ("dims", "size"):
        table.add_column(heading, justify="right")
    table.add_column("from")
    for row in rows:
        known = ["-" if row[key] is None else str(row[key]) for key in ("name", "method", "task", "dims")]
        table.add_row(*known, f"{row['bytes'] / 1e6:.2f} MB", row["origin"])
    terminal.out.print(table, soft_wrap=False)
    terminal.result("Research use only: not a medical device")


def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|FILE]...", help="All by default.", show_default=False)
    ] = None,
    folder: Folder = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check that weights are what their cards say, finite, and those of the network that the card describes."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..weights import available, find

        there = {file.stem: file for file in available(folder)}
        files = [there.get(name) or find(name) for name in names] if names else list(there.values())
        failures = {}
        for file in files:
            try:
                _verify(file)
                terminal.result(f"{file.stem}: sound")
            except CardiacMotionError as error:
                failures[file.stem] = str(error)
        if failures:
            listing = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
            raise CardiacMotionError(f"{len(failures)} of {len(files)} weights cannot be used. {listing}")
        terminal.emit(sound=[file.stem for file in files])


def _verify(file: Path) -> None:
    """Load as a run would."""
    import torch

    from ..methods import methods
    from ..methods.inr.prior import Prior
    from ..methods.learned import load_network
    from ..methods.registry import check_installed
    from ..weights import Weights

    weights = Weights.load(file)
    method = weights.card.get("method")
    if method == PRIOR:
        Prior.load(file)
        return
    info = methods().get(str(method))
    if info is None or info.network is None:
        raise CardiacMotionError(f"its card names the method {method}, which has no network in this CardiacMotion")
    check_installed(info)
    load_network(info.network(), weights, torch.device("cpu"))


def card(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A name from the list, or a .safetensors file.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the card of weights: what they are, what they were made from, with which settings and how good they are."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..weights import find, read_card

        show_card(read_card(find(name)), terminal)


def show_card(content: dict[str, Any], terminal: Terminal) -> None:
    """A line for each entry."""
    for key, value in content.items():
        terminal.result(f"{key}: {_words(value)}")
    terminal.emit(**content)


def _words(value: Any) -> str:
    """A value of a card in one line; how many where they are many."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(one)}" for key, one in value.items())
    if isinstance(value, list):
        return str(len(value)) if any(isinstance(one, dict) for one in value) else ", ".join(map(str, value))
    return str(value)

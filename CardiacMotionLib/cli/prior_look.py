"""``cardiac-motion prior inspect | show | blend``: what a prior is, what it shows, and mixtures of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CardiacMotionError
from .inputs import read_cine
from .parameters import AsJson, LabelMap, Labels, Output, Quiet, Verbose
from .staging import staged_file
from .terminal import Terminal, session
from .weights import show_card

if TYPE_CHECKING:
    from ..phantom import Subject
    from ..prior.zero_shot import Inspection

PICTURES = (".png", ".svg", ".pdf")

PriorName = Annotated[
    str, typer.Argument(metavar="PRIOR", help="A .safetensors file, or the name of a prior that ships.")
]
Cine = Annotated[
    Path | None,
    typer.Argument(
        help="Cine to look at, with --labels; else a synthetic heart held out of training.", show_default=False
    ),
]


def inspect(
    prior: PriorName = "tagged",
    cine: Cine = None,
    labels: Labels = None,
    label_map: LabelMap = None,
    group: Annotated[str, typer.Option(help="Group of the synthetic heart.")] = "normal",
    picture: Annotated[
        Path | None, typer.Option("--output", "-o", help="Picture: .png, .svg or .pdf.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the motion that a prior has before any step, beside that of drawn weights, and where the heart is."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..methods.inr.prior import Prior
        from ..prior.zero_shot import inspect_prior

        loaded = Prior.load(prior)
        heart = read_cine(cine, labels, terminal, label_map=label_map) if cine else _held_out(group, labels)
        found = inspect_prior(loaded, heart)
        if picture:
            from ..report.prior import plot_inspection

            with staged_file(picture, PICTURES) as path:
                plot_inspection(found, path)
        _print_scores(found, terminal)
        if picture:
            terminal.result(f"Wrote {picture}")
        scores = {
            name: {"inside_mm": s.inside_mm, "outside_mm": s.outside_mm, "ratio": s.ratio, "agreement": s.agreement}
            for name, s in found.scores.items()
        }
        terminal.emit(files=[picture] if picture else [], prior=loaded.name, frame=found.frame, scores=scores)


def _held_out(group: str, labels: list[str] | None) -> Subject:
    from ..phantom import phantom
    from ..phantom.stream import HELD_OUT

    if labels:
        raise CardiacMotionError("--labels without a cine: the synthetic heart has its own; name the cine too")
    return phantom("cine", HELD_OUT, group=group)


def _print_scores(found: Inspection, terminal: Terminal) -> None:
    from rich.table import Table

    if terminal.as_json:
        return
    terminal.result(
        f"Displacement in frame {found.frame} of {found.series.meta.get('name', 'the cine')}, before any step"
    )
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for heading in ("in the heart (mm)", "around it (mm)", "ratio", "cosine to the truth"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, scores in found.scores.items():
        cosine = "" if scores.agreement is None else f"{scores.agreement:.2f}"
        numbers = (f"{value:.2f}" for value in (scores.inside_mm, scores.outside_mm, scores.ratio))
        table.add_row(name, *numbers, cosine)
    terminal.out.print(table, soft_wrap=False)


def show(
    prior: Annotated[str | None, typer.Argument(metavar="[PRIOR]", show_default=False)] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the card of a prior, or without a name those that are known by name."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from dataclasses import asdict

        from ..methods.inr.prior import Prior, known

        if prior is None:
            cards = {name: Prior.load(file).card for name, file in known().items()}
            for name, card in cards.items():
                terminal.result(f"{name}: {len(card.get('subjects', []))} subjects, {card.get('data', 'unknown data')}")
            if not cards:
                terminal.result("No prior ships with this installation")
            terminal.emit(priors=list(cards))
            return
        loaded = Prior.load(prior)
        show_card({**loaded.card, "settings": asdict(loaded.settings)}, terminal)


def blend(
    priors: Annotated[list[str], typer.Argument(metavar="PRIOR...", help="Files or names.", show_default=False)],
    output: Output,
    weights: Annotated[
        str,
        typer.Option(help="One of each prior, with the sum 1: .7,.3", show_default=False),
    ],
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write a weighted mean of priors whose fits began from the same weights, as of several groups of patients."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..methods.inr.prior import Prior
        from ..methods.inr.prior import blend as blend_priors

        mixed = blend_priors([Prior.load(name) for name in priors], _numbers(weights))
        mixed.save(output)
        terminal.result(f"Wrote {output}")
        terminal.emit(files=[output, output.with_suffix(".toml")])


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise CardiacMotionError(f"--weights {text!r}: expected numbers with commas between them: .7,.3") from error

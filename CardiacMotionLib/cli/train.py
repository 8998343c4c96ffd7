"""``cardiac-motion train``: weights for the methods that are networks, from synthetic hearts or a folder."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import Cancelled, CardiacMotionError
from .parameters import AsJson, Device, Quiet, Verbose
from .terminal import Terminal, session

PEOPLE = "people.pt"  # in the work folder: the subjects as the network sees them

Trainable = Annotated[str, typer.Argument(metavar="METHOD", help="A method that is a network.", show_default=False)]
Config = Annotated[
    str,
    typer.Option(
        help="Recipe: small or paper, or a TOML file with the sections network, data, loss and training; the card of "
        "weights will do, too."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="Folder of subjects (see datasets); the last fifth is held out. Synthetic hearts by default.",
        show_default=False,
    ),
]
LayoutName = Annotated[
    str | None, typer.Option("--layout", help="Layout of the folder, see datasets.", show_default=False)
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change the recipe. May be repeated.", show_default=False),
]
Steps = Annotated[int | None, typer.Option(help="Steps, as --set training.steps=N.", show_default=False)]
Seed = Annotated[int | None, typer.Option(help="Seed, as --set training.seed=N.", show_default=False)]
WeightsFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="File to write; by default METHOD_CONFIG.safetensors here.", show_default=False
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        help="Folder of checkpoint, tables and learning curve, from which a stopped training goes on; by default "
        "FILE_training beside the output.",
        show_default=False,
    ),
]


def train(
    method: Trainable,
    config: Config = "small",
    data: Data = None,
    layout: LayoutName = None,
    changes: Changes = None,
    steps: Steps = None,
    seed: Seed = None,
    output: WeightsFile = None,
    work: Work = None,
    device: Device = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a network; write its weights and their card.

    Stop with Ctrl-C when you like: the same command goes on from there. Started by torchrun, processes train together.
    """
    from ..training.distributed import rank

    others = rank() > 0  # of several processes; the first one speaks and writes
    with session(as_json=as_json and not others, quiet=quiet or others, verbose=verbose) as terminal:
        from ..methods import methods
        from ..training.export import export
        from ..training.loop import train as run
        from ..training.recipe import load_recipe
        from ..weights import SUFFIX

        trainable = {name: info for name, info in methods().items() if info.network is not None}
        if method not in trainable:
            raise CardiacMotionError(f"{method!r} is no method that is trained; those are {', '.join(trainable)}")
        short = {"training.steps": steps, "training.seed": seed}
        given = [f"{key}={value}" for key, value in short.items() if value is not None]
        recipe = load_recipe(trainable[method], config, [*(changes or []), *given])
        output = output or Path(f"{method}_{recipe.name}{SUFFIX}")
        if output.suffix != SUFFIX:
            raise CardiacMotionError(f"cannot write {output.name!r}: use a name ending in {SUFFIX}")
        folder = work or output.with_name(f"{output.stem}_training")
        subjects = _subjects(data, layout)
        with terminal.progress("Preparing subjects") as progress:
            made_folder(folder)
            task = recipe.task(
                subjects, lambda done, total: progress(done / total, f"{done} of {total}"), folder / PEOPLE
            )
        count = sum(parameter.numel() for parameter in task.network.parameters())
        terminal.say(
            f"{method}, recipe {recipe.name}: {count:,} parameters, {recipe.training.steps} steps, in {folder}"
        )
        with terminal.progress("Training") as progress, _stoppable(terminal) as stopped:

            def step(fraction: float, text: str) -> bool:
                progress(fraction, text)
                return not stopped

            try:
                trained = run(task, recipe.training, folder, device, step, terminal.say, recipe.sections)
            except Cancelled:
                terminal.say(f"No weights yet; the state is in {folder}: the same command goes on from there")
                raise
        if others:
            return
        path = export(trained, task, recipe, output)
        scores = ", ".join(f"{name} {value:.4g}" for name, value in trained.scores.items())
        terminal.result(f"Wrote {path}: step {trained.best_step} of {trained.steps}, held-out {scores}")
        terminal.result(f"Learning curve and tables are in {folder}. Research use only: not a medical device")
        terminal.emit(
            files=[path, path.with_suffix(".toml")],
            folder=folder,
            steps=trained.steps,
            best_step=trained.best_step,
            seconds=round(trained.seconds, 1),
            scores=trained.scores,
        )


def made_folder(folder: Path) -> Path:
    """The folder, made where it does not exist; raises `CardiacMotionError` where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CardiacMotionError(f"cannot write into {folder}: {error.strerror or error}") from error
    return folder


def _subjects(folder: Path | None, layout: str | None) -> list[Any] | None:
    from ..studies.subjects import case_subjects

    if folder is None:
        if layout is not None:
            raise CardiacMotionError(f"--layout {layout} says what a folder holds; give the folder with --data")
        return None
    return [*case_subjects(folder, None, layout)]


@contextmanager
def _stoppable(terminal: Terminal) -> Iterator[list[int]]:
    """A list that Ctrl-C and termination fill, so that work can end well; the second time they end it at once."""
    received: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        terminal.say("Stopping after this step; once more to stop at once, which loses the steps since the checkpoint")

    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield received
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)

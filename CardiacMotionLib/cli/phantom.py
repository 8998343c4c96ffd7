"""``cardiac-motion phantom``: a synthetic heart with exact truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from .option_flags import chosen_options, with_flags
from .parameters import AsJson, OutputFolder, Quiet, Seed, Verbose
from .staging import staged_folder
from .terminal import plain, session


def command(*, called: bool) -> Callable[..., None]:
    """The command with a flag for every option of every kind of phantom.

    Finding them out loads torch, so they are there only when the command is ``called``.
    """
    if not called:
        return with_flags(make_phantom, {})
    from ..phantom import KINDS, options_of

    return with_flags(make_phantom, {kind: options_of(kind) for kind in KINDS})


def make_phantom(
    kind: Annotated[str, typer.Argument(help="Kind of examination: cine.", show_default=False)],
    output: OutputFolder,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **given: Any,
) -> None:
    """Make a synthetic subject: images, labels of every frame, exact motion, and what is true of it."""
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(output) as folder:
        from ..io import write_labels, write_series
        from ..phantom import options_of, phantom

        subject = phantom(kind, seed, **chosen_options(given, options_of(kind)))
        write_series(subject.series, folder / f"{kind}.nii.gz")
        (folder / "labels").mkdir()
        write_labels(subject.series, folder / "labels", name=kind)
        subject.motion.save(folder / "motion.seq.nrrd")
        (folder / "truth.json").write_text(json.dumps(plain(subject.meta), indent=2) + "\n", encoding="utf-8")
        files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        terminal.result(f"Wrote {', '.join(sorted(entry.name for entry in folder.iterdir()))} into {output}")
        terminal.emit(files=[output / file for file in files], **subject.meta)

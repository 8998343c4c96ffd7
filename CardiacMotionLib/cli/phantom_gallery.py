"""``cardiac-motion phantom gallery``: every kind and group on one picture."""

from __future__ import annotations

from .parameters import AsJson, Output, Quiet, Seed, Verbose
from .staging import staged_file
from .terminal import session


def gallery(
    output: Output,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw a contact sheet of every kind of examination and every group of hearts into a .png, .webp or .jpg file."""
    with (
        session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal,
        staged_file(output, (".png", ".webp", ".jpg")) as path,
    ):
        from ..report.gallery import write_gallery

        terminal.say("Making synthetic hearts ...")
        write_gallery(path, seed=seed)
        terminal.result(f"Wrote {output}")
        terminal.emit(files=[output], seed=seed)

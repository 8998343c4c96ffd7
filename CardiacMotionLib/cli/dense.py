"""``cardiac-motion dense``: the motion in the phase of cine DENSE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CardiacMotionError
from .datasets import CaseName, LayoutName, named_case
from .parameters import AsJson, Output, Quiet, Verbose
from .staging import staged_folder
from .terminal import session

Source = Annotated[
    Path,
    typer.Argument(
        help="DENSE magnitude and phase, or their folder: DENSEanalysis workspace (.dns, .mat), DICOM, .npz.",
        show_default=False,
    ),
]

Static = Annotated[
    Path | None,
    typer.Option(
        help="Label file of tissue that rests, such as the chest wall: background phase is taken from it.",
        show_default=False,
    ),
]


def dense(
    source: Source,
    output: Output,
    case: CaseName = None,
    layout: LayoutName = None,
    static: Static = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Motion from cine DENSE: unwrap the phase in the drawn wall, and follow its points from the encoding on.

    The motion starts from the moment of the encoding, which comes as a frame before the images where it is none of
    them. A .npz keeps the wall and cavity, so that 'cardiac-motion strain' needs no labels.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(output.parent) as folder:
        from ..io.datasets import find_cases
        from ..io.dense import decode_examination, read_static

        folder_of_it = source.parent if source.is_file() else source
        cases = find_cases(folder_of_it, layout)
        if source.is_file():
            cases = [one for one in cases if one.path == source.absolute()]
            if not cases:
                raise CardiacMotionError(f"{source}: no DENSE study in this file; expected a .dns, .mat or .npz of one")
        if case is None and len(cases) != 1:
            raise CardiacMotionError(
                f"{source}: {len(cases)} cases, {', '.join(c.name for c in cases[:8])}; choose one with --read NAME"
            )
        chosen = cases[0] if case is None else named_case(cases, case, source)
        examination = chosen.read()
        for note in examination.series.meta.get("notes", []):
            terminal.note(note)
        resting = None if static is None else read_static(examination, static)
        decoded = decode_examination(examination, static=resting)
        decoded.motion.save(folder / output.name)
        terminal.result(f"Wrote {output}: {decoded.motion!r}")
        terminal.emit(file=output, case=chosen.name, frames=len(decoded.motion), times_ms=decoded.motion.times.tolist())

"""``cardiac-motion phantom``: synthetic hearts with exact truth, one command a kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import CardiacMotionError
from .option_flags import chosen_options, with_flags
from .parameters import AsJson, Device, OutputFolder, Quiet, Seed, Verbose
from .phantom_gallery import gallery
from .phantom_realism import realism
from .staging import staged_folder
from .terminal import plain, session

if TYPE_CHECKING:
    from ..phantom import Subject

HELP = "Synthetic hearts with exact truth: images, labels of every frame, motion, and what is true of them."
CHOSEN = "Options that are chosen unless given depend on the seed and on the other options."


def application(*, called: bool) -> typer.Typer:
    """The group of commands: one a kind, and what is done with all of them.

    The kinds and their flags are costly to find out (they load torch), so the commands are there only when the group is
    ``called``.
    """
    group = typer.Typer(help=HELP, no_args_is_help=True)
    if called:
        from ..phantom import KINDS, options_of

        for kind, (title, *_) in KINDS.items():
            what = title.removeprefix(f"{kind}: ")
            text = f"{what[:1].upper()}{what[1:]}. {CHOSEN}"
            group.command(kind, help=text)(with_flags(_command_of(kind), {kind: options_of(kind)}))
        group.command("gallery")(gallery)
        group.command("realism")(realism)
    return group


def _command_of(kind: str) -> Callable[..., None]:
    def make_one(
        output: OutputFolder,
        seed: Seed = 0,
        device: Device = "cpu",
        as_json: AsJson = False,
        quiet: Quiet = False,
        verbose: Verbose = False,
        **given: Any,
    ) -> None:
        with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal, staged_folder(_free(output)) as folder:
            from ..phantom import options_of, phantom

            subject = phantom(kind, seed, device=device, **chosen_options(given, options_of(kind)))
            truth = write_subject(subject, kind, folder)
            files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
            terminal.result(f"Wrote {', '.join(sorted(entry.name for entry in folder.iterdir()))} into {output}")
            terminal.emit(files=[output / file for file in files], **truth)

    return make_one


def write_subject(subject: Subject, kind: str, folder: Path) -> dict[str, Any]:
    """Write everything that is known of a subject into ``folder``; returns what truth.json says.

    That is ``<kind>.nii.gz``, ``labels/``, ``motion.seq.nrrd``, ``maps/<name>.nii.gz`` (3D, or 4D for a map a frame)
    and ``truth.json``, whose ``maps`` names the file of each map.
    """
    from ..io import write_labels, write_series

    write_series(subject.series, folder / f"{kind}.nii.gz")
    (folder / "labels").mkdir()
    write_labels(subject.series, folder / "labels", name=kind)
    subject.motion.save(folder / "motion.seq.nrrd")
    maps = _write_maps(subject, folder)
    truth = {**subject.meta, **({"maps": maps} if maps else {})}
    (folder / "truth.json").write_text(json.dumps(plain(truth), indent=2) + "\n", encoding="utf-8")
    return truth


def _free(folder: Path) -> Path:
    """The folder, when it holds no examination that files of another one would be mixed with."""
    if (folder / "truth.json").exists():
        raise CardiacMotionError(f"{folder} already holds an examination (truth.json); give another folder with -o")
    return folder


def _write_maps(subject: Subject, folder: Path) -> dict[str, str]:
    """{map: its file within ``folder``}."""
    from ..io import write_series, write_volume

    if subject.maps:
        (folder / "maps").mkdir()
    files = {name: f"maps/{name}.nii.gz" for name in subject.maps}
    for name, values in subject.maps.items():
        if values.ndim == 4:
            write_series(subject.series.replace(frames=values, labels={}), folder / files[name])
        else:
            write_volume(values, subject.series.affine, folder / files[name])
    return files

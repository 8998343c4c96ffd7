"""``cardiac-motion prior``: first weights for the network (INR), averaged over many tagged hearts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CardiacMotionError
from .option_flags import chosen_options, with_flags
from .parameters import AsJson, Device, Output, Quiet, Seed, Verbose
from .prior_look import blend, inspect, show
from .terminal import session

if TYPE_CHECKING:
    from ..methods import OptionInfo
    from ..methods.inr.prior import Prior
    from ..prior import Population, Subject

PHANTOM = "phantom"
HELP = "First weights for the network (INR), averaged over many tagged hearts."

Cohort = Annotated[
    str,
    typer.Argument(
        help="Folder of subjects with cine and tagged series (see datasets), or 'phantom' for synthetic ones.",
        show_default=False,
    ),
]
Subjects = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The first N subjects; all of a folder by default.", show_default=False),
]
Group = Annotated[
    list[str] | None,
    typer.Option(help="Only subjects of this group. May be repeated, or name several: hcm,dcm.", show_default=False),
]
Stratify = Annotated[bool, typer.Option(help="Write a prior of every group besides, FILE_<group>.safetensors.")]
DifferentSeeds = Annotated[
    bool,
    typer.Option(
        "--different-seeds", help="Begin every fit from other weights, to see that their mean is no prior (appendix A)."
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        help="Folder for the fits, from which a stopped build goes on; by default FILE_fits beside the output.",
        show_default=False,
    ),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes on this machine, or in a local Dask cluster.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Dask scheduler to send the fits to; 'local' for a cluster here.", show_default=False
    ),
]
LayoutName = Annotated[
    str | None, typer.Option("--layout", help="Layout of the folder, see datasets.", show_default=False)
]


def application(*, called: bool) -> typer.Typer:
    """The group of commands; the flags of ``build`` load torch, so they are there when the group is ``called``."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    if called:
        group.command("build")(with_flags(build, {"fit": fit_options()}))
        for command in (inspect, show, blend):
            group.command(command.__name__)(command)
    return group


def fit_options() -> list[OptionInfo]:
    """The options of the method that matter for a fit, with their defaults for building."""
    from ..methods.protocol import describe_options
    from ..prior import DEFAULTS, NOT_OF_THE_FIT

    return [
        dataclasses.replace(one, default=getattr(DEFAULTS, one.name))
        for one in describe_options(type(DEFAULTS))
        if one.name not in NOT_OF_THE_FIT
    ]


def build(
    cohort: Cohort,
    output: Output,
    subjects: Subjects = None,
    group: Group = None,
    stratify: Stratify = False,
    different_seeds: DifferentSeeds = False,
    work: Work = None,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    layout: LayoutName = None,
    seed: Seed = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **given: Any,
) -> None:
    """Fit the network to every subject's tagged-cine volume and average the weights.

    Every fit begins from the same drawn weights and is kept in a file: stop the build when you like, run it again to go
    on, or to take more subjects.
    """
    with session(as_json=as_json, quiet=quiet, verbose=verbose) as terminal:
        from ..prior import DEFAULTS, Recipe, fit_population
        from ..weights import SUFFIX

        if output.suffix != SUFFIX:
            raise CardiacMotionError(f"cannot write {output.name!r}: use a name ending in {SUFFIX}")
        infos = fit_options()
        known = {one.name: one for one in infos}
        values = {name: known[name].check(value) for name, value in chosen_options(given, infos).items()}
        recipe = Recipe(dataclasses.replace(DEFAULTS, **values), seed, device)
        people = _people(cohort, subjects, tuple(name for names in group or () for name in names.split(",")), layout)
        if stratify and not any(subject.group for subject in people):
            raise CardiacMotionError("the subjects have no known groups, so there is nothing to stratify by")
        folder = work or output.with_name(f"{output.stem}_fits")
        terminal.left = f"no prior yet; fits that are done stay in {folder}: the same command goes on from there"
        with terminal.progress("Fitting") as progress:
            population = fit_population(
                people,
                recipe,
                folder,
                workers=workers,
                scheduler=scheduler,
                progress=progress,
                told=terminal.say,
                aligned=not different_seeds,
            )
        for subject, reason in population.failed:
            terminal.note(f"{subject.name} was left out: {reason}")
        priors = _priors(population, output, stratify, cohort)
        for path, prior in priors.items():
            prior.save(path)
            terminal.result(f"Wrote {path}: the mean of {len(prior.card['subjects'])} subjects")
        terminal.emit(
            files=[file for path in priors for file in (path, path.with_suffix(".toml"))],
            subjects=[subject.name for subject, _ in population.fits],
            left_out=[{"name": subject.name, "reason": reason} for subject, reason in population.failed],
        )


def _people(cohort: str, number: int | None, groups: tuple[str, ...], layout: str | None) -> list[Subject]:
    from ..prior import ROTATION, phantom_subjects
    from ..studies.subjects import case_subjects

    if cohort != PHANTOM:
        return [*case_subjects(Path(cohort), number, layout, groups)]
    if number is None:
        raise CardiacMotionError("say how many synthetic subjects with --subjects N; 50 make a prior (paper 000)")
    return [*phantom_subjects(number, groups or ROTATION)]


def _priors(population: Population, output: Path, stratify: bool, cohort: str) -> dict[Path, Prior]:
    """The prior of all subjects, and of every group on demand, by file."""
    from ..prior import make_prior

    about = SYNTHETIC if cohort == PHANTOM else {"data": "subjects of a cohort; its terms hold for these weights too"}
    priors = {output: make_prior(population, about)}
    names = sorted({subject.group for subject, _ in population.fits} - {""})
    for name in names if stratify else []:
        priors[output.with_stem(f"{output.stem}_{name}")] = make_prior(population.of(name), about)
    return priors


SYNTHETIC = {
    "data": "synthetic cine and tagged MR of the phantom of CardiacMotion, no data of people",
    "license": "Apache-2.0",
}

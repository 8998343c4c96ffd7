"""`build_prior`: fits of many subjects, kept as files, and their winsorized mean."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..devices import choose_device
from ..errors import Cancelled, CardiacMotionError
from ..methods.inr import Options
from ..methods.inr.prior import HIGH, LOW, Prior, PriorSettings, average
from ..methods.protocol import Progress
from ..whole_files import write_whole
from ..workers import each
from .fits import Recipe, file_of, fit_subject, read_fit
from .subjects import Subject

ENOUGH = 0.5  # share of the subjects without which there is no prior
REASONS = 5  # that are told when there is none
NOTICE = "Research use only: not a medical device."


@dataclass(frozen=True)
class Population:
    """Subjects and their fits.

    Attributes
    ----------
    fits
        (subject, file of its fit), in the order of the subjects.
    failed
        (subject, reason) of those that could not be fitted.
    recipe
        How they were fitted.
    aligned
        Whether all began from the same weights.
    """

    fits: tuple[tuple[Subject, Path], ...]
    failed: tuple[tuple[Subject, str], ...]
    recipe: Recipe
    aligned: bool

    def of(self, group: str) -> Population:
        """Those of one group."""
        fits, failed = (tuple(one for one in part if one[0].group == group) for part in (self.fits, self.failed))
        return replace(self, fits=fits, failed=failed)  # type: ignore[arg-type]


def build_prior(
    subjects: Sequence[Subject],
    options: Options,
    *,
    seed: int = 0,
    work: str | Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
    aligned: bool = True,
) -> Prior:
    """Fit every subject from the same drawn weights and average what comes out; see `fit_population`, `make_prior`."""
    with ExitStack() as stack:
        folder = Path(work) if work is not None else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        recipe = Recipe(options, seed, device)
        population = fit_population(
            subjects, recipe, folder, workers=workers, scheduler=scheduler, progress=progress, aligned=aligned
        )
        return make_prior(population)


def fit_population(
    subjects: Sequence[Subject],
    recipe: Recipe,
    work: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    told: Callable[[str], Any] = lambda _: None,
    aligned: bool = True,
) -> Population:
    """Fit every subject whose fit is not in ``work`` yet.

    Parameters
    ----------
    subjects
        At least one.
    recipe
        How. With ``aligned`` every fit begins from the weights of its seed, otherwise subject n from those of the seed
        plus n: such weights cannot be averaged, which paper 000 shows in appendix A.
    work
        Folder of the fits, one file each. Stopped at any time, the next call goes on where this one was; a call with
        more subjects takes what is there.
    workers, scheduler
        Local processes, or the address of a Dask scheduler, see `each`. Files are written here, so workers
        elsewhere need not see the folder.
    progress
        Called with (fraction, text); False cancels.
    told
        Is told of each subject in a sentence.

    Raises
    ------
    CardiacMotionError
        when more than half of the subjects could not be fitted, with their reasons; when the folder cannot be written.
    Cancelled
        when ``progress`` answered False.
    """
    if not subjects:
        raise CardiacMotionError("no subjects: expected at least one to build a prior from")
    if scheduler is None:
        choose_device(recipe.device)  # said now, not once a subject; workers elsewhere have devices of their own
    recipes = [recipe if aligned else replace(recipe, seed=recipe.seed + n) for n in range(len(subjects))]
    jobs = [(subject, one, work / file_of(subject, one)) for subject, one in zip(subjects, recipes, strict=True)]
    missing = [job for job in jobs if not job[2].exists()]
    failed: dict[Path, str] = {}
    done = len(jobs) - len(missing)
    if done:
        told(f"{done} of {len(jobs)} subjects are fitted already, in {work}")

    def tick(_: Sequence[Any] = ()) -> bool:
        if progress is not None and progress(done / len(jobs), f"{done} of {len(jobs)} subjects") is False:
            raise Cancelled(f"cancelled after {done} of {len(jobs)} subjects; their fits stay in {work}")
        return True

    tick()
    with closing(each(_fit, missing, workers=workers, scheduler=scheduler, tick=tick)) as results:
        for (subject, _, file), result in results:
            done += 1
            if isinstance(result, Exception):
                failed[file] = " ".join(str(result).split()) or type(result).__name__
                told(f"{done} of {len(jobs)}: {subject.name} was left out: {failed[file]}")
            else:
                write_whole({file: result})
                fit = read_fit(file)
                told(f"{done} of {len(jobs)}: {subject.name}, loss {fit.loss:.4f}, {fit.seconds:.0f} s")
            tick()
    fits = tuple((subject, file) for subject, _, file in jobs if file not in failed)
    left_out = tuple((subject, failed[file]) for subject, _, file in jobs if file in failed)
    if len(fits) < ENOUGH * len(jobs):
        reasons = "; ".join(f"{subject.name}: {reason}" for subject, reason in left_out[:REASONS])
        more = f"; and {len(left_out) - REASONS} more" if len(left_out) > REASONS else ""
        raise CardiacMotionError(f"{len(left_out)} of {len(jobs)} subjects could not be fitted: {reasons}{more}")
    return Population(fits, left_out, recipe, aligned)


def _fit(job: tuple[Subject, Recipe, Path], progress: Callable[[float, str], Any]) -> bytes:
    """In a worker."""
    return fit_subject(job[0], job[1], progress)


def make_prior(population: Population, about: Mapping[str, Any] | None = None) -> Prior:
    """The winsorized mean of the fits, with the card that says how it was made; ``about`` goes into the card."""
    if not population.fits:
        raise CardiacMotionError("no fits to average: all subjects of this prior were left out")
    fits = [read_fit(file) for _, file in population.fits]
    recipe = population.recipe
    entries = [
        {**subject.entry, "loss": round(fit.loss, 5)} for (subject, _), fit in zip(population.fits, fits, strict=True)
    ]
    card = {
        "notice": NOTICE,
        **(about or {}),
        "made_by": f"CardiacMotion {__version__}, torch {torch.__version__}",
        "date": datetime.date.today().isoformat(),
        "machine": "; ".join(sorted({fit.machine for fit in fits} - {""})),
        "seconds": round(sum(fit.seconds for fit in fits), 1),
        "winsorized": [LOW, HIGH],
        "groups": sorted({subject.group for subject, _ in population.fits} - {""}),
        "subjects": entries,
        "left_out": [subject.entry for subject, _ in population.failed],
        "fit": recipe.settings,
    }
    settings = PriorSettings.of(recipe.options, recipe.seed, population.aligned)
    return Prior(settings, average([fit.parameters for fit in fits]), card)

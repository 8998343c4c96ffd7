"""What a prior gives the INR on held-out synthetic hearts.

Every heart is fitted from every start with the same options, and the same points and frames in the same order; a fit
goes on through all checkpoints and is scored at each. The priors are made first, of fits of other hearts. Every fit
that is done is kept in the work folder, a line of a table for each checkpoint; a stopped command goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ....errors import CardiacMotionError
from ....methods import methods
from ....methods.inr import Options
from ....methods.inr.fit import Fit
from ....methods.inr.prior import Prior
from ....methods.protocol import Context, make_options
from ....phantom import VERSION
from ....phantom.stream import HELD_OUT
from ....prior import DEFAULTS, ROTATION, Recipe, fit_population, make_prior, phantom_subjects
from ....whole_files import writing
from ....workers import each
from ..paper import Order, save_verdicts
from .claims import comparisons
from .curves import compare_curves
from .report import write_report
from .scores import Heart
from .study import NOT_ALIGNED, Study, kind_of

OPTIONS: dict[str, Any] = {
    "omega": 30.0,
    "learning_rate": 1e-5,
    "decay": False,
    "wall_volume": 0.25,
    "other_volume": 1e-4,
    "points": 512,
    "frames_per_step": 3,
    "volume_points": 192,
}  # of paper 000, but with fewer points and a lower omega, which are as accurate at a fraction of the time
NOT_SHOWN = ("steps", "prior", "initialization", "checkpoint", "patience")  # starts and checkpoints say it


@dataclass(frozen=True)
class Part:
    """Starts that are compared on the same hearts.

    Attributes
    ----------
    name
        Of its tables.
    starts
        The first prior is the one that the claims are about.
    hearts, steps
        How many, of the groups in turn, and the checkpoints.
    """

    name: str
    starts: tuple[str, ...]
    hearts: int
    steps: tuple[int, ...]

    @property
    def options(self) -> Options:
        """Of every fit."""
        options = make_options(methods()["inr"], {**OPTIONS, "steps": self.steps[-1], "patience": 0})
        assert isinstance(options, Options)
        return options


@dataclass(frozen=True)
class Protocol:
    """All parts, subjects of the prior without alignment, steps of the fits of priors, and hearts with curves."""

    parts: tuple[Part, ...]
    not_aligned: int
    prior_steps: int
    curves: int


STEPS = (0, 20, 50, 125, 250, 500, 1000)
FULL = Protocol(
    (
        Part("inr_claims", ("prior 50", "siren", "xavier"), 20, STEPS),
        Part("inr_prior_size", ("prior 200", "prior 100", "prior 50", "prior 10", NOT_ALIGNED), 10, STEPS[:-1]),
    ),
    not_aligned=50,
    prior_steps=DEFAULTS.steps,
    curves=2,
)
QUICK = Protocol(
    (
        Part("inr_claims", ("prior 2", "siren", "xavier"), 1, (0, 2, 4)),
        Part("inr_prior_size", ("prior 3", "prior 2", NOT_ALIGNED), 1, (0, 2)),
    ),
    not_aligned=2,
    prior_steps=2,
    curves=1,
)
PRIOR_SECONDS, FIT_SECONDS = 20.0, 0.055  # a subject of a prior; a step of a fit with its share of the scores


# ---------------------------------------------------------------------- starts


@dataclass(frozen=True)
class Start:
    """First weights: drawn (siren, xavier), or a prior in a file."""

    name: str
    path: str = ""

    def apply(self, options: Options) -> Options:
        """The options of a fit that begins here; raises `CardiacMotionError` where they are not those of the prior."""
        if not self.path:
            return replace(options, prior="none", initialization=self.name)
        Prior.load(self.path).check(options)
        return replace(options, prior=self.path)


REFERENCES = Start("references")  # no registration and the exact motion, which need no fit


def start(name: str, protocol: Protocol, order: Order) -> Start:
    """A start with its file, made unless it is there."""
    if kind_of(name)["kind"] == "drawn":
        return Start(name)
    path = order.work / f"{name.replace(' ', '_')}.safetensors"
    if not path.exists():
        aligned = name != NOT_ALIGNED
        count = int(str(kind_of(name)["subjects"])) if aligned else protocol.not_aligned
        recipe = Recipe(replace(DEFAULTS, omega=OPTIONS["omega"], steps=protocol.prior_steps))
        order.told(f"{name}: {count} fits")
        population = fit_population(
            phantom_subjects(count),
            recipe,
            order.work / "prior_fits",
            workers=order.workers,
            told=order.told,
            aligned=aligned,
        )
        make_prior(population).save(path)
    return Start(name, str(path))


def digest(start: Start, options: Options, steps: tuple[int, ...]) -> str:
    """Of everything that the scores depend on but the heart."""
    if start == REFERENCES:
        what: list[object] = [options.margin, VERSION]
    else:
        weights = hashlib.sha256(Path(start.path).read_bytes()).hexdigest() if start.path else start.name
        what = [asdict(options), steps, VERSION, weights]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]


# ---------------------------------------------------------------------- in a worker


@functools.lru_cache(maxsize=1)
def made(seed: int, margin: float) -> Heart:
    """A heart, kept for its next start."""
    return Heart(seed, ROTATION[seed % len(ROTATION)], margin)


Job = tuple[int, Start, Options, tuple[int, ...]]


def score(job: Job, progress: Callable[[float, str], Any]) -> list[dict[str, object]]:
    """Rows of a heart and a start, one for each checkpoint."""
    seed, start, options, steps = job
    torch.set_num_threads(1)
    heart = made(seed, options.margin)
    who = {"seed": seed, "group": heart.group, "run": digest(start, options, steps)}
    if start == REFERENCES:
        return [{**who, "start": name, **scores} for name, scores in heart.score_references().items()]
    context = Context(reference=0, device=torch.device("cpu"), seed=seed)
    fit, seconds, rows = Fit(heart.series, start.apply(options), context), 0.0, []
    for step in steps:
        progress(0.0, f"heart {seed}")
        seconds += timed(fit, step, context)
        moved = heart.confinement(fit.field) if step == 0 else {}
        scores = {**heart.score_field(fit.field), **moved}
        rows.append({**who, "start": start.name, "steps": step, "fit (s)": seconds, **scores})
    return rows


def timed(fit: Fit, step: int, context: Context) -> float:
    """Go on to a step; how long it took."""
    began = time.perf_counter()
    fit.run(step, context)
    return time.perf_counter() - began


# ---------------------------------------------------------------------- an order


def protocol(order: Order) -> Protocol:
    """Of an order."""
    return QUICK if order.quick else FULL


def minutes(order: Order) -> float:
    """That an order takes, were nothing done yet."""
    chosen = protocol(order)
    names = [name for part in chosen.parts for name in part.starts if kind_of(name)["kind"] == "prior"]
    subjects = max(int(str(kind_of(name)["subjects"])) for name in names) + chosen.not_aligned
    steps = sum(part.hearts * (len(part.starts) * part.steps[-1] + 100) for part in chosen.parts)
    return (subjects * PRIOR_SECONDS + steps * FIT_SECONDS) / 60 / order.workers


def measure(order: Order) -> None:
    """Make the priors, fit every heart from every start, and write the reports."""
    chosen = protocol(order)
    order.work.mkdir(parents=True, exist_ok=True)
    studies = []
    for part in chosen.parts:
        starts = [start(name, chosen, order) for name in part.starts]
        rows = collect(order.work / f"{part.name}.csv", part, starts, order)
        _store(rows, order.output / f"{part.name}.csv")
        shown = {name: value for name, value in asdict(part.options).items() if name not in NOT_SHOWN}
        kinds = pd.DataFrame([kind_of(name) for name in part.starts])
        studies.append(Study(rows, kinds, order.command("inr"), shown, order.workers))
        write_report(studies[-1], order.output, part.name)
    compare_curves(chosen.curves, chosen.parts[0].steps[-2], order)
    first = chosen.parts[0]
    facts = {
        "people": ", ".join(f"{part.hearts} in {part.name}.md" for part in chosen.parts)
        + ", of whom no prior was made",
        "seeds": f"of the people from {HELD_OUT}; every fit of a heart has the seed of its heart",
        "steps": f"up to {first.steps[-1]}, {chosen.prior_steps} of the fits of priors",
    }
    save_verdicts(order, "inr", comparisons(studies), facts)


def collect(path: Path, part: Part, starts: list[Start], order: Order) -> pd.DataFrame:
    """Do what is not in the CSV ``path`` yet, and give the rows of this part."""
    options, seeds = part.options, [HELD_OUT + n for n in range(part.hearts)]
    runs = {start: digest(start, options, part.steps) for start in (REFERENCES, *starts)}
    table = pd.read_csv(path, dtype={"run": str}) if path.exists() else pd.DataFrame({"seed": [], "run": []})
    done = set(zip(table["seed"], table["run"], strict=True))
    jobs: list[Job] = [
        (seed, start, options, part.steps) for seed in seeds for start in runs if (seed, runs[start]) not in done
    ]
    order.told(f"{part.name}: {len(seeds) * len(runs) - len(jobs)} of {len(seeds) * len(runs)} are done already")
    outcomes = each(score, jobs, workers=order.workers, scheduler=None, tick=lambda _: True)
    failed = []
    for count, ((seed, start, *_), rows) in enumerate(outcomes, start=1):
        if isinstance(rows, Exception):
            failed.append(f"heart {seed} from {start.name} ({rows})")
            continue
        table = pd.concat((table, pd.DataFrame(rows)), ignore_index=True)
        _store(table, path)
        order.told(f"{count} of {len(jobs)}: heart {seed} from {start.name}: Dice {rows[-1]['Dice']:.3f}")
    if failed:
        raise CardiacMotionError(f"{len(failed)} fits failed: {'; '.join(failed)}; the same command tries them again")
    return table[table["seed"].isin(seeds) & table["run"].isin(runs.values())]


def _store(table: pd.DataFrame, path: Path) -> None:
    """Write the file whole or not at all."""
    with writing(path) as partial:
        table.astype({"seed": int}).to_csv(partial, index=False, float_format="%.5g")

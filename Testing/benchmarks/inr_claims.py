"""Measure on held-out synthetic hearts what a prior gives the INR, and write the tables under Testing/results.

    python Testing/benchmarks/inr_claims.py --starts "prior 200=FILE.safetensors" "prior 50=FILE" siren xavier

Every heart is fitted from every start with the same options, and the same points and frames in the same order; a fit
goes on through all checkpoints (``--steps``) and is scored at each. The first prior is the one that the claims of paper
000 (Alvarez-Florez 2026) are about; priors of other sizes are compared with it, and one whose fits began from different
weights shows what is left of it. Every option of the method is a flag.

Each fit that is done is stored in the CSV at once, a line for each checkpoint; a stopped command goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from inr_report import Study, write_report
from inr_scores import Heart
from inr_tables import ROOT

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.inr import Options
from CardiacMotionLib.methods.inr.fit import Fit
from CardiacMotionLib.methods.inr.prior import Prior
from CardiacMotionLib.methods.protocol import Context, describe_options, make_options
from CardiacMotionLib.phantom import VERSION
from CardiacMotionLib.phantom.stream import HELD_OUT
from CardiacMotionLib.prior import ROTATION
from CardiacMotionLib.whole_files import writing

STEPS = (0, 20, 50, 125, 250, 500, 1000)
CLAIMS: dict[str, Any] = {
    "omega": 45.0,
    "learning_rate": 1e-5,
    "decay": False,
    "wall_volume": 0.25,
    "other_volume": 1e-4,
    "points": 512,
    "frames_per_step": 3,
    "volume_points": 192,
}  # of paper 000, but with fewer points, which are as accurate at a fraction of the time
NOT_FLAGS = ("steps", "prior", "initialization", "checkpoint", "patience")  # starts and checkpoints say it


@dataclass(frozen=True)
class Start:
    """First weights: drawn (siren, xavier), or a prior in a file."""

    name: str
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Start:
        """Read siren, xavier or NAME=FILE."""
        name, _, path = text.partition("=")
        if not name or (not path and name not in ("siren", "xavier")):
            raise argparse.ArgumentTypeError(f"{text!r}: expected siren, xavier or NAME=FILE.safetensors")
        return cls(name, path)

    def facts(self) -> dict[str, object]:
        """``kind`` (drawn, prior, or not aligned: its fits began from different weights) and number of subjects."""
        if not self.path:
            return {"start": self.name, "kind": "drawn", "subjects": 0}
        prior = Prior.load(self.path)
        kind = "prior" if prior.settings.aligned else "not aligned"
        return {"start": self.name, "kind": kind, "subjects": len(prior.card.get("subjects", ()))}

    def apply(self, options: Options) -> Options:
        """The options of a fit that begins here; raises `CardiacMotionError` where they are not those of the prior."""
        if not self.path:
            return replace(options, prior="none", initialization=self.name)
        Prior.load(self.path).check(options)
        return replace(options, prior=self.path)


REFERENCES = Start("references")  # no registration and the exact motion, which need no fit


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


def score(seed: int, start: Start, options: Options, steps: tuple[int, ...]) -> list[dict[str, object]]:
    """Rows of a heart and a start, one for each checkpoint."""
    heart = made(seed, options.margin)
    who = {"seed": seed, "group": heart.group, "run": digest(start, options, steps)}
    if start == REFERENCES:
        return [{**who, "start": name, **scores} for name, scores in heart.score_references().items()]
    context = Context(reference=0, device=torch.device("cpu"), seed=seed)
    fit, seconds, rows = Fit(heart.series, start.apply(options), context), 0.0, []
    for step in steps:
        began = time.perf_counter()
        fit.run(step, context)
        seconds += time.perf_counter() - began
        moved = heart.confinement(fit.field) if step == 0 else {}
        scores = {**heart.score_field(fit.field), **moved}
        rows.append({**who, "start": start.name, "steps": step, "fit (s)": seconds, **scores})
    return rows


# ---------------------------------------------------------------------- the command


def collect(path: Path, arguments: argparse.Namespace, options: Options) -> pd.DataFrame:
    """Do what is not in the CSV ``path`` yet, and give the rows of this command."""
    steps, seeds = tuple(arguments.steps), [HELD_OUT + n for n in range(arguments.hearts)]
    starts = {start: digest(start, options, steps) for start in (REFERENCES, *arguments.starts)}
    table = pd.read_csv(path, dtype={"run": str}) if path.exists() else pd.DataFrame({"seed": [], "run": []})
    done = set(zip(table["seed"], table["run"], strict=True))
    jobs = [(seed, start) for seed in seeds for start in starts if (seed, starts[start]) not in done]
    print(f"{len(seeds) * len(starts) - len(jobs)} of {len(seeds) * len(starts)} are done already", flush=True)
    with ProcessPoolExecutor(
        arguments.workers, multiprocessing.get_context("spawn"), torch.set_num_threads, (1,)
    ) as pool:
        futures = {pool.submit(score, *job, options, steps): job for job in jobs}
        for count, future in enumerate(as_completed(futures), start=1):
            seed, start = futures[future]
            rows = future.result()
            table = pd.concat((table, pd.DataFrame(rows)), ignore_index=True)
            _store(table, path)
            last = rows[-1]
            print(f"{count} of {len(jobs)}: heart {seed} from {start.name}: Dice {last['Dice']:.3f}", flush=True)
    return table[table["seed"].isin(seeds) & table["run"].isin(starts.values())]


def _store(table: pd.DataFrame, path: Path) -> None:
    """Write the file whole or not at all."""
    with writing(path) as partial:
        table.astype({"seed": int}).to_csv(partial, index=False, float_format="%.5g")


def parse() -> tuple[argparse.Namespace, Options]:
    """Arguments, and the options of the fits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", nargs="+", type=Start.parse, required=True, metavar="siren|xavier|NAME=FILE")
    parser.add_argument("--hearts", type=int, default=20, help=f"of the groups {', '.join(ROTATION)} in turn")
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS, help="checkpoints, increasing")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--name", default="inr_claims", help="of the files")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    infos = [info for info in describe_options(Options) if info.name not in NOT_FLAGS]
    for info in infos:
        kind = {"action": argparse.BooleanOptionalAction} if info.type is bool else {"type": info.type}
        default = CLAIMS.get(info.name, info.default)
        parser.add_argument(
            f"--{info.name.replace('_', '-')}", default=default, help=f"{info.help} (%(default)s)", **kind
        )
    arguments = parser.parse_args()
    arguments.steps = sorted(set(arguments.steps))
    values = {info.name: getattr(arguments, info.name) for info in infos}
    try:
        options = make_options(methods()["inr"], {**values, "steps": arguments.steps[-1], "patience": 0})
        for start in arguments.starts:
            start.apply(options)
    except CardiacMotionError as error:
        parser.error(str(error))
    return arguments, options


def command(arguments: argparse.Namespace, options: Options) -> str:
    """The command again, without folders."""
    starts = " ".join(f'"{s.name}={Path(s.path).name}"' if s.path else s.name for s in arguments.starts)
    values, defaults = asdict(options), {**asdict(Options()), **CLAIMS}
    changed = {name: values[name] for name in values if name not in NOT_FLAGS and values[name] != defaults[name]}
    flags = [f"--hearts {arguments.hearts}", f"--steps {' '.join(map(str, arguments.steps))}"]
    for name, value in changed.items():
        flag = name.replace("_", "-")
        flags.append(f"--{'' if value else 'no-'}{flag}" if isinstance(value, bool) else f"--{flag} {value:g}")
    return " ".join(["inr_claims.py", *flags, "--starts", starts])


def main() -> None:
    """Run the command."""
    arguments, options = parse()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = collect(arguments.output / f"{arguments.name}.csv", arguments, options)
    starts = pd.DataFrame([start.facts() for start in arguments.starts])
    shown = {name: value for name, value in asdict(options).items() if name not in NOT_FLAGS}
    study = Study(rows, starts, command(arguments, options), shown, arguments.workers)
    write_report(study, arguments.output, arguments.name)
    print(f"Wrote {arguments.name}.csv, .md and .png into {arguments.output}")


if __name__ == "__main__":
    main()

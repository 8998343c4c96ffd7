"""Score learned methods as they ship, without fine-tuning, beside classical ones and as the start of those.

    python Testing/benchmarks/learned_accuracy.py [--methods none demons riir_2d ...] [--keep] [--quick]

On synthetic hearts the truth is exact; on real cines the labels of end-diastole are carried to end-systole and compared
with the manual ones, as in accuracy.py; real images for T1 maps that hardly move are moved by known motions. Writes
learned_accuracy.csv, .md and .png under Testing/results. ``--keep`` keeps what learned_accuracy.csv has of methods that
are not named. ``--quick`` sees that everything works, with a small heart of few frames, a patient of two and one series
for T1, and writes elsewhere.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import SimpleITK as sitk
import torch
from accuracy_scores import (
    SUNNYBROOK,
    acdc,
    restlessness,
    score_heart,
    score_patient,
    sunnybrook,
    told_labels,
)
from learned_report import DATA, EXACT, RESTLESS, write_report
from moved_mapping import clearest, latest, move
from script_tables import ROOT, made_by

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion, phantom, register
from CardiacMotionLib.methods.learned import STACK_DIMS
from CardiacMotionLib.phantom.population import AVERAGE, GROUPS
from CardiacMotionLib.phantom.stream import TESTED
from CardiacMotionLib.series import LABEL_NAMES, MYOCARDIUM
from CardiacMotionLib.training.export import processor
from CardiacMotionLib.weights import Weights

RESULTS = ROOT / "Testing" / "results"
NAME = "learned_accuracy"
FIRST_PERSON = TESTED
MOTIONS = 2  # known ones of every series for T1
TEMPLATES = {"mapping": clearest, "mapping_late": latest}
MAPPING_SERIES = ("precontrast_1", "precontrast_2", "postcontrast_1", "postcontrast_2")
SMALL = {"frames": 4, "slices": 5, "rows": 64, "columns": 64, "pixel_mm": 2.8}


@dataclass(frozen=True)
class Row:
    """A method with the options that differ from its defaults; ``start`` is the row whose motion it refines."""

    method: str
    options: dict[str, Any] = field(default_factory=dict)
    start: str = ""


START = "riir_2d"
CINE_ROWS = {  # the steps of the refinements were chosen on one synthetic heart that is not among the cases
    "none": Row("none"),
    "demons": Row("demons"),
    "spline": Row("spline"),
    "riir_2d": Row("riir", {"weights": "riir_cine_2d"}),
    "riir_3d": Row("riir", {"weights": "riir_cine_3d"}),
    "voxelmorph": Row("voxelmorph", {"weights": "voxelmorph_cine_2d"}),
    "gradirn": Row("gradirn", {"weights": "gradirn_cine_2d"}),
    "memwarp": Row("memwarp", {"weights": "memwarp_cine_3d"}),
    "spline_from_riir": Row("spline", {"coarse_steps": 20, "fine_steps": 20}, START),
    "inr_from_riir": Row("inr", {"prior": "none", "steps": 150}, START),
    "inr": Row("inr"),
}
MAPPING_ROWS = {  # every frame of these is another breath: no smoothness in time
    "none": Row("none"),
    "demons": Row("demons"),
    "spline": Row("spline", {"frame_spacing": 1.0}),
    "riir_mapping": Row("riir", {"weights": "riir_mapping"}),
    "exact": Row("exact"),
}
ALL_ROWS = list(dict.fromkeys([*CINE_ROWS, *MAPPING_ROWS]))
COLUMNS = ["data", "case", "method", *(f"Dice {name}" for name in LABEL_NAMES.values()), *EXACT[1:]]
ASKED_FOR = ("inr",)  # only by name: it takes long


# ---------------------------------------------------------------------- what is registered


class Loaded(NamedTuple):
    """What is registered, and how a motion of it is scored."""

    series: ImageSeries
    reference: int
    score: Callable[[Motion], dict[str, float]]
    exact: Motion | None = None
    about: str = ""


@dataclass(frozen=True)
class Case:
    """A heart, a patient or a series; ``data`` is a name of `DATA`."""

    data: str
    name: str
    seed: int
    load: Callable[[], Loaded]

    @property
    def rows(self) -> dict[str, Row]:
        """What can be asked of it."""
        return MAPPING_ROWS if self.data in TEMPLATES else CINE_ROWS


def load_heart(seed: int, options: dict[str, Any]) -> Loaded:
    """A synthetic heart."""
    subject = phantom("cine", seed, **options)
    series, wall = subject.series, subject.series.labels[0] == MYOCARDIUM

    def score(motion: Motion) -> dict[str, float]:
        rest = restlessness(motion, wall) / restlessness(subject.motion, wall)
        return {**score_heart(subject, motion), RESTLESS: rest, **told_labels(motion, series)}

    return Loaded(series, 0, score)


def load_patient(read: Callable[[], tuple[ImageSeries, int, int]]) -> Loaded:
    """A real cine."""
    series, reference, frame = read()
    return Loaded(
        series, reference, lambda motion: {**score_patient(series, motion, frame), **told_labels(motion, series)}
    )


def load_mapping(data: Path, name: str, seed: int, choose: Callable[[ImageSeries], int]) -> Loaded:
    """A series for T1, moved."""
    moved = move(data, name, seed, choose)
    reference = moved.truth.reference
    about = f"{name} frame {reference}, {moved.inversion_time:.0f} ms"
    return Loaded(moved.series, reference, moved.score, moved.truth, about)


def cases(data: Path, quick: bool) -> Iterator[Case]:
    """All of them, those that take longest first; the real ones where ``data`` is a folder."""
    real = data.is_dir()
    if real and not quick:
        for name in SUNNYBROOK:
            yield Case("sunnybrook", f"Sunnybrook {name}", 0, partial(load_patient, partial(sunnybrook, data, name)))
    people = [group for group in GROUPS if group != AVERAGE][: 0 if quick else None]
    for seed, group in enumerate(people, FIRST_PERSON):
        yield Case("people", f"{group}, seed {seed}", seed, partial(load_heart, seed, {"group": group}))
    for seed in range(1 if quick else 3):
        yield Case("average", f"analytic, seed {seed}", seed, partial(load_heart, seed, SMALL if quick else {}))
    if real:
        yield Case("acdc", "ACDC patient001", 0, partial(load_patient, partial(acdc, data)))
        for of_data, choose in TEMPLATES.items():
            for name in MAPPING_SERIES[: 1 if quick else None]:
                for seed in range(1 if quick else MOTIONS):
                    load = partial(load_mapping, data, name, seed, choose)
                    yield Case(of_data, f"{name}, motion {seed}", seed, load)


# ---------------------------------------------------------------------- running


def run_case(case: Case, names: Sequence[str], about: dict[str, str]) -> list[dict[str, Any]]:
    """A row of the table, with ``about``, for each of ``names`` that can be asked of the case."""
    loaded = case.load()
    done: dict[str, tuple[Motion, float]] = {}
    rows = []
    for name in names:
        if name not in case.rows:
            continue
        told: dict[str, Any] = {"data": case.data, "case": case.name, "method": name}
        try:
            motion, seconds = run_row(name, case, loaded, done)
            told |= {**loaded.score(motion), "seconds": seconds, **_facts(motion)}
        except CardiacMotionError as error:
            told["failed"] = str(error)
        rows.append({**told, "seed": case.seed, "about": loaded.about, **about})
        took = told.get("failed") or f"{told['seconds']:.1f} s"
        sys.stderr.write(f"  {case.data}, {case.name}: {name} {took}\n")
        sys.stderr.flush()
    return rows


def run_row(name: str, case: Case, loaded: Loaded, done: dict[str, tuple[Motion, float]]) -> tuple[Motion, float]:
    """Motion and wall time in seconds, that of the start included; what is ``done`` is not done again."""
    if name in done:
        return done[name]
    row = case.rows[name]
    init, before = run_row(row.start, case, loaded, done) if row.start else (None, 0.0)
    started = time.perf_counter()
    if row.method == "none":
        motion = Motion.still(loaded.series, loaded.reference)
    elif row.method == "exact":
        assert loaded.exact is not None
        motion = loaded.exact
    else:
        options = {"reference": loaded.reference, "seed": case.seed, "device": "cpu", "init": init, **row.options}
        motion = register(loaded.series, row.method, **options)
    done[name] = motion, before + time.perf_counter() - started
    return done[name]


def _facts(motion: Motion) -> dict[str, Any]:
    """What the table says of how a motion was made."""
    known = motion.provenance
    return {
        "options": json.dumps(known.get("options", {})),
        "weights": known.get("weights", ""),
        "weights sha256": known.get("weights_sha256", ""),
        "version": known.get("version", ""),
    }


def check_weights(names: Sequence[str]) -> None:
    """Raise `CardiacMotionError` naming weights that the rows need and that are not there, before the work."""
    asked = [rows[name] for rows in (CINE_ROWS, MAPPING_ROWS) for name in names if name in rows]
    needed = asked + [CINE_ROWS[row.start] for row in asked if row.start]
    for row in needed:
        if "weights" in row.options:
            Weights.load(row.options["weights"], method=row.method)


def one_thread() -> None:
    """Of a process, so that several do not take each other's time."""
    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def run_all(everything: Sequence[Case], names: Sequence[str], processes: int) -> pd.DataFrame:
    """The table, in the order of `DATA`."""
    about = {
        "machine": f"CPU, one of {os.cpu_count()} cores ({processor()})",
        "run": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
    }
    started, rows = time.perf_counter(), []
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), one_thread) as pool:
        waiting = {pool.submit(run_case, case, names, about): case for case in everything}
        for count, finished in enumerate(as_completed(waiting), 1):
            rows += finished.result()
            minutes = (time.perf_counter() - started) / 60
            sys.stderr.write(f"{count} of {len(waiting)}: {waiting[finished].name}, {minutes:.1f} minutes so far\n")
    return pd.DataFrame(rows)


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by data, case and method, and columns as `COLUMNS`, whatever order they were made in."""
    table = table[sorted(table, key=lambda name: COLUMNS.index(name) if name in COLUMNS else len(COLUMNS))]
    keys = {"data": list(DATA).index, "case": str.lower, "method": ALL_ROWS.index}
    return table.sort_values(list(keys), key=lambda column: column.map(keys[column.name]), ignore_index=True)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [name for name in ALL_ROWS if name not in ASKED_FOR]
    parser.add_argument("--methods", nargs="+", choices=ALL_ROWS, default=default, metavar="METHOD")
    parser.add_argument("--keep", action="store_true", help="keep what the table has of other methods")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="real images, if there")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each")
    parser.add_argument("--output", type=Path, help="folder; by default Testing/results")
    parser.add_argument("--quick", action="store_true", help="see that it works")
    arguments = parser.parse_args()
    output = arguments.output or (Path(tempfile.gettempdir()) / NAME if arguments.quick else RESULTS)
    try:
        check_weights(arguments.methods)
    except CardiacMotionError as error:
        parser.error(str(error))
    if not arguments.data.is_dir():
        sys.stderr.write(f"No real images at {arguments.data}: synthetic hearts only\n")
    output.mkdir(parents=True, exist_ok=True)
    file = output / f"{NAME}.csv"
    table = run_all(list(cases(arguments.data, arguments.quick)), arguments.methods, arguments.processes)
    if arguments.keep and file.is_file():
        before = pd.read_csv(file)
        table = pd.concat([before[~before["method"].isin(arguments.methods)], table])
    table = ordered(table)
    table.to_csv(file, index=False, float_format="%.5g")
    flags = "".join(
        [
            "" if arguments.methods == default else f" --methods {' '.join(arguments.methods)}",
            " --keep" * arguments.keep,
            " --quick" * arguments.quick,
        ]
    )
    how = f"{arguments.processes} process{'es' * (arguments.processes > 1)} of one thread"
    rows = {"cine": CINE_ROWS, "mapping": MAPPING_ROWS}
    write_report(table, rows, STACK_DIMS, made_by(f"{NAME}.py{flags}", how), arguments.quick, output / NAME)
    print(f"Wrote {output}/{NAME}.csv, .md and .png")


if __name__ == "__main__":
    main()

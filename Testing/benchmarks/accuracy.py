"""Score the quick methods on the analytic heart and on real patients, and write the table under Testing/results.

    python Testing/benchmarks/accuracy.py [--variants] [--people] [--methods spline demons] [--data FOLDER]

Every method runs with its default options, the same for all hearts, on every frame of the cycle, from end-diastole. On
the analytic heart the truth is exact; on patients the reference labels are carried to end-systole and compared with the
manual ones.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accuracy_scores import SUNNYBROOK, acdc, score_heart, score_patient, sunnybrook

from CardiacMotionLib import ImageSeries, Motion, __version__, phantom, register

ROOT = Path(__file__).resolve().parents[2]
VARIANTS: list[dict] = [
    {"seed": 1, "shift_x_mm": 6},
    {"seed": 2, "ejection_fraction": 65, "twist": 15},
    {"seed": 3, "wall_mm": 7, "ejection_fraction": 45},
    {"seed": 4, "noise": 4},
    {"seed": 5, "tilt": 30, "frames": 25},
    {"seed": 6, "wall_mm": 12, "shortening": 10, "texture": 0.0},
]  # hearts that no option was chosen on
PEOPLE: list[dict] = [
    *({"seed": 10 + n, "group": group} for n, group in enumerate(("normal", "hcm", "dcm", "ischemic", "lbbb"))),
    {"seed": 10, "group": "normal", "artefacts": "none"},
    {"seed": 10, "group": "normal", "sliding": True},
]  # as they are drawn: papillary muscles, artefacts, slices askew


def run(series: ImageSeries, method: str, reference: int, seed: int) -> tuple[Motion, float]:
    """Motion and wall time in seconds."""
    started = time.perf_counter()
    motion = (
        Motion.still(series, reference)
        if method == "none"
        else register(series, method, reference=reference, seed=seed)
    )
    return motion, time.perf_counter() - started


def heart_row(method: str, seed: int, **other: float) -> dict[str, object]:
    """Scores at end-systole of the analytic heart: 16 frames of 10x112x112 voxels of 1.6x1.6x8 mm."""
    subject = phantom("cine", seed, **other)
    motion, seconds = run(subject.series, method, 0, seed)
    name = ", ".join([f"analytic, seed {seed}", *(f"{key} {value}" for key, value in other.items())])
    return {"heart": name, "method": method, **score_heart(subject, motion), "seconds": seconds}


def patient_row(name: str, series: ImageSeries, method: str, reference: int, frame: int) -> dict[str, object]:
    """Scores at end-systole of a patient."""
    motion, seconds = run(series, method, reference, 0)
    return {"heart": name, "method": method, **score_patient(series, motion, frame), "seconds": seconds}


def patients(data: Path) -> list[tuple[str, ImageSeries, int, int]]:
    """(name, series, end-diastole, end-systole) of the real cines with manual labels."""
    return [
        *((f"Sunnybrook {name}", *sunnybrook(data, name)) for name in SUNNYBROOK),
        ("ACDC patient001", *acdc(data)),
    ]


def write(table: pd.DataFrame, folder: Path, name: str, flags: str) -> None:
    """Write ``name``.csv and ``name``.md with how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.4f")
    columns = list(table.columns)
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [
        "# Accuracy at end-systole",
        "",
        f"Made by `python Testing/benchmarks/accuracy.py {flags}` on {datetime.date.today()}, "
        f"version {__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads on {os.cpu_count()} "
        f"cores ({platform.machine()}); default options for every heart, all frames of the cycle, Dice in 3D over all "
        "slices.",
        "Ecc is Green-Lagrange strain as a fraction, its error absolute, against the exact strain of the map, over the "
        "wall. `none` is no registration.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
    (folder / f"{name}.md").write_text("\n".join(lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
    return str(value)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["none", "demons", "spline"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the analytic hearts")
    parser.add_argument("--variants", action="store_true", help="six other average hearts only, into variants.md")
    parser.add_argument("--people", action="store_true", help="hearts of every group only, into people.md")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="real cines, if there")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    arguments = parser.parse_args()
    for name, hearts in (("variants", VARIANTS), ("people", PEOPLE)):
        if getattr(arguments, name):
            rows = [heart_row(method, **heart) for heart in hearts for method in arguments.methods]
            write(pd.DataFrame(rows), arguments.output, name, f"--{name} --methods {' '.join(arguments.methods)}")
    if arguments.variants or arguments.people:
        return
    real = patients(arguments.data) if arguments.data.is_dir() else []
    rows = []
    for method in arguments.methods:
        rows += [heart_row(method, seed) for seed in arguments.seeds]
        rows += [patient_row(name, series, method, ed, es) for name, series, ed, es in real]
        print(pd.DataFrame(rows[-len(arguments.seeds) - len(real) :]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows).sort_values("heart", key=lambda names: names.str.lower(), kind="stable")
    write(table, arguments.output, "accuracy", f"--methods {' '.join(arguments.methods)}")
    print(f"Wrote {arguments.output}/accuracy.csv and accuracy.md")


if __name__ == "__main__":
    main()

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

from CardiacMotionLib import ImageSeries, Motion, __version__, evaluate, phantom, read_series, register, strain
from CardiacMotionLib.metrics import dice
from CardiacMotionLib.series import LABEL_NAMES

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
SUNNYBROOK = {"SC-HF-I-1": (18, 7), "SC-HF-I-2": (19, 6), "SC-HF-I-6": (18, 8)}  # end-diastole, end-systole


def still(series: ImageSeries, reference: int) -> Motion:
    """No registration at all: what every method must beat."""
    return Motion(np.zeros((*series.frames.shape, 3), np.float32), series.affine, reference)


def run(series: ImageSeries, method: str, reference: int, seed: int) -> tuple[Motion, float]:
    """Motion and wall time in seconds."""
    started = time.perf_counter()
    motion = still(series, reference) if method == "none" else register(series, method, reference=reference, seed=seed)
    return motion, time.perf_counter() - started


def overlap(motion: Motion, series: ImageSeries, frame: int) -> dict[str, float]:
    """Dice of the carried reference labels at ``frame`` for each structure that is labeled there."""
    carried, truth = motion.warp_labels(series.labels[motion.reference], frame), series.labels[frame]
    return {
        name: dice(carried == label, truth == label) for label, name in LABEL_NAMES.items() if (truth == label).any()
    }


def score_heart(method: str, seed: int, **other: float) -> dict[str, object]:
    """Scores at end-systole of the analytic heart: 16 frames of 10x112x112 voxels of 1.6x1.6x8 mm."""
    subject = phantom("cine", seed, **other)
    series = subject.series
    frame = int(subject.meta["truth"]["end_systole"])
    motion, seconds = run(series, method, 0, seed)
    scores = evaluate(motion, series, truth=subject.motion)
    at_end_systole = scores[scores["frame"] == frame].set_index(["metric", "structure"])["value"]
    wall = series.labels[0] == 2
    ours = strain(motion, series.labels[0]).circumferential[frame][wall]
    true = np.asarray(subject.strain()["circumferential"])[frame][wall]
    labels = overlap(motion, series, frame)
    return {
        "heart": ", ".join([f"analytic, seed {seed}", *(f"{key} {value}" for key, value in other.items())]),
        "method": method,
        **{f"Dice {name}": labels[name] for name in LABEL_NAMES.values()},
        "EPE in plane (mm)": at_end_systole["EPE in plane", "LV myocardium"],
        "EPE 3D (mm)": at_end_systole["EPE", "LV myocardium"],
        "Ecc error, mean over voxels": float(np.abs(ours - true).mean()),
        "Ecc error, global mean": float(abs(ours.mean() - true.mean())),
        "folding heart (%)": 100 * float((motion.jacobian_determinant()[:, series.labels[0] > 0] <= 0).mean()),
        "seconds": seconds,
    }


def score_patient(name: str, series: ImageSeries, method: str, reference: int, frame: int) -> dict[str, object]:
    """Dice at end-systole of a patient, and folding in the labeled heart over the cycle."""
    motion, seconds = run(series, method, reference, 0)
    heart = series.labels[reference] > 0
    return {
        "heart": name,
        "method": method,
        **{f"Dice {structure}": value for structure, value in overlap(motion, series, frame).items()},
        "folding heart (%)": 100 * float((motion.jacobian_determinant()[:, heart] <= 0).mean()),
        "seconds": seconds,
    }


def patients(data: Path) -> list[tuple[str, ImageSeries, int, int]]:
    """(name, series, end-diastole, end-systole) of the real cines with manual labels."""
    found = []
    for name, (diastole, systole) in SUNNYBROOK.items():
        labels = {t: data / "sunnybrook" / f"{name}_seg_frame{t:02d}.nii.gz" for t in (diastole, systole)}
        series = read_series(data / "sunnybrook" / f"{name}_cine4d.nii.gz", labels)
        found.append((f"Sunnybrook {name}", series, diastole, systole))
    series = read_series(data / "acdc_patient001")
    found.append(("ACDC patient001", series, 0, 1))
    return found


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
            rows = [score_heart(method, **heart) for heart in hearts for method in arguments.methods]
            write(pd.DataFrame(rows), arguments.output, name, f"--{name} --methods {' '.join(arguments.methods)}")
    if arguments.variants or arguments.people:
        return
    real = patients(arguments.data) if arguments.data.is_dir() else []
    rows = []
    for method in arguments.methods:
        rows += [score_heart(method, seed) for seed in arguments.seeds]
        rows += [score_patient(name, series, method, ed, es) for name, series, ed, es in real]
        print(pd.DataFrame(rows[-len(arguments.seeds) - len(real) :]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows).sort_values("heart", key=lambda names: names.str.lower(), kind="stable")
    write(table, arguments.output, "accuracy", f"--methods {' '.join(arguments.methods)}")
    print(f"Wrote {arguments.output}/accuracy.csv and accuracy.md")


if __name__ == "__main__":
    main()

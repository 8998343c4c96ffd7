"""Score the quick methods on the analytic heart and on real patients, and write the table under Testing/results.

    python Testing/benchmarks/accuracy.py [--methods spline demons] [--data FOLDER] [--output FOLDER]

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

ROOT = Path(__file__).resolve().parents[2]
SUNNYBROOK = {"SC-HF-I-1": (18, 7), "SC-HF-I-2": (19, 6), "SC-HF-I-6": (18, 8)}  # end-diastole, end-systole
STRUCTURES = {1: "RV", 2: "LV myocardium", 3: "LV cavity"}


def still(series: ImageSeries, reference: int) -> Motion:
    """No registration at all: what every method must beat."""
    return Motion(np.zeros((*series.frames.shape, 3), np.float32), series.affine, reference)


def run(series: ImageSeries, method: str, reference: int, seed: int) -> tuple[Motion, float]:
    """Motion and wall time in seconds."""
    started = time.perf_counter()
    motion = still(series, reference) if method == "none" else register(series, method, reference=reference, seed=seed)
    return motion, time.perf_counter() - started


def dice(motion: Motion, series: ImageSeries, frame: int) -> dict[str, float]:
    """Dice of the carried reference labels at ``frame`` for each structure that is labeled there."""
    carried, truth = motion.warp_labels(series.labels[motion.reference], frame), series.labels[frame]
    return {
        name: 2 * np.sum((carried == label) & (truth == label)) / (np.sum(carried == label) + np.sum(truth == label))
        for label, name in STRUCTURES.items()
        if (truth == label).any()
    }


def score_heart(method: str, seed: int) -> dict[str, object]:
    """Scores at end-systole of the analytic heart: 16 frames of 10x112x112 voxels of 1.6x1.6x8 mm."""
    subject = phantom("cine", seed)
    series = subject.series
    frame = int(subject.meta["truth"]["end_systole"])
    motion, seconds = run(series, method, 0, seed)
    scores = evaluate(motion, series, truth=subject.motion)
    at_end_systole = scores[scores["frame"] == frame].set_index(["metric", "structure"])["value"]
    wall = series.labels[0] == 2
    ours = strain(motion, series.labels[0]).circumferential[frame][wall]
    true = np.asarray(subject.strain()["circumferential"])[frame][wall]
    labels = dice(motion, series, frame)
    return {
        "heart": f"analytic, seed {seed}",
        "method": method,
        **{f"Dice {name}": labels[name] for name in STRUCTURES.values()},
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
        **{f"Dice {structure}": value for structure, value in dice(motion, series, frame).items()},
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


def write(table: pd.DataFrame, folder: Path, methods: list[str]) -> None:
    """Write accuracy.csv and accuracy.md with how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "accuracy.csv", index=False, float_format="%.4f")
    columns = list(table.columns)
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [
        "# Accuracy at end-systole",
        "",
        f"Made by `python Testing/benchmarks/accuracy.py --methods {' '.join(methods)}` on {datetime.date.today()}, "
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
    (folder / "accuracy.md").write_text("\n".join(lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
    return str(value)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["none", "demons", "spline"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the analytic hearts")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="real cines, if there")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    arguments = parser.parse_args()
    real = patients(arguments.data) if arguments.data.is_dir() else []
    rows = []
    for method in arguments.methods:
        rows += [score_heart(method, seed) for seed in arguments.seeds]
        rows += [score_patient(name, series, method, ed, es) for name, series, ed, es in real]
        print(pd.DataFrame(rows[-len(arguments.seeds) - len(real) :]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows).sort_values("heart", key=lambda names: names.str.lower(), kind="stable")
    write(table, arguments.output, arguments.methods)
    print(f"Wrote {arguments.output}/accuracy.csv and accuracy.md")


if __name__ == "__main__":
    main()

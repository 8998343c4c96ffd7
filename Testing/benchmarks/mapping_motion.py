"""Real images for T1 maps, moved by known breaths: how near to the map without motion registration brings the map.

    python Testing/benchmarks/mapping_motion.py --data FOLDER [--seeds 3] [--methods any2reg groupregnet ...]

The series of the ``t1net`` data hardly move. Each is moved by smooth random motions, registered, brought back into the
template, which the motion left where it was, and fitted. The map of the series that was not moved is the truth. Prints
by which factor the error in the wall shrinks, and writes mapping_motion.csv, .md and .png under Testing/results.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from moved_mapping import AROUND_MM, Moved, clearest, filled, move
from scipy import ndimage
from script_tables import ROOT, made_by

from CardiacMotionLib import ImageSeries, Motion, ParameterMaps, fit_map, register
from CardiacMotionLib.report.figures import new_figure, save_figure
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE
from CardiacMotionLib.series import MYOCARDIUM

SERIES = ("precontrast_1", "precontrast_2", "postcontrast_1", "postcontrast_2")
MODEL = "molli"  # Look-Locker with three parameters, which inversion recovery FLASH has, too
NONE = "none"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "any2reg": ("any2reg", {}),
    "any2reg, refined": ("any2reg", {"refine": 30}),
    "groupregnet": ("groupregnet", {}),
    "pca_groupwise": ("pca_groupwise", {}),
    "demons": ("demons", {}),
}
SHOWN = (0, 0)  # series and seed of the picture
WINDOW_MS = (0.0, 2000.0)


def aligned(moved: Moved, name: str) -> tuple[ImageSeries, Motion | None]:
    """The moved series drawn in its template."""
    series = moved.series
    if name == NONE:
        return series, None
    method, options = METHODS[name]
    motion = register(series, method, reference=moved.truth.reference, device="cpu", **options)
    return series.replace(frames=motion.warp(series)), motion


def heart_of(moved: Moved) -> np.ndarray:
    """(K, J, I) bool: the heart and what is around it, as far as it is fitted."""
    heart = filled(wall_of(moved))
    return ndimage.distance_transform_edt(~heart, sampling=moved.series.spacing[::-1]) <= AROUND_MM


def wall_of(moved: Moved) -> np.ndarray:
    """(K, J, I) bool."""
    return moved.series.labels[moved.truth.reference] == MYOCARDIUM


def t1_error(found: ParameterMaps, truth: ParameterMaps, wall: np.ndarray) -> np.ndarray:
    """|T1 - T1 without motion| (P,) in ms in the pixels of the wall that have both."""
    difference = np.abs(found.maps["T1"] - truth.maps["T1"])[wall]
    return difference[np.isfinite(difference)]


def scores_of(found: ParameterMaps, truth: ParameterMaps, wall: np.ndarray) -> dict[str, float]:
    """Means over the wall."""
    error = t1_error(found, truth, wall)
    return {
        "mean |T1 - still| (ms)": float(error.mean()),
        "median |T1 - still| (ms)": float(np.median(error)),
        "T1 SD (ms)": float(np.nanmean(found.maps["T1_SD"][wall])),
        "R2": float(np.nanmean(found.maps["R2"][wall])),
        "survival (%)": 100 * found.survival(wall),
    }


def measured(data: Path, seeds: int, names: list[str]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """A row for every series, seed and method, and the maps (J, I) of the picture."""
    rows, pictures = [], {}
    for number, name in enumerate(SERIES):
        for seed in range(seeds):
            moved = move(data, name, seed, clearest)
            wall, heart = wall_of(moved), heart_of(moved)
            truth = fit_map(moved.still, MODEL, mask=heart)
            shown = (number, seed) == SHOWN
            pictures |= {"without motion": truth.maps["T1"][0]} if shown else {}
            for method in (NONE, *names):
                began = time.perf_counter()
                series, motion = aligned(moved, method)
                taken = time.perf_counter() - began
                found = fit_map(series, MODEL, mask=heart)
                off = {} if motion is None else {"motion error (mm)": moved.score(motion)["EPE in plane (mm)"]}
                if motion is None:
                    still = Motion(np.zeros_like(moved.truth.displacement), moved.truth.affine, moved.truth.reference)
                    off = {"motion error (mm)": moved.score(still)["EPE in plane (mm)"]}
                who = {"series": name, "seed": seed, "method": method}
                rows.append({**who, **scores_of(found, truth, wall), **off, "seconds": taken})
                pictures |= {method: found.maps["T1"][0]} if shown else {}
                print(f"{name} {seed} {method}: {rows[-1]['mean |T1 - still| (ms)']:.1f} ms", flush=True)
    return pd.DataFrame(rows), pictures


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """By what the mean error without registration is to be divided, a row a method: of each series and of all."""
    errors = table.pivot_table(
        index="method", columns="series", values="mean |T1 - still| (ms)", aggfunc="mean", sort=False
    )
    errors["all"] = errors.mean(axis=1)
    shrunk = errors.loc[NONE] / errors
    return shrunk.drop(index=NONE).reset_index().rename(columns={"method": "error before / after"})


def picture(maps: dict[str, np.ndarray], path: Path) -> None:
    """The maps of one series side by side, in one window."""
    figure = new_figure(2.4 * len(maps), 2.9)
    axes = figure.subplots(1, len(maps))
    known = np.isfinite(maps["without motion"])
    rows, columns = (slice(max(n.min() - 3, 0), n.max() + 4) for n in np.nonzero(known))
    for axis, (name, values) in zip(axes, maps.items(), strict=True):
        image = axis.imshow(values[rows, columns], cmap="turbo", vmin=WINDOW_MS[0], vmax=WINDOW_MS[1])
        axis.set_title("moved, not registered" if name == NONE else name, fontsize=9)
        axis.set_axis_off()
    figure.colorbar(image, ax=axes, label="T1 (ms)", shrink=0.8)
    save_figure(figure, path)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that has t1net")
    parser.add_argument("--seeds", type=int, default=3, help="motions of every series")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    given = parser.parse_args()
    names = [name for name in given.methods if name != "pca_groupwise" or importlib.util.find_spec("itk")]
    table, maps = measured(given.data, given.seeds, names)
    means = table.drop(columns=["series", "seed"]).groupby("method", sort=False).mean().reset_index()
    shrunk = factors(table)
    everything = list(given.methods) == list(METHODS)
    chosen = "" if everything else f" --methods {' '.join(map(shlex.quote, given.methods))}"
    lines = [
        "# Maps of real images that were moved, before and after registration",
        "",
        made_by(f"mapping_motion.py --data FOLDER --seeds {given.seeds}{chosen}", f"{torch.get_num_threads()} threads"),
        f"Four series of the t1net data (inversion recovery, 8 or 9 images), each moved by {given.seeds} smooth random "
        "motions of up to 8 mm and a warp of up to 3 mm from the image with the clearest contrast, which stays. "
        "Groupwise methods find the motion from their canonical space; for the comparison it is expressed in that "
        "image. The error is that of T1 in the wall against the fit of the series that was not moved.",
        RESEARCH_USE,
        "",
        "![T1 maps of one series](mapping_motion.png)",
        "",
        "By this factor the mean error is smaller after registration than before; below 1 it is larger.",
        "",
        *markdown(shrunk),
        "",
        "Means over all series and motions:",
        "",
        *markdown(means),
    ]
    sys.stdout.write("\n".join(markdown(shrunk)) + "\n")
    given.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.output / "mapping_motion.csv", index=False, float_format="%.5g")
    (given.output / "mapping_motion.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    picture(maps, given.output / "mapping_motion.png")


if __name__ == "__main__":
    main()

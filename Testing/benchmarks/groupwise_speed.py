"""Measure how the time and memory of groupwise registration grow with the number of images, beside elastix.

    python Testing/benchmarks/groupwise_speed.py [--repeats 3] [--threads 2] [--device cpu] [--limit 20] [--quick]

Sets of 1 to 480 images of 192 x 192 pixels go through the network of any2reg with its default settings; with 60 and 480
also through elastix (pca_groupwise), as far as itk-elastix is installed, and refined by 30 steps. Each row's memory is
measured in a process of its own; what takes long has one turn, in that process, which is ended after ``--limit``
minutes. Writes groupwise_speed.csv and .md under Testing/results. ``--quick`` does all of it with few and small
images.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from learned_speed import peak_memory
from script_tables import ROOT, made_by, seconds

from CardiacMotionLib import ImageSeries, phantom, register
from CardiacMotionLib.methods.any2reg.network import Config, Network
from CardiacMotionLib.methods.any2reg.run import PIXELS_AT_ONCE, register_set
from CardiacMotionLib.methods.protocol import Context
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE

SIDE, SIDE_QUICK = 192, 48
COUNTS, COUNTS_QUICK = (1, 2, 7, 11, 60, 200, 480), (1, 2, 4)
PEERS, PEERS_QUICK = (60, 480), (4,)  # numbers of images that the slow ones are given, too
REFINE = 30
NETWORK, REFINED, ELASTIX = "any2reg", f"any2reg, {REFINE} steps refined", "pca_groupwise (elastix)"
GOAL_MS = 70  # an image on two cores
AT_LEAST = 11  # images, from which on the time of each should stay the same
WITHIN = 0.2


def images(count: int, side: int) -> torch.Tensor:
    """A set (count, 1, side, side) in unit range: a mapping series over and over, each image with noise of its own."""
    size = {"rows": side, "columns": side, "pixel_mm": min(5.0, 288 / side)}
    frames = torch.from_numpy(phantom("t1", 0, **size).series.frames[:, 0])
    repeated = frames[torch.arange(count) % len(frames)] / frames.max()
    noise = torch.randn(repeated.shape, generator=torch.Generator().manual_seed(0))
    return (repeated + 0.01 * noise)[:, None].clamp(0, 1.3)


def work(name: str, frames: torch.Tensor, device: torch.device) -> Callable[[], object]:
    """What a row does."""
    if name == ELASTIX:
        series = ImageSeries(frames.numpy(), np.diag([1.5, 1.5, 8.0, 1.0]))
        return lambda: register(series, "pca_groupwise", margin=200.0)
    torch.manual_seed(0)
    network = Network(Config()).eval().to(device)
    context = Context(0, device, 0)
    return lambda: register_set(network, frames, None, 1.5, REFINE if name == REFINED else 0, 1e-3, context)


def rows_of(count: int, peers: tuple[int, ...]) -> list[str]:
    """Names of the rows of a number of images."""
    if count not in peers:
        return [NETWORK]
    return [NETWORK, REFINED, *([ELASTIX] if importlib.util.find_spec("itk") is not None else [])]


def measured(count: int, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of the table of one number of images; slow rows get one turn."""
    quick = arguments.quick
    frames = images(count, SIDE_QUICK if quick else SIDE)
    device = torch.device(arguments.device)
    rows = []
    for name in rows_of(count, PEERS_QUICK if quick else PEERS):
        taken, peak, before = alone(name, count, arguments)
        turns = 1
        if name == NETWORK:
            run, turns = work(name, frames, device), arguments.repeats
            seconds(run, device)  # does not count
            taken = statistics.median(seconds(run, device) for _ in range(turns))
        row = {
            "images": count,
            "method": name,
            "turns": turns,
            "seconds": taken,
            "ms an image": 1000 * taken / count,
            "peak memory (MB)": peak,
            "of that before (MB)": before,
        }
        print(f"{count} images: {name}, {row['ms an image']:.1f} ms an image", flush=True)
        rows.append(row)
    return rows


def alone(name: str, count: int, arguments: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds that a row takes in a process of its own, and the most memory in MB that this held then and before.

    Memory of the processor; nothing is known (NaN) of what takes longer than the limit.
    """
    given = ["--row", name, "--count", str(count), "--threads", str(arguments.threads), "--device", arguments.device]
    given += ["--quick"] if arguments.quick else []
    try:
        answer = subprocess.run(
            [sys.executable, __file__, *given],
            capture_output=True,
            text=True,
            check=True,
            timeout=60 * arguments.limit,
        ).stdout
    except subprocess.TimeoutExpired:
        return np.nan, np.nan, np.nan
    return tuple(json.loads(answer.splitlines()[-1]))


def given_up(table: pd.DataFrame, limit: float) -> list[str]:
    """Sentences on what took too long."""
    late = table[table["seconds"].isna()]
    return [f"{row['method']} with {row['images']} images: longer than {limit:g} min." for _, row in late.iterrows()]


def verdict(table: pd.DataFrame) -> list[str]:
    """Sentences on what was aimed at."""
    mine = table[table["method"] == NETWORK].set_index("images")["ms an image"]
    many = mine[mine.index >= AT_LEAST]
    if many.empty:
        return []
    least, most = many.min(), many.max()
    held = "holds" if most <= (1 + WITHIN) * least else "does not hold"
    fast = "holds" if most <= GOAL_MS else "does not hold"
    return [
        f"From {AT_LEAST} images on, an image takes {least:.1f} to {most:.1f} ms: within {WITHIN:.0%} of each other "
        f"{held}; at most {GOAL_MS} ms {fast}.",
    ]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="turns of the network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="of the network; elastix runs on the processor")
    parser.add_argument("--limit", type=float, default=20.0, help="minutes after which a slow row is given up")
    parser.add_argument("--quick", action="store_true", help="few and small images, to see that it works")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.row:
        device = torch.device(arguments.device)
        run = work(arguments.row, images(arguments.count, SIDE_QUICK if arguments.quick else SIDE), device)
        before = peak_memory()
        print(json.dumps([seconds(run, device), peak_memory(), before]))
        return
    table = pd.DataFrame([row for n in (COUNTS_QUICK if arguments.quick else COUNTS) for row in measured(n, arguments)])
    flags = f"--repeats {arguments.repeats} --threads {arguments.threads} --device {arguments.device}"
    flags += f" --limit {arguments.limit:g}"
    flags += " --quick" if arguments.quick else ""
    side = SIDE_QUICK if arguments.quick else SIDE
    lines = [
        "# Groupwise registration of ever more images",
        "",
        made_by(f"groupwise_speed.py {flags}", f"{arguments.threads} threads"),
        f"Images of {side} x {side} pixels. The network has its default settings and drawn weights, which make no "
        f"difference to the time; it is given at most {PIXELS_AT_ONCE:,} pixels at once, and the features of all "
        "images are kept in half precision. The network's times are medians of the turns after one that does not "
        "count; what takes long has one turn. Paper 003, on a GPU: 2.4 ms an image, 0.2 s for 60 images and 1.2 s for "
        "480, refined 12 s; elastix 70 s and 260 s.",
        *verdict(table),
        *given_up(table, arguments.limit),
        RESEARCH_USE,
        "",
        *markdown(table),
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output / "groupwise_speed.csv", index=False, float_format="%.5g")
    (arguments.output / "groupwise_speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

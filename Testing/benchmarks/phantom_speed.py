"""Measure how fast phantoms are made and streamed, and write the table under Testing/results.

    python Testing/benchmarks/phantom_speed.py [--repeats 5] [--subjects 100] [--device cpu] [--output FOLDER]

Each time is the median over different people, after one that does not count. The stream of a cohort runs in a process
of its own, whose peak memory is that of all its processes: sampled with psutil where that is installed, else the sum of
the peaks that the system reports for each process.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.util
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import torch
from torch.utils.data import DataLoader

from CardiacMotionLib import __version__
from CardiacMotionLib.phantom import KINDS, VERSION
from CardiacMotionLib.phantom.stream import PairStream, SeriesStream
from CardiacMotionLib.training.export import processor

ROOT = Path(__file__).resolve().parents[2]
WORKERS = (0, 1, 2)
PAIR = {"slices": 16, "rows": 128, "columns": 128, "group": "any"}
SLICE = {"slices": 1, "rows": 144, "columns": 144, "frames": 30, "group": "any"}
HAS_PSUTIL = importlib.util.find_spec("psutil") is not None


def median_seconds(make: Callable[[int], object], repeats: int) -> float:
    """Median time of ``make(1)`` to ``make(repeats)``."""
    make(0)
    times = []
    for index in range(1, repeats + 1):
        started = time.perf_counter()
        make(index)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def single_rows(repeats: int, device: str) -> list[dict[str, object]]:
    """Times of pairs, a 2D series, and every kind of examination with its default options."""
    count = repeats + 1
    streams = {
        "pair 128x128x16, end-diastole and end-systole": (PairStream(count, device=device, **PAIR), 0.3),
        "pair 128x128x16, random phases, randomized": (
            PairStream(count, phases="random", randomized=True, device=device, **PAIR),
            None,
        ),
        "2D series, 30 frames of 144x144": (SeriesStream("cine", count, device=device, **SLICE), 0.3),
    }
    rows = []
    for what, (stream, target) in streams.items():
        rows.append({"what": what, "seconds": median_seconds(stream.__getitem__, repeats), "target (s)": target})
        print(rows[-1], flush=True)
    for kind in KINDS:
        make = SeriesStream(kind, count, device=device, normalized=False).__getitem__
        rows.append({"what": f"{kind}, default options", "seconds": median_seconds(make, repeats)})
        print(rows[-1], flush=True)
    return rows


def stream_rows(subjects: int) -> list[dict[str, object]]:
    """Time and peak memory of a cohort's pairs, without and with workers."""
    rows = []
    for workers in WORKERS:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            seconds, gigabytes = pool.submit(run_stream, subjects, workers).result()
        rows.append(
            {
                "what": f"{subjects} pairs 128x128x16 streamed, {workers} workers",
                "seconds": seconds,
                "target (s)": 60.0 if subjects == 100 else None,
                "peak memory (GB)": gigabytes,
            }
        )
        print(rows[-1], flush=True)
    return rows


def run_stream(subjects: int, workers: int) -> tuple[float, float]:
    """Seconds and peak GB of streaming the pairs of a cohort, with the start of the workers."""
    with peak_memory() as peak:
        started = time.perf_counter()
        seen = sum(1 for _ in DataLoader(PairStream(subjects, **PAIR), batch_size=None, num_workers=workers))
        seconds = time.perf_counter() - started
    if seen != subjects:
        raise RuntimeError(f"{seen} pairs came of {subjects}")
    return seconds, peak(workers)


@contextlib.contextmanager
def peak_memory() -> Iterator[Callable[[int], float]]:
    """Gives a function of the number of workers: the peak resident memory of the process and its children in GB.

    Memory that processes share counts in each of them.
    """
    if not HAS_PSUTIL:
        yield _peak_of_the_system
        return
    samples: list[int] = []
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(samples, done))
    sampler.start()
    try:
        yield lambda workers: max(samples) / 1e9
    finally:
        done.set()
        sampler.join()


def _sample(samples: list[int], done: threading.Event) -> None:
    import psutil

    root = psutil.Process()
    while True:
        total = 0
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has just ended
                total += process.memory_info().rss
        samples.append(total)
        if done.wait(0.1):
            return


def _peak_of_the_system(workers: int) -> float:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    own, largest_child = (
        resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + workers * largest_child) / 1e9


def write(table: pd.DataFrame, folder: Path, flags: str) -> None:
    """Write phantom_speed.csv and phantom_speed.md with how they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "phantom_speed.csv", index=False, float_format="%.3f")
    cells = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    memory = "sampled with psutil" if HAS_PSUTIL else "the sum of each process's own peak, an upper bound"
    lines = [
        "# Speed of the phantoms",
        "",
        f"Made by `python Testing/benchmarks/phantom_speed.py {flags}` on {datetime.date.today()}, version "
        f"{__version__}, generator {VERSION}, torch {torch.__version__}, {torch.get_num_threads()} threads on "
        f"{os.cpu_count()} cores ({processor()}).",
        "Times are medians over different people; pairs and the 2D series are of people of any group. Workers compute "
        f"with one thread each. Peak memory is that of all processes, {memory}; memory that they share counts in each.",
        "",
        "| " + " | ".join(table.columns) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(row) + " |" for row in cells),
        "",
    ]
    (folder / "phantom_speed.md").write_text("\n".join(lines))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return str(value)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="people per time")
    parser.add_argument("--subjects", type=int, default=100, help="of the cohort")
    parser.add_argument("--device", default="cpu", help="of what is not streamed")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    arguments = parser.parse_args()
    streamed = stream_rows(arguments.subjects)  # first, while this process is small
    table = pd.DataFrame(single_rows(arguments.repeats, arguments.device) + streamed)
    flags = f"--repeats {arguments.repeats} --subjects {arguments.subjects} --device {arguments.device}"
    write(table, arguments.output, flags)
    print(f"Wrote {arguments.output}/phantom_speed.csv and phantom_speed.md")


if __name__ == "__main__":
    main()

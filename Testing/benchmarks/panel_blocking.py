"""How long the panel stands still during a run on the sample cine: ``python Testing/benchmarks/panel_blocking.py``.

A timer ticks every 5 ms in the event loop of the stand-ins while Apply runs, in Slicer's place, from the click to the
results in the scene. The gaps between the ticks are what a user would feel.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "qt"), str(ROOT / "Testing" / "module")]

import application  # noqa: E402

SAMPLE = ROOT / "Resources" / "SampleData"
PHASES = {"compute": "reading and computing", "add": "adding to the scene", "after": "showing the result"}
WORKERS = {"thread": "in Slicer", "process": "in a process of its own"}
LIMIT_MS = 100.0


def measure(panel, worker: str, method: str):
    """Heartbeat and seconds of one run with a worker."""
    import slicer
    from heartbeat import Heartbeat

    panel.session.settings.worker = worker
    control = panel.motion.run

    def phase():
        return "add" if control._steps is not None else "compute" if control.running else "after"

    started = time.perf_counter()
    with Heartbeat(phase) as heartbeat:
        panel.motion.ui.applyButton.click()
        while control.running:
            slicer.app.processEvents()
            time.sleep(0.001)  # where an application waits for the next event
        for _ in range(20):
            slicer.app.processEvents()
            time.sleep(0.005)
    said = panel.motion.ui.statusLabel.text
    if not said.startswith("Done"):
        raise SystemExit(f"{method} with the worker {worker}: {said}")
    return heartbeat, time.perf_counter() - started


def rows_of(worker: str, heartbeat, seconds: float) -> list[str]:
    """Table rows: gaps in ms, as felt and as processor time of the thread."""
    rows = []
    for phase, title in PHASES.items():
        wall, own = 1e3 * heartbeat.wall(phase), 1e3 * heartbeat.own(phase)
        if len(wall):
            felt = " | ".join(f"{value:.0f}" for value in (*np.percentile(wall, [50, 99]), wall.max()))
            took = " | ".join(f"{value:.0f}" for value in (np.percentile(own, 99), own.max()))
            rows.append(f"| {WORKERS[worker]} | {title} | {len(wall)} | {felt} | {took} |")
    wall, own = 1e3 * heartbeat.wall(), 1e3 * heartbeat.own()
    felt = " | ".join(f"{value:.0f}" for value in (*np.percentile(wall, [50, 99]), wall.max()))
    took = " | ".join(f"{value:.0f}" for value in (np.percentile(own, 99), own.max()))
    rows.append(f"| {WORKERS[worker]} | **all, {seconds:.0f} s** | {len(wall)} | {felt} | {took} |")
    return rows


def main() -> None:
    """Measure both workers and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="spline")
    parser.add_argument("--workers", nargs="+", choices=tuple(WORKERS), default=list(WORKERS))
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results" / "panel_blocking.md")
    given = parser.parse_args()
    application.start()
    application.load_module(ROOT / "CardiacMotion" / "CardiacMotion.py")
    import slicer
    import torch

    from CardiacMotionLib import read_series
    from CardiacMotionLib.scene import add_labels, add_series

    series = read_series(SAMPLE / "sunnybrook_cine.nii.gz", labels=SAMPLE / "sunnybrook_cine_seg_frame00.nii.gz")
    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    parameters = panel.logic.getParameterNode()
    parameters.cine, parameters.segmentation = add_series(series, "Cine")[0], add_labels(series)
    parameters.method = given.method
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    rows = [row for worker in given.workers for row in rows_of(worker, *measure(panel, worker, given.method))]
    panel.session.settings.endProcess()
    size = " x ".join(map(str, series.frames.shape))
    lines = [
        "# How long the panel stands still during a run",
        "",
        f"Made by `python Testing/benchmarks/{Path(__file__).name} --method {given.method}` on "
        f"{datetime.date.today().isoformat()}, torch {torch.__version__}, {os.cpu_count()} cores "
        f"({platform.machine()}), load average {load:.1f} at the start.",
        f"The sample cine, {size} voxels (T, K, J, I), on the stand-ins for the application with its real scene "
        "library; views are not drawn. A timer of 5 ms ticks in the event loop from the click on Apply until the "
        "results are in the scene. *Felt* is from tick to tick: it includes what other processes took of the machine, "
        "and the 40 ms at a time in which the thread gives the interpreter to a worker in Slicer. *Own* is the "
        f"processor time that the thread of the window took between two ticks. The aim is {LIMIT_MS:.0f} ms at the "
        "99th percentile.",
        "",
        "| worker | while | ticks | felt, median (ms) | felt, 99 % (ms) | felt, longest (ms) | own, 99 % (ms) "
        "| own, longest (ms) |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    given.output.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

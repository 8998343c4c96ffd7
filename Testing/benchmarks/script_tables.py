"""What the scripts of this folder have in common: where the tree is, how a table says what made it, and a stopwatch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from CardiacMotionLib.report import markdown as tables

ROOT = Path(__file__).resolve().parents[2]


def made_by(command: str, how: str) -> str:
    """Sentence that says with which script of this folder, when and on what a table was made."""
    return tables.made_by(f"python Testing/benchmarks/{command}", how)


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """How long something takes, what it started on the device included."""
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started

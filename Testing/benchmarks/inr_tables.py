"""Tables in Markdown and what they say of the machine, for the measurements of the INR."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from CardiacMotionLib import __version__
from CardiacMotionLib.training.export import processor

ROOT = Path(__file__).resolve().parents[2]
RESEARCH = "For research use only; not a medical device."


def markdown(table: pd.DataFrame) -> list[str]:
    """Lines of a table; empty where a value is missing."""
    return [
        "| " + " | ".join(map(_cell, table.columns)) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in table.itertuples(index=False)),
    ]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")


def made_by(command: str, how: str) -> str:
    """Sentence that says with which command, when and on what a table was made."""
    return (
        f"Made by `python Testing/benchmarks/{command}` on {datetime.date.today()}, version {__version__}, torch "
        f"{torch.__version__}, {how} on {os.cpu_count()} cores ({processor()})."
    )


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """How long something takes, what it started on the device included."""
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started

"""The weights that a training made, with a card that says how."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import torch

from .. import __version__
from ..weights import Weights
from .log import NOTICE
from .loop import Trained
from .recipe import Recipe
from .task import Task


def export(trained: Trained, task: Task, recipe: Recipe, path: str | Path) -> Path:
    """Write ``path`` (.safetensors) and its card; raises `CardiacMotionError` where that is not possible.

    The card holds the recipe, ``[network]`` and within ``[recipe]`` the other sections: `load_recipe` takes it.
    """
    sections = recipe.sections
    card = {
        "method": recipe.info.name,
        "notice": NOTICE,
        **task.card,
        "made_by": f"CardiacMotion {__version__}, torch {torch.__version__}",
        "date": datetime.date.today().isoformat(),
        "machine": machine(trained.device, trained.processes),
        "precision": trained.precision,
        "seconds": round(trained.seconds, 1),
        "steps": trained.steps,
        "best_step": trained.best_step,
        "seed": recipe.training.seed,
        "parameters": sum(p.numel() for p in task.network.parameters()),
        "network": sections.pop("network"),
        "recipe": {"name": recipe.name, **sections},
        "scores": {name: round(value, 6) for name, value in trained.scores.items()},
    }
    return Weights(trained.tensors, card).save(path)


def machine(device: torch.device, processes: int = 1) -> str:
    """Kind of machine: processor and cores, or accelerator; no name of a host."""
    if device.type == "cuda":
        kind = torch.cuda.get_device_name(device)
    else:
        kind = f"{processor()}, {torch.get_num_threads()} of {os.cpu_count()} cores"
    return kind if processes == 1 else f"{processes} x {kind}"


def processor() -> str:
    """Name of the processor where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()

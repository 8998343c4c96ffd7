"""The state of a `Fit` in a file, so that a run that was ended goes on as if it had not been."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import torch

from ...errors import CardiacMotionError
from ...whole_files import writing

if TYPE_CHECKING:
    from ..protocol import Context
    from .fit import Fit

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # of Adam


def fingerprint(fit: Fit, context: Context) -> str:
    """What a stored state belongs to: images and where they lie, labels, times, options, seed and start, as text."""
    options = asdict(fit.options)
    del options["checkpoint"]
    if not fit.options.decay:
        del options["steps"]  # a fit without decay may go on beyond its end
    given = fit.objective
    parts = (given.images, given.canonical, given.times, given.likelihood, given.wall)
    images = hashlib.sha256(b"".join(part.cpu().numpy().tobytes() for part in parts)).hexdigest()
    init = "" if context.init is None else hashlib.sha256(context.init.displacement.tobytes()).hexdigest()
    clock = [float(fit.field.clock.end_diastole), float(fit.field.clock.cycle)]
    return json.dumps([options, context.seed, context.reference, images, init, fit.prior, clock], sort_keys=True)


def save_state(path: Path, fit: Fit, context: Context) -> None:
    """Write the state in one move: the file is whole at any time."""
    arrays: dict[str, Any] = {
        "of": fingerprint(fit, context),
        "step": fit.step,
        "stop": np.array([fit.best, fit.checks_since_best]),
        "random": fit.objective.random.get_state().numpy(),
        "waiting": fit.objective.waiting.numpy(),
    }
    for n, parameter in enumerate(fit.field.network.parameters()):
        arrays[f"parameter{n}"] = parameter.detach().cpu().numpy()
        for name in MOMENTS if parameter in fit.optimizer.state else ():
            arrays[f"{name}{n}"] = fit.optimizer.state[parameter][name].cpu().numpy()
    with writing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def load_state(path: Path, fit: Fit, context: Context) -> None:
    """Bring ``fit`` to the stored state; raises `CardiacMotionError` where the file belongs to another fit."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["of"]) != fingerprint(fit, context):
                raise CardiacMotionError(
                    f"checkpoint {path} belongs to a fit of other images, labels, options, seed or start; "
                    "give another file, or delete it to begin anew"
                )
            fit.step = int(stored["step"])
            fit.best, fit.checks_since_best = float(stored["stop"][0]), int(stored["stop"][1])
            fit.objective.random.set_state(torch.from_numpy(stored["random"]))
            fit.objective.waiting = torch.from_numpy(stored["waiting"])
            for n, parameter in enumerate(fit.field.network.parameters()):
                with torch.no_grad():
                    parameter.copy_(torch.from_numpy(stored[f"parameter{n}"]))
                if f"step{n}" in stored:
                    moments = {name: torch.from_numpy(stored[f"{name}{n}"]) for name in MOMENTS}
                    fit.optimizer.state[parameter] = {k: v.to(parameter.device) for k, v in moments.items()}
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        if isinstance(error, CardiacMotionError):
            raise
        raise CardiacMotionError(f"{path} is not a checkpoint of the method inr; give another file") from error

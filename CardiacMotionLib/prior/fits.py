"""One subject's fit, and the file it is kept in."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..devices import choose_device
from ..errors import CardiacMotionError
from ..methods.inr import Options
from ..methods.inr.fit import Fit
from ..methods.inr.prior import CANONICAL
from ..methods.protocol import Context
from ..methods.registry import check_seed
from ..series import LV_CAVITY, MYOCARDIUM, ImageSeries, default_reference
from .subjects import Subject

NOT_OF_THE_FIT = ("prior", "checkpoint")
DEFAULTS = Options(  # for building
    prior="none", steps=250, learning_rate=2e-5, decay=False, points=512, volume_points=192, patience=0
)


@dataclass(frozen=True)
class Recipe:
    """How every subject is fitted.

    Attributes
    ----------
    options
        Of the method.
    seed
        Of the drawn weights and of the points that are compared.
    device
        Where.
    """

    options: Options
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.options.checkpoint:
            raise CardiacMotionError(
                f"option checkpoint is {self.options.checkpoint!r}; fits of a prior need none, they are kept as files"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The options that matter."""
        return {name: value for name, value in asdict(self.options).items() if name not in NOT_OF_THE_FIT}


class Fitted(NamedTuple):
    """Parameters of a subject's network; 1 - correlation in the end, seconds, and the kind of machine."""

    parameters: dict[str, Tensor]
    loss: float
    seconds: float
    machine: str


def file_of(subject: Subject, recipe: Recipe) -> str:
    """Name of the file of a fit: another one for another subject, other options or another program."""
    what = {
        "subject": subject.identity,
        "options": recipe.settings,
        "seed": recipe.seed,
        "canonical": CANONICAL,
        "version": __version__,
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return f"{re.sub(r'[^0-9A-Za-z]+', '-', subject.name)}_{digest[:16]}.safetensors"


def fit_subject(subject: Subject, recipe: Recipe, progress: Callable[[float, str], Any] | None = None) -> bytes:
    """Fit one subject from the drawn weights with one thread; what it gives is the content of the file.

    Raises
    ------
    CardiacMotionError
        for a subject that cannot be read or fitted.
    Cancelled
        when ``progress`` says so.
    """
    from safetensors.torch import save

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        started = time.perf_counter()
        series = subject.series()
        _check_labels(series)
        device = choose_device(recipe.device)
        context = Context(default_reference(series), device, recipe.seed, progress)
        fit = Fit(series, replace(recipe.options, prior="none"), context)  # all begin from the same drawn weights
        fit.run(recipe.options.steps, context)
        loss = fit.objective.validate(fit.field)
    finally:
        torch.set_num_threads(threads)
    parameters = {name: value.detach().cpu() for name, value in fit.field.network.state_dict().items()}
    facts = {"loss": repr(loss), "seconds": repr(time.perf_counter() - started), "machine": _machine(device)}
    return save(parameters, facts)


def _check_labels(series: ImageSeries) -> None:
    """Hearts are laid upon each other by labels; one that is not would blur the mean."""
    reference = default_reference(series)
    labels = series.labels.get(reference)
    if labels is None or not np.isin(labels, (MYOCARDIUM, LV_CAVITY)).any():
        raise CardiacMotionError(
            f"frame {reference} of the cine has no labels of the LV, by which hearts are laid upon each other; "
            "expected some at end-diastole"
        )


def _machine(device: torch.device) -> str:
    """Kind of machine, without its name."""
    accelerator = f", {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    return f"{platform.system()} {platform.machine()}{accelerator}"


def read_fit(path: Path) -> Fitted:
    """Read the file of a fit; raises `CardiacMotionError` for one that is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata()
            parameters = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return Fitted(parameters, float(facts["loss"]), float(facts["seconds"]), facts.get("machine", ""))
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise CardiacMotionError(f"{path}: this fit cannot be read ({error}); delete it and build again") from error

"""Signal models of the mapping sequences, one a file, and what makes each by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import CardiacMotionError
from .asl import Asl
from .base import Model
from .ir import SingleShotInversionRecovery
from .molli import Molli
from .msasha import MultiparametricSasha
from .sasha import sasha
from .stone import Stone
from .t2prep import T2Prep

MODELS: dict[str, Callable[..., Model | Asl]] = {
    "molli": Molli,
    "stone": Stone,
    "sasha": sasha,
    "msasha": MultiparametricSasha,
    "ir": SingleShotInversionRecovery,
    "t2prep": T2Prep,
    "asl": Asl,
}


def settings_of(name: str) -> dict[str, Any]:
    """What can be set of a model besides its times, and the defaults: {"parameters": 3} of sasha."""
    return {key: value.default for key, value in inspect.signature(MODELS[check_name(name)]).parameters.items()}


def make_model(name: str, settings: Mapping[str, Any] | None = None) -> Model | Asl:
    """The model of a name; raises `CardiacMotionError` for an unknown name or a setting that cannot be."""
    return MODELS[check_name(name)](**(settings or {}))


def formula_of(name: str) -> str:
    """What a model is, in the words of its class: the equation and the paper it is from."""
    return " ".join((inspect.getdoc(type(make_model(name))) or "").split("\n\n")[0].split())


def parameters_of(name: str, settings: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """What decides the signal of a pixel, one number each: in so many ways do images of one anatomy differ."""
    return make_model(name, settings).parameters


def check_name(name: Any) -> str:
    """``name`` if it is that of a model; raises `CardiacMotionError` otherwise."""
    if not isinstance(name, str) or name not in MODELS:
        raise CardiacMotionError(f"unknown mapping model {name!r}; choose one of {', '.join(MODELS)}")
    return name


__all__ = ["MODELS", "Asl", "Model", "check_name", "formula_of", "make_model", "parameters_of", "settings_of"]

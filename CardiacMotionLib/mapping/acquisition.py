"""What a fit is told of the acquisition: times in ms, one an image, from arguments, a TOML file or the series."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import CardiacMotionError
from .models import MODELS, Asl, Model, check_name, make_model, settings_of

ENDLESS = ("inversion_times", "saturation_times")  # infinity: the preparation was left out
SECONDS_BELOW = {"inversion_times": 20.0, "saturation_times": 20.0, "echo_times": 1.0, "delays": 1.0}  # the largest


class Task(NamedTuple):
    """A model and its acquisition, checked.

    Attributes
    ----------
    model
        With its settings.
    times
        {name: (T,) float64 ms}, ``is_tag`` (T,) bool.
    settings
        Those of the model, defaults included.
    """

    model: Model | Asl
    times: dict[str, np.ndarray]
    settings: dict[str, Any]


def parse_list(name: str, text: str) -> list[float]:
    """Values of ``name`` from ``"100, 200, inf"``, commas or spaces between; raises `CardiacMotionError`."""
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError as error:
        like = "0 and 1 with commas between, like 1, 0, 1" if name == "is_tag" else "ms with commas, like 100, 200, inf"
        raise CardiacMotionError(f"cannot read {name} from {text!r}; expected {like}") from error


def read_acquisition(path: str | Path) -> dict[str, Any]:
    """Model, times and settings from a TOML file, as `fit_map` takes them.

    For example ``model = "stone"`` and ``inversion_times = [inf, 135, 1135]``. Raises `CardiacMotionError` for a file
    that cannot be read or has a key that the model does not take.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CardiacMotionError(f"cannot read the acquisition from {path}: {error}") from error
    names = MODELS if "model" not in values else [check_name(values["model"])]
    known = {key for name in names for key in names_of(name)}
    _check_known(values.keys() - {"model"}, known, str(path))
    return values


def names_of(name: str) -> tuple[str, ...]:
    """Keywords of a model: the times that it needs and what else can be set."""
    return (*make_model(name).times, *settings_of(name))


def check_acquisition(model: str, given: Mapping[str, Any], meta: Mapping[str, Any], frames: int) -> Task:
    """The acquisition of ``frames`` images for a model: what is ``given``, else what ``meta`` of the series has.

    Raises
    ------
    CardiacMotionError
        for a keyword that the model does not take, times that are missing, of the wrong number, negative, in seconds
        or too much alike, and fewer images than parameters.
    """
    defaults = settings_of(model)
    _check_known(given.keys(), set(names_of(model)), f"model {model}")
    settings = {name: _plain(given.get(name, meta.get(name, default))) for name, default in defaults.items()}
    made = make_model(model, settings)
    times = {}
    for name in made.times:
        values = given.get(name, meta.get(name))
        if values is None:
            raise CardiacMotionError(
                f"model {model} needs {name}, one value {'' if name == 'is_tag' else 'in ms '}for each of the {frames} "
                f"images: pass {name}=[...]; the series does not have them in meta"
            )
        times[name] = check_times(name, values, frames)
    if isinstance(made, Model):
        _check_determined(made, times)
    return Task(made, times, settings)


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python, which can be written into files."""
    return value.item() if isinstance(value, np.generic) else value


def check_times(name: str, values: Any, frames: int) -> np.ndarray:
    """(T,) float64 ms, or bool for ``is_tag``; raises `CardiacMotionError` for what cannot be times."""
    values = parse_list(name, values) if isinstance(values, str) else values
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CardiacMotionError(f"{name} must be a list of numbers in ms, got {values!r}") from error
    if array.shape != (frames,):
        raise CardiacMotionError(
            f"{name} must have one value for each of the {frames} images, got {array.size} of shape {array.shape}"
        )
    if name == "is_tag":
        if not np.isin(array, (0, 1)).all():
            raise CardiacMotionError(f"is_tag must be true (tag) or false (control, baseline) an image, got {values!r}")
        return array.astype(bool)
    if np.isnan(array).any() or (array < 0).any():
        raise CardiacMotionError(f"{name} must be 0 or more in ms, got {array.tolist()}")
    finite = array[np.isfinite(array)]
    if name not in ENDLESS and len(finite) < frames:
        raise CardiacMotionError(
            f"{name} must be finite, got {array.tolist()}; infinity is for {' and '.join(ENDLESS)}"
        )
    if finite.size and 0 < finite.max() < SECONDS_BELOW.get(name, 0):
        raise CardiacMotionError(f"{name} up to {finite.max():g} look like seconds; give them in ms")
    return array


def _check_determined(model: Model, times: Mapping[str, np.ndarray]) -> None:
    """Raise `CardiacMotionError` unless there are as many different images as parameters."""
    count = len(model.parameters)
    frames = len(times[model.times[0]])
    listed = f"{count} parameters ({', '.join(model.parameters)})"
    if frames < count:
        raise CardiacMotionError(f"model {model.name} has {listed}: it needs {count} images or more, got {frames}")
    for name in model.times[: len(model.constants)]:  # each time constant is seen in its own times
        if len(np.unique(times[name])) == 1:
            raise CardiacMotionError(f"{name} are all {times[name][0]:g} ms; model {model.name} needs different ones")
    different = len(np.unique(np.stack([times[name] for name in model.times]), axis=1).T)
    if different < count:
        raise CardiacMotionError(
            f"{' and '.join(model.times)} have {different} different values; model {model.name} has {listed} and needs "
            f"{count} or more"
        )


def _check_known(given: Any, known: set[str], where: str) -> None:
    """Raise `CardiacMotionError` for the first key that is not known."""
    for key in sorted(set(given) - known):
        close = difflib.get_close_matches(key, known, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise CardiacMotionError(f"{where} does not take {key!r}, only {', '.join(sorted(known))}{hint}")

"""When the images of a mapping series were taken: one value a frame, in ``meta`` of a series, in files and on nodes.

The names are those that a fit takes: ``inversion_times``, ``saturation_times``, ``echo_times``, ``delays`` in ms,
where infinity is a preparation that was left out, and ``is_tag`` of arterial spin labeling. Beside them ``model`` says
how the series is to be fitted, where that is known.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError
from .files import stem_of

TIMES = ("inversion_times", "saturation_times", "echo_times", "delays")
IS_TAG, MODEL = "is_tag", "model"
PREFIX = "CardiacMotion."  # of keys in NRRD headers, which Slicer turns into attributes of the sequence and back
MILLISECONDS = {"ms": 1.0, "msec": 1.0, "s": 1000.0, "sec": 1000.0, "us": 0.001}
INDEX = {"inversiontime": "inversion_times", "saturationtime": "saturation_times", "echotime": "echo_times"}
BIDS = {"InversionTime": "inversion_times", "EchoTime": "echo_times"}  # there in seconds


def acquisition_keys(meta: Mapping[str, Any]) -> dict[str, str]:
    """What ``meta`` of a series knows of its acquisition, as text under keys such as ``CardiacMotion.is_tag``."""
    keys = {name: " ".join(repr(float(v)) for v in meta[name]) for name in TIMES if _listed(meta.get(name))}
    if _listed(meta.get(IS_TAG)):
        keys[IS_TAG] = " ".join(str(int(v)) for v in meta[IS_TAG])
    if isinstance(meta.get(MODEL), str):
        keys[MODEL] = meta[MODEL]
    return {PREFIX + name: text for name, text in keys.items()}


def acquisition_from_keys(keys: Mapping[str, Any], frames: int) -> dict[str, Any]:
    """The entries for ``meta`` from what `acquisition_keys` wrote; what has not one number a frame is left out."""
    found: dict[str, Any] = {}
    for name in (*TIMES, IS_TAG):
        numbers = _numbers(str(keys.get(PREFIX + name) or "").split())
        if numbers and len(numbers) == frames:
            found[name] = [bool(v) for v in numbers] if name == IS_TAG else numbers
    if keys.get(PREFIX + MODEL):
        found[MODEL] = str(keys[PREFIX + MODEL])
    return found


def acquisition_from_index(name: str, unit: str, values: Sequence[str]) -> dict[str, list[float]]:
    """Entries for ``meta`` where the index of a sequence is no time of the heartbeat but ``InversionTime`` or such.

    Capitals, spaces, underscores and a plural do not matter. Units ms, s and us are understood, none is ms.
    """
    known = INDEX.get(re.sub(r"[\s_]", "", name.lower()).removesuffix("s"))
    numbers = _numbers(values)
    scale = MILLISECONDS.get(unit.strip().lower() or "ms")
    return {known: [scale * v for v in numbers]} if known and numbers and scale else {}


def read_sidecar(image: Path, frames: int) -> dict[str, Any]:
    """Entries for ``meta`` from the .json beside an image, of the same name; empty where there is none.

    ``InversionTime`` and ``EchoTime`` are those of BIDS: seconds, one number or one a frame. ``inversion_times`` and
    the other names of this module are in ms, one a frame. One echo time for several frames is no preparation and is
    left out. Raises `CardiacMotionError` for a file that cannot be read, or times of another number than frames.
    """
    path = image.with_name(f"{stem_of(image)}.json")
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CardiacMotionError(
            f"cannot read {path}: {error}; expected the JSON file that goes with the image"
        ) from error
    if not isinstance(content, Mapping):
        return {}
    found = {name: _checked(path, content, name, frames, 1.0) for name in TIMES if name in content}
    for key, name in BIDS.items():
        single = isinstance(content.get(key), (int, float)) and frames > 1
        if key in content and name not in found and not single:
            found[name] = _checked(path, content, key, frames, 1000.0)
    if IS_TAG in content:
        found[IS_TAG] = [bool(v) for v in _checked(path, content, IS_TAG, frames, 1.0)]
    if isinstance(content.get(MODEL), str):
        found[MODEL] = content[MODEL]
    return found


def joined(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The entries of ``meta`` for frames that were read one by one: those that every frame has and that differ."""
    all_parts = list(parts)
    known = [name for name in (*TIMES, IS_TAG) if all(_listed(part.get(name)) for part in all_parts)]
    lists = {name: [value for part in all_parts for value in part[name]] for name in known}
    return {name: values for name, values in lists.items() if len(set(values)) > 1}


def _checked(path: Path, content: Mapping[str, Any], key: str, frames: int, scale: float) -> list[float]:
    values = content[key] if isinstance(content[key], list) else [content[key]]
    numbers = _numbers(values)
    if numbers is None or len(numbers) != frames:
        raise CardiacMotionError(
            f"{path}: {key} has {len(values)} values {values[:4]}; expected a number for each of the {frames} frames"
        )
    return [scale * v for v in numbers]


def _numbers(values: Iterable[Any]) -> list[float] | None:
    """Floats, infinity included; None where one is none."""
    try:
        numbers = [float(v) for v in values]
    except (TypeError, ValueError):
        return None
    return None if any(math.isnan(v) for v in numbers) else numbers


def _listed(values: Any) -> bool:
    return values is not None and not isinstance(values, str) and len(values) > 0

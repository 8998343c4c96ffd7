"""How each DICOM image of a mapping series was prepared: inversion, saturation, T2 preparation, arterial label.

Where it is looked up, first to last:

- the standard (PS3.3): Inversion Time (0018,0082) in ms and Inversion Times (0018,9079) of enhanced files; Scanning
  Sequence (0018,0020), in which IR is an inversion; Inversion Recovery (0018,9009), Saturation Recovery (0018,9024) and
  T2 Preparation (0018,9021), YES or NO, of enhanced files; Echo Time (0018,0081) or Effective Echo Time (0018,9082);
  ASL Context (0018,9257). It has no attribute for the time after a saturation or the length of a T2 preparation.
- private attributes whose names are public (the dictionary of pydicom): Prepulse Delay (2001,xx1B) with Prepulse Type
  (2001,xx1C) of Philips, taken where the type begins with INV or SAT; Saturation Recovery Time (700D,xx1B) of Canon.
  Tested on small files, none of them from a scanner.
- text in Image Comments (0020,4000) and Series Description (0008,103E): ``TI 135 ms``, ``TS=600``, ``T2prep 45``. This
  is nobody's standard.

An image without inversion has an inversion time of infinity only where the file says that it has none: Inversion
Recovery is NO, or its Scanning Sequence has no IR while that of others in the series has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

SAME_TIME_MS = 10.0  # between slices: more is another acquisition
PHILIPS, CANON = "Philips Imaging DD 001", ("CANON_MEC_MR3^10", "TOSHIBA_MEC_MR3^10")
_WORD, _NUMBER = r"(?<![A-Za-z0-9])", r"\s*[=:]?\s*(\d+(?:\.\d+)?|inf)(?![\d.])"
TEXTS = {
    name: re.compile(_WORD + word + _NUMBER, re.IGNORECASE)
    for name, word in (
        ("inversion", "TI"),
        ("saturation", "(?:TS|TSAT|TSR|saturation(?: recovery)?(?: time)?)"),
        ("t2_preparation", "T2[ _-]?prep(?:aration)?(?:[ _]?(?:TE|time))?"),
    )
}
NAMES = {
    "inversion": "inversion_times",
    "saturation": "saturation_times",
    "t2_preparation": "echo_times",
    "echo": "echo_times",
}
LEFT_OUT = {"inversion": math.inf, "saturation": math.inf, "t2_preparation": 0.0}


class Preparation(NamedTuple):
    """One image: times in ms, None where the file does not say; ``without``, of which it says that there is none."""

    inversion: float | None = None
    saturation: float | None = None
    t2_preparation: float | None = None
    echo: float | None = None
    is_tag: bool | None = None
    without: frozenset[str] = frozenset()
    from_text: bool = False


def read_preparation(dataset: Any, tags: Any) -> Preparation:
    """The preparation of an image; ``tags`` looks attributes up in its functional groups and then in the file."""
    times = {
        "inversion": _first(tags.get("InversionTime"), tags.get("InversionTimes")),
        "saturation": _canon(dataset),
        "t2_preparation": None,
    }
    kind, delay = _philips(dataset)
    if kind in times and times[kind] is None:
        times[kind] = delay
    texts = [str(dataset.get(name, "")) for name in ("ImageComments", "SeriesDescription")]
    in_text = {name: _in_text(pattern, texts) for name, pattern in TEXTS.items() if times[name] is None}
    flags = {"inversion": "InversionRecovery", "saturation": "SaturationRecovery", "t2_preparation": "T2Preparation"}
    without = {name for name, flag in flags.items() if str(tags.get(flag, "")).upper() == "NO"}
    sequence = tags.get("ScanningSequence")
    if sequence is not None and "IR" not in ([sequence] if isinstance(sequence, str) else list(sequence)):
        without.add("inversion")
    context = str(tags.get("ASLContext", "")).upper()
    return Preparation(
        **{**times, **in_text},
        echo=_first(tags.get("EffectiveEchoTime"), tags.get("EchoTime")),
        is_tag=(context == "LABEL") if context else None,
        without=frozenset(without),
        from_text=any(value is not None for value in in_text.values()),
    )


def is_mapping(images: Sequence[Preparation]) -> bool:
    """Whether the images of one place differ in their preparation, so that they are contrasts and not phases."""
    return any(len(set(_known(images, name))) > 1 for name in LEFT_OUT) or _all_differ(_known(images, "echo"), images)


def acquisition_of(slices: Sequence[Sequence[Preparation]]) -> tuple[dict[str, list], list[str]]:
    """Entries for ``meta`` of a series, one value a frame, from [slice][frame]; and sentences for the user.

    Slices of one frame may differ by a few ms, and the median is taken. Where they differ by more, or the time of an
    image is not known, there is no entry, and a sentence says why.
    """
    found: dict[str, list] = {}
    notes: list[str] = []
    for name, key in NAMES.items():
        if key in found or not any(_differ(images, name) for images in slices):
            continue
        rows = [[_time(one, name) for one in images] for images in slices]
        if any(value is None for row in rows for value in row):
            missing = sorted({n for row in rows for n, value in enumerate(row) if value is None})
            notes.append(
                f"The files give no {name.replace('_', ' ')} time for frame {', '.join(map(str, missing))}, so none "
                f"was taken: give all with {key} (--{key.replace('_', '-')}), inf for an image without preparation."
            )
            continue
        times = np.array(rows, dtype=np.float64)
        apart = _apart(times)
        if apart > SAME_TIME_MS:
            notes.append(
                f"The {key.replace('_', ' ')} of the slices are up to {apart:.0f} ms apart, so none were taken: read "
                "one slice at a time."
            )
            continue
        found[key] = [float(v) for v in np.median(times, axis=0)]
        if any(one.from_text for images in slices for one in images):
            notes.append(
                f"The {key.replace('_', ' ')} were read from the text of image comments or series descriptions."
            )
    tags = [[one.is_tag for one in images] for images in slices]
    if all(value is not None for row in tags for value in row) and all(row == tags[0] for row in tags):
        found["is_tag"] = list(tags[0])
    return found, notes


def _time(image: Preparation, name: str) -> float | None:
    """ms; of a preparation that the file says was left out, the time that means so."""
    value = getattr(image, name)
    if name in image.without and not value:
        return LEFT_OUT[name]
    return value


def _differ(images: Sequence[Preparation], name: str) -> bool:
    values = _known(images, name)
    return _all_differ(values, images) if name == "echo" else len(set(values)) > 1


def _all_differ(values: list[float], images: Sequence[Preparation]) -> bool:
    """Several echo times mean echoes of one moment only where every image has its own: else it is a cine of echoes."""
    return len(images) > 1 and len(set(values)) == len(images)


def _known(images: Sequence[Preparation], name: str) -> list[float]:
    return [value for image in images if (value := getattr(image, name)) is not None]


def _apart(times: np.ndarray) -> float:
    """Largest difference in ms of the slices (K, T) in a frame; infinity where only some have that."""
    endless = np.isinf(times)
    if (endless.any(axis=0) != endless.all(axis=0)).any():
        return math.inf
    return float(np.ptp(np.where(endless, 0.0, times), axis=0).max())


def _first(*values: Any) -> float | None:
    """The first value that is there, of a list its first entry."""
    for value in values:
        if value is None or value == "":
            continue
        entries = [value] if isinstance(value, (str, int, float)) else list(value)
        if entries:
            return float(entries[0])
    return None


def _in_text(pattern: re.Pattern[str], texts: Sequence[str]) -> float | None:
    return next((float(match[1]) for text in texts if (match := pattern.search(text))), None)


def _philips(dataset: Any) -> tuple[str | None, float | None]:
    """Which preparation the prepulse is, and the time after it."""
    kind, delay = (_private(dataset, 0x2001, PHILIPS, element) for element in (0x1C, 0x1B))
    known = {"INV": "inversion", "SAT": "saturation"}.get(str(kind or "").strip().upper()[:3])
    return known, _first(delay)


def _canon(dataset: Any) -> float | None:
    return _first(*(_private(dataset, 0x700D, creator, 0x1B) for creator in CANON))


def _private(dataset: Any, group: int, creator: str, element: int) -> Any:
    try:
        return dataset.private_block(group, creator)[element].value
    except KeyError:
        return None

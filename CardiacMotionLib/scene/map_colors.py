"""How each parameter map is shown: colors, window and title, the same in Slicer and in reports.

T1 wears Lipari and T2 Navia, perceptually uniform maps of several hues (Crameri; MIT license) that are recommended for
relaxometry (Fuderer et al., Magn Reson Med 2025), here over a linear scale. SD and R2 wear black to yellow: dark is a
good fit, and what is not stands out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..mapping.maps import ParameterMaps

Points = tuple[tuple[float, float, float, float], ...]  # position 0..1, red, green, blue

LIPARI: Points = (
    (0.000, 0.011, 0.073, 0.148),
    (0.082, 0.046, 0.182, 0.303),
    (0.165, 0.162, 0.293, 0.439),
    (0.251, 0.320, 0.358, 0.480),
    (0.333, 0.419, 0.371, 0.462),
    (0.416, 0.521, 0.377, 0.435),
    (0.502, 0.646, 0.385, 0.403),
    (0.584, 0.784, 0.403, 0.373),
    (0.667, 0.899, 0.482, 0.384),
    (0.749, 0.913, 0.601, 0.451),
    (0.831, 0.898, 0.705, 0.535),
    (0.918, 0.928, 0.828, 0.677),
    (1.000, 0.992, 0.959, 0.857),
)
NAVIA: Points = (
    (0.000, 0.013, 0.076, 0.153),
    (0.082, 0.023, 0.169, 0.313),
    (0.165, 0.043, 0.271, 0.470),
    (0.251, 0.104, 0.377, 0.562),
    (0.333, 0.159, 0.447, 0.560),
    (0.416, 0.204, 0.495, 0.533),
    (0.502, 0.255, 0.543, 0.501),
    (0.584, 0.316, 0.598, 0.466),
    (0.667, 0.396, 0.669, 0.424),
    (0.749, 0.530, 0.762, 0.413),
    (0.831, 0.730, 0.854, 0.529),
    (0.918, 0.892, 0.916, 0.713),
    (1.000, 0.987, 0.958, 0.850),
)
DOUBT: Points = (
    (0.00, 0.00, 0.00, 0.02),
    (0.25, 0.34, 0.06, 0.43),
    (0.50, 0.73, 0.21, 0.33),
    (0.75, 0.98, 0.56, 0.04),
    (1.00, 0.99, 1.00, 0.64),
)
GRAY: Points = ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0))

TRUST: Points = tuple((1 - position, *color) for position, *color in reversed(DOUBT))  # type: ignore[misc]

PALETTES = {"Lipari": LIPARI, "Navia": NAVIA, "doubt": DOUBT, "trust": TRUST, "gray": GRAY}
NATIVE_T1_MS, CONTRAST_T1_MS = 2000.0, 1000.0  # top of the window before and after contrast agent
AFTER_CONTRAST_MS = 750.0  # T1 of the heart below this is after contrast agent
UPPER = 80.0  # percentile of all pixels that stands for the heart where there are no labels: fat and liver are shorter
LEAST_R2_SHOWN = 0.5  # of the window of R2: a fit below it says nothing
SD_SHARE = 0.1  # of the window of a map is the window of its SD


class MapStyle(NamedTuple):
    """How a map is shown: title with unit, (low, high) of the window in that, name of the palette, labels beside it."""

    title: str
    window: tuple[float, float]
    palette: str
    label_format: str
    ticks: int = 5


def styles(maps: ParameterMaps, labels: np.ndarray | None = None) -> dict[str, MapStyle]:
    """How every map is shown. Only the window of T1 depends on its values: whether they are after contrast agent.

    ``labels`` (K, J, I), where there are some, say where the heart is, whose T1 tells that. A and B, intensities, have
    a window up to their 99th percentile.
    """
    return {name: _style(name, maps.units[name], maps.maps, labels) for name in maps.maps}


def shown_maps(maps: ParameterMaps) -> list[str]:
    """Names of the maps to look at, first what is measured, then its SD, then R2; intensities are left out."""
    names = [name for name in maps.maps if maps.units[name] != "a.u." and name != "R2"]
    order = [name for name in names if not name.endswith("_SD")] + [name for name in names if name.endswith("_SD")]
    return order + [name for name in ("R2",) if name in maps.maps]


def _style(name: str, unit: str, maps: Mapping[str, np.ndarray], labels: np.ndarray | None) -> MapStyle:
    if name.endswith("_SD"):
        of = name.removesuffix("_SD")
        top = SD_SHARE * _top(of, maps, labels)
        return MapStyle(f"SD of {_word(of)} ({unit})", (0.0, top), "doubt", _format(top))
    if name == "R2":
        return MapStyle("R\N{SUPERSCRIPT TWO} of the fit", (LEAST_R2_SHOWN, 1.0), "trust", "%.1f", 6)
    top = _top(name, maps, labels)
    palette = {"T1": "Lipari", "T2": "Navia", "ECV": "Lipari", "perfusion": "Navia"}.get(name, "gray")
    return MapStyle(f"{_word(name)} ({unit})", (0.0, top), palette, _format(top))


def _top(name: str, maps: Mapping[str, np.ndarray], labels: np.ndarray | None) -> float:
    fixed = {"T2": 120.0, "perfusion": 4.0, "ECV": 60.0}
    if name in fixed:
        return fixed[name]
    values = maps.get(name, np.zeros(0))
    known = values[np.isfinite(values)]
    if name != "T1":
        return max(float(np.percentile(known, 99)), 1e-3) if known.size else 1.0
    heart = values[np.isfinite(values) & (labels > 0)] if labels is not None else np.zeros(0)
    typical = np.median(heart) if heart.size else np.percentile(known, UPPER) if known.size else np.inf
    return CONTRAST_T1_MS if typical < AFTER_CONTRAST_MS else NATIVE_T1_MS


def _word(name: str) -> str:
    return {"perfusion": "Perfusion"}.get(name, name)


def _format(top: float) -> str:
    return "%.0f" if top >= 10 else "%.1f"

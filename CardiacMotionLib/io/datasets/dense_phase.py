"""The phase of DENSE images: stored numbers to radians along the axes of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import CardiacMotionError

DIRECTIONS = ("x", "y", "z")
LARGEST = 4095  # 12 bits: 0 is -pi, 4095 is pi


@dataclass(frozen=True)
class Encoding:
    """How the stored phases become those along columns (x), rows (y) and slices (z).

    ``swap`` exchanges x and y, which the scanner named by phase encoding and readout; ``negate`` holds for the
    directions after that.
    """

    swap: bool = False
    negate: tuple[bool, bool, bool] = (False, False, False)

    def apply(
        self, phases: Mapping[str, np.ndarray], frequency: Mapping[str, float]
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """({"phase_x": (T, K, J, I) rad, ...}, {"x": cycles/mm, ...}) of stored ``phases`` {"x": rad, ...}."""
        source = {"x": "y", "y": "x", "z": "z"} if self.swap else {d: d for d in DIRECTIONS}
        maps, frequencies = {}, {}
        for direction, negate in zip(DIRECTIONS, self.negate, strict=True):
            if source[direction] in phases:
                phase = phases[source[direction]]
                maps[f"phase_{direction}"] = wrapped(-phase if negate else phase)
                frequencies[direction] = float(frequency[source[direction]])
        return maps, frequencies


def wrapped(phase: np.ndarray) -> np.ndarray:
    """The same phase in (-pi, pi], float32."""
    return (np.pi - np.mod(np.pi - phase.astype(np.float64), 2 * np.pi)).astype(np.float32)


def radians(path: Path, stored: np.ndarray) -> np.ndarray:
    """Radians of stored phase 0..4095; raises for numbers that are no 12-bit phase."""
    if stored.min() < 0 or stored.max() > LARGEST:
        raise CardiacMotionError(
            f"{path}: phase from {stored.min():g} to {stored.max():g}; expected the scanner's numbers, 0 to {LARGEST}"
        )
    return 2 * np.pi * stored.astype(np.float64) / LARGEST - np.pi


def any_radians(path: Path, phase: np.ndarray) -> tuple[np.ndarray, str]:
    """Radians of phase images, and the unit that their numbers were taken to have.

    Radians; thousandths of them (Philips); -4096 to 4094 (Siemens, by the slope and intercept of its files); or the
    numbers that are stored, see `radians`. The noise of the air has every phase, so the largest tells.
    """
    largest, signed = float(np.abs(phase).max()), bool(phase.min() < 0)
    if largest <= 2 * np.pi + 1e-3:
        return phase, "radians"
    if signed and largest <= 1000 * np.pi + 1:
        return phase / 1000.0, "thousandths of a radian"
    if signed and largest <= LARGEST + 1:
        return phase * (np.pi / (LARGEST + 1)), f"{LARGEST + 1} for half a turn"
    return radians(path, phase), f"0 to {LARGEST} for a turn"


def mean_magnitude(magnitudes: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of magnitudes (T, K, J, I) of the single encodings."""
    return np.mean([np.asarray(m, dtype=np.float32) for m in magnitudes], axis=0)

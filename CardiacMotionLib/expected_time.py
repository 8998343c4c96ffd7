"""How long a method will take: from runs on this machine where there were some, else from measurements that ship.

The shipped numbers are those of Testing/results, of default options on a processor with two cores: of the patient that
ships, else of synthetic people, and of T1 series for what is made for maps. Time is taken to grow with the voxels of
all frames, which is right to a factor of two or so: that is why it is said as an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE = 60.0


@dataclass(frozen=True)
class Measurement:
    """Seconds of one run on a series of ``shape`` (T, K, J, I), and where it is written down."""

    seconds: float
    shape: tuple[int, int, int, int]
    source: str

    @property
    def pace(self) -> float:
        """Seconds for a million voxels."""
        return self.seconds / millions(self.shape)


_PATIENT, _PERSON, _T1 = (20, 12, 109, 111), (10, 8, 88, 88), (8, 1, 128, 128)
_BENCHMARK, _MAPPING = "benchmark/benchmark.csv", "mapping_motion.csv"
SHIPPED = {
    "spline": Measurement(47.0, _PATIENT, _BENCHMARK),
    "demons": Measurement(58.0, _PATIENT, _BENCHMARK),
    "inr": Measurement(72.1, _PATIENT, _BENCHMARK),
    "riir": Measurement(14.1, _PATIENT, _BENCHMARK),
    "voxelmorph": Measurement(1.60, _PATIENT, _BENCHMARK),
    "gradirn": Measurement(4.15, _PATIENT, _BENCHMARK),
    "memwarp": Measurement(3.23, _PATIENT, _BENCHMARK),
    "syn": Measurement(171, _PATIENT, _BENCHMARK),
    "elastix": Measurement(79.6, _PATIENT, _BENCHMARK),
    "lamod": Measurement(61.3, _PATIENT, _BENCHMARK),  # these carry the wall, which is drawn in one frame, by spline
    "strainnet": Measurement(60.5, _PATIENT, _BENCHMARK),
    "unetr": Measurement(61.1, _PATIENT, _BENCHMARK),
    "bspline": Measurement(41.6, _PERSON, _BENCHMARK),
    "any2reg": Measurement(0.233, _T1, _MAPPING),
    "groupregnet": Measurement(6.30, _T1, _MAPPING),
    "pca_groupwise": Measurement(16.6, _T1, _MAPPING),
}


def millions(shape: tuple[int, ...]) -> float:
    """Millions of voxels of a series (T, K, J, I)."""
    frames, slices, rows, columns = shape
    return frames * slices * rows * columns / 1e6


def expected_seconds(method: str, shape: tuple[int, ...], pace: float | None = None) -> float | None:
    """Seconds for a series of ``shape`` (T, K, J, I), None where nothing is known.

    ``pace`` is that of runs on this machine, in seconds for a million voxels; without it the shipped one is taken.
    """
    if pace is None and method in SHIPPED:
        pace = SHIPPED[method].pace
    return None if pace is None else pace * millions(shape)


def remembered_pace(before: float | None, seconds: float, shape: tuple[int, ...]) -> float:
    """The pace to remember after a run of ``seconds``: halfway between what was known and what was seen."""
    seen = seconds / millions(shape)
    return seen if before is None else (before + seen) / 2


def in_words(seconds: float) -> str:
    """About how long, no more exact than it is known: ``a second``, ``40 s``, ``3 min``, ``2 h``."""
    if seconds < 1.5:
        return "a second"
    if seconds < 1.5 * MINUTE:
        step = 1 if seconds < 10 else 5 if seconds < 40 else 10
        return f"{round(seconds / step) * step:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < 90 * MINUTE else f"{seconds / 60 / MINUTE:.0f} h"

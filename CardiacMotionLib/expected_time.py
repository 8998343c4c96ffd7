"""How long a method will take: from runs on this machine where there were some, else from measurements that ship.

The shipped numbers are those of Testing/results, of default options on a processor with two cores. Time is taken to
grow with the voxels of all frames, which is right to a factor of two or so: that is why it is said as an estimate.
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


_HEART, _PERSON, _T1 = (16, 10, 112, 112), (10, 8, 88, 88), (8, 1, 128, 128)
_DRAWN = (20, 3, 96, 96)  # with the wall in every frame
SHIPPED = {
    "demons": Measurement(13.0, _HEART, "accuracy.md"),
    "spline": Measurement(9.39, _HEART, "accuracy.md"),
    "inr": Measurement(23.4, _HEART, "inr_speed.md"),
    "riir": Measurement(9.48, _HEART, "learned_accuracy.md"),
    "voxelmorph": Measurement(1.17, _HEART, "learned_accuracy.md"),
    "gradirn": Measurement(4.29, _HEART, "learned_accuracy.md"),
    "memwarp": Measurement(2.56, _HEART, "learned_accuracy.md"),
    "bspline": Measurement(41.6, _PERSON, "benchmark/benchmark.md"),
    "elastix": Measurement(37.8, _PERSON, "benchmark/benchmark.md"),
    "syn": Measurement(34.5, _PERSON, "benchmark/benchmark.md"),
    "lamod": Measurement(3.5, _DRAWN, "lamod_claims.md"),
    "strainnet": Measurement(2.2, _DRAWN, "lamod_claims.md"),
    "unetr": Measurement(2.0, _DRAWN, "lamod_claims.md"),
    "any2reg": Measurement(0.295, _T1, "mapping_motion.md"),
    "groupregnet": Measurement(5.46, _T1, "mapping_motion.md"),
    "pca_groupwise": Measurement(18.5, _T1, "mapping_motion.md"),
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

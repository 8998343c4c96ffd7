"""The motion that the phase of a DENSE examination holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CardiacMotionError
from .datasets.dense_phase import DIRECTIONS
from .labels import read_mask

if TYPE_CHECKING:
    from ..dense import Decoded
    from .datasets import Examination


def read_static(examination: Examination, path: Path) -> np.ndarray:
    """Where tissue rests: (K, J, I) bool on the grid of the examination, any value of a label file.

    Raises `CardiacMotionError` for a file that is no such, lies elsewhere, or has no label.
    """
    mask = read_mask(examination.series, path)
    if not mask.any():
        raise CardiacMotionError(f"{path}: no label; expected one on tissue that rests, such as the chest wall")
    return mask


def decode_examination(
    examination: Examination,
    progress: Callable[[float], object] | None = None,
    static: np.ndarray | None = None,
) -> Decoded:
    """Decode the phases of an examination, as the layouts ``dense`` and ``phantom`` read them, by `decode_dense`.

    The wall at the encoding is that of ``maps["wall_ED"]``, or that of the first frame; ``static`` (K, J, I) bool is
    tissue at rest, from which background phase is taken.

    Raises
    ------
    CardiacMotionError
        for an examination without DENSE phases or encoding frequency, and as `decode_dense`.
    """
    from ..dense import decode_dense

    phases = {d: examination.maps[f"phase_{d}"] for d in DIRECTIONS if f"phase_{d}" in examination.maps}
    frequency = examination.series.meta.get("encoding_frequency")
    if not phases or not frequency:
        raise CardiacMotionError(
            f"{examination.series.meta.get('source', 'the examination')}: no DENSE phase; expected maps phase_x and "
            "phase_y and their encoding frequency"
        )
    wall = examination.maps.get("wall_ED")
    return decode_dense(examination.series, phases, frequency, wall=wall, static=static, progress=progress)

"""The motion that the phase of a DENSE examination holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import CardiacMotionError
from .datasets.dense_phase import DIRECTIONS

if TYPE_CHECKING:
    from ..dense import Decoded
    from .datasets import Examination


def decode_examination(examination: Examination, progress: Callable[[float], object] | None = None) -> Decoded:
    """Decode the phases of an examination, as the layouts ``dense`` and ``phantom`` read them, by `decode_dense`.

    The wall at the encoding is that of ``maps["wall_ED"]``, or that of the first frame.

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
    return decode_dense(examination.series, phases, frequency, wall=examination.maps.get("wall_ED"), progress=progress)

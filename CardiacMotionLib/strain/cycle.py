"""The order of frames in the heart cycle, starting where the strain is zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Cycle:
    """The frames unrolled so that the reference comes first, going around the end of the series.

    Attributes
    ----------
    order
        (T,) frame numbers in the order of time since the reference.
    elapsed
        (T,) time since the reference of those frames, in the unit of the series (ms; frames where it has no times).
    period
        Length of the cycle: the span of the series plus one median frame.
    timed
        Whether times are ms.
    """

    order: np.ndarray
    elapsed: np.ndarray
    period: float
    timed: bool

    def position(self, frame: int) -> int:
        """Place of a frame in `order`."""
        return int(np.flatnonzero(self.order == frame)[0])


def unroll(times: np.ndarray, reference: int, timed: bool) -> Cycle:
    """Unroll the cycle of a series with ``times`` (T,) so that it starts at frame ``reference``."""
    count = len(times)
    step = float(np.median(np.diff(times))) if count > 1 else 1.0
    period = float(times[-1] - times[0] + step)
    order = (np.arange(count) + reference) % count
    return Cycle(order, (times[order] - times[reference]) % period, period, timed)

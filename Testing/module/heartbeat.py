"""How long an event loop stands still: a timer that should tick every 5 ms, and what the thread did in between."""

from __future__ import annotations

import time

import numpy as np
import qt

INTERVAL_MS = 5


class Heartbeat:
    """Ticks while it runs; ``phase()`` names what the gap that ends now belongs to.

    Attributes
    ----------
    gaps
        Rows of (phase, seconds from tick to tick, seconds of processor time that this thread took of them). The first
        is what a user feels. The second leaves out what other processes took, and what the thread slept of its own
        will.
    """

    def __init__(self, phase=lambda: ""):
        self.gaps: list[tuple[str, float, float]] = []
        self._phase = phase
        self._last = self._busy = 0.0
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.connect("timeout()", self._tick)

    def __enter__(self):
        self._last, self._busy = time.perf_counter(), time.thread_time()
        self._timer.start()
        return self

    def __exit__(self, *_error):
        self._timer.stop()

    def _tick(self):
        now, busy = time.perf_counter(), time.thread_time()
        self.gaps.append((self._phase(), now - self._last, busy - self._busy))
        self._last, self._busy = now, busy

    def wall(self, phase=None):
        """Seconds between ticks, of one phase or all."""
        return np.array([gap[1] for gap in self.gaps if phase in (None, gap[0])])

    def own(self, phase=None):
        """Seconds of this thread's processor time between ticks."""
        return np.array([gap[2] for gap in self.gaps if phase in (None, gap[0])])

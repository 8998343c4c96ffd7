"""Somebody who is told how far a run is."""

from __future__ import annotations


class Listener:
    """Remembers what it was told and answers False from a fraction on."""

    def __init__(self, stop_at=2.0):
        self.fractions, self.texts, self.stop_at = [], [], stop_at

    def __call__(self, fraction, text):
        self.fractions.append(fraction)
        self.texts.append(text)
        return fraction < self.stop_at

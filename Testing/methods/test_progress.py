"""Every method tells how far it is and stops at once when it is told to."""

from __future__ import annotations

import pytest
from progress_listener import Listener
from quick_options import EVERY_METHOD_TO_RUN, quick

from CardiacMotionLib import Cancelled, register
from CardiacMotionLib.methods import Context

pytestmark = pytest.mark.usefixtures("tiny_models")


@pytest.mark.parametrize("name", EVERY_METHOD_TO_RUN)
@pytest.mark.parametrize("reference", [0, 1])
def test_progress_goes_from_nothing_to_all(ring, name, reference):
    told = Listener()
    series = ring[0].replace(labels={reference: ring[0].labels[0]})
    register(series, name, reference=reference, progress=told, **quick(name))
    assert told.fractions[0] == 0
    assert told.fractions[-1] == 1
    assert told.fractions == sorted(told.fractions)
    assert len(told.fractions) >= 4
    assert any(0.1 < f < 0.9 for f in told.fractions)
    assert all(told.texts)
    assert "\n" not in "".join(told.texts)


@pytest.mark.parametrize("name", EVERY_METHOD_TO_RUN)
@pytest.mark.parametrize("stop_at", [0.0, 0.4, 0.95])
def test_a_no_stops_the_run_at_once(ring, name, stop_at):
    told = Listener(stop_at)
    with pytest.raises(Cancelled, match="cancelled at"):
        register(ring[0], name, progress=told, **quick(name))
    assert sum(f >= stop_at for f in told.fractions) == 1, "it went on after the answer"
    assert told.fractions[-1] >= stop_at


def test_only_false_cancels(ring):
    for answer in (None, 0, "", True):
        register(ring[0], "demons", progress=lambda fraction, text, answer=answer: answer, **quick("demons"))


def test_a_part_counts_within_the_whole():
    told = Listener()
    whole = Context(reference=0, device=None, seed=0, progress=told)
    half = whole.part(0.5, 1.0)
    half.report(0.5, "a")
    half.part(0.5, 1.0).report(1.0, "b")
    whole.report(7, "more than all")
    assert told.fractions == [0.75, 1.0, 1.0]
    assert whole.part(0, 1).reference == 0

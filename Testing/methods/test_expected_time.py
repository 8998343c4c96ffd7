"""Expected times: they grow with the series, name a source that is there, and give way to what this machine took."""

from pathlib import Path

import pandas as pd
import pytest

from CardiacMotionLib.expected_time import SHIPPED, expected_seconds, in_words, remembered_pace
from CardiacMotionLib.methods import methods

RESULTS = Path(__file__).resolve().parents[1] / "results"


def test_every_shipped_number_is_of_a_method_and_of_a_table_that_is_there():
    assert set(SHIPPED) <= set(methods())
    for measurement in SHIPPED.values():
        assert (RESULTS / measurement.source).is_file()


def test_the_numbers_are_those_of_the_tables():
    table = pd.read_csv(RESULTS / "benchmark" / "benchmark.csv").replace({"method": {"auto": "spline"}})
    means = table.groupby(["method", "shape"])["seconds"].mean()
    maps = pd.read_csv(RESULTS / "mapping_motion.csv").groupby("method")["seconds"].mean()
    for method, measurement in SHIPPED.items():
        size = "x".join(map(str, measurement.shape))
        of_maps = measurement.source == "mapping_motion.csv"
        assert measurement.seconds == pytest.approx(maps[method] if of_maps else means[method, size], rel=0.01)


def test_time_grows_with_the_series_and_what_was_seen_here_counts_more():
    small, large = (10, 1, 100, 100), (20, 5, 100, 100)
    assert expected_seconds("spline", large) == pytest.approx(10 * expected_seconds("spline", small))
    assert expected_seconds("spline", large, pace=2.0) == pytest.approx(2.0)
    assert expected_seconds("nobody knows", large) is None


def test_a_run_moves_the_remembered_pace_halfway():
    assert remembered_pace(None, 4.0, (10, 10, 100, 100)) == pytest.approx(4.0)
    assert remembered_pace(2.0, 4.0, (10, 10, 100, 100)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.3, "a second"), (3.6, "4 s"), (13.9, "15 s"), (64.0, "60 s"), (200.0, "3 min"), (7300.0, "2 h")],
)
def test_words_are_no_more_exact_than_the_estimate(seconds, words):
    assert in_words(seconds) == words

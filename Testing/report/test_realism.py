import numpy as np
import pandas as pd
import pytest
from PIL import Image

from CardiacMotionLib.phantom.realism import HISTOGRAMS, Measurement, compare
from CardiacMotionLib.report.realism import draw_realism, plot_realism, realism_markdown, realism_summary, short_number


def measurement(value, bin_, histograms=tuple(HISTOGRAMS)):
    share = np.full(64, 1e-3)
    share[bin_] = 1
    return Measurement("m", {"size (mm)": value}, dict.fromkeys(histograms, share / share.sum()))


REAL = [measurement(value, 20 + n) for n, value in enumerate((1.0, 2.0, 3.0))]
SYNTHETIC = [measurement(4.0, 40), measurement(6.0, 41)]


def test_every_cine_and_the_mean_of_each_group_is_drawn():
    figure = draw_realism(REAL, SYNTHETIC)
    shown = [axis for axis in figure.axes if axis.lines]
    assert [axis.get_title() for axis in shown] == [title for title, _ in HISTOGRAMS.values()]
    assert [len(axis.lines) for axis in shown] == [3 + 1 + 2 + 1] * 5
    thick = [line for line in shown[0].lines if line.get_linewidth() > 2]
    assert [line.get_label() for line in thick] == ["real, 3 cines", "synthetic, 2 cines"]
    assert np.argmax(thick[1].get_ydata()) in (40, 41)
    assert thick[0].get_color() != thick[1].get_color()


def test_a_histogram_that_no_cine_has_is_not_drawn():
    some = [measurement(1.0, 5, ("heart intensity",))]
    assert len([axis for axis in draw_realism(some, some).axes if axis.lines]) == 1


def test_the_picture_is_written(tmp_path):
    with Image.open(plot_realism(REAL, SYNTHETIC, tmp_path / "realism.png")) as picture:
        assert min(picture.size) > 500


def test_the_page_holds_every_statistic_with_its_numbers():
    table = compare(REAL, SYNTHETIC)
    page = realism_markdown(table, "Made by hand.")
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(table)
    assert "| size (mm) | 2.00 (1.00 to 3.00) | 5.00 (4.00 to 6.00) | 3.00 | 1.00 | 3.00 | 3.00 | 2.00 |" in lines
    assert "Made by hand." in page


def test_the_summary_names_the_largest_gaps():
    table = pd.DataFrame(
        {"statistic": list("abcde"), "ratio": [1.0, 9.0, 2.0, 3.0, 0.5], "variety": [0.1, 0.2, 0.3, 0.4, 0.5]}
    )
    assert realism_summary(table) == (
        "Median over 5 statistics: ratio 2.00, variety 0.30. Largest: b (9.00); d (3.00); c (2.00)."
    )
    assert "variety" not in realism_summary(table.assign(variety=np.nan))


@pytest.mark.parametrize(
    ("value", "text"),
    [(123.4, "123"), (-12.34, "-12.3"), (1.234, "1.23"), (0.01234, "0.012"), (0.0, "0.000"), (np.nan, "")],
)
def test_short_numbers(value, text):
    assert short_number(value) == text

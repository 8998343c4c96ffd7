"""Time and memory against size: power laws, what is run, that nothing is done twice or too large, page and picture."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.methods import methods
from CardiacMotionLib.report.scaling import base, fits_table, page, verdict
from CardiacMotionLib.report.scaling_picture import draw_scaling, spread
from CardiacMotionLib.studies import measured_run, scaling
from CardiacMotionLib.studies.benchmark import Settings
from CardiacMotionLib.studies.benchmark_scores import Prepared

# ---------------------------------------------------------------------- power laws


def test_an_exact_power_law_is_found_without_error():
    law = scaling.fit_power_law([40, 5, 10, 20], [3 * n**1.5 for n in (40, 5, 10, 20)])
    assert (law.factor, law.exponent, law.last) == pytest.approx((3, 1.5, 1.5))
    assert law.error == pytest.approx(0, abs=1e-6)
    assert law.points == 4


def test_the_standard_error_is_what_the_exponent_scatters_by():
    generator = np.random.default_rng(0)
    sizes = np.array([11, 30, 60, 120, 240])
    laws = [
        scaling.fit_power_law(sizes, 2 * sizes**0.8 * np.exp(0.1 * generator.standard_normal(5))) for _ in range(400)
    ]
    exponents = np.array([law.exponent for law in laws])
    assert exponents.mean() == pytest.approx(0.8, abs=0.01)
    assert np.sqrt(np.mean([law.error**2 for law in laws])) == pytest.approx(exponents.std(), rel=0.1)


def test_a_constant_cost_shows_between_the_two_largest_sizes():
    sizes = np.array([5, 10, 20, 40, 80.0])
    law = scaling.fit_power_law(sizes, 10 + sizes)
    assert law.exponent < law.last < 1
    assert law.error > 0.03


def test_what_cannot_be_fitted_is_said():
    for sizes, costs, said in (([5, 10], [1, 2], "3 different sizes, got 2"), ([5, 10, 20], [1, 0, 2], "above zero")):
        with pytest.raises(CardiacMotionError, match=said):
            scaling.fit_power_law(sizes, costs)


# ---------------------------------------------------------------------- what is run


def test_each_axis_lets_one_number_grow():
    numbers = {axis.title: [axis.number(size) for size in axis.sizes or axis.groupwise] for axis in scaling.axes()}
    assert numbers == {
        "frames": [5, 10, 20, 40],
        "pixels": [48**2, 64**2, 96**2, 128**2],
        "slices": [2, 4, 8, 16],
        "images": [11, 30, 60, 120, 240],
    }
    for axis in [*scaling.axes(), *scaling.axes(quick=True)]:
        for sizes in (axis.sizes, axis.groupwise):
            grows = [len({getattr(size, name) for size in sizes}) > 1 for name in ("frames", "slices", "side")]
            assert sum(grows) == bool(sizes)
            assert [*sizes] == sorted(sizes, key=axis.number)


def test_images_have_their_size_and_no_two_are_the_same():
    cine = scaling.Size(3, 2, 40).examination().series
    assert cine.frames.shape == (3, 2, 40, 40)
    assert cine.spacing == pytest.approx([4.8, 4.8, 6])
    assert list(cine.labels) == [0]
    assert set(np.unique(cine.labels[0])) == {0, 1, 2, 3}
    maps = scaling.Size(25, 1, 40, "t1").examination().series
    assert maps.frames.shape == (25, 1, 40, 40)
    assert len(np.unique(maps.frames.reshape(25, -1), axis=0)) == 25
    apart = maps.frames[0].ravel(), maps.frames[11].ravel()
    assert np.corrcoef(*apart)[0, 1] > 0.9


def test_groupwise_methods_have_sizes_of_their_own_and_a_size_on_two_axes_is_one_run(tmp_path):
    points = scaling.points_of(scaling.axes(), ["spline", "any2reg"], Settings(), tmp_path)
    curves = [point.curve for point in points]
    assert {axis for axis, method in curves if method == "any2reg"} == {"pixels", "images"}
    assert {axis for axis, method in curves if method == "spline"} == {"frames", "pixels", "slices"}
    assert all(point.size.kind == ("t1" if point.run.method == "any2reg" else "cine") for point in points)
    base_runs = [point.run.file for point in points if point.size == scaling.Size(10, 6, 64)]
    assert len(base_runs) == 2
    assert len(set(base_runs)) == 1
    others = scaling.points_of(scaling.axes(), ["spline", "any2reg"], Settings(threads=1), tmp_path)
    assert not {point.run.file for point in points} & {point.run.file for point in others}


def test_the_methods_are_those_asked_for_or_a_chosen_few():
    names, missing = scaling.methods_to_scale()
    assert {*names, *missing} == set(scaling.METHODS) <= set(methods())
    assert scaling.methods_to_scale(["demons"]) == (["demons"], {})


# ---------------------------------------------------------------------- runs


def measured_as(monkeypatch, seconds, calls):
    """Runs take seconds(shape) without a process; ``calls`` is filled with (method, shape)."""

    def fake(job, limit_seconds, tick):
        shape = pickle.loads(job.prepared.read_bytes()).series.frames.shape
        calls.append((job.method, shape))
        assert not job.scored
        tick()
        if (taken := seconds(shape)) > limit_seconds:
            return {"reason": "longer than the limit", "limit_seconds": limit_seconds}
        return {"seconds": taken, "peak_mib": 10 * taken, "cpu_seconds": taken}

    monkeypatch.setattr(scaling, "run_apart", fake)


@pytest.fixture
def quick_points(tmp_path):
    along = [axis for axis in scaling.axes(quick=True) if axis.title in ("frames", "pixels")]
    return scaling.points_of(along, ["demons"], Settings(), tmp_path)


def test_runs_that_are_done_are_not_done_again(quick_points, monkeypatch):
    calls = []
    measured_as(monkeypatch, lambda shape: np.prod(shape) / 1000, calls)
    table = scaling.table_of(list(scaling.execute(quick_points, Settings())))
    assert len(table) == 6
    assert len(calls) == len(set(calls)) == 5  # the base is on both axes
    assert table["seconds"].tolist() == [np.prod([*map(int, shape.split(" x "))]) / 1000 for shape in table["shape"]]
    stopped = quick_points[-1].run.file
    stopped.unlink()
    calls.clear()
    assert scaling.table_of(list(scaling.execute(quick_points, Settings()))).equals(table)
    assert calls == [("demons", (4, 2, 56, 56))]


def test_larger_images_than_took_too_long_are_not_tried(quick_points, monkeypatch):
    calls = []
    measured_as(monkeypatch, lambda shape: 100 if shape[0] > 2 else 1, calls)
    results = list(scaling.execute(quick_points, Settings(limit_minutes=1)))
    assert [shape for _, shape in calls] == [(2, 2, 40, 40), (4, 2, 40, 40)]
    assert [result.get("reason", "") for _, result in results] == [
        "",
        "longer than the limit",
        "not tried: 4 x 2 x 40 x 40 was too much",
        "longer than the limit",
        *["not tried: 4 x 2 x 40 x 40 was too much"] * 2,
    ]
    assert not scaling.fits_of(scaling.table_of(results))
    calls.clear()
    patient = list(scaling.execute(quick_points, Settings(limit_minutes=2)))
    assert not [result["reason"] for _, result in patient if "reason" in result]
    assert len(calls) == 4


def test_a_size_is_registered_and_measured(tmp_path):
    known = tmp_path / "known.pickle"
    known.write_bytes(pickle.dumps(Prepared(scaling.Size(2, 2, 40).examination().series, 0, 0)))
    result = measured_run.perform(measured_run.Job(known, "demons", {"iterations": 1}, scored=False))
    assert result["shape"] == [2, 2, 40, 40]
    assert result["seconds"] > 0
    assert result["scores"] == {}


# ---------------------------------------------------------------------- tables, page and picture


@pytest.fixture(scope="module")
def table():
    """Demons in proportion, inr the same at all frames, spline stopped after two sizes."""
    rows = []
    for n in (5, 10, 20, 40):
        for method, seconds in (
            ("demons", 0.2 * n * (1.02 if n in (5, 40) else 1)),
            ("inr", 20 * 1.01 ** (n % 3)),
            ("spline", 3.0 * n),
        ):
            reason = "longer than the limit" if method == "spline" and n > 10 else ""
            row = {"axis": "frames", "number": n, "method": method, "shape": f"{n} x 6 x 64 x 64", "reason": reason}
            known = {"seconds": seconds, "peak_mib": 0.1 * n} if not reason else {"seconds": np.nan, "peak_mib": np.nan}
            rows.append({**row, **known})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fits(table):
    return scaling.fits_of(table)


def test_only_what_was_measured_well_at_three_sizes_is_fitted(fits):
    assert set(fits) == {("frames", "demons", "seconds"), ("frames", "inr", "seconds")}  # memory: two above 1 MiB
    assert fits["frames", "demons", "seconds"].exponent == pytest.approx(1)
    assert fits["frames", "inr", "seconds"].exponent == pytest.approx(0, abs=0.02)
    row = fits_table(fits).set_index("method").loc["demons"]
    assert (row["axis"], row["quantity"], row["points"]) == ("frames", "seconds", 4)


def test_the_page_says_how_time_grows_and_what_gave_nothing(table, fits):
    said = verdict(table, fits, "frames")
    assert "as in proportion, within two standard errors, with demons (1.00 ± 0.01)" in said
    assert "slower with inr (0.00 ± 0.00)" in said
    assert "too few sizes were done to tell with spline" in said
    text = page(table, fits, Settings(threads=2), {"syn": "pip install antspyx"})
    assert "2 threads" in text
    assert "| demons | 5 to 40 | 1 to 8.2 | 1.00 ± 0.01 | 1.03 | 0.5 to 4 |  |  |" in text
    assert "- syn was left out: pip install antspyx" in text
    assert "- spline, frames, 40 x 6 x 64 x 64: longer than the limit" in text
    assert "not a medical device" in text
    assert base("images") == (
        "Images of groupwise methods: 11 x 1 x 64 x 64, 30 x 1 x 64 x 64, 60 x 1 x 64 x 64, "
        "120 x 1 x 64 x 64, 240 x 1 x 64 x 64."
    )


def test_names_beside_the_curves_do_not_touch():
    from matplotlib.text import Text

    crowd = {name: 10 * 1.002**n for n, name in enumerate(scaling.METHODS)}
    rows = [
        {"axis": "slices", "number": n, "method": name, "reason": "", "seconds": cost * n, "peak_mib": 900 * cost * n}
        for n in (2, 4, 8)
        for name, cost in crowd.items()
    ]
    table = pd.DataFrame(rows)
    figure = draw_scaling(table, scaling.fits_of(table))
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    assert len(figure.axes) == 2
    for axis in figure.axes:
        boxes = [Text.get_window_extent(text, renderer) for text in axis.texts]
        assert len(boxes) == len(crowd)
        assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[:n] if a.overlaps(b)]
        assert all(figure.bbox.contains(*box.max) and figure.bbox.contains(*box.min) for box in boxes)
        kinds = {(tuple(d.get_facecolor()[0]), d.get_paths()[0].vertices.tobytes()) for d in axis.collections}
        assert len(kinds) == len(crowd)  # told apart by color and marker


def test_places_stay_where_there_is_room_and_keep_their_order():
    assert spread(np.array([0.9, 0.1, 0.5]), 0.1) == pytest.approx([0.9, 0.1, 0.5])
    assert spread(np.array([0.5, 0.52]), 0.1) == pytest.approx([0.46, 0.56])
    crowded = spread(np.array([1.0, 0.99, 0.0, 1.0]), 0.2)
    assert np.diff(np.sort(crowded)).min() >= 0.2 - 1e-9
    assert crowded.max() <= 1 + 1e-9
    assert np.argsort(crowded).tolist() == [2, 1, 0, 3]

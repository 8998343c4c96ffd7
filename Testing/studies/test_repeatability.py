"""The study of repeatability: views of a subject, runs that are kept, and what is said of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up_strain import made_up_strain

from CardiacMotionLib import Motion
from CardiacMotionLib.errors import Cancelled, CardiacMotionError
from CardiacMotionLib.methods import registry
from CardiacMotionLib.studies import repeatability_views as views
from CardiacMotionLib.studies.repeatability import Recipe, run_repeatability
from CardiacMotionLib.studies.repeatability_runs import EXACT, exact_strain
from CardiacMotionLib.studies.repeatability_tables import (
    POOLED,
    agreement_of,
    between_methods,
    by_condition,
    differences,
    pairs_of,
    verdicts,
)
from CardiacMotionLib.studies.subjects import SampleSubject, SyntheticSubject, synthetic_subjects

TINY = {"frames": 4, "slices": 3, "rows": 44, "columns": 44, "pixel_mm": 4.0}
NOTHING = {"base": 0.0}


@pytest.fixture(scope="module")
def person() -> SyntheticSubject:
    return synthetic_subjects(1, **TINY)[0]


@pytest.fixture(scope="module")
def base(person):
    return views.scan_series(person, views.Scan(0, False, (views.BASE,)), seed=0)


@pytest.fixture
def registered(monkeypatch):
    """Methods that contract every image by 10 % about its middle at frame 2; (method, frames, shape) of each call."""
    calls = []

    def register(series, method, **_):
        calls.append((method, len(series), series.shape))
        if method == "bspline":
            raise CardiacMotionError("no motion today")
        k, j, i = np.indices(series.shape, dtype=float)
        points = np.stack((i, j, k), -1) @ series.affine[:3, :3].T
        points -= points.mean((0, 1, 2))
        amount = np.zeros(len(series))
        amount[len(series) // 2] = 0.1
        return Motion((-amount[:, None, None, None, None] * points).astype(np.float32), series.affine, 0, series.times)

    monkeypatch.setattr(registry, "register", register)
    return calls


# ---------------------------------------------------------------------- views


def test_a_synthetic_heart_is_seen_again_with_other_noise_and_other_slices(person, base):
    again, moved = (views.scan_series(person, views.Scan(1, shifted, ()), seed=0) for shifted in (False, True))
    assert sorted(base.labels) == [0]
    assert np.array_equal(again.labels[0], base.labels[0])
    flow = views.scan_series(person, views.Scan(0, False, (), artefacts=1), seed=0)
    assert not np.array_equal(flow.frames, base.frames)
    off = (again.frames - base.frames) / base.frames.max()
    assert 0.005 < off.std() < 0.1
    step = np.linalg.norm(moved.affine[:3, 3] - base.affine[:3, 3])
    assert step == pytest.approx(views.SHIFT_MM)
    assert not np.array_equal(moved.labels[0], base.labels[0])


def test_a_real_cine_gets_noise_and_no_other_slices():
    sample = SampleSubject()
    names = [view for scan in views.scans_of(sample, views.CONDITIONS, 3) for view in scan.views]
    assert names == ["base", "crop", "frames 1/2", "frames 2/3", "noise 1", "noise 2"]
    plain, noisy, other = (views.scan_series(sample, views.Scan(n, False, ()), seed=0) for n in range(3))
    blood = plain.frames[0][plain.labels[0] == 3].mean()
    bright = plain.frames > 0.5 * blood
    added = [(one.frames - plain.frames)[bright] / blood for one in (noisy, other)]
    assert [part.std() for part in added] == pytest.approx([views.NOISE_PERCENT / 100] * 2, rel=0.03)
    assert abs(np.corrcoef(added)[0, 1]) < 0.02
    same = views.scan_series(sample, views.Scan(1, False, ()), seed=0)
    assert np.array_equal(same.frames, noisy.frames)


def test_a_crop_leaves_the_heart_where_it_is(base):
    small = views.cropped(base)
    assert small.shape[1] < base.shape[1]
    assert np.count_nonzero(small.labels[0]) == np.count_nonzero(base.labels[0])
    centers = [
        np.argwhere(one.labels[0] == 2)[:, ::-1].mean(0) @ one.affine[:3, :3].T + one.affine[:3, 3]
        for one in (base, small)
    ]
    assert np.allclose(*centers)


def test_frames_are_left_out_and_the_reference_is_kept(base):
    series = base.replace(frames=np.repeat(base.frames, 5, 0), times=10.0 * np.arange(20), labels={6: base.labels[0]})
    half, most = views.thinned(series, 2.0), views.thinned(series, 1.5)
    assert (len(half), len(most)) == (10, 14)
    assert (half.times[next(iter(half.labels))], most.times[next(iter(most.labels))]) == (60, 60)
    assert np.array_equal(np.diff(half.times), [20.0] * 9)
    assert set(np.diff(most.times)) == {10.0, 20.0}


# ---------------------------------------------------------------------- runs


def test_exact_strain_is_that_of_the_phantom(person):
    """Against the mean of the phantom's own strain over the whole wall, and with all segments."""
    heart = person.heart()
    found = {(v.measure, v.region): v.percent for v in exact_strain(person)["values"]}
    frame = heart.meta["truth"]["end_systole"]
    green = np.nanmean(heart.strain()["circumferential"][frame])
    assert found["GCS", "global"] == pytest.approx(100 * (np.sqrt(1 + 2 * green) - 1), abs=0.5)
    assert {region for measure, region in found if measure == "Ecc"} <= {str(n) for n in range(1, 17)}
    assert found["GRS", "global"] > 0 > found["GLS", "global"]


def test_runs_are_made_once_and_kept(person, registered, tmp_path):
    recipe = Recipe(("spline",), ("noise", "crop", "frames"), repeats=3)
    found = run_repeatability([person], recipe, tmp_path)
    assert len(registered) == 6  # base, crop, two of frames, two of noise
    assert sorted({frames for _, frames, _ in registered}) == [2, 3, 4]
    assert set(found.table["view"]) == {"base", "crop", "frames 1/2", "frames 2/3", "noise 1", "noise 2"}
    whole = found.table[(found.table["measure"] == "GCS") & (found.table["view"] == "base")].set_index("method")
    assert whole.loc["spline", "percent"] == pytest.approx(-10, abs=0.5)
    assert EXACT in whole.index
    again = run_repeatability([person], recipe, tmp_path)
    assert len(registered) == 6
    assert again.table.equals(found.table)
    run_repeatability([person], Recipe(("spline", "demons"), ("noise",), repeats=2), tmp_path)
    assert [method for method, _, _ in registered[6:]] == ["demons", "demons"]


def test_a_run_that_fails_is_listed_and_tried_again(person, registered, tmp_path):
    told = []
    recipe = Recipe(("bspline", "spline"), ("crop",))
    found = run_repeatability([person], recipe, tmp_path, told=told.append)
    assert [(one.view, one.method, one.reason) for one in found.failed] == [
        ("base", "bspline", "no motion today"),
        ("crop", "bspline", "no motion today"),
    ]
    assert len(told) == 2
    assert set(found.table["method"]) == {"spline", EXACT}
    count = len(registered)
    run_repeatability([person], recipe, tmp_path)
    assert [method for method, _, _ in registered[count:]] == ["bspline", "bspline"]


def test_a_stopped_study_keeps_what_is_done(person, registered, tmp_path):
    def stop(fraction, _):
        return fraction == 0

    with pytest.raises(Cancelled, match="stay in"):
        run_repeatability([person], Recipe(("spline",), ("crop", "noise")), tmp_path, progress=stop)
    kept = list(tmp_path.glob("*.json"))
    assert 0 < len(kept) < 4
    assert json.loads(kept[0].read_text())["subject"] == person.name


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"methods": ("magic",)}, "unknown method magic"),
        ({"methods": ()}, "at least one method"),
        ({"methods": ("spline",), "conditions": ("weather",)}, "unknown condition weather; there is artefacts, crop"),
        ({"methods": ("spline",), "repeats": 1}, "at least 2"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(recipe, words):
    with pytest.raises(CardiacMotionError, match=words):
        Recipe(**recipe)


# ---------------------------------------------------------------------- what is said


def test_the_figures_are_those_of_the_errors_put_in():
    table = made_up_strain({"spline": {"base": 0.5, "noise 1": 0.5, "crop": 1.5}}, people=40, bias=0.8)
    found = by_condition(table).set_index(["condition", "measure", "region"])
    noise, crop = found.loc["noise", "Ecc", POOLED], found.loc["crop", "Ecc", POOLED]
    assert noise["n"] == 16 * noise["subjects"] == 640
    truth = (0.2 * 18) ** 2  # variance of the subjects
    assert noise["icc_consistency"] == pytest.approx(truth / (truth + 0.25), abs=0.01)
    assert noise["bias"] == pytest.approx(0.8, abs=0.1)
    assert crop["sd"] == pytest.approx(np.hypot(0.5, 1.5), rel=0.1)
    assert crop["icc"] < noise["icc"] < noise["icc_consistency"]
    within = np.sqrt(0.25 + 0.8**2 / 2)
    assert noise["rc"] == pytest.approx(1.96 * np.sqrt(2) * within, rel=0.1)
    assert np.isnan(noise["cov_percent"])
    assert 2 < found.loc["noise", "GCS", "global"]["cov_percent"] < 7
    assert {str(n) for n in range(1, 17)} <= {region for _, measure, region in found.index if measure == "Ecc"}


def test_differences_are_from_the_base_whatever_was_done_first():
    table = made_up_strain({"spline": {"base": 0.0, "noise-1": 0.1}}, bias=2.0)
    backwards = table.iloc[::-1]
    for of in (table, backwards):
        found = by_condition(of).set_index(["measure", "region"])
        assert found.loc[("GCS", "global"), "bias"] == pytest.approx(2.0, abs=0.2)


def test_a_segment_that_only_one_view_or_method_has_is_not_compared():
    table = made_up_strain({"spline": {"base": 0.0, "noise-1": 0.1}, "demons": {"base": 0.1}})
    apex = table["region"] == "13"
    without = table[~(apex & (table["view"] != "base")) & ~((table["region"] == "14") & (table["view"] == "base"))]
    regions = set(by_condition(without)["region"])
    assert "12" in regions
    assert not regions & {"13", "14"}
    globally = table[~((table["measure"] == "GRS") & (table["method"] == "demons"))]
    assert "GRS" not in set(between_methods(globally)["measure"])


def test_methods_are_compared_on_the_same_images():
    table = made_up_strain({"exact": NOTHING, "spline": {"base": 0.5}, "demons": {"base": 2.0, "crop": 9.0}}, people=20)
    found = between_methods(table)
    assert set(zip(found["first"], found["second"], strict=True)) == {
        ("exact", "spline"),
        ("exact", "demons"),
        ("spline", "demons"),
    }
    near = found[found["region"] == POOLED].set_index(["second", "first", "measure"])["sd"]
    assert near["spline", "exact", "Ecc"] == pytest.approx(0.5, rel=0.15)
    assert near["demons", "exact", "Ecc"] == pytest.approx(2.0, rel=0.15)


def test_verdicts_say_by_how_much():
    good = verdicts(by_condition(made_up_strain({"spline": {"base": 0.2, "noise 1": 0.2}})))
    assert [one.holds for one in good] == [True, True]
    bad = verdicts(by_condition(made_up_strain({"spline": {"base": 4.0, "noise 1": 4.0}})))
    assert [one.holds for one in bad] == [False, False]
    assert "from the limit; segment by segment lowest" in bad[0].figures
    assert "GCS" in bad[1].figures
    flow = verdicts(by_condition(made_up_strain({"spline": {"base": 0.2, "noise 1": 0.2, "artefacts": 6.0}})))
    assert [(one.holds, "artefacts" in one.claim) for one in flow] == [(True, False)] * 2 + [(False, True)] * 2
    other = verdicts(by_condition(made_up_strain({"demons": {"base": 0.2, "noise 1": 0.2}})))
    assert [one.holds for one in other] == [None, None]


def test_two_subjects_have_no_agreement_but_differences():
    table = made_up_strain({"spline": {"base": 0.0, "crop": 0.0}}, people=2, bias=1.5)
    assert by_condition(table).empty
    assert differences(table)["rms"].to_numpy() == pytest.approx(1.5)
    wide = table.pivot_table(index=["subject", "region"], columns="view", values="percent")
    assert agreement_of(wide, relative=False) == {}


def test_pairs_keep_their_subjects_and_groups():
    table = made_up_strain({"spline": {"base": 0.0, "noise 1": 0.0, "noise 2": 0.0}}, people=5, bias=1.0)
    pairs = pairs_of(table.sample(frac=1, random_state=0), "spline", "noise", "Ecc")
    assert len(pairs) == 2 * 5 * 16
    assert np.allclose(pairs["second"] - pairs["first"], 1.0)
    assert set(pairs["group"]) == {"normal", "hcm", "dcm", "ischemic", "lbbb"}

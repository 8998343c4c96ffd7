"""The work that the map command and the panel share: what it is given, what it says on the way, how it ends."""

import pickle

import numpy as np
import pytest

from CardiacMotionLib import Cancelled, CardiacMotionError, ImageSeries, Motion, phantom
from CardiacMotionLib.map_pipeline import MapRequest, compute_maps, with_acquisition
from CardiacMotionLib.mapping import signals
from CardiacMotionLib.mapping.models import MODELS, parameters_of


@pytest.fixture(scope="module")
def heart():
    return phantom("t1", 3, sequence="molli", rows=36, columns=36, pixel_mm=5.0, breathing_mm=9.0)


@pytest.fixture(scope="module")
def series(heart):
    return heart.series.replace(labels={0: heart.series.labels[0]})


def test_a_given_motion_is_taken_out_and_everything_is_there(heart, series):
    said = []
    request = pickle.loads(pickle.dumps(MapRequest(series, motion=heart.motion)))
    run = compute_maps(request, lambda fraction, text: said.append((fraction, text)) or True)
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
    assert said[-1] == (1.0, "Done")
    assert any(text.startswith("As acquired: fitting molli") for _, text in said)
    np.testing.assert_array_equal(run.registered.frames, heart.motion.warp(series))
    assert run.frame == 0
    assert run.segments[1].any()
    assert {"regions", "table", "scores"} <= vars(run).keys()  # computed, so that whoever shows them need not wait
    again = pickle.loads(pickle.dumps(run))
    assert again.scores.equals(run.scores)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_cancel_ends_it_wherever_it_is(heart, series, share):
    request = MapRequest(series, "demons", options={"iterations": 3})
    seen = []
    with pytest.raises(Cancelled):
        compute_maps(request, lambda fraction, text: seen.append(fraction) or fraction < share)
    assert sum(fraction >= share for fraction in seen) == 1  # it was told once, and did not go on


def test_without_a_method_that_can_run_it_says_so(series, monkeypatch):
    monkeypatch.setattr("CardiacMotionLib.map_pipeline.PREFERRED", ("none such",))
    request = MapRequest(series)
    assert (request.name, request.moves) == ("none", False)
    run = compute_maps(request)
    assert run.after is None
    assert any(note.startswith("Not registered") for note in run.notes)
    assert not any(note.startswith("Not registered") for note in compute_maps(MapRequest(series, "none")).notes)


def test_perfusion_takes_the_phase_of_its_images():
    """Of tissue that is still inverted: signed, all three images but the baseline lie below zero."""
    signed = np.array([100.0, *(signals.fair_asl(f, 600.0, 965.0, 1.0, 1550.0, 100.0, 1.0) for f in (0.0, 1.0))])
    frames = np.broadcast_to(np.abs(signed)[:, None, None, None], (3, 1, 16, 16))
    meta = {"model": "asl", "inversion_times": [np.inf, 600.0, 600.0], "is_tag": [0, 0, 1]}
    images = ImageSeries(frames, np.diag([2.0, 2.0, 8.0, 1.0]), meta=meta)
    phase = np.where(np.broadcast_to(signed[:, None, None, None], frames.shape) < 0, np.pi, 0).astype(np.float32)
    for given, expected in (({}, -1.0), ({"phase": phase}, 1.0)):
        run = compute_maps(MapRequest(images, "none", **given))
        np.testing.assert_allclose(run.before["perfusion"], expected, rtol=1e-3)
        assert any("wrong sign" in note for note in run.maps.notes) == (not given)


def test_d_pca_leaves_a_mode_for_each_parameter_of_the_signal(series):
    assert {name: len(parameters_of(name)) for name in MODELS} == {
        "molli": 3,
        "stone": 3,
        "sasha": 3,
        "msasha": 3,
        "ir": 3,
        "t2prep": 2,
        "asl": 2,
    }
    assert len(parameters_of("sasha", {"parameters": 2})) == 2
    times = [float(t) for t in range(10, 90, 10)]
    run = compute_maps(MapRequest(with_acquisition(series, "t2prep", {"echo_times": times}), "none"))
    assert (run.scores.query("metric == 'D_PCA1'")["unit"] == "N = 8, L = 2").all()


def test_what_is_given_goes_before_what_the_series_says(series):
    found = with_acquisition(series, "sasha", {"saturation_times": [np.inf, *range(100, 800, 100)], "parameters": 2})
    assert (found.meta["model"], found.meta["parameters"]) == ("sasha", 2)
    assert found.meta["saturation_times"][1] == 100
    assert with_acquisition(series).meta["inversion_times"] == series.meta["inversion_times"]


def test_refusals_come_before_any_work(heart, series):
    other = Motion(np.zeros((8, 1, 4, 4, 3), np.float32), np.eye(4))
    phase = np.zeros(series.frames.shape, np.float32)
    for given, message in (
        ({"method": "elastic"}, "unknown method 'elastic'; choose one of auto, none,"),
        ({"motion": other}, "give a motion of this series"),
        ({"motion": heart.motion, "method": "demons"}, "not both"),
        ({"method": "none", "reference": 2}, "without registration there is none"),
        ({"method": "none", "options": {"iterations": 2}}, "(iterations), but none will run"),
        ({"phase": phase[:3]}, "phase images of shape"),
        ({"phase": phase, "polarity": "signed"}, "the polarity signed"),
    ):
        with pytest.raises(CardiacMotionError) as caught:
            MapRequest(series, **given)
        assert message in str(caught.value)
    with pytest.raises(CardiacMotionError, match="does not say what it measures"):
        MapRequest(ImageSeries(series.frames, series.affine))

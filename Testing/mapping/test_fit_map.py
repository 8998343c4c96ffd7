"""`fit_map`: synthetic and real series, what it does with masks, signs and devices, and how it refuses."""

import numpy as np
import pytest
import torch
from synthetic_signals import acquisition_of, model_of, random_parameters, with_noise

from CardiacMotionLib import Cancelled, CardiacMotionError, ImageSeries, fit_map, phantom
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.mapping import chunks, signals
from CardiacMotionLib.mapping.fit import pixels_above_noise
from CardiacMotionLib.series import MYOCARDIUM

STILL = {"breathing_mm": 0.0, "drift_mm": 0.0, "cardiac_jitter": 0.0, "noise": 0.0, "acquired": 1.0}
SMALL = {"rows": 64, "columns": 64, "pixel_mm": 3.0}


def made_series(name="stone", shape=(1, 6, 7), noise=1.0, magnitude=True, meta=True):
    """Random pixels of a model as a series, with the true parameters (parameters, K, J, I)."""
    model, at = model_of(name), acquisition_of(name)
    parameters = random_parameters(name, int(np.prod(shape)))
    signal = with_noise(model.signal(parameters, at), noise).reshape(-1, *shape).numpy()
    facts = {"model": model.name, **{key: times[:, 0].tolist() for key, times in at.items()}} if meta else {}
    frames = np.abs(signal) if magnitude else signal
    return ImageSeries(frames, np.diag([2.0, 2.0, 8.0, 1.0]), meta=facts), parameters.reshape(-1, *shape).numpy()


# ---------------------------------------------------------------------- known answers


@pytest.mark.parametrize("sequence", ["stone", "molli", "sasha", "msasha", "ir", "t2prep"])
def test_still_phantom_gives_its_maps_back(sequence):
    subject = phantom("t1", 3, sequence=sequence, **STILL, **SMALL)
    maps = fit_map(subject.series)
    assert maps.model == sequence
    for name in {"T1", "T2"} & set(maps.maps):
        pure = (subject.maps["purity"] > 0.9999) & np.isfinite(subject.maps[name]) & maps.attempted
        assert pure.sum() > 300
        np.testing.assert_allclose(maps[name][pure], subject.maps[name][pure], rtol=0.01)


def test_still_phantom_gives_its_perfusion_back():
    subject = phantom("asl", 3, fluctuation=0.0, **STILL, **SMALL)
    maps = fit_map(subject.series)
    pure = (subject.maps["purity"] > 0.9999) & (subject.series.labels[0] == 2)
    np.testing.assert_allclose(maps["perfusion"][pure], subject.maps["perfusion"][pure], rtol=0.01)
    assert maps.units == {"perfusion": "mL/g/min", "perfusion_SD": "mL/g/min", "B": "a.u."}
    assert maps.acquisition["t1_blood"] == subject.series.meta["t1_blood"]
    assert np.nanmax(maps["perfusion_SD"][pure]) < 0.01


def test_physiological_noise_of_perfusion_grows_with_that_of_the_images():
    spread = []
    for noise in (1.0, 3.0):
        subject = phantom("asl", 3, **{**STILL, "noise": noise}, **SMALL)
        spread.append(np.nanmedian(fit_map(subject.series)["perfusion_SD"][subject.series.labels[0] == 2]))
    assert spread[1] > 2 * spread[0]


def test_digital_phantom(shared_data):
    """T1 of every tube within 0.5 %."""
    case = next(case for case in find_cases(shared_data / "tomato_t1") if case.name == "digital_t1_phantom").read()
    maps = fit_map(case.series, "molli")
    for t1 in (900, 1000, 1500, 1600):
        inside = case.maps["T1"] == t1
        assert maps.fitted[inside].all()
        np.testing.assert_allclose(maps["T1"][inside], t1, rtol=0.005)


def test_real_series(shared_data):
    """T1 of the wall beside the reference that comes with the images, which is 3 to 5 % longer throughout."""
    found, expected = [], []
    for case in find_cases(shared_data / "t1net"):
        read = case.read()
        wall = read.series.labels[0] == 2
        maps = fit_map(read.series, "molli", mask=wall)
        assert maps.survival() > 0.99
        found.append(maps["T1"][wall])
        expected.append(read.maps["T1"][wall])
        assert np.median(found[-1] / expected[-1]) == pytest.approx(1, abs=0.045)
        assert np.corrcoef(found[-1], expected[-1])[0, 1] > 0.96
    found, expected = np.concatenate(found), np.concatenate(expected)
    assert np.median(np.abs(found / expected - 1)) < 0.04
    assert np.corrcoef(found, expected)[0, 1] > 0.99


def test_phase_and_search_agree_in_real_bottles(shared_data):
    case = next(case for case in find_cases(shared_data / "tomato_t1") if case.name == "shmolli_hcmr_phantom").read()
    power = np.sqrt(np.square(case.series.frames).mean(0))
    bottle = (power > 0.4 * np.percentile(power, 99)) & (case.maps["T1"] > 300)
    by_phase = fit_map(case.series, "molli", phase=case.maps["phase"], mask=bottle)
    by_search = fit_map(case.series, "molli", mask=bottle)
    assert by_phase.provenance["sign"] == "phase"
    assert by_search.provenance["sign"] == "search"
    assert by_search.survival() > 0.99
    assert by_phase.survival() > 0.9  # at the edges of bottles the phase is not the same in all images
    assert (np.abs(by_phase["T1"] / by_search["T1"] - 1)[bottle] < 0.01).mean() > 0.9
    ratio = np.median(by_search["T1"][bottle] / case.maps["T1"][bottle])
    assert 0.85 < ratio < 1  # the scanner's fit is another one, which says more


# ---------------------------------------------------------------------- what it does with its input


def test_signed_magnitude_and_phase_images_of_the_same_pixels():
    signed, truth = made_series(magnitude=False)
    magnitude = signed.replace(frames=np.abs(signed.frames))
    maps = {
        "images": fit_map(signed),
        "search": fit_map(magnitude),
        "phase": fit_map(magnitude, phase=np.where(signed.frames < 0, np.pi, 0) - 1),
    }
    for sign, one in maps.items():
        assert one.provenance["sign"] == sign
        assert np.median(np.abs(one["T1"] / truth[2] - 1)) < 0.03
    np.testing.assert_allclose(maps["phase"]["T1"], maps["images"]["T1"], rtol=1e-4)
    assert maps["search"].notes == ("The sign of the magnitude images was found by fitting.",)
    assert fit_map(magnitude, polarity="signed").provenance["sign"] == "images"


def test_traces_of_resampling_are_not_a_sign():
    series, truth = made_series(noise=0.0)
    frames = series.frames.copy()
    frames[frames < 2] *= -1
    maps = fit_map(series.replace(frames=frames))
    assert maps.provenance["sign"] == "search"
    np.testing.assert_allclose(maps["T1"], truth[2], rtol=0.03)


def test_one_value_far_below_zero_is_not_a_sign():
    series, truth = made_series(noise=0.0, shape=(1, 12, 12))
    frames = series.frames.copy()
    frames[3, 0, 0, 0] = -20
    maps = fit_map(series.replace(frames=frames))
    assert maps.provenance["sign"] == "search"
    np.testing.assert_allclose(maps["T1"][0, 1:], truth[2][0, 1:], rtol=0.03)


@pytest.mark.parametrize("shape", [(1, 9, 8), (3, 5, 6)])
def test_maps_are_on_the_grid_and_nan_outside_the_mask(shape):
    series, truth = made_series(shape=shape)
    mask = np.zeros(shape, bool)
    mask[0, 1:3, 2] = True
    maps = fit_map(series, mask=mask)
    assert maps.shape == shape
    np.testing.assert_array_equal(maps.affine, series.affine)
    assert set(maps.maps) == {"T1", "T1_SD", "A", "B", "R2"} == set(maps.units)
    for values in maps.maps.values():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(np.isfinite(values), mask)
    np.testing.assert_array_equal(maps.attempted, mask)
    np.testing.assert_allclose(maps["T1"][mask], fit_map(series)["T1"][mask], rtol=1e-5)
    np.testing.assert_allclose(maps["T1"][mask], truth[2][mask], rtol=0.1)


def test_one_pixel():
    series, truth = made_series(shape=(1, 1, 20), noise=0.0)
    mask = np.zeros(series.shape, bool)
    mask[0, 0, 4] = True
    maps = fit_map(series, mask=mask)
    assert maps["T1"][mask] == pytest.approx(truth[2][mask], rel=1e-4)
    assert maps.survival(mask) == 1


def test_chunks_make_no_difference(monkeypatch):
    series, _ = made_series(shape=(2, 8, 9))
    whole = fit_map(series)
    monkeypatch.setattr(chunks, "CPU_CHUNK", 25)
    pieces = fit_map(series)
    for name, values in whole.maps.items():
        np.testing.assert_allclose(pieces[name], values, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_threads_make_no_difference_and_stay_as_they_were(monkeypatch):
    monkeypatch.setattr(chunks, "CPU_CHUNK", 20)
    series, _ = made_series(shape=(2, 8, 9))
    before = torch.get_num_threads()
    try:
        maps = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            maps.append(fit_map(series))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name, values in maps[0].maps.items():
        np.testing.assert_array_equal(maps[1][name], values)


def test_air_is_left_out():
    series, _ = made_series(shape=(1, 8, 8))
    frames = series.frames.copy()
    frames[:, 0, :3] *= 0.02
    maps = fit_map(series.replace(frames=frames))
    assert not maps.attempted[0, :3].any()
    assert maps.attempted[0, 3:].all()


def test_arguments_go_before_what_the_series_says():
    series, truth = made_series(noise=0.0)
    times = series.meta["inversion_times"]
    doubled = fit_map(series, inversion_times=[2 * time for time in times])
    np.testing.assert_allclose(doubled["T1"], 2 * truth[2], rtol=1e-3)
    text = fit_map(series, "stone", inversion_times=", ".join(map(str, times)))
    np.testing.assert_allclose(text["T1"], truth[2], rtol=1e-3)
    assert text.acquisition == {"inversion_times": times}


def test_sasha_of_two_parameters_is_more_precise():
    series, truth = made_series("sasha2", shape=(1, 20, 20))
    three, two = fit_map(series), fit_map(series, parameters=2)
    assert "B" in three.maps
    assert "B" not in two.maps
    assert np.nanmedian(two["T1_SD"]) < 0.7 * np.nanmedian(three["T1_SD"])
    assert np.nanmedian(np.abs(two["T1"] / truth[1] - 1)) < 0.02


def test_as_many_images_as_parameters_have_no_sd():
    series, _ = made_series("t2prep", noise=0.0)
    two = ImageSeries(series.frames[:2], series.affine)
    maps = fit_map(two, "t2prep", echo_times=series.meta["echo_times"][:2])
    assert np.isfinite(maps["T2"]).all()
    assert np.isnan(maps["T2_SD"]).all()
    assert "no SD" in maps.notes[0]


def test_failed_pixels_are_nan_and_counted():
    series, _ = made_series("t2prep", noise=0.0, shape=(1, 4, 5))
    frames = series.frames.copy()
    frames[:, 0, 0, 0] = frames[::-1, 0, 0, 0]  # grows with the echo time: no T2 does that
    maps = fit_map(series.replace(frames=frames), robust=False)
    assert not maps.fitted[0, 0, 0]
    assert np.isnan(maps["T2"][0, 0, 0])
    assert maps.notes[0].startswith("1 of 20 pixels (5.0%) have no value")
    assert maps.survival() == pytest.approx(0.95)


@pytest.mark.parametrize("polarity", ["magnitude", "signed"])
def test_a_recovery_that_runs_backwards_has_failed(polarity):
    times = np.array([100.0, 300, 500, 800, 1200, 2000, 3000])
    values = 50 + 60 * np.exp(-times / 400)  # a perfect fit by B = -60
    series = ImageSeries(np.broadcast_to(values[:, None, None, None], (7, 1, 6, 7)), np.eye(4))
    maps = fit_map(series, "stone", inversion_times=times, polarity=polarity)
    assert not maps.fitted.any()


def test_robust_fit_of_a_misplaced_image():
    series, truth = made_series(magnitude=False, noise=0.5)
    frames = series.frames.copy()
    frames[5] += 50
    error = {
        robust: np.nanmedian(np.abs(fit_map(series.replace(frames=frames), robust=robust)["T1"] / truth[2] - 1))
        for robust in (False, True, "tukey")
    }
    assert error["tukey"] < error[True] < error[False]


def test_progress_and_cancel(monkeypatch):
    monkeypatch.setattr(chunks, "CPU_CHUNK", 10)
    series, _ = made_series()
    told = []
    fit_map(series, progress=lambda share, text: told.append(share))
    assert told[0] == 0
    assert told[-1] == 1
    assert len(told) == 6
    assert told == sorted(told)
    with pytest.raises(Cancelled, match="20%"):
        fit_map(series, progress=lambda share, text: share < 0.2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
@pytest.mark.parametrize("name", ["molli", "msasha"])
def test_gpu_gives_the_same(name):
    series, _ = made_series(name, shape=(1, 20, 20))
    one, other = fit_map(series, device="cpu"), fit_map(series, device="cuda")
    np.testing.assert_array_equal(one.fitted, other.fitted)
    for key in one.maps:
        np.testing.assert_allclose(other[key], one[key], rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- how it refuses

STONE_TIMES = [np.inf, *range(100, 1100, 100)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": None}, "does not say its model; choose one of molli, stone"),
        ({"model": "t1"}, "unknown mapping model 't1'"),
        ({}, "stone needs inversion_times, one value in ms for each of the 11 images"),
        ({"inversion_times": [100, 200]}, r"inversion_times must have one value for each of the 11 images, got 2"),
        ({"inversion_times": "100, x"}, "cannot read inversion_times from '100, x'"),
        ({"inversion_times": ["a"] * 11}, "inversion_times must be a list of numbers"),
        ({"inversion_times": [-5, *STONE_TIMES[1:]]}, "inversion_times must be 0 or more in ms"),
        ({"inversion_times": [np.nan, *STONE_TIMES[1:]]}, "inversion_times must be 0 or more in ms"),
        ({"inversion_times": [100] * 11}, "inversion_times are all 100 ms; model stone needs different ones"),
        ({"inversion_times": [100] * 10 + [300]}, "have 2 different values; model stone has 3 parameters"),
        ({"inversion_times": np.linspace(0.1, 4, 11)}, "up to 4 look like seconds"),
        ({"inversiontimes": STONE_TIMES}, "model stone does not take 'inversiontimes'.*did you mean inversion_times"),
        ({"inversion_times": STONE_TIMES, "echo_times": [1]}, "model stone does not take 'echo_times'"),
        ({"model": "sasha"}, "sasha needs saturation_times"),
        ({"model": "t2prep", "echo_times": STONE_TIMES}, "echo_times must be finite"),
        ({"inversion_times": STONE_TIMES, "mask": np.ones((2, 2))}, r"mask has shape \(2, 2\), the images \(1, 6, 7\)"),
        ({"inversion_times": STONE_TIMES, "mask": np.zeros((1, 6, 7))}, "the mask has no pixels"),
        ({"inversion_times": STONE_TIMES, "mask": np.full((1, 6, 7), 2)}, "mask must be true or false"),
        ({"inversion_times": STONE_TIMES, "polarity": "psir"}, "polarity must be one of auto, magnitude, signed"),
        ({"inversion_times": STONE_TIMES, "robust": "l1"}, "robust must be False, True, 'huber' or 'tukey', got 'l1'"),
        ({"inversion_times": STONE_TIMES, "phase": np.zeros((1, 6, 7))}, r"phase has shape \(1, 6, 7\)"),
        ({"inversion_times": STONE_TIMES, "phase": np.full((11, 1, 6, 7), 4095)}, "phase must be finite and in rad"),
        ({"inversion_times": STONE_TIMES, "phase": 0, "polarity": "magnitude"}, "phase is for magnitude images"),
        ({"inversion_times": STONE_TIMES, "device": "tpu"}, "tpu"),
    ],
)
def test_refusals(arguments, message):
    series, _ = made_series(meta=False)
    with pytest.raises(CardiacMotionError, match=message):
        fit_map(series, **{"model": "stone", **arguments})


def test_more_refusals():
    series, _ = made_series(magnitude=False)
    with pytest.raises(CardiacMotionError, match="polarity is magnitude, but the images go down to -"):
        fit_map(series, polarity="magnitude")
    with pytest.raises(CardiacMotionError, match="fit_map needs an ImageSeries, got ndarray"):
        fit_map(series.frames)
    with pytest.raises(CardiacMotionError, match="every image is empty"):
        fit_map(series.replace(frames=0 * series.frames))
    short = ImageSeries(series.frames[:2], series.affine)
    with pytest.raises(CardiacMotionError, match=r"3 parameters \(A, B, T1\): it needs 3 images or more, got 2"):
        fit_map(short, "ir", inversion_times=[100, 300])


@pytest.mark.parametrize(
    ("is_tag", "times", "message"),
    [
        ([0, 0, 1, 0, 1], [900] * 5, "needs baseline images"),
        ([1, 0, 1, 0, 1], [np.inf, *[900] * 4], "true for an image with an infinite inversion time"),
        ([0, 0, 1, 0, 0], [np.inf, *[900] * 4], "repeat 1 of the asl series has 3 controls and 1 tags"),
        ([0, 0, 2, 0, 1], [np.inf, *[900] * 4], "is_tag must be true"),
    ],
)
def test_asl_refusals(is_tag, times, message):
    series = ImageSeries(np.ones((5, 1, 6, 7)), np.eye(4))
    with pytest.raises(CardiacMotionError, match=message):
        fit_map(series, "asl", is_tag=is_tag, inversion_times=times)


def test_asl_of_one_baseline_takes_its_sd_over_the_pairs():
    control, tag = np.array([11.0, 12, 13]), np.array([10.0, 10, 10])
    values = np.concatenate(([100.0], np.stack([control, tag], 1).ravel()))
    series = ImageSeries(np.broadcast_to(values[:, None, None, None], (7, 1, 6, 7)), np.eye(4))
    settings = {"is_tag": [0, 0, 1, 0, 1, 0, 1], "inversion_times": [np.inf, *[1000] * 6]}
    maps = fit_map(series, "asl", **settings, t1_blood=1600)
    each = (control - tag) / (2 * 100 * 1000 / 60_000) * np.exp(1000 / 1600)
    assert maps["perfusion"][0, 0, 0] == pytest.approx(each.mean(), rel=1e-5)
    assert maps["perfusion_SD"][0, 0, 0] == pytest.approx(each.std(ddof=1), rel=1e-5)
    halved = fit_map(series, "asl", **settings, t1_blood=1600, partition=0.5)
    assert halved["perfusion"][0, 0, 0] == pytest.approx(each.mean() / 2, rel=1e-5)


def early_perfusion():
    """Signed FAIR images (5, 1, 6, 7) of 1 mL/g/min, of which the inverted ones lie below zero, and their settings."""
    settings = {"is_tag": [0, 0, 1, 0, 1], "inversion_times": [np.inf, 600, 600, 600, 600]}
    values = [100.0, *(float(signals.fair_asl(f, 600.0, 965.0, 1.0, 1550.0, 100.0, 1.0)) for f in (0.0, 1.0, 0.0, 1.0))]
    assert max(values[1:]) < 0
    return ImageSeries(np.broadcast_to(np.array(values)[:, None, None, None], (5, 1, 6, 7)), np.eye(4)), settings


def test_perfusion_of_tissue_that_is_still_inverted_needs_its_sign():
    signed, settings = early_perfusion()
    magnitude = signed.replace(frames=np.abs(signed.frames))
    told = fit_map(signed, "asl", **settings)
    by_phase = fit_map(magnitude, "asl", phase=np.where(signed.frames < 0, np.pi, 0), **settings)
    blind = fit_map(magnitude, "asl", **settings)
    assert [maps.provenance["sign"] for maps in (told, by_phase, blind)] == ["images", "phase", "none"]
    for maps in (told, by_phase):
        np.testing.assert_allclose(maps["perfusion"], 1, rtol=1e-3)
        assert not any("wrong sign" in note for note in maps.notes)
    np.testing.assert_allclose(blind["perfusion"], -1, rtol=1e-3)
    assert any("600 ms tissue with T1 above 866 ms is still inverted" in note for note in blind.notes)


def test_bright_fat_does_not_hide_the_wall(shared_data):
    """Beside a surface coil: some of it is twenty times as bright as the wall, all of which is fitted all the same."""
    for case in find_cases(shared_data / "t1net"):
        series = case.read().series
        wall = series.labels[0] == MYOCARDIUM
        fitted = pixels_above_noise(series.frames)
        assert fitted[wall].mean() > 0.9
        assert fitted.mean() < 0.98  # and air is left out

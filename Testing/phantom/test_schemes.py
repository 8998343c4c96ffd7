"""Timing schemes: how many images, which times, and that their noiseless signals refit to T1 and T2."""

import numpy as np
import pytest
import torch
from scipy.optimize import curve_fit

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom import schemes

T1, T2 = torch.tensor([[965.0, 1550.0]], dtype=torch.float64), torch.tensor([[50.0, 250.0]], dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


SCHEMES = {
    "molli": (schemes.molli, 8),
    "stone": (schemes.stone, 11),
    "ir": (schemes.inversion_recovery, 8),
    "sasha": (schemes.sasha, 11),
    "msasha": (schemes.msasha, 30),
    "t2prep": (schemes.t2prep, 3),
    "asl": (schemes.asl, 60),
}


@pytest.mark.parametrize("heart_rate", [45.0, 60.0, 110.0])
@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_has_its_images_in_the_order_taken(name, heart_rate):
    make, count = SCHEMES[name]
    scheme = make(heart_rate=heart_rate, generator=generator())
    assert scheme.model == name
    assert len(scheme) == count
    assert (np.diff(scheme.times) > 0.85 * scheme.rr_ms).all()
    assert all(len(values) == count for values in scheme.acquisition.values())
    assert all((values >= 0).all() for values in scheme.acquisition.values())
    signal = scheme.signal(T1, T2, 3.0)
    assert signal.shape == (count, 1, 2)
    assert torch.isfinite(signal).all()
    assert signal.abs().max() <= 3.0 + 1e-9


@pytest.mark.parametrize("name", SCHEMES)
def test_the_generator_decides_and_none_is_a_steady_heart(name):
    make, _ = SCHEMES[name]
    assert np.array_equal(make(generator=generator(1)).times, make(generator=generator(1)).times)
    assert not np.array_equal(make(generator=generator(1)).times, make(generator=generator(2)).times)
    assert np.allclose(np.diff(make().times) % 1000, 0)


@pytest.mark.parametrize(
    ("pattern", "images", "beats"), [("5(3)3", 8, 10), ("4(1)3(1)2", 9, 10), ("3(3)3(3)5", 11, 16)]
)
def test_molli_inversion_times_are_shortest_plus_heartbeats(pattern, images, beats):
    scheme = schemes.molli(pattern, 60.0)
    times = scheme.acquisition["inversion_times"]
    assert len(scheme) == images
    assert scheme.times[-1] - scheme.times[0] == pytest.approx(beats * 1000)
    trains = [int(n) for n in pattern.replace(")", "(").split("(")[::2]]
    expected = [start + 1000 * n for start, train in zip((120, 200, 280), trains, strict=False) for n in range(train)]
    assert times.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("pattern", ["5(3", "5(x)3", "", "5(0)3", "2(1)2(1)2(1)2"])
def test_a_pattern_that_is_none_is_named(pattern):
    with pytest.raises(CardiacMotionError, match="MOLLI pattern is"):
        schemes.molli(pattern)


def test_stone_samples_one_to_five_beats_after_the_inversions():
    times = schemes.stone(60.0).acquisition["inversion_times"]
    assert np.isinf(times[0])
    assert sorted(times[1:6] - 135) == pytest.approx([0, 1000, 2000, 3000, 4000])
    assert sorted(times[6:] - 350) == pytest.approx([0, 1000, 2000, 3000, 4000])


def test_stone_takes_one_slice_a_heartbeat():
    beats = np.concatenate([schemes.stone(60.0, slice_index=s).times for s in range(5)])
    assert len(np.unique(beats.round())) == 55
    with pytest.raises(CardiacMotionError, match="slice_index must be from 0 to 4, got 5"):
        schemes.stone(slice_index=5)


def test_asl_alternates_and_repeats():
    scheme = schemes.asl(60.0)
    tag, ti = scheme.acquisition["is_tag"].reshape(5, 12), scheme.acquisition["inversion_times"].reshape(5, 12)
    assert (tag == tag[0]).all()
    assert np.isinf(ti[:, :2]).all()
    assert tag[0, 2:].tolist() == [False, True] * 5
    assert ti[0, 2] == pytest.approx(1000)


def test_asl_signal_gives_the_perfusion_back():
    scheme = schemes.asl(62.0, generator())
    tag, ti = scheme.acquisition["is_tag"], scheme.acquisition["inversion_times"]
    perfusion = torch.tensor([0.7, 2.5], dtype=torch.float64)
    signal = scheme.signal(T1[0], perfusion=perfusion, t1_blood=1600.0).numpy()
    assert np.allclose(signal[:2], 1)
    pairs = signal[~tag & np.isfinite(ti)] - signal[tag]
    control, tagged = ti[~tag & np.isfinite(ti)], ti[tag]
    static = -2 * (np.exp(-control[:, None] / T1[0].numpy()) - np.exp(-tagged[:, None] / T1[0].numpy()))
    found = (pairs - static) / (2 * control[:, None] / 60_000) * np.exp(control[:, None] / 1600)
    assert found == pytest.approx(np.tile(perfusion.numpy(), (25, 1)), rel=1e-6)


@pytest.mark.parametrize("name", ["molli", "stone", "ir", "sasha"])
def test_noiseless_signals_refit_to_t1(name):
    """Within 0.1 %, for three parameters, in any heart."""
    scheme = SCHEMES[name][0](heart_rate=72.0, generator=generator(5))
    (times,) = scheme.acquisition.values()

    def model(index, a, b, t1):
        return a - b * np.exp(-times[index.astype(int)] / t1)

    for tissue in range(2):
        values = scheme.signal(T1, T2, 1.7)[:, 0, tissue].numpy()
        (a, b, found), _ = curve_fit(model, np.arange(float(len(times))), values, p0=(1, 2, 700))
        t1 = found * (b / a - 1) if name == "molli" else found
        assert t1 == pytest.approx(T1[0, tissue].item(), rel=1e-3)


def test_noiseless_signals_refit_to_t2():
    scheme = schemes.t2prep()
    values = scheme.signal(T1, T2, 2.0)[:, 0, 0].numpy()
    (_, t2), _ = curve_fit(lambda t, a, t2: a * np.exp(-t / t2), scheme.acquisition["echo_times"], values, p0=(1, 40))
    assert t2 == pytest.approx(50, rel=1e-3)


def test_msasha_refits_to_both_and_ends_t2_prepared():
    scheme = schemes.msasha(70.0, generator(2))
    ts, te, td = (scheme.acquisition[n] for n in ("saturation_times", "echo_times", "delays"))
    assert np.isinf(ts[0])
    assert np.isinf(ts).sum() == 1
    assert te[-1] > 0
    assert (te[0], te[1:7].min()) == (0, 0)

    def model(index, t1, t2, a):
        n = index.astype(int)
        return a * (1 - (1 - (1 - np.exp(-ts[n] / t1)) * np.exp(-te[n] / t2)) * np.exp(-td[n] / t1))

    values = scheme.signal(T1, T2, 2.0)[:, 0, 0].numpy()
    found, _ = curve_fit(model, np.arange(30.0), values, p0=(800, 70, 1.5))
    assert found == pytest.approx((965, 50, 2), rel=1e-3)


def test_t2_is_asked_for_where_it_matters():
    for scheme in (schemes.molli(), schemes.msasha(), schemes.t2prep()):
        with pytest.raises(CardiacMotionError, match=f"signal of {scheme.model} depends on T2"):
            scheme.signal(T1)
    assert schemes.stone().signal(T1).shape == (11, 1, 2)


def test_gradients_reach_t1_through_images_without_preparation():
    for scheme in (schemes.stone(), schemes.sasha(), schemes.msasha(), schemes.asl()):
        t1 = T1.clone().requires_grad_()
        scheme.signal(t1, T2).square().sum().backward()
        assert torch.isfinite(t1.grad).all()
        assert (t1.grad != 0).all()


def test_a_heart_rate_that_is_none_is_named():
    with pytest.raises(CardiacMotionError, match="heart_rate must be from 30 to 200"):
        schemes.sasha(10.0)


@pytest.mark.parametrize("name", SCHEMES)
def test_heartbeats_vary_as_much_as_was_asked(name):
    make, _ = SCHEMES[name]
    even, varied = make(generator=generator(), variation=0.0), make(generator=generator(), variation=0.05)
    assert np.array_equal(even.times, make().times)
    assert 0.002 < np.abs(np.diff(varied.times) / np.diff(even.times) - 1).max() < 0.15


def test_read_out_shows_blood_brighter_than_wall():
    t1, t2 = T1[0], T2[0]
    wall, blood = schemes.stone().seen(t1, t2)
    assert 0.55 < wall / blood < 0.8
    assert wall == pytest.approx(np.sin(np.radians(35)) * np.exp(-60 * (0.671 / 965 + 0.329 / 50)), rel=1e-3)
    assert schemes.molli().seen(t1, t2) == pytest.approx(np.sin(np.radians(17.5)) * np.array([0.861, 0.943]), rel=0.02)
    lasting = torch.tensor([1e9])
    assert schemes.sasha().seen(lasting, lasting).item() == pytest.approx(np.sin(np.radians(35)))
